/* SPDX-License-Identifier: MIT */
/*
 * Exceptions in 32-bit protected mode as the processor and whoever emulates it must give
 * them: vector, error code, saved EIP (fault or trap), flags, the double-fault matrix, and
 * ring 3.
 */
#include "paging.h"
#include "segments.h"

#define EFLAGS_TF 0x100u

/* Where the next TRY's instruction begins, if it defines label 8. */
static volatile uint32_t at;

static void raises(const char *what, uint32_t got, uint32_t vector, uint32_t error)
{
	check(got == vector && seen.error == error, "%s", what);
	if (got != vector || seen.error != error)
		say("     vector %x error %x\n", got, seen.error);
}

static void faults(void)
{
	static const int32_t bounds[] = { 0, 4 };

	raises("#DE", TRY("xorl %%ecx, %%ecx; xorl %%edx, %%edx; divl %%ecx"), 0, 0);
	raises("#DE by overflow", TRY("movl $2, %%edx; movl $1, %%ecx; divl %%ecx"), 0, 0);
	raises("#UD", TRY("movl $8f, %c[at]\n8: ud2", [at] "i"(&at)), 6, 0);
	check(seen.eip == at, "#UD points to its instruction");
	raises("#UD by LOCK", TRY(".byte 0xf0, 0x90"), 6, 0);
	raises("#BR", TRY("movl $5, %%ecx; bound %%ecx, %c[b]", [b] "i"(bounds)), 5, 0);
	raises("#GP by a null selector", TRY("xorl %%eax, %%eax; mov %%ax, %%ss"), 13, 0);
	raises("#GP beyond the GDT", TRY("movl $0x1000, %%eax; mov %%ax, %%ds"), 13, 0x1000);
	raises("#GP by a code segment in SS", TRY("movl $8, %%eax; mov %%ax, %%ss"), 13, 8);
	raises("#NP", TRY("movl $0x40, %%eax; mov %%ax, %%ds"), 11, 0x40);
	raises("#SS by a segment that isn't present", TRY("movl $0x40, %%eax; mov %%ax, %%ss"), 12,
	       0x40);
	raises("#GP by a gate that isn't there", TRY("int $0x70"), 13, 0x70 * 8 + 2);
	raises("#NM", TRY("movl %%cr0, %%eax; orl $8, %%eax; movl %%eax, %%cr0; fnop"), 7, 0);
	write_cr0(read_cr0() & ~8u);
}

static void traps(void)
{
	raises("INT3", TRY("movl $8f, %c[at]\n int3\n8:", [at] "i"(&at)), 3, 0);
	check(seen.eip == at, "INT3 points behind itself");
	raises("INT 3, two bytes", TRY("movl $8f, %c[at]\n .byte 0xcd, 3\n8:", [at] "i"(&at)), 3,
	       0);
	check(seen.eip == at, "INT 3 points behind itself");
	raises("INTO", TRY("movl $0x7fffffff, %%eax; addl $1, %%eax; into"), 4, 0);
	raises("INTO without OF", TRY("xorl %%eax, %%eax; into"), NO_TRAP, seen.error);
	raises("INT n", TRY("movl $8f, %c[at]\n int $0x30\n8:", [at] "i"(&at)), 0x30, 0);
	check(seen.eip == at, "INT n points behind itself");
}

/* One instruction with TF set, after which #DB comes. */
#define STEP(insns) \
	TRY("movl $8f, %c[at]; pushf; orl $0x100, (%%esp); popf\n" insns "\n8: nop", [at] "i"(&at))

static void single_step(void)
{
	raises("single step", STEP("nop"), 1, 0);
	check(seen.eip == at, "single step stops behind one instruction");
	check(seen.eflags & EFLAGS_TF, "and TF is in the saved flags");
	/* instructions that a hypervisor runs for the guest must not lose the trap */
	raises("single step over CPUID", STEP("cpuid"), 1, 0);
	check(seen.eip == at, "stops behind CPUID");
	raises("single step over OUT", STEP("outb %%al, $0x80"), 1, 0);
	check(seen.eip == at, "stops behind OUT");
	raises("single step over MOV from CR0", STEP("movl %%cr0, %%eax"), 1, 0);
	check(seen.eip == at, "stops behind MOV from CR0");
	raises("single step over MMIO", STEP("movl 0xfee00030, %%eax"), 1, 0);
	check(seen.eip == at, "stops behind MMIO");
}

static uint32_t dr6(void)
{
	uint32_t v;

	__asm__ volatile("mov %%dr6, %0" : "=r"(v));
	return v;
}

static void debug_registers(void)
{
	static volatile uint32_t watched;

	__asm__ volatile("mov %0, %%dr0; mov %1, %%dr6; mov %2, %%dr7"
			 :
			 : "r"(&watched), "r"(0), "r"(0xd0001 | 0x400));
	raises("data breakpoint", TRY("movl $1, %c[w]; nop", [w] "i"(&watched)), 1, 0);
	check((dr6() & 0xf) == 1, "DR6 tells which");
	check(watched == 1, "after the write");
	__asm__ volatile("mov %0, %%dr7" : : "r"(0x400));
	raises("breakpoint off", TRY("movl $2, %c[w]; nop", [w] "i"(&watched)), NO_TRAP,
	       seen.error);
}

/* #NP while a #GP is delivered: a double fault, its error code 0 (SDM Vol. 3A 6.15). */
static void double_fault(void)
{
	idt_clear_present32(13);
	raises("#DF", TRY("xorl %%eax, %%eax; mov %%ax, %%ss"), 8, 0);
	traps_init();
	raises("and #GP again", TRY("xorl %%eax, %%eax; mov %%ax, %%ss"), 13, 0);
	/* a benign exception and then a contributory one is no double fault */
	idt_clear_present32(3);
	raises("#NP while INT3 is delivered", TRY("int3"), 11, 3 * 8 + 2);
	traps_init();
}

static void ring3(void)
{
	static const uint32_t privileged[] = {
		0x000000f4, /* hlt */
		0x000000fa, /* cli, IOPL 0 */
		0x00c0220f, /* mov cr0 */
		0x0000320f, /* rdmsr */
		0x000080e6, /* out 0x80, al */
		0x0000090f, /* wbinvd */
		0x000070cd, /* int 0x70: no such gate */
		0x000030cd, /* int 0x30: DPL 0 */
	};
	static uint8_t code[PAGE] __attribute__((aligned(4096)));
	struct paging pg;

	paging_build(&pg, PAGING_32);
	paging_on(&pg);
	paging_map(&pg, 0x40000000, (uint32_t)code | PTE_P | PTE_U);
	for (unsigned i = 0; i < sizeof(privileged) / 4; i++) {
		uint32_t error =
			(privileged[i] & 0xff) == 0xcd ? (privileged[i] >> 8 & 0xff) * 8 + 2 : 0;

		memcpy(code, &privileged[i], 4);
		access(ACCESS_EXECUTE, 0x40000000, true);
		check(access_result.vector == 13 && access_result.error == error,
		      "ring 3: %x is #GP", privileged[i]);
	}
	memcpy(code, "\x0f\xa2\xc3", 3);
	check(access(ACCESS_EXECUTE, 0x40000000, true), "ring 3: cpuid runs");
	paging_off();
}

int main(void)
{
	traps_init();
	faults();
	traps();
	single_step();
	debug_registers();
	double_fault();
	ring3();
	return checks_done("exceptions");
}

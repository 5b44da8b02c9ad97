/* SPDX-License-Identifier: MIT */
/*
 * What only ring 0 may do, in the forms that a hypervisor has to decode: control and debug
 * registers by every general register, with mod bits that are ignored, with prefixes; LMSW and
 * SMSW by register and memory; CLTS, INVLPG, CPUID, MSRs, caches, XCR0. Ports and string
 * instructions are in `emul`.
 */
#include "paging.h"
#include "traps.h"

#define VECTOR_UD 6
#define VECTOR_GP 13
#define CR0_MP (1u << 1)
#define CR0_EM (1u << 2)
#define CR0_TS (1u << 3)
#define CR4_OSXSAVE (1u << 18)
#define CR8_LEGACY (1u << 4) /* CPUID 80000001 ecx: LOCK MOV CR0 is CR8 */
#define XSAVE (1u << 26) /* CPUID 1 ecx */
#define LOW 0x5000u /* what a 16-bit address reaches */
#define DR6_FIXED 0xffff0ff0u
#define DR7_FIXED 0x400u

/* --- control registers -------------------------------------------------------------------- */

static volatile uint32_t through_value, through_got;

/* MOV to CR2 and from CR2 by the register whose number is `n`. */
#define THROUGH(reg, n)                                                                            \
	do {                                                                                       \
		through_value = 0x1000u * (n) + 7;                                                 \
		write_cr2(~through_value);                                                         \
		__asm__ volatile("push %%" reg "\n\t"                                              \
				 "mov %1, %%" reg "\n\t"                                           \
				 ".byte 0x0f, 0x22, 0xd0 + " #n "\n\t"                             \
				 "xor %%" reg ", %%" reg "\n\t"                                    \
				 ".byte 0x0f, 0x20, 0xd0 + " #n "\n\t"                             \
				 "mov %%" reg ", %0\n\t"                                           \
				 "pop %%" reg                                                      \
				 : "=m"(through_got)                                               \
				 : "m"(through_value)                                              \
				 : "memory", "cc");                                                \
		check(through_got == through_value && read_cr2() == through_value, "CR2 by " reg); \
	} while (0)

static void control_by_each_register(void)
{
	THROUGH("eax", 0);
	THROUGH("ecx", 1);
	THROUGH("edx", 2);
	THROUGH("ebx", 3);
	THROUGH("ebp", 5);
	THROUGH("esi", 6);
	THROUGH("edi", 7);
}

static void control_forms(void)
{
	uint32_t cr0 = read_cr0(), v;

	/* mod and prefixes mean nothing (SDM Vol. 2B, MOV CRn) */
	__asm__ volatile(".byte 0x0f, 0x20, 0x00" : "=a"(v));
	check(v == cr0, "mov eax, cr0 with mod 0");
	__asm__ volatile(".byte 0x0f, 0x20, 0x80" : "=a"(v));
	check(v == cr0, "mov eax, cr0 with mod 2");
	__asm__ volatile(".byte 0x66, 0x67, 0x3e, 0x0f, 0x20, 0xc0" : "=a"(v));
	check(v == cr0, "mov eax, cr0 with prefixes");
	__asm__ volatile(".byte 0x0f, 0x22, 0x40" : : "a"(cr0 | CR0_TS));
	check(read_cr0() == (cr0 | CR0_TS), "mov cr0, eax with mod 1");
	__asm__ volatile(".byte 0xf2, 0x0f, 0x06"); /* the prefix means nothing */
	check(read_cr0() == (cr0 & ~CR0_TS), "clts");
	write_cr4(read_cr4() | CR4_PSE);
	check(read_cr4() & CR4_PSE, "CR4.PSE");
	write_cr4(read_cr4() & ~CR4_PSE);
	if (!on_bare_tcg()) { /* which ignores LOCK here */
		check(TRY(".byte 0xf0, 0x0f, 0x06") == VECTOR_UD, "lock clts");
		check(TRY(".byte 0xf0, 0x0f, 0x22, 0xd8") == VECTOR_UD, "lock mov cr3");
	}
	check(TRY(".byte 0x0f, 0x20, 0xc8") == VECTOR_UD, "mov eax, cr1");
	write_cr0(cr0);
}

/* AMD's way to CR8 outside 64-bit mode (APM Vol. 3, MOV CRn). */
static void cr8_by_lock(void)
{
	uint32_t v = 0;

	if (!(cpuid(0x80000001, 0).c & CR8_LEGACY))
		return;
	__asm__ volatile(".byte 0xf0, 0x0f, 0x22, 0xc0" : : "a"(5));
	__asm__ volatile(".byte 0xf0, 0x0f, 0x20, 0xc0" : "+a"(v));
	check(v == 5, "lock mov cr0 is CR8");
	__asm__ volatile(".byte 0xf0, 0x0f, 0x22, 0xc0" : : "a"(0));
}

/* --- the machine status word -------------------------------------------------------------- */

static void machine_status(void)
{
	static volatile uint32_t mem;
	uint32_t cr0 = read_cr0(), r = 0xa5a5a5a5;

	__asm__ volatile("smsw %%eax" : "+a"(r));
	check((r & 0xffff) == (cr0 & 0xffff), "smsw eax");
	r = 0xa5a5a5a5;
	__asm__ volatile("smsw %%ax" : "+a"(r));
	check(r == (0xa5a50000 | (cr0 & 0xffff)), "smsw ax keeps the upper half");
	mem = 0xa5a5a5a5;
	__asm__ volatile("smsw %0" : "+m"(mem));
	check(mem == (0xa5a50000 | (cr0 & 0xffff)), "smsw mem writes 16 bits");
	mmio_write(LOW, 0xa5a5a5a5);
	__asm__ volatile(".byte 0x67, 0x0f, 0x01, 0x67, 0x10" : : "b"(LOW - 16) : "memory");
	check(mmio_read(LOW) == (0xa5a50000 | (cr0 & 0xffff)), "smsw [bx+16]");

	__asm__ volatile("lmsw %%ax" : : "a"(CR0_TS | CR0_EM | CR0_MP));
	check(read_cr0() == (cr0 | CR0_TS | CR0_EM | CR0_MP), "lmsw ax sets");
	mem = 0xffff0000;
	__asm__ volatile("lmsw %0" : : "m"(mem));
	check(read_cr0() == ((cr0 & ~(CR0_TS | CR0_EM | CR0_MP)) | CR0_PE),
	      "lmsw mem clears all but PE, and reads 16 bits");
	mmio_write(LOW, CR0_TS);
	__asm__ volatile(".byte 0x67, 0x0f, 0x01, 0x77, 0x10" : : "b"(LOW - 16) : "memory");
	check(read_cr0() & CR0_TS, "lmsw [bx+16]");
	write_cr0(cr0);
}

/* --- debug registers ------------------------------------------------------------------------ */

#define DEBUG_REGISTER(n)                                                       \
	do {                                                                    \
		uint32_t v, want = 0x12340000u + (n);                           \
                                                                                \
		__asm__ volatile("mov %0, %%dr" #n : : "r"(want));              \
		__asm__ volatile("xor %0, %0\n\tmov %%dr" #n ", %0" : "=r"(v)); \
		check(v == want, "DR" #n);                                      \
		__asm__ volatile("mov %0, %%dr" #n : : "r"(0));                 \
	} while (0)

static void debug_registers(void)
{
	uint32_t v;

	DEBUG_REGISTER(0);
	DEBUG_REGISTER(1);
	DEBUG_REGISTER(2);
	DEBUG_REGISTER(3);
	__asm__ volatile("mov %0, %%dr6" : : "r"(DR6_FIXED));
	__asm__ volatile("mov %%dr6, %0" : "=r"(v));
	check(v == DR6_FIXED, "DR6");
	__asm__ volatile("mov %0, %%dr7" : : "r"(DR7_FIXED | 0x00330000));
	__asm__ volatile(".byte 0x0f, 0x21, 0x38" : "=a"(v)); /* mod 0 */
	check(v == (DR7_FIXED | 0x00330000), "DR7");
	__asm__ volatile("mov %0, %%dr7" : : "r"(DR7_FIXED));
}

/* --- INVLPG --------------------------------------------------------------------------------- */

#define PAGE_VA 0x40000000u

static uint8_t page_a[PAGE] __attribute__((aligned(4096)));
static uint8_t page_b[PAGE] __attribute__((aligned(4096)));

/* After `insn` the page is seen where the table has it now. */
#define INVALIDATE(name, insn, ...)                                                              \
	do {                                                                                     \
		uint32_t seen_before = mmio_read(PAGE_VA);                                       \
                                                                                                 \
		flip = !flip;                                                                    \
		paging_set(&pg, PAGE_VA, 1, (uint32_t)(flip ? page_b : page_a) | PTE_P | PTE_W); \
		__asm__ volatile(insn : : __VA_ARGS__ : "memory");                               \
		check(mmio_read(PAGE_VA) != seen_before, "invlpg " name);                        \
	} while (0)

static void invalidate(void)
{
	struct paging pg;
	bool flip = false;

	page_a[0] = 1;
	page_b[0] = 2;
	paging_build(&pg, PAGING_32);
	paging_on(&pg);
	paging_map(&pg, PAGE_VA, (uint32_t)page_a | PTE_P | PTE_W);
	INVALIDATE("[eax]", "invlpg (%%eax)", "a"(PAGE_VA));
	INVALIDATE("[disp32]", "invlpg 0x40000000", "i"(0));
	INVALIDATE("[ebx+esi*4+8]", "invlpg 8(%%ebx,%%esi,4)", "b"(PAGE_VA - 24), "S"(4));
	INVALIDATE("inside of the page", "invlpg 0xffc(%%edi)", "D"(PAGE_VA));
	INVALIDATE("fs:[eax]", "invlpg %%fs:(%%eax)", "a"(PAGE_VA));
	check(TRY(".byte 0x0f, 0x01, 0xf8 + 4") == VECTOR_UD, "invlpg of a register");
	paging_off();
}

/* --- the rest ------------------------------------------------------------------------------- */

static void identification(void)
{
	struct cpuid plain = cpuid(0, 0), c;

	__asm__ volatile(".byte 0x66, 0xf2, 0x0f, 0xa2"
			 : "=a"(c.a), "=b"(c.b), "=c"(c.c), "=d"(c.d)
			 : "a"(0), "c"(0));
	check(c.a == plain.a && c.b == plain.b && c.c == plain.c && c.d == plain.d,
	      "cpuid with prefixes");
}

static void machine_specific(void)
{
	uint64_t efer = rdmsr(MSR_EFER), v;

	__asm__ volatile(".byte 0x66, 0x0f, 0x32" : "=A"(v) : "c"(MSR_EFER));
	check(v == efer, "rdmsr with a prefix");
	wrmsr(MSR_EFER, efer ^ EFER_SCE);
	check(rdmsr(MSR_EFER) == (efer ^ EFER_SCE), "wrmsr");
	wrmsr(MSR_EFER, efer);
}

static void extended_control(void)
{
	uint32_t low, high;

	if (!(cpuid(1, 0).c & XSAVE))
		return;
	write_cr4(read_cr4() | CR4_OSXSAVE);
	__asm__ volatile("xsetbv" : : "a"(3), "d"(0), "c"(0));
	__asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
	check(low == 3 && high == 0, "xsetbv, xgetbv");
	check(TRY("xor %%ecx, %%ecx; xor %%eax, %%eax; xor %%edx, %%edx; xsetbv") == VECTOR_GP,
	      "xsetbv without x87");
	write_cr4(read_cr4() & ~CR4_OSXSAVE);
}

static void without_effect(void)
{
	check(TRY("wbinvd") == NO_TRAP, "wbinvd");
	check(TRY(".byte 0x3e, 0x0f, 0x09") == NO_TRAP, "wbinvd with a prefix");
	check(TRY("pause") == NO_TRAP, "pause");
	check(TRY("rdtsc") == NO_TRAP, "rdtsc");
}

int main(void)
{
	traps_init();
	control_by_each_register();
	control_forms();
	cr8_by_lock();
	machine_status();
	debug_registers();
	invalidate();
	identification();
	machine_specific();
	extended_control();
	without_effect();
	return checks_done("privileged");
}

/* SPDX-License-Identifier: MIT */
/*
 * CPUID, MSRs and control registers: what must be there, what must be refused. QEMU's TCG
 * refuses nothing (testbeds.md, QEMU 8), so refusals are not checked bare on it. MSRs
 * that a hypervisor leaves to the processor are checked only where the command line says
 * "strict": right on hardware, not where TCG is the processor.
 */
#include "segments.h"
#include "traps.h"

#define MSR_TSC 0x10
#define MSR_APIC_BASE 0x1b
#define MSR_MTRR_CAP 0xfe
#define MSR_SYSENTER_CS 0x174
#define MSR_SYSENTER_EIP 0x176
#define MSR_PAT 0x277
#define MSR_MTRR_DEF_TYPE 0x2ff
#define MSR_STAR 0xc0000081
#define MSR_LSTAR 0xc0000082
#define MSR_SFMASK 0xc0000084
#define MSR_FS_BASE 0xc0000100
#define MSR_KERNEL_GS_BASE 0xc0000102
#define MSR_UNKNOWN 0x12345
#define MSR_KVM_SYSTEM_TIME 0x4b564d01

static uint32_t try_read(uint32_t msr)
{
	return TRY("movl %[m], %%ecx; rdmsr", [m] "m"(msr));
}

static uint32_t try_write(uint32_t msr, uint64_t v)
{
	return TRY("movl %[m], %%ecx; movl %[l], %%eax; movl %[h], %%edx; wrmsr", [m] "m"(msr),
		   [l] "m"(((const uint32_t *)&v)[0]), [h] "m"(((const uint32_t *)&v)[1]));
}

static void features(void)
{
	struct cpuid max = cpuid(0, 0), f = cpuid(1, 0), e = cpuid(0x80000001, 0), h;
	const uint32_t needed_d = 1u << 0 | 1u << 3 | 1u << 4 | 1u << 5 | 1u << 6 | 1u << 8 |
				  1u << 9 | 1u << 11 | 1u << 13 | 1u << 15 | 1u << 24 | 1u << 25 |
				  1u << 26;
	uint32_t name[13] = { 0 };

	check(max.a >= 1 && max.a < 0x100, "highest leaf %x", max.a);
	check((f.d & needed_d) == needed_d, "leaf 1 edx %x", f.d);
	check(e.d & 1u << 20 && e.d & 1u << 29, "NX and long mode");
	for (unsigned i = 0; i < 3; i++) {
		struct cpuid c = cpuid(0x80000002 + i, 0);

		memcpy(name + i * 4, &c, sizeof(c));
	}
	say("msr: processor \"%s\"\n", (const char *)name);
	if (!(f.c & 1u << 31) || on_bare_tcg())
		return;
	h = cpuid(0x40000000, 0);
	memset(name, 0, sizeof(name));
	name[0] = h.b;
	name[1] = h.c;
	name[2] = h.d;
	check(strcmp((const char *)name, "KVMKVMKVM") == 0, "hypervisor leaf");
	check(!(f.c & 1u << 5) && !(e.c & 1u << 2), "no VMX and no SVM for the guest");
	check(!(f.c & 1u << 17) || max.a >= 7, "leaves are consistent");
}

/* Values that a kernel writes come back. */
static void stored(void)
{
	static const struct {
		uint32_t msr;
		uint64_t val;
	} t[] = {
		{ MSR_SYSENTER_CS, 0x8 },
		{ MSR_SYSENTER_EIP, 0xc0123456 },
		{ MSR_PAT, 0x0007010600070106 },
		{ MSR_STAR, 0x0023001000000000 },
		{ MSR_LSTAR, 0xffffffff81000000 },
		{ MSR_SFMASK, 0x47700 },
		{ MSR_KERNEL_GS_BASE, 0xffff888000000000 },
	};

	for (unsigned i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		uint64_t old = rdmsr(t[i].msr);

		wrmsr(t[i].msr, t[i].val);
		check(rdmsr(t[i].msr) == t[i].val, "MSR %x keeps its value", t[i].msr);
		wrmsr(t[i].msr, old);
	}
	check((rdmsr(MSR_APIC_BASE) & 0xfffff900) == 0xfee00900, "APIC base %X",
	      rdmsr(MSR_APIC_BASE));
	check(try_read(MSR_MTRR_CAP) == NO_TRAP, "MTRR capabilities");
	check(try_read(MSR_MTRR_DEF_TYPE) == NO_TRAP, "MTRR default type");
}

static void refused(void)
{
	bool la57 = cpuid(0, 0).a >= 7 &&
		    (cpuid(7, 0).c & 1u << 16); /* the MSRs are so wide then */

	check(try_read(MSR_UNKNOWN) == 13 && seen.error == 0, "RDMSR of an unknown one");
	check(try_write(MSR_UNKNOWN, 0) == 13 && seen.error == 0, "WRMSR of an unknown one");
	if (asked_for("strict")) {
		check(try_write(MSR_LSTAR, 0x1234567800000000) == 13, "LSTAR not canonical");
		check(try_write(MSR_KERNEL_GS_BASE, la57 ? 1ull << 56 : 1ull << 47) == 13,
		      "KERNEL_GS_BASE not canonical");
	}
	check(try_write(MSR_EFER, rdmsr(MSR_EFER) | 1ull << 40) == 13, "EFER reserved bit");
	check(try_write(MSR_PAT, 0x0202020202020202) == 13, "PAT reserved type");
	check(try_write(MSR_MTRR_CAP, 0) == 13, "MTRR capabilities are read-only");
	check(TRY("movl %%cr0, %%eax; andl $0xfffffffe, %%eax; orl $0x80000000, %%eax; movl %%eax, %%cr0") ==
		      13,
	      "CR0.PG without PE");
	check(TRY("movl %%cr0, %%eax; orl $0x20000000, %%eax; movl %%eax, %%cr0") == 13,
	      "CR0.NW without CD");
	check(TRY("movl $0x80000000, %%eax; movl %%eax, %%cr4") == 13, "CR4 reserved bit");
	check(TRY("movl $1, %%ecx; xorl %%eax, %%eax; xorl %%edx, %%edx; .byte 0x0f,0x01,0xd1") !=
		      NO_TRAP,
	      "XSETBV of a register that isn't there");
}

/* EFER: long mode cannot be switched on under paging, SCE and NXE can be set and cleared. */
static void efer(void)
{
	uint64_t old = rdmsr(MSR_EFER);

	wrmsr(MSR_EFER, old | EFER_SCE | EFER_NXE);
	check((rdmsr(MSR_EFER) & (EFER_SCE | EFER_NXE)) == (EFER_SCE | EFER_NXE),
	      "EFER.SCE and NXE set");
	wrmsr(MSR_EFER, old & ~(uint64_t)(EFER_SCE | EFER_NXE));
	check(!(rdmsr(MSR_EFER) & (EFER_SCE | EFER_NXE)), "and cleared");
	check(!(rdmsr(MSR_EFER) & EFER_LMA), "LMA is clear in protected mode");
	wrmsr(MSR_EFER, old);
}

/* Some processors have SYSCALL in 64-bit mode only, and offer it only there (SDM Vol. 2A, CPUID). */
static void system_call(void)
{
	uint64_t efer = rdmsr(MSR_EFER), star = rdmsr(MSR_STAR);
	bool offered = cpuid(0x80000001, 0).d & 1u << 11;
	uint32_t trap;

	wrmsr(MSR_EFER, efer | EFER_SCE);
	trap = TRY("movl $1f, %%eax; movl %[code], %%edx; movl %[star], %%ecx; wrmsr; syscall\n1:",
		   [code] "i"(SEL_CODE32), [star] "i"(MSR_STAR));
	check(trap == (offered ? NO_TRAP : 6), "SYSCALL works in 32-bit code %s",
	      offered ? "as offered" : "no more than it is offered");
	wrmsr(MSR_STAR, star);
	wrmsr(MSR_EFER, efer);
}

static void tsc(void)
{
	uint64_t last = rdtsc();
	unsigned back = 0;

	for (unsigned i = 0; i < 1000; i++) {
		uint64_t now = rdtsc();

		back += now < last;
		last = now;
	}
	check(back == 0, "the TSC never goes back");
	if (on_bare_tcg()) /* it has no IA32_TIME_STAMP_COUNTER */
		return;
	wrmsr(MSR_TSC, 0);
	check(rdtsc() < last, "the TSC can be set");
}

/* struct pvclock_vcpu_time_info of KVM's ABI. */
static volatile struct {
	uint32_t version, pad;
	uint64_t tsc, ns;
	uint32_t mul;
	int8_t shift;
	uint8_t flags, pad2[2];
} clock_page __attribute__((aligned(32)));

static uint64_t clock_ns(void)
{
	uint64_t ticks = rdtsc() - clock_page.tsc;

	ticks = clock_page.shift < 0 ? ticks >> -clock_page.shift : ticks << clock_page.shift;
	return clock_page.ns + (ticks >> 32) * clock_page.mul +
	       ((ticks & UINT32_MAX) * clock_page.mul >> 32);
}

static void paravirtual_clock(void)
{
	uint64_t before, after;

	if (on_bare_tcg() || !(cpuid(1, 0).c & 1u << 31) || !(cpuid(0x40000001, 0).a & 1u << 3))
		return;
	check(try_write(MSR_KVM_SYSTEM_TIME, 0xd0000001) == 13, "no clock in a hole");
	check(try_write(MSR_KVM_SYSTEM_TIME, 0xfffffffffffff001) == 13, "nor beyond the end");
	wrmsr(MSR_KVM_SYSTEM_TIME, (uint32_t)&clock_page | 1);
	before = clock_ns();
	wrmsr(MSR_TSC, rdtsc() + (1ull << 40));
	after = clock_ns();
	check(after >= before && after - before < 1000000000, "the clock knows of a TSC write");
}

int main(void)
{
	traps_init();
	features();
	stored();
	efer();
	system_call();
	tsc();
	paravirtual_clock();
	if (!on_bare_tcg())
		refused();
	return checks_done("msr");
}

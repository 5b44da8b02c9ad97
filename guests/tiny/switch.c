/* SPDX-License-Identifier: MIT */
/*
 * Registers that a hypervisor exchanges only when another guest gets the processor: x87,
 * SSE, AVX where it is, DR0 and DR3. Meant to run twice at once: each copy fills
 * them with values of its own, lets some time go by, and looks.
 */
#include "tiny.h"

#define CR0_MP (1u << 1)
#define CR4_OSXMMEXCPT (1u << 10)
#define CR4_OSXSAVE (1u << 18)
#define CPUID_XSAVE (1u << 26)
#define CPUID_AVX (1u << 28)
#define XCR0_ALL 7 /* x87, SSE, AVX */

#define DR7_RESET 0x400u
#define DR7_L1 (1u << 2)
#define DR7_RW1_WRITE (1u << 20)

#define BREAKPOINT_OF_DATA (1u << 8) /* a bit that comes out as it likes */

#define ROUNDS 40
#define ROUND_TICKS 40000000u /* some time slices */

struct vectors {
	uint8_t low[16], high[16];
};

static bool avx;

static void switch_on(void)
{
	write_cr0((read_cr0() & ~4u) | CR0_MP);
	write_cr4(read_cr4() | CR4_OSFXSR | CR4_OSXMMEXCPT);
	if (!(cpuid(1, 0).c & CPUID_XSAVE) || !(cpuid(1, 0).c & CPUID_AVX))
		return;
	write_cr4(read_cr4() | CR4_OSXSAVE);
	__asm__ volatile("xsetbv" : : "a"(XCR0_ALL), "d"(0), "c"(0));
	avx = true;
}

static uint32_t xcr0(void)
{
	uint32_t a, d;

	__asm__ volatile("xgetbv" : "=a"(a), "=d"(d) : "c"(0));
	return a;
}

static void fill(struct vectors *v, uint32_t seed)
{
	uint8_t *b = v->low;

	for (unsigned i = 0; i < sizeof(*v); i++) {
		seed = seed * 1664525 + 1013904223;
		b[i] = (uint8_t)(seed >> 24);
	}
}

static bool same(const void *a, const void *b, unsigned n)
{
	const uint8_t *x = a, *y = b;

	while (n && *x == *y) {
		x++;
		y++;
		n--;
	}
	return n == 0;
}

static void load(const struct vectors *v, const uint64_t *x87, uint32_t dr, uint32_t mxcsr)
{
	__asm__ volatile("fninit; fildll %0; ldmxcsr %1" : : "m"(*x87), "m"(mxcsr));
	if (avx)
		__asm__ volatile("vmovups %0, %%ymm3" : : "m"(*v));
	else
		__asm__ volatile("movups %0, %%xmm3" : : "m"(*v));
	__asm__ volatile("mov %0, %%dr0; mov %1, %%dr3" : : "r"(dr), "r"(~dr));
}

/*
 * A breakpoint of instructions or of data, by chance, where neither ever is: not seen by the guest, but
 * processors have stumbled over those that another guest left. It is on, off and on again, for the
 * first write may go to a hypervisor and later ones to the processor.
 */
static void breakpoint(bool data)
{
	static uint32_t nobody_comes_here;
	uint32_t on = DR7_RESET | DR7_L1 | (data ? DR7_RW1_WRITE : 0);

	__asm__ volatile("mov %0, %%dr1" : : "r"(&nobody_comes_here));
	__asm__ volatile("mov %0, %%dr7; mov %1, %%dr7; mov %0, %%dr7" : : "r"(on), "r"(DR7_RESET));
}

static void no_breakpoint(void)
{
	__asm__ volatile("mov %0, %%dr7" : : "r"(DR7_RESET));
}

static bool still_there(const struct vectors *v, const uint64_t *x87, uint32_t dr, uint32_t mxcsr)
{
	struct vectors now = *v;
	uint64_t st0;
	uint32_t dr0, dr3, csr;

	if (avx)
		__asm__ volatile("vmovups %%ymm3, %0" : "=m"(now));
	else
		__asm__ volatile("movups %%xmm3, %0" : "=m"(now.low));
	__asm__ volatile("fistpll %0; stmxcsr %1" : "=m"(st0), "=m"(csr));
	__asm__ volatile("mov %%dr0, %0; mov %%dr3, %1" : "=r"(dr0), "=r"(dr3));
	return same(&now, v, sizeof(now)) && st0 == *x87 && csr == mxcsr && dr0 == dr && dr3 == ~dr;
}

int main(void)
{
	unsigned bad = 0, bad_xcr0 = 0, rounds = (unsigned)asked_number("n=", ROUNDS);

	switch_on();
	say("switch: %s\n", avx ? "x87, SSE, AVX" : "x87, SSE");
	for (unsigned i = 0; i < rounds; i++) {
		uint64_t start = rdtsc(), x87 = start >> 3;
		uint32_t dr = (uint32_t)start, mxcsr = 0x1f80 | (dr & 0x6000);
		struct vectors v;

		fill(&v, dr);
		load(&v, &x87, dr, mxcsr);
		breakpoint(dr & BREAKPOINT_OF_DATA);
		while (rdtsc() - start < ROUND_TICKS)
			__asm__ volatile("pause");
		no_breakpoint();
		bad += !still_there(&v, &x87, dr, mxcsr);
		bad_xcr0 += avx && xcr0() != XCR0_ALL;
	}
	check(bad == 0, "registers stay, %u of %u times not", bad, rounds);
	check(bad_xcr0 == 0, "and XCR0");
	return checks_done("switch");
}

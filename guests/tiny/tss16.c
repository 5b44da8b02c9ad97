/* SPDX-License-Identifier: MIT */
/*
 * Enters IA-32e mode with a 16-bit task state in TR. A processor does not look at TR then
 * (Intel SDM Vol. 3A 9.8.5), but a VM entry does (Vol. 3C 26.3.1.2). Word "x87": with an
 * instruction there that no emulator of xihv's knows.
 */
#include "paging.h"

#define SEL_TSS16 0x18
#define TSS16_BYTES 0x2c
#define DESC_TSS16 0x81ull /* present, available 16-bit TSS */

struct pointer {
	uint16_t limit;
	uint32_t base;
} __attribute__((packed));

static uint8_t tss[TSS16_BYTES];
static uint64_t gdt[4] = { 0, 0x00cf9b000000ffff, 0x00cf93000000ffff };

static void load_tr(void)
{
	const struct pointer p = { sizeof(gdt) - 1, (uint32_t)gdt };
	const uint64_t base = (uint32_t)tss;

	gdt[SEL_TSS16 / 8] = (TSS16_BYTES - 1) | (base & 0xffffff) << 16 | DESC_TSS16 << 40 |
			     (base >> 24) << 56;
	__asm__ volatile("lgdt %0; ltr %w1" : : "m"(p), "r"(SEL_TSS16) : "memory");
}

int main(void)
{
	struct paging p;

	paging_build(&p, PAGING_LONG);
	load_tr();
	write_cr4(CR4_PAE);
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_LME);
	write_cr3(p.root);
	say("tss16: here it comes\n");
	write_cr0(read_cr0() | CR0_PG);
	check(rdmsr(MSR_EFER) & EFER_LMA, "goes on in IA-32e mode");
	if (asked_for("x87"))
		__asm__ volatile("fninit");
	return checks_done("tss16");
}

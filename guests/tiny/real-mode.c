/* SPDX-License-Identifier: MIT */
/*
 * Real mode: interrupts by the interrupt table, segments, far branches, what only ring 0 may, and
 * the way there and back (real-mode/real.asm). Twice: with segments that a selector gives, and
 * with one of 4 GiB. Before it CR0.PE alone is cleared and set: CS keeps its 32-bit size, for no
 * jump reloads it (Intel SDM Vol. 3A 9.9.2); whoever decodes INVLPG for 16 bits goes on at UD2.
 */
#include "traps.h"

#define LOW 0x8000u /* real.asm */
#define PIC1 0x20
#define PIC2 0xa0
#define IRQ_BASE 0x20
#define LAPIC_SVR 0xfee000f0u
#define LAPIC_LVT_LINT0 0xfee00350u
#define SVR_ENABLE 0x1ffu
#define LVT_EXTINT 0x700u

struct result {
	const char *name;
	uint32_t is, should_be;
};

extern const uint8_t real_low[], real_low_end[];
extern const struct result *const real_results; /* in the copy */
extern const uint32_t real_nr_results;
extern uint8_t real_fs_is_unreal;
void real_mode(void);

/* The 8259 pair by way of LINT0, all masked. */
static void interrupts_init(void)
{
	static const uint8_t words[] = { 0x11, IRQ_BASE, 4, 1, 0xff };

	mmio_write(LAPIC_SVR, SVR_ENABLE);
	mmio_write(LAPIC_LVT_LINT0, LVT_EXTINT);
	for (unsigned i = 0; i < sizeof(words); i++) {
		outb(PIC1 + (i != 0), words[i]);
		outb(PIC2 + (i != 0), i == 1 ? IRQ_BASE + 8 : i == 2 ? 2 : words[i]);
	}
}

static void there_and_back(const char *how)
{
	memcpy((void *)LOW, real_low, (size_t)(real_low_end - real_low));
	real_mode();
	for (unsigned i = 0; i < real_nr_results; i++) {
		const struct result *r = &real_results[i];

		if (r->name)
			check(r->is == r->should_be, "%s: %s (%x, should be %x)", how, r->name,
			      r->is, r->should_be);
	}
}

static void pe_alone(void)
{
	uint32_t in, out;

	__asm__ volatile("cli\n\t"
			 "mov %%cr0, %1\n\t"
			 "and %2, %1\n\t"
			 "mov %1, %%cr0\n\t"
			 "mov %%cr0, %0\n\t"
			 "invlpg 0xb0f\n\t"
			 "or %3, %1\n\t"
			 "mov %1, %%cr0"
			 : "=&r"(in), "=&r"(out)
			 : "i"(~CR0_PE), "i"(CR0_PE)
			 : "memory");
	check(!(in & CR0_PE), "CR0.PE alone was clear");
	check(read_cr0() & CR0_PE, "and is set again");
}

int main(void)
{
	say("real-mode: here it goes\n");
	pe_alone();
	traps_init();
	interrupts_init();
	there_and_back("64 KiB");
	real_fs_is_unreal = 1;
	there_and_back("4 GiB");
	return checks_done("real-mode");
}

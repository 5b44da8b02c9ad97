/* SPDX-License-Identifier: MIT */
/*
 * Random accesses to all that a guest can reach but memory: ports, MSRs, control and debug
 * registers, device pages. Whatever becomes of the guest, which may well reset or
 * end itself, its hypervisor and the other guests must go on. The seed is on the first line;
 * seed=N on the command line repeats it.
 */
#include "traps.h"

#define LAPIC 0xfee00000u
#define IOAPIC 0xfec00000u
#define HOLE 0xd0000000u
#define COM1_DATA 0x3f8 /* would flood the console */
#define RESET_CONTROL 0xcf9 /* from here: would end it too soon */
#define I8042_COMMAND 0x64
#define ACPI_FIRST 0x600
#define ACPI_LAST 0x60f
#define DEBUGEXIT 0xf4
#define ROUNDS 30000

static uint64_t state;

static uint32_t rnd(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)(state >> 16);
}

static uint32_t pick(const uint32_t *t, unsigned n)
{
	return t[rnd() % n];
}

/* 0, all ones, one bit, small, or anything. */
static uint32_t value(void)
{
	switch (rnd() % 5) {
	case 0:
		return 0;
	case 1:
		return 0xffffffff;
	case 2:
		return 1u << rnd() % 32;
	case 3:
		return rnd() % 256;
	default:
		return rnd();
	}
}

static uint32_t any_port(void)
{
	static const uint32_t base[] = { 0x20, 0x40,  0x60,  0x70,  0x80,  0xa0,  0xc0,
					 0xf0, 0x3f8, 0x4d0, 0x600, 0xcf8, 0xfff8 };
	uint32_t p;

	do
		p = rnd() % 8 ? pick(base, sizeof(base) / sizeof(base[0])) + rnd() % 9
			      : rnd() & 0xffff;
	while ((p + 3 >= COM1_DATA && p <= COM1_DATA) ||
	       (p + 3 >= RESET_CONTROL && p <= RESET_CONTROL) ||
	       (p + 3 >= I8042_COMMAND && p <= I8042_COMMAND) ||
	       (p + 3 >= ACPI_FIRST && p <= ACPI_LAST) ||
	       (p + 3 >= DEBUGEXIT && p <= DEBUGEXIT + 3));
	return p;
}

static void port(void)
{
	static uint8_t buffer[4096];
	uint32_t p = any_port(), v = value(), n = rnd() % 300;

	switch (rnd() % 8) {
	case 0:
		(void)TRY("movl %[p], %%edx; inb %%dx, %%al", [p] "m"(p));
		break;
	case 1:
		(void)TRY("movl %[p], %%edx; inw %%dx, %%ax", [p] "m"(p));
		break;
	case 2:
		(void)TRY("movl %[p], %%edx; inl %%dx, %%eax", [p] "m"(p));
		break;
	case 3:
		(void)TRY("movl %[p], %%edx; movl %[v], %%eax; outb %%al, %%dx", [p] "m"(p),
			  [v] "m"(v));
		break;
	case 4:
		(void)TRY("movl %[p], %%edx; movl %[v], %%eax; outw %%ax, %%dx", [p] "m"(p),
			  [v] "m"(v));
		break;
	case 5:
		(void)TRY("movl %[p], %%edx; movl %[v], %%eax; outl %%eax, %%dx", [p] "m"(p),
			  [v] "m"(v));
		break;
	case 6:
		__asm__ volatile("rep insw"
				 : "+D"((uint8_t *){ buffer }), "+c"(n)
				 : "d"(p)
				 : "memory");
		break;
	default:
		__asm__ volatile("rep outsb"
				 : "+S"((uint8_t *){ buffer }), "+c"(n)
				 : "d"(p)
				 : "memory");
		break;
	}
}

static void msr(void)
{
	static const uint32_t base[] = { 0,	     0x10,	 0x1b,	     0x170,	 0x1d0,
					 0x200,	     0x250,	 0x268,	     0x2ff,	 0x400,
					 0x6e0,	     0x800,	 0x810,	     0x820,	 0x830,
					 0x838,	     0x4b564d00, 0xc0000080, 0xc0000100, 0xc0010000,
					 0xc0010110, 0xc0011020, 0x277,	     0x40000000 };
	uint32_t n = pick(base, sizeof(base) / sizeof(base[0])) + rnd() % 8;
	uint32_t low = value(), high = value();

	/* The clock's page goes where there is no memory, not into this code. */
	if (n >= 0x4b564d00 && n < 0x4b564d08)
		low |= HOLE;
	if (rnd() % 2)
		(void)TRY("movl %[n], %%ecx; rdmsr", [n] "m"(n));
	else
		(void)TRY("movl %[n], %%ecx; movl %[l], %%eax; movl %[h], %%edx; wrmsr", [n] "m"(n),
			  [l] "m"(low), [h] "m"(high));
}

static void device_page(void)
{
	static const uint32_t base[] = { LAPIC, LAPIC, IOAPIC, HOLE, 0xa0000, 0xf0000 };
	uint32_t a = pick(base, sizeof(base) / sizeof(base[0])) + rnd() % 0x1000, v = value();

	if (rnd() % 4)
		a &= ~15u;
	switch (rnd() % 6) {
	case 0:
		(void)*(volatile uint8_t *)a;
		break;
	case 1:
		*(volatile uint8_t *)a = (uint8_t)v;
		break;
	case 2:
		(void)*(volatile uint32_t *)a;
		break;
	case 3:
		__asm__ volatile("lock xaddl %0, (%1)" : "+r"(v) : "r"(a) : "memory");
		break;
	default:
		mmio_write(a, v);
		break;
	}
}

static void registers(void)
{
	uint32_t v = value();

	switch (rnd() % 6) {
	case 0: /* protected mode stays, paging stays off */
		v = (v & ~CR0_PG) | CR0_PE;
		(void)TRY("movl %[v], %%eax; movl %%eax, %%cr0", [v] "m"(v));
		break;
	case 1:
		(void)TRY("movl %[v], %%eax; movl %%eax, %%cr3", [v] "m"(v));
		break;
	case 2:
		(void)TRY("movl %[v], %%eax; movl %%eax, %%cr4", [v] "m"(v));
		break;
	case 3:
		(void)TRY("movl %[v], %%eax; movl %%eax, %%dr0; movl %%dr6, %%ecx", [v] "m"(v));
		break;
	case 4:
		(void)TRY(
			"xorl %%ecx, %%ecx; xorl %%edx, %%edx; movl %[v], %%eax; .byte 0x0f,0x01,0xd1",
			[v] "m"(v));
		break;
	default:
		(void)cpuid(v, rnd() % 8);
		break;
	}
}

static void nothing(void)
{
}

int main(void)
{
	state = asked_number("seed=", rdtsc() | 1);
	say("random: seed %U\n", state);
	traps_init();
	nmi_hook = nothing;
	for (unsigned i = 0; i < ROUNDS; i++) {
		switch (rnd() % 4) {
		case 0:
			port();
			break;
		case 1:
			msr();
			break;
		case 2:
			device_page();
			break;
		default:
			registers();
			break;
		}
	}
	return 0;
}

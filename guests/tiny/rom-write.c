/* SPDX-License-Identifier: MIT */
/* Writes to ROM in several ways. Nothing may change, and the guest goes on. */
#include "tiny.h"

#define ROM 0xf0000u
#define WORDS 16

static uint32_t before[WORDS];

static bool unchanged(void)
{
	for (unsigned i = 0; i < WORDS; i++)
		if (mmio_read(ROM + i * 4) != before[i])
			return false;
	return true;
}

int main(void)
{
	uint32_t old = ~mmio_read(ROM + 8), di = ROM, n = WORDS;

	for (unsigned i = 0; i < WORDS; i++)
		before[i] = mmio_read(ROM + i * 4);
	mmio_write(ROM, ~before[0]);
	check(unchanged(), "mov dword");
	*(volatile uint8_t *)ROM = (uint8_t)~before[0];
	check(unchanged(), "mov byte");
	*(volatile uint16_t *)(ROM + 2) = (uint16_t) ~(before[0] >> 16);
	check(unchanged(), "mov word");
	__asm__ volatile("addl $1, (%0)" : : "r"(ROM + 4) : "memory", "cc");
	check(unchanged(), "add");
	__asm__ volatile("xchg %0, (%1)" : "+r"(old) : "r"(ROM + 8) : "memory");
	check(unchanged(), "xchg");
	check(old == before[2], "xchg reads");
	__asm__ volatile("rep stosl" : "+D"(di), "+c"(n) : "a"(0x5aa55aa5) : "memory");
	check(unchanged(), "rep stos");
	check(di == ROM + WORDS * 4 && n == 0, "rep stos ends with edi %x ecx %u", di, n);
	for (unsigned i = 0; i < 100; i++)
		mmio_write(ROM + i * 4 % (WORDS * 4), i);
	check(unchanged(), "a hundred more");
	return checks_done("rom-write");
}

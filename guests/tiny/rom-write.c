/* SPDX-License-Identifier: MIT */
/* Writes to ROM in several ways. Nothing may change, and the guest goes on. */
#include "tiny.h"

#define ROM 0xf0000u
#define WORDS 16

/* What was there; what a copy would put there instead. */
static uint32_t before[2 * WORDS];

static bool unchanged(void)
{
	for (unsigned i = 0; i < WORDS; i++)
		if (mmio_read(ROM + i * 4) != before[i])
			return false;
	return true;
}

int main(void)
{
	uint32_t old = ~mmio_read(ROM + 8), di = ROM, n = WORDS, stack = ROM + 16;
	const uint32_t *from = before + WORDS;

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
	di = ROM;
	n = WORDS;
	__asm__ volatile("rep movsl" : "+D"(di), "+c"(n), "+S"(from) : : "memory");
	check(unchanged(), "rep movs");
	__asm__ volatile("xchg %%esp, %0\n\tpush $1\n\tcall 1f\n1:\txchg %%esp, %0"
			 : "+r"(stack)
			 :
			 : "memory");
	check(unchanged() && stack == ROM + 8, "push and call");
	n = ~before[3];
	__asm__ volatile("lock cmpxchg %2, (%1)"
			 : "+a"(n)
			 : "r"(ROM + 12), "r"(0)
			 : "memory", "cc");
	check(unchanged() && n == before[3], "cmpxchg that fails");
	__asm__ volatile("lock cmpxchg %2, (%1)"
			 : "+a"(n)
			 : "r"(ROM + 12), "r"(0)
			 : "memory", "cc");
	check(unchanged() && n == before[3], "cmpxchg that succeeds");
	for (unsigned i = 0; i < 100; i++)
		mmio_write(ROM + i * 4 % (WORDS * 4), i);
	check(unchanged(), "a hundred more");
	return checks_done("rom-write");
}

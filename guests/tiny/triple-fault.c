/* SPDX-License-Identifier: MIT */
/* Faults with no IDT to handle it: the processor shuts down. */
#include "tiny.h"

int main(void)
{
	static const uint16_t no_idt[3];

	say("triple-fault: here it comes\n");
	__asm__ volatile("lidt %0; int3" : : "m"(no_idt));
	say("FAIL went on behind a triple fault\n");
	return 1;
}

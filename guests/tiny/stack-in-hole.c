/* SPDX-License-Identifier: MIT */
/* An exception whose frame goes to where the board has neither memory nor a device. The
 * instruction that raises it touches no memory: there is nothing to emulate. */
#include "traps.h"

#define HOLE 0xd0000000u

int main(void)
{
	traps_init();
	say("stack-in-hole: #UD with the stack at %x\n", HOLE);
	__asm__ volatile("mov %0, %%esp; ud2" : : "r"(HOLE + 0x100));
	__builtin_unreachable();
}

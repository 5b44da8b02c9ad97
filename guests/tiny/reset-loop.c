/* SPDX-License-Identifier: MIT */
/* Resets the board as soon as it runs, and so again and again. */
#include "tiny.h"

int main(void)
{
	say("reset-loop: once more\n");
	outb(0xcf9, 6);
	for (;;)
		__asm__ volatile("pause");
}

/* SPDX-License-Identifier: MIT */
/* Jumps to where the board has neither memory nor a device; there is nothing to run. */
#include "tiny.h"

#define HOLE 0xd0000000u

int main(void)
{
	say("hole: jump to %x\n", HOLE);
	((void (*)(void))HOLE)();
	say("FAIL came back from the hole\n");
	return 1;
}

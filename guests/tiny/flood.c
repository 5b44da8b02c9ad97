/* SPDX-License-Identifier: MIT */
/* Prints without end, as fast as the port takes it. */
#include "tiny.h"

int main(void)
{
	for (unsigned i = 0;; i++)
		say("flood: line %u of a guest that never stops to print\n", i);
}

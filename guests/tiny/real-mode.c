/* SPDX-License-Identifier: MIT */
/* Clears CR0.PE and sets it again. CS keeps its 32-bit size meanwhile, for no jump reloads it
 * (Intel SDM Vol. 3A 9.9.2). */
#include "tiny.h"

int main(void)
{
	uint32_t in, out;

	say("real-mode: here it goes\n");
	__asm__ volatile("cli\n\t"
			 "mov %%cr0, %1\n\t"
			 "and %2, %1\n\t"
			 "mov %1, %%cr0\n\t"
			 "mov %%cr0, %0\n\t"
			 "or %3, %1\n\t"
			 "mov %1, %%cr0"
			 : "=&r"(in), "=&r"(out)
			 : "i"(~CR0_PE), "i"(CR0_PE)
			 : "memory");
	check(!(in & CR0_PE), "CR0.PE was clear");
	check(read_cr0() & CR0_PE, "and is set again");
	return checks_done("real-mode");
}

/* SPDX-License-Identifier: MIT */
/* A 16-byte SSE store to the local APIC: an instruction that no emulator needs to know
 * there. A hypervisor must end the guest and say so. */
#include "tiny.h"

#define LAPIC_TPR 0xfee00080u

int main(void)
{
	write_cr4(read_cr4() | CR4_OSFXSR);
	say("mmio-odd: movaps to %x\n", LAPIC_TPR);
	__asm__ volatile("movaps %%xmm0, (%0)" : : "r"(LAPIC_TPR) : "memory");
	say("FAIL went on behind it\n");
	return 1;
}

/* SPDX-License-Identifier: MIT */
/*
 * SYSENTER out of compatibility mode goes to 64-bit code (Intel SDM Vol. 2B), and the first
 * instruction there exits: the segments that SYSENTER left must be ones that can be entered with
 * again. AMD's processors have no SYSENTER in long mode, QEMU's have.
 */
#include "paging.h"
#include "segments.h"

#define MSR_SYSENTER_CS 0x174
#define MSR_SYSENTER_EIP 0x176

uint32_t sysenter_trip(void);
void sysenter_entry(void);

/* SYSENTER makes up SS; coming back, it is loaded from its descriptor again. */
__asm__(".text\n"
	"sysenter_trip:\n\t"
	"push %ebx\n\t"
	"mov $0x175, %ecx\n\t" /* SYSENTER_ESP */
	"mov %esp, %eax\n\t"
	"xor %edx, %edx\n\t"
	"wrmsr\n\t"
	"sysenter\n"
	".code64\n"
	"sysenter_entry:\n\t"
	"xor %eax, %eax\n\t"
	"cpuid\n\t"
	"push $0x08\n\t" /* SEL_CODE32 */
	"mov $1f, %ecx\n\t"
	"push %rcx\n\t"
	"lretq\n"
	".code32\n"
	"1:\tmov $0x10, %ecx\n\t" /* SEL_DATA */
	"mov %ecx, %ss\n\t"
	"pop %ebx\n\t"
	"ret\n");

int main(void)
{
	struct paging p;

	paging_build(&p, PAGING_LONG);
	paging_on(&p);
	wrmsr(MSR_SYSENTER_CS, SEL_CODE64);
	wrmsr(MSR_SYSENTER_EIP, (uint32_t)sysenter_entry);
	check(sysenter_trip() > 0, "an exit at the entry of SYSENTER");
	paging_off();
	return checks_done("sysenter");
}

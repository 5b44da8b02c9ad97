/* SPDX-License-Identifier: MIT */
/*
 * Saving and loading x87, SSE and AVX state (Intel SDM Vol. 1 ch. 13; FXSAVE where there
 * is no XSAVE, SDM Vol. 1 10.5).
 */
#include "hv/fpu.h"

#include "hv/cpu.h"
#include "hv/page.h"

#define XCR0_GUEST (XCR0_X87 | XCR0_SSE | XCR0_AVX)
#define FPU_IMAGE_BYTES PAGE_SIZE /* legacy 512 + header 64 + AVX 256, with room */
#define FCW_RESET 0x37f
#define MXCSR_RESET 0x1f80

#define LEAF_XSAVE 0xd

/* Set once by the boot CPU; all CPUs of a machine are alike. */
static uint64_t xcr0_mask;

uint64_t fpu_xcr0_mask(void)
{
	return xcr0_mask;
}

void fpu_cpu_init(void)
{
	write_cr0(read_cr0() & ~(CR0_EM | CR0_TS));
	write_cr4(read_cr4() | CR4_OSFXSR | CR4_OSXMMEXCPT);
	if (!cpu_has(FEAT_XSAVE))
		return;
	xcr0_mask = cpuid(LEAF_XSAVE).eax & XCR0_GUEST;
	write_cr4(read_cr4() | CR4_OSXSAVE);
	xsetbv(0, xcr0_mask);
}

void *fpu_alloc(void)
{
	uint8_t *image = mem_alloc(FPU_IMAGE_BYTES);

	if (!image)
		return NULL;
	*(uint16_t *)image = FCW_RESET;
	*(uint32_t *)(image + 24) = MXCSR_RESET;
	return image;
}

void fpu_free(void *image)
{
	mem_free(image, FPU_IMAGE_BYTES);
}

/*
 * AMD's processors save and load the addresses of the last x87 instruction and operand only
 * while an x87 exception is pending (APM Vol. 2 11.4.4.3; CVE-2006-1056): put ours there,
 * or the next guest can read those of the one before.
 */
static void forget_x87_pointers(void)
{
	static const uint32_t zero;

	__asm__ volatile("fnclex; emms; fildl %0" : : "m"(zero));
}

void fpu_load(const void *image, uint64_t xcr0)
{
	forget_x87_pointers();
	if (!xcr0_mask) {
		__asm__ volatile("fxrstor64 (%0)" : : "r"(image) : "memory");
		return;
	}
	xsetbv(0, xcr0_mask);
	__asm__ volatile("xrstor64 (%0)"
			 :
			 : "r"(image), "a"((uint32_t)xcr0_mask), "d"(0)
			 : "memory");
	xsetbv(0, xcr0);
}

uint64_t fpu_guest_xcr0(void)
{
	return xcr0_mask ? xgetbv(0) : XCR0_X87;
}

void fpu_save(void *image)
{
	if (!xcr0_mask) {
		__asm__ volatile("fxsave64 (%0)" : : "r"(image) : "memory");
		return;
	}
	xsetbv(0, xcr0_mask);
	__asm__ volatile("xsave64 (%0)"
			 :
			 : "r"(image), "a"((uint32_t)xcr0_mask), "d"(0)
			 : "memory");
}

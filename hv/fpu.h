/* SPDX-License-Identifier: MIT */
/*
 * x87, SSE and AVX state. xihv uses none of it, so a guest's stays in the processor until
 * another vCPU needs the place (switched eagerly then).
 */
#ifndef HV_FPU_H
#define HV_FPU_H

#include "hv/compiler.h"

/* State components that guests may have (XCR0 bits): what this CPU has of x87, SSE, AVX. 0:
 * no XSAVE at all. */
uint64_t fpu_xcr0_mask(void);

/* Per CPU: allow XSAVE in xihv where the CPU has it. */
void fpu_cpu_init(void);

/* An image in its reset state; NULL: no memory. */
void *fpu_alloc(void);
void fpu_free(void *image);

/* Image to processor, and the guest's XCR0; processor to image (XCR0 is xihv's then). */
void fpu_load(const void *image, uint64_t xcr0);
void fpu_save(void *image);

/* XCR0 of the guest whose state is in the processor. The processor is asked, since QEMU's
 * TCG lets XSETBV through whatever the intercept says. */
uint64_t fpu_guest_xcr0(void);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * What a guest may put into CR0, CR3, CR4, CR8, EFER and XCR0 (Intel SDM Vol. 3A 2.5, AMD
 * APM Vol. 2 3.1), and what follows from it. Each returns 0, or -EINVAL: #GP(0), nothing
 * changed.
 */
#ifndef HV_CONTROL_REGS_H
#define HV_CONTROL_REGS_H

#include "hv/cpuid.h"
#include "hv/vcpu.h"

must_check int vcpu_set_cr0(struct vcpu *v, uint64_t val);
must_check int vcpu_set_cr3(struct vcpu *v, uint64_t val);
must_check int vcpu_set_cr4(struct vcpu *v, uint64_t val);
must_check int vcpu_set_cr8(struct vcpu *v, uint64_t val);
must_check int vcpu_set_efer(struct vcpu *v, uint64_t val);

/* The vCPU's state is in the processor, so XCR0 goes there at once. */
must_check int vcpu_set_xcr0(uint64_t val);

/* All paging registers at once, by a loader that knows that they fit together. */
must_check int vcpu_set_paging(struct vcpu *v, const struct mmu_regs *regs);

/*
 * For a back end: the control registers that the guest really runs on, before what the processor
 * demands. Paging and write protection always on, caches never off, PAE (where long mode asks
 * for nothing else), and what would act on a guest without paging (SMEP, SMAP) off. LA57 is the
 * guest's: the shadow of five levels has as many, and outside IA-32e mode the bit means nothing.
 * PCID is not offered. MCE is on where there is one: without it a machine check ends the machine,
 * with it the guest.
 */
static inline uint64_t vcpu_real_cr0(const struct vcpu *v)
{
	return (v->cr0 & ~(CR0_CD | CR0_NW)) | CR0_PG | CR0_WP | CR0_ET;
}

static inline uint64_t vcpu_real_cr4(const struct vcpu *v)
{
	uint64_t cr4 = v->cr4 | CR4_PAE | (guest_features.cr4 & CR4_MCE);

	if (!(v->cr0 & CR0_PG))
		cr4 &= ~(CR4_SMEP | CR4_SMAP);
	return cr4;
}

#endif

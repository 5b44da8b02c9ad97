/* SPDX-License-Identifier: MIT */
/*
 * Control registers: the checks that the processor would have made, since an intercept
 * comes before them. Guarded by the CPU that runs the vCPU.
 */
#include "hv/control_regs.h"

#include "drivers/virt/vlapic.h"
#include "hv/cpu.h"
#include "hv/cpuid.h"
#include "hv/errno.h"
#include "hv/vendor.h"
#include "hv/vm.h"

#define CR0_WRITABLE                                                                               \
	(CR0_PE | CR0_MP | CR0_EM | CR0_TS | CR0_ET | CR0_NE | CR0_WP | CR0_AM | CR0_NW | CR0_CD | \
	 CR0_PG)

int vcpu_set_paging(struct vcpu *v, const struct mmu_regs *regs)
{
	int err = mmu_set_regs(&v->mmu, regs);

	if (err)
		return err;
	v->cr0 = regs->cr0;
	v->cr3 = regs->cr3;
	v->cr4 = regs->cr4;
	v->efer = regs->efer;
	vendor->paging_changed(v);
	return 0;
}

/* EFER.LMA follows CR0.PG where LME is set; entering needs PAE and no 64-bit code segment,
 * leaving needs to be outside 64-bit code (SDM Vol. 3A 9.8.5). */
static int switch_long_mode(struct vcpu *v, uint64_t cr0, uint64_t *efer)
{
	if (!((cr0 ^ v->cr0) & CR0_PG))
		return 0;
	if (!(cr0 & CR0_PG)) {
		if (vendor->get_mode(v) == 8)
			return -EINVAL;
		*efer &= ~EFER_LMA;
		return 0;
	}
	if (v->efer & EFER_LME) {
		struct segment cs;

		vendor->get_segment(v, SEG_CS, &cs);
		if (!(v->cr4 & CR4_PAE) || (cs.attr & SEG_L))
			return -EINVAL;
		*efer |= EFER_LMA;
	}
	return 0;
}

int vcpu_set_cr0(struct vcpu *v, uint64_t val)
{
	struct mmu_regs r = { .cr0 = 0, .cr3 = v->cr3, .cr4 = v->cr4, .efer = v->efer };

	if (val >> 32)
		return -EINVAL;
	val = (val & CR0_WRITABLE) | CR0_ET;
	if (((val & CR0_NW) && !(val & CR0_CD)) || ((val & CR0_PG) && !(val & CR0_PE)))
		return -EINVAL;
	r.cr0 = val;
	if (switch_long_mode(v, val, &r.efer))
		return -EINVAL;
	return vcpu_set_paging(v, &r);
}

int vcpu_set_cr3(struct vcpu *v, uint64_t val)
{
	int err;

	if (!vcpu_long_mode(v))
		val = (uint32_t)val;
	else if (val >> guest_features.maxphyaddr)
		return -EINVAL;
	err = mmu_set_cr3(&v->mmu, val);
	if (!err)
		v->cr3 = val;
	return err;
}

int vcpu_set_cr4(struct vcpu *v, uint64_t val)
{
	struct mmu_regs r = { .cr0 = v->cr0, .cr3 = v->cr3, .cr4 = val, .efer = v->efer };

	if (val & ~guest_features.cr4)
		return -EINVAL;
	if (vcpu_long_mode(v) && (!(val & CR4_PAE) || ((val ^ v->cr4) & CR4_LA57)))
		return -EINVAL;
	return vcpu_set_paging(v, &r);
}

int vcpu_set_cr8(struct vcpu *v, uint64_t val)
{
	if (val > 15)
		return -EINVAL;
	spin_lock(&v->vm->lock);
	vlapic_set_cr8(v->lapic, val);
	spin_unlock(&v->vm->lock);
	return 0;
}

int vcpu_set_efer(struct vcpu *v, uint64_t val)
{
	struct mmu_regs r = { .cr0 = v->cr0, .cr3 = v->cr3, .cr4 = v->cr4, .efer = 0 };

	val &= ~EFER_LMA;
	if (val & ~guest_features.efer)
		return -EINVAL;
	if (((val ^ v->efer) & EFER_LME) && (v->cr0 & CR0_PG))
		return -EINVAL;
	r.efer = val | (v->efer & EFER_LMA);
	return vcpu_set_paging(v, &r);
}

int vcpu_set_xcr0(uint64_t val)
{
	if (!(val & XCR0_X87) || (val & ~guest_features.xcr0))
		return -EINVAL;
	if ((val & XCR0_AVX) && !(val & XCR0_SSE))
		return -EINVAL;
	xsetbv(0, val);
	return 0;
}

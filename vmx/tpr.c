/* SPDX-License-Identifier: MIT */
/*
 * The TPR shadow (Intel SDM Vol. 3C 29.3): CR8 reads and writes a byte of the virtual-APIC
 * page and causes no exit, but for one that goes below the threshold. That is always the
 * value at the entry: whatever TPR holds back then may be let in by a lower one, and what
 * comes meanwhile comes with an exit. Guarded by the CPU that runs the vCPU.
 */
#include "hv/control_regs.h"
#include "hv/errno.h"
#include "hv/page.h"
#include "hv/print.h"
#include "vmx/vmx.h"

#define CLASS_SHIFT 4 /* CR8 is TPR[7:4] */

int vmx_tpr_init(struct vmx_vcpu *s)
{
	if (!vmx_caps_have(&vmx_caps, VMX_PROC, PROC_TPR_SHADOW))
		return 0;
	s->virtual_apic = mem_alloc(sizeof(*s->virtual_apic));
	return s->virtual_apic ? 0 : -ENOMEM;
}

void vmx_tpr_fini(struct vmx_vcpu *s)
{
	if (s->virtual_apic)
		mem_free(s->virtual_apic, sizeof(*s->virtual_apic));
}

/* The guest sees v->tpr, and the next entry passes its check of the threshold (26.2.1.1). */
void vmx_tpr_to_processor(struct vcpu *v)
{
	struct vmx_vcpu *s = to_vmx(v);

	s->tpr = v->tpr;
	s->virtual_apic->tpr = v->tpr;
	vmcs_write(VMCS_TPR_THRESHOLD, v->tpr >> CLASS_SHIFT);
}

void vmx_tpr_from_processor(struct vcpu *v)
{
	BUG_ON(vcpu_set_cr8(v, to_vmx(v)->virtual_apic->tpr >> CLASS_SHIFT));
}

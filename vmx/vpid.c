/* SPDX-License-Identifier: MIT */
/*
 * Virtual-processor identifiers (Intel SDM Vol. 3C 28.1, 28.3). Each vCPU has one of its own
 * for as long as it lives; without them each entry and exit flushes by itself.
 */
#include "hv/percpu.h"
#include "hv/print.h"
#include "hv/vm.h"
#include "vmx/vmx.h"

/* 0 is the host's. A vCPU that comes in the place of another begins with a flush. */
void vmx_vpid_init(struct vcpu *v)
{
	struct vmx_vcpu *s = to_vmx(v);

	if (vmx_caps_have(&vmx_caps, VMX_PROC2, PROC2_VPID))
		s->vpid = v->vm->id * VM_MAX_VCPUS + v->id + 1;
	s->flush = true;
}

void vmx_flush_now(struct vmx_vcpu *s)
{
	s->flush = false;
	s->cpu = this_cpu()->index;
	if (s->vpid)
		BUG_ON(invvpid(vmx_caps.invvpid_context ? INVVPID_CONTEXT : INVVPID_ALL, s->vpid,
			       0));
}

void vmx_tlb_flush(struct vcpu *v)
{
	to_vmx(v)->flush = true;
}

/* INVVPID fails on an address that can hold no translation of whatever paging mode (30.3); that of KVM
 * up to Linux 6.12 also on one that is not canonical in our own, which has no LA57. */
void vmx_tlb_flush_page(struct vcpu *v, uint64_t va)
{
	struct vmx_vcpu *s = to_vmx(v);

	if (!s->vpid || s->flush || !is_canonical(va, vmx_caps.linear_bits))
		return;
	if (!vmx_caps.invvpid_address || s->cpu != this_cpu()->index ||
	    invvpid(INVVPID_ADDRESS, s->vpid, va))
		s->flush = true;
}

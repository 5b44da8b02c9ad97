/* SPDX-License-Identifier: MIT */
/*
 * Which VMCS VMREAD and VMWRITE are about (Intel SDM Vol. 3C 24.1). Per-CPU data, used on
 * that CPU only; a VMCS is touched by one CPU at a time.
 */
#include "hv/percpu.h"
#include "hv/print.h"
#include "vmx/vmx.h"

static struct vmx_vcpu *current[CPUS_MAX]; /* by host CPU; NULL: none */

void vmx_make_current(struct vmx_vcpu *s)
{
	struct vmx_vcpu **cur = &current[this_cpu()->index];

	if (likely(*cur == s))
		return;
	BUG_ON(vmptrld(s->vmcs_hpa));
	*cur = s;
}

/* VMCLEAR writes what the processor keeps of it to memory, and makes its launch state clear. */
void vmx_forget_current(struct vmx_vcpu *s)
{
	struct vmx_vcpu **cur = &current[this_cpu()->index];

	if (*cur == s)
		*cur = NULL;
	BUG_ON(vmclear(s->vmcs_hpa));
	s->launched = false;
}

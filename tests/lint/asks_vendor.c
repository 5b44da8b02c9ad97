/* SPDX-License-Identifier: MIT */
/* What vendors.py must find, and must not: Intel and AMD in a comment, VMXON. Never built. */
#include "hv/cpuid.h"
#include "hv/print.h"
#include "hv/vendor.h"

bool wrong(const struct vcpu *v)
{
	struct cpuid_regs leaf0 = cpuid(0);

	printk("guests run under %s\n", vendor->name);
	if (vendor == &svm_ops) /* wrong: which back end */
		return true;
	if (!strcmp(vendor->name, "other")) /* wrong: its name */
		return true;
	if (vendor->name[0] == 'S') /* wrong: a letter of it */
		return true;
	if (vendor != first_back_end) /* wrong: by its address */
		return true;
	if (leaf0.ebx == 0x68747541) /* wrong: "Auth" */
		return true;
	if (leaf0.edx == 0x49656E69u) /* wrong: "ineI" */
		return true;
	if (!memcmp(&leaf0.ebx, "AuthenticAMD", 4)) /* wrong: the whole of it */
		return true;
	if (cpu_has(FEAT_VMX)) /* wrong: by what only one has */
		return true;
	if (rdmsr(MSR_EFER) & EFER_SVME) /* wrong: by what only one switches on */
		return true;
	if (guest_features.amd) /* wrong: by a flag */
		return true;
	return v->insn.op == INSN_VMXON;
}

/* SPDX-License-Identifier: MIT */
/*
 * What the processor's VMX can do (Intel SDM Vol. 3C appendix A), and what follows for the
 * controls. Pure: the MSRs are read elsewhere (vmx/cpu.c).
 */
#ifndef VMX_CAPS_H
#define VMX_CAPS_H

#include "hv/compiler.h"

enum vmx_control_word { VMX_PIN, VMX_PROC, VMX_PROC2, VMX_EXIT, VMX_ENTRY, VMX_NR_WORDS };

/* The capability MSRs as they were read; 0: the processor has no such one. */
struct vmx_msrs {
	uint64_t basic;
	uint64_t control[VMX_NR_WORDS]; /* the TRUE ones where there are such */
	uint64_t misc, ept_vpid;
	uint64_t cr0_fixed0, cr0_fixed1, cr4_fixed0, cr4_fixed1;
	unsigned linear_bits; /* by CPUID */
};

struct vmx_caps {
	uint32_t revision; /* first word of a VMCS */
	bool below_4g; /* its regions lie there */
	uint32_t control[VMX_NR_WORDS]; /* those that are on in every VMCS */
	uint64_t cr0_set, cr0_clear; /* bits that must be 1, and 0, in VMX operation */
	uint64_t cr4_set, cr4_clear;
	bool invvpid_address, invvpid_context; /* what INVVPID does besides all contexts */
	unsigned linear_bits; /* that addresses have in the guest's state and for INVVPID */
	unsigned timer_shift; /* the preemption timer counts TSC ticks >> timer_shift */
};

/* NULL; or what the processor lacks and guests cannot be run without, in words. */
must_check const char *vmx_caps_find(struct vmx_caps *c, const struct vmx_msrs *m);

/* The name of extra number `i`: what guests are run with where there is such, and *have says
 * whether. NULL behind the last. */
const char *vmx_caps_extra(const struct vmx_caps *c, unsigned i, bool *have);

static inline bool vmx_caps_have(const struct vmx_caps *c, enum vmx_control_word w, uint64_t bit)
{
	return c->control[w] & bit;
}

/* `cr0` and `cr4` with the bits that VMX operation fixes (A.7, A.8). */
static inline uint64_t vmx_fix_cr0(const struct vmx_caps *c, uint64_t cr0)
{
	return (cr0 | c->cr0_set) & ~c->cr0_clear;
}

static inline uint64_t vmx_fix_cr4(const struct vmx_caps *c, uint64_t cr4)
{
	return (cr4 | c->cr4_set) & ~c->cr4_clear;
}

#endif

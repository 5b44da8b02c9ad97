/* SPDX-License-Identifier: MIT */
/*
 * Which features guests get: what the processor has, less what xihv does not virtualize.
 * One table (hv/cpuid.c) decides; CR4, EFER, XCR0 and the MSRs follow from it.
 */
#ifndef HV_CPUID_H
#define HV_CPUID_H

#include "hv/cpu.h"
#include "hv/vcpu.h"

/* Derived once at boot, read-only afterwards. */
struct guest_features {
	unsigned maxphyaddr; /* bits */
	unsigned linear_bits; /* that MSRs hold: the processor's, whether it is offered or not */
	uint64_t cr4, efer, xcr0; /* bits that a guest may set */
	uint64_t arch_capabilities; /* MSR, where has_arch_capabilities */
	bool rdtscp, page1g, has_arch_capabilities;
	bool msrs_k7; /* MSRs 0xc001xxxx */
	bool syscall_32; /* SYSCALL in legacy and compatibility mode */
};

extern struct guest_features guest_features;

/* Boot CPU, after fpu_cpu_init and vendor_init. */
void guest_cpuid_init(void);

/* What CPUID returns to `v`. */
struct cpuid_regs guest_cpuid(struct vcpu *v, uint32_t leaf, uint32_t subleaf);

#endif

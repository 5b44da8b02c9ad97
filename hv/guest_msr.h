/* SPDX-License-Identifier: MIT */
/*
 * RDMSR and WRMSR of a guest. What is not in the table of hv/guest_msr.c is #GP.
 */
#ifndef HV_GUEST_MSR_H
#define HV_GUEST_MSR_H

#include "hv/vcpu.h"

/* False: the guest gets #GP(0). */
must_check bool guest_rdmsr(struct vcpu *v, uint32_t msr, uint64_t *val);
must_check bool guest_wrmsr(struct vcpu *v, uint32_t msr, uint64_t val);

#endif

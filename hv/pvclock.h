/* SPDX-License-Identifier: MIT */
/*
 * KVM's paravirtual clock: a page that tells the guest how to turn its TSC into nanoseconds
 * (Linux Documentation/virt/kvm/x86/msr.rst). Our clock is the TSC at a fixed rate, so the
 * page is written once and stays true.
 */
#ifndef HV_PVCLOCK_H
#define HV_PVCLOCK_H

#include "hv/vcpu.h"

/* MSR_KVM_SYSTEM_TIME: gpa | 1. False: the page is no RAM. */
must_check bool pvclock_set_system_time(struct vcpu *v, uint64_t val);

/* MSR_KVM_WALL_CLOCK: gpa; written at once. False likewise. */
must_check bool pvclock_set_wall_clock(struct vcpu *v, uint64_t val);

#endif

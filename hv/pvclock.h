/* SPDX-License-Identifier: MIT */
/*
 * KVM's paravirtual clock: a page that tells the guest how to turn its TSC into nanoseconds
 * (Linux Documentation/virt/kvm/x86/msr.rst). Our clock is the TSC at a fixed rate, so the
 * page stays true until the guest's own TSC jumps.
 */
#ifndef HV_PVCLOCK_H
#define HV_PVCLOCK_H

#include "hv/vcpu.h"

/* MSR_KVM_SYSTEM_TIME: gpa | 1. False: the page is no RAM. */
must_check bool pvclock_set_system_time(struct vcpu *v, uint64_t val);

/* The guest wrote its TSC: say in the page what it means now. */
void pvclock_tsc_changed(struct vcpu *v);

/* The vCPU, or the whole guest, did not run for long: its watchdogs are not to bark. */
void pvclock_tell_stopped(struct vcpu *v);

/* MSR_KVM_WALL_CLOCK: gpa; written at once. False likewise. */
must_check bool pvclock_set_wall_clock(struct vcpu *v, uint64_t val);

#endif

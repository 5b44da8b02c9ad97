/* SPDX-License-Identifier: MIT */
/*
 * What guests are offered of KVM's paravirtual interface beyond the clock (Linux
 * Documentation/virt/kvm/x86/{cpuid,msr,hypercalls}.rst), for guests with several vCPUs, above
 * all where there are fewer CPUs than vCPUs. Each can be left out (without=), so that its
 * effect can be measured.
 */
#ifndef HV_PV_H
#define HV_PV_H

#include "hv/vcpu.h"

enum pv_feature {
	PV_STEAL = 1 << 0, /* STEAL_TIME: how long a vCPU waited for a CPU; whether it runs now */
	PV_UNHALT = 1 << 1, /* PV_UNHALT: waiters for a spinlock halt, and are kicked */
	PV_IPI = 1 << 2, /* PV_SEND_IPI: one hypercall for many interrupts */
	PV_FLUSH = 1 << 3, /* PV_TLB_FLUSH: a vCPU that does not run flushes when it next does */
	PV_YIELD = 1 << 4, /* PV_SCHED_YIELD: to the vCPU that is waited for */
	PV_NR_FEATURES = 5
};

/* By bit number, as words of without=. */
extern const char *const pv_feature_name[PV_NR_FEATURES];

/* CPUID leaf 0x40000001 EAX, the clock's bits included. */
uint32_t pv_cpuid(const struct vm *vm);

bool pv_has_steal_time(const struct vm *vm);

/* MSR_KVM_STEAL_TIME: gpa | 1, 64 bytes. False: reserved bits, or no RAM there. */
must_check bool steal_time_set(struct vcpu *v, uint64_t val);

/* The vCPU stops to run / is about to. On its CPU. */
void steal_time_stops(struct vcpu *v);
void steal_time_runs(struct vcpu *v);

/* Hypercall `nr` with its four arguments, from the guest's kernel: its result. */
uint64_t pv_hypercall(struct vcpu *v, uint64_t nr, const uint64_t arg[4]);

#endif

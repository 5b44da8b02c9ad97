/* SPDX-License-Identifier: MIT */
/*
 * What belongs to one host CPU, reached through GS base. Written by its own CPU only, unless a
 * field says otherwise.
 */
#ifndef HV_PERCPU_H
#define HV_PERCPU_H

#include "hv/compiler.h"
#include "hv/spinlock.h"

#define CPUS_MAX 64

struct vcpu;
struct timer;

#define TIMER_TSC_NEVER (~UINT64_C(0))

struct percpu {
	struct percpu *self; /* first: read through %gs:0 */
	unsigned index; /* 0: the boot CPU */
	uint32_t apic_id;
	struct vcpu *current; /* loaded vCPU, or NULL; read by any */
	uint64_t run_start; /* TSC at which its turn began; read by any */
	bool idle; /* has nothing to do and waits for an interrupt, or is about to; any may clear it */
	bool parked; /* stands still for hv/smp.c; read by any */
	struct spinlock timer_lock; /* guards the list and its timers' places in it */
	struct timer *timers; /* by deadline */
	bool timer_fired; /* set by the timer interrupt: timers_run is due */
	uint64_t timer_tsc; /* TSC at which the hardware will fire, or TIMER_TSC_NEVER */
	uint64_t nmis, nmis_told; /* NMIs so far; those that the console was told of */
	uint64_t nmi_rip; /* where the latest hit */
};

/* CPUs that run; they have the numbers 0.. */
extern unsigned nr_cpus;

/* Make the calling CPU's area, number `index`; this_cpu() is good afterwards. */
void percpu_init(unsigned index);

struct percpu *cpu_area(unsigned index);

static inline bool cpu_is_idle(const struct percpu *cpu)
{
	return __atomic_load_n(&cpu->idle, __ATOMIC_SEQ_CST);
}

/* True for one of those who want to wake it. */
static inline bool cpu_claim_idle(struct percpu *cpu)
{
	return cpu_is_idle(cpu) && __atomic_exchange_n(&cpu->idle, false, __ATOMIC_SEQ_CST);
}

static inline struct percpu *this_cpu(void)
{
	struct percpu *p;

	__asm__("mov %%gs:0, %0" : "=r"(p));
	return p;
}

#endif

/* SPDX-License-Identifier: MIT */
/*
 * What belongs to one host CPU, reached through GS base.
 */
#ifndef HV_PERCPU_H
#define HV_PERCPU_H

#include "hv/compiler.h"

struct vcpu;
struct timer;

#define TIMER_TSC_NEVER (~UINT64_C(0))

struct percpu {
	struct percpu *self; /* first: read through %gs:0 */
	unsigned index; /* 0: the boot CPU */
	uint32_t apic_id;
	struct vcpu *current; /* loaded vCPU, or NULL */
	struct timer *timers; /* by deadline */
	bool timer_fired; /* set by the timer interrupt: timers_run is due */
	uint64_t ticks; /* profile ticks */
	uint64_t timer_tsc; /* TSC at which the hardware will fire, or TIMER_TSC_NEVER */
	uint64_t nmis, nmis_told; /* NMIs so far; those that the console was told of */
	uint64_t nmi_rip; /* where the latest hit */
};

/* Make the calling CPU's area, number `index`; this_cpu() is good afterwards. */
void percpu_init(unsigned index);

static inline struct percpu *this_cpu(void)
{
	struct percpu *p;

	__asm__("mov %%gs:0, %0" : "=r"(p));
	return p;
}

#endif

/* SPDX-License-Identifier: MIT */
/*
 * The run loop of a host CPU: timers, the console and the making of guests (the boot CPU's), then
 * the next vCPU for a time slice; HLT when there is nothing to do. Handlers run to completion, so
 * there are no threads.
 */
#ifndef HV_SCHED_H
#define HV_SCHED_H

#include "hv/vcpu.h"

#define SCHED_TICK_NS (10 * UINT64_C(1000000)) /* time slice and profile tick */

struct percpu;

/* A vCPU is taken out of the run queue, and out of this CPU if that has it. Boot CPU; the others
 * stopped if it ever was in the queue. */
void sched_remove(struct vcpu *v);

/* Run this CPU for ever. */
_Noreturn void sched_loop(void);

/* Called by the host's interrupt handlers: something waits for the run loop, so the
 * vCPU that runs here must leave guest mode's loop. */
void sched_poke(void);

/* The same for any CPU: it comes to its run loop soon, from HLT too. */
void sched_make_leave(struct percpu *cpu);

/* The boot CPU has work (console, guests that end): wake it if it sleeps. Any context. */
void sched_wake_boot_cpu(void);

#endif

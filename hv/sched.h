/* SPDX-License-Identifier: MIT */
/*
 * The run loop of a host CPU: timers, console, then the next vCPU for a time slice; HLT
 * when there is nothing to do. Handlers run to completion, so there are no threads.
 */
#ifndef HV_SCHED_H
#define HV_SCHED_H

#include "hv/vcpu.h"

#define SCHED_TICK_NS (10 * UINT64_C(1000000)) /* time slice and profile tick */

/* A vCPU becomes known / is taken off (it is not running). */
void sched_add(struct vcpu *v);
void sched_remove(struct vcpu *v);

/* Run this CPU for ever. */
_Noreturn void sched_loop(void);

/* Called by the host's interrupt handlers: something waits for the run loop, so the
 * vCPU that runs here must leave guest mode's loop. */
void sched_poke(void);

#endif

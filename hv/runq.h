/* SPDX-License-Identifier: MIT */
/*
 * Which vCPU is next, and which CPU a vCPU that wakes up gets. All CPUs take their vCPUs from one
 * list. The turn goes to the one that has run least so far; a vCPU that has slept comes back as
 * if it had run little less than the others, so it is soon served but cannot have saved up for
 * long. One that another CPU ran last has a small handicap.
 */
#ifndef HV_RUNQ_H
#define HV_RUNQ_H

#include "hv/vcpu.h"

struct percpu;

/* A vCPU becomes known. Boot CPU. `used`: TSC ticks that it is treated as having run already. */
void runq_add(struct vcpu *v, uint64_t used);

/* It is taken off, if it is there. Boot CPU; the others stopped if it is. */
void runq_remove(struct vcpu *v);

/* The next vCPU for `cpu`, which has it from now on (v->cpu); it may be the one that the CPU has
 * already. NULL: none can run. */
struct vcpu *runq_take(struct percpu *cpu);

/* There may be more to run than this CPU, which has found something, can: wake one that sleeps. */
void runq_wake_another(void);

/* `v`, which is not running, has something to wake for: find a CPU for it. Any context. */
void runq_wake(struct vcpu *v);

#endif

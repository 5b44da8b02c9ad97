/* SPDX-License-Identifier: MIT */
/* One CPU for the run loop and the timers: a TSC that the test moves, interrupts that the test
 * makes. The compiler is made to include this before the files under test (tests/unit/sched.mk). */
#ifndef TESTS_UNIT_FAKE_RUN_LOOP_H
#define TESTS_UNIT_FAKE_RUN_LOOP_H

#include "hv/percpu.h"
#include "tests/unit/fake_tsc.h"

extern struct percpu fake_cpu;

void fake_irq_window(void);
void fake_cpu_idle(void);

static inline struct percpu *fake_this_cpu(void)
{
	return &fake_cpu;
}

#define this_cpu fake_this_cpu
#define irq_window fake_irq_window
#define cpu_idle fake_cpu_idle

#endif

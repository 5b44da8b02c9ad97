/* SPDX-License-Identifier: MIT */
/* A TSC that stands still until the test moves it. The compiler is made to include this before
 * the file under test (tests/unit/sched.mk). */
#ifndef TESTS_UNIT_FAKE_TSC_H
#define TESTS_UNIT_FAKE_TSC_H

#include "hv/cpu.h"

extern uint64_t fake_tsc;

static inline uint64_t fake_rdtsc(void)
{
	return fake_tsc;
}

#define rdtsc fake_rdtsc

#endif

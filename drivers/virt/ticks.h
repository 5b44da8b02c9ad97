/* SPDX-License-Identifier: MIT */
/*
 * Nanoseconds of clock_ns() to ticks of a device's oscillator and back, without 128-bit
 * arithmetic and without an error that grows: both are exact floor and ceiling as long as
 * hz <= 10^9. Devices count in ticks since a fixed start, so nothing drifts.
 */
#ifndef DRIVERS_VIRT_TICKS_H
#define DRIVERS_VIRT_TICKS_H

#include <stdint.h>

#include "hv/timer.h"

/*
 * A periodic device is not allowed to call back more often than this, whatever rate the
 * guest programs: a 1-tick period must not keep the run loop from everything else. Edges
 * that fall in between are merged into one, as a latched interrupt line merges them.
 */
#define VIRT_TIMER_MIN_NS (100 * NSEC_PER_USEC)

static inline uint64_t ns_to_ticks(uint64_t ns, uint64_t hz)
{
	return ns / NSEC_PER_SEC * hz + ns % NSEC_PER_SEC * hz / NSEC_PER_SEC;
}

/* The first nanosecond at which ns_to_ticks() gives `ticks`. */
static inline uint64_t ticks_to_ns(uint64_t ticks, uint64_t hz)
{
	return ticks / hz * NSEC_PER_SEC + (ticks % hz * NSEC_PER_SEC + hz - 1) / hz;
}

#endif

/* SPDX-License-Identifier: MIT */
/*
 * A device model under a guest that does what it likes: reads and writes of all sizes, time
 * that passes with timers on their way or while nobody looked, and what a program adds.
 * What holds for every device (device.c):
 *
 *  D1  A timer that has fired is not due at once again, and timers fire no more often than
 *      VIRT_TIMER_MIN_NS allows.
 *  D2  A read gives no more bits than were asked for.
 */
#ifndef TESTS_FUZZ_DEVICE_H
#define TESTS_FUZZ_DEVICE_H

#include "tests/fuzz/fuzz.h"
#include "tests/unit/fake_hv.h"

/* Registers that a guest reaches; the step's byte times `stride` is the offset. */
struct device_range {
	struct iobus *bus;
	uint64_t base, len, stride;
};

struct device {
	struct device_range range[8];
	unsigned nr_ranges;
	unsigned nr_timers; /* that it has */
	void (*extra)(struct input *in); /* a step of the program's own; may be NULL */
	void (*check)(void); /* after each step */
};

/* Take steps until the input has ended. */
void device_run(const struct device *d, struct input *in);

#endif

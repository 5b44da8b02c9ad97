// SPDX-License-Identifier: MIT
/*
 * A device model under a guest that does what it likes (device.h). A step is a byte (kind, size,
 * range), an offset, and what the kind wants besides.
 */
#include "tests/fuzz/device.h"

#include <assert.h>

#include "drivers/virt/ticks.h"
#include "hv/iobus.h"

enum { KIND_READ = 2, KIND_WRITE = 5, KIND_TIME = 6 }; /* up to; of 0..7; the rest is extra */

#define ADVANCE_BITS 25 /* up to 33 msec in which timers fire one by one */
#define SLEEP_BITS 45 /* up to 10 hours */

static void step_access(const struct device *d, struct input *in, uint64_t op)
{
	const struct device_range *r = &d->range[(op >> 5) % d->nr_ranges];
	uint64_t at = r->base + take(in, 1) * r->stride % r->len, val;
	unsigned size = 1u << (op >> 3 & 3);

	if ((op & 7) > KIND_READ) {
		iobus_write(r->bus, at, size, take(in, size));
		return;
	}
	iobus_read(r->bus, at, size, &val);
	assert(size == 8 || !(val >> (8 * size))); /* D2 */
}

static void step_time(const struct device *d, struct input *in, uint64_t op)
{
	uint64_t bits = take(in, 1), ns = 1 + take(in, 2), calls = fake_timer_calls;
	bool sleep = op & 8;

	ns = ns << (bits % ((sleep ? SLEEP_BITS : ADVANCE_BITS) - 15)) >> 1;
	if (sleep)
		fake_sleep(ns);
	else
		fake_advance(ns);
	calls = fake_timer_calls - calls;
	assert(!fake_next_timer() || fake_next_timer() > fake_ns); /* D1 */
	assert(calls <= d->nr_timers * (2 + (sleep ? 0 : ns / VIRT_TIMER_MIN_NS)));
}

void device_run(const struct device *d, struct input *in)
{
	d->check();
	while (in->left) {
		uint64_t op = take(in, 1);

		if ((op & 7) <= KIND_WRITE)
			step_access(d, in, op);
		else if ((op & 7) == KIND_TIME)
			step_time(d, in, op);
		else if (d->extra)
			d->extra(in);
		d->check();
	}
}

// SPDX-License-Identifier: MIT
/*
 * The 8254 and port 0x61 (drivers/virt/pit.c).
 *
 *  P1  Counts are 1 to 65536, modes 0 to 5, a cycle never began in the future.
 *  P2  The timer is armed exactly while channel 0 will raise its output by itself.
 *  P3  A periodic channel that is left alone for a second raises its interrupt as often as
 *      its count says, as far as VIRT_TIMER_MIN_NS lets it.
 *  P4  A latched count is read as it was when it was latched.
 */
#include <assert.h>

#include "drivers/virt/pit.h"
#include "drivers/virt/ticks.h"
#include "tests/fuzz/device.h"

static struct pit pit;
static struct iobus ports;
static struct spinlock lock;
static struct fake_line line;

static bool is_periodic(const struct pit_channel *c)
{
	return (c->mode == 2 || c->mode == 3) && c->counting;
}

static void check(void)
{
	const struct pit_channel *c0 = &pit.channel[0];

	assert(!lock.held);
	for (unsigned n = 0; n < 3; n++) {
		const struct pit_channel *c = &pit.channel[n];

		assert(c->count >= 1 && c->count <= 0x10000 && c->reload <= 0x10000);
		assert(c->mode <= 5 && c->access >= 1 && c->access <= 3 && c->latched <= 2);
		assert(c->start <= ns_to_ticks(fake_ns, PIT_HZ));
		assert(n == 2 || c->gate);
	}
	assert(!pit.timer.armed || (c0->counting && c0->mode != 1 && c0->mode != 5)); /* P2 */
	assert(pit.timer.armed || !is_periodic(c0));
}

/* P4: latch, let time pass, read twice. */
static void extra(struct input *in)
{
	unsigned n = (unsigned)take(in, 1) % 3;
	struct pit_channel *c = &pit.channel[n];
	uint64_t ns = take(in, 2);
	uint8_t low, high;
	uint16_t latch;

	iobus_write(&ports, PIT_PORT + 3, 1, n << 6);
	if (c->status_latched || c->latched != 2)
		return;
	latch = c->latch;
	fake_advance(ns);
	iobus_read(&ports, PIT_PORT + n, 1, &(uint64_t){ 0 });
	low = (uint8_t)c->latch;
	iobus_read(&ports, PIT_PORT + n, 1, &(uint64_t){ 0 });
	high = (uint8_t)(c->latch >> 8);
	assert((low | high << 8) == latch && !c->latched);
}

static void check_rate(void)
{
	const struct pit_channel *c = &pit.channel[0];
	uint64_t per_second;
	unsigned rises;

	if (!is_periodic(c))
		return;
	fake_advance(2 * UINT64_C(55000000)); /* past a cycle of an older, longer count */
	per_second = PIT_HZ / c->count;
	rises = line.rises;
	fake_advance(NSEC_PER_SEC);
	rises = line.rises - rises;
	if (NSEC_PER_SEC / (per_second + 1) > VIRT_TIMER_MIN_NS)
		assert(rises >= per_second && rises <= per_second + 1);
	else
		assert(rises <= NSEC_PER_SEC / VIRT_TIMER_MIN_NS + 1 && rises > 3000);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	const struct device d = {
		.range = { { &ports, PIT_PORT, 4, 1 }, { &ports, PORT61, 1, 1 } },
		.nr_ranges = 2,
		.nr_timers = 1,
		.extra = extra,
		.check = check,
	};

	fake_reset();
	ports = (struct iobus){ 0 };
	line = (struct fake_line){ 0 };
	pit_init(&pit, fake_irq_line(&line), &lock);
	assert(!pit_register(&pit, &ports));
	device_run(&d, &in);
	check_rate();
	pit_fini(&pit);
	assert(!fake_next_timer());
	return 0;
}

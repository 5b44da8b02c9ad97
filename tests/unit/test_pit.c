/* SPDX-License-Identifier: MIT */
/* The 8254 against its data sheet (Intel 231164), and port 0x61. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "drivers/virt/pit.h"
#include "tests/unit/fake_hv.h"

static struct vm vm;
static struct pit pit;
static struct fake_line irq0;

static int setup(void **state)
{
	(void)state;
	fake_reset();
	vm = (struct vm){ 0 };
	irq0 = (struct fake_line){ 0 };
	pit_init(&pit, fake_irq_line(&irq0), &vm.lock);
	assert_int_equal(pit_register(&pit, &vm.ports), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	pit_fini(&pit);
	assert_int_equal(fake_next_timer(), 0);
	assert_int_equal(vm.lock.held, 0);
	return 0;
}

/* `n` ticks and a half. */
static void ticks(uint64_t n)
{
	fake_advance((n * 1000000000 + 500000000) / 1193182);
}

static void load(unsigned channel, uint8_t mode, uint16_t count)
{
	out(&vm, 0x43, 1, channel << 6 | 3 << 4 | mode << 1);
	out(&vm, 0x40 + channel, 1, count & 0xff);
	out(&vm, 0x40 + channel, 1, count >> 8);
}

static unsigned read16(unsigned channel)
{
	unsigned low = in(&vm, 0x40 + channel, 1);

	return low | in(&vm, 0x40 + channel, 1) << 8;
}

static uint8_t status(unsigned channel)
{
	out(&vm, 0x43, 1, 0xe0 | 2 << channel);
	return in(&vm, 0x40 + channel, 1);
}

static void mode0_counts_to_zero(void **state)
{
	(void)state;
	load(0, 0, 1000);
	assert_false(irq0.level);
	assert_int_equal(status(0), 0x30);
	ticks(300);
	assert_in_range(read16(0), 699, 701);
	assert_int_equal(irq0.rises, 0);
	ticks(701);
	assert_int_equal(irq0.rises, 1);
	assert_true(irq0.level); /* stays high */
	assert_int_equal(status(0) & 0x80, 0x80);
	ticks(100);
	assert_in_range(read16(0), 65536 - 103, 65536 - 99); /* goes on counting */
	fake_advance(NSEC_PER_SEC);
	assert_int_equal(irq0.rises, 1);
	out(&vm, 0x43, 1, 0x30);
	assert_false(irq0.level);
}

/* The first byte of a new count stops it, the second starts. */
static void mode0_two_byte_load(void **state)
{
	(void)state;
	load(0, 0, 1000);
	out(&vm, 0x40, 1, 0x10);
	assert_false(irq0.level);
	fake_advance(NSEC_PER_SEC);
	assert_int_equal(irq0.rises, 0);
	out(&vm, 0x40, 1, 0);
	ticks(17);
	assert_int_equal(irq0.rises, 1);
}

/* A count that is read when an edge is due, and its timer has not run yet, costs no edge. */
static void a_read_loses_no_edge(void **state)
{
	unsigned before;

	(void)state;
	load(0, 2, 1000);
	before = irq0.rises;
	fake_ns += 1001 * UINT64_C(1000000000) / 1193182 + 1000; /* the run loop is away */
	assert_in_range(read16(0), 990, 1000);
	fake_sleep(0);
	assert_int_equal(irq0.rises, before + 1);
	ticks(1000);
	assert_int_equal(irq0.rises, before + 2);
}

static void mode2_is_periodic_without_drift(void **state)
{
	uint64_t start = fake_ns;

	(void)state;
	load(0, 2, 11932); /* 100 Hz, as Linux with HZ=100 */
	irq0.rises = 0; /* OUT goes high with the control word */
	fake_advance(10 * NSEC_PER_SEC + 10);
	/* 11,931,820 ticks / 11932 = 999.98 */
	assert_int_equal(irq0.rises, 999);
	fake_advance(90 * NSEC_PER_SEC);
	assert_int_equal(irq0.rises, (fake_ns - start) / 1000 * 1193182 / 1000000 / 11932);
}

static void mode2_coalesces_what_was_missed(void **state)
{
	(void)state;
	load(0, 2, 11932);
	irq0.rises = 0;
	fake_sleep(5 * NSEC_PER_SEC);
	assert_int_equal(irq0.rises, 1);
	fake_advance(NSEC_PER_SEC);
	assert_in_range(irq0.rises, 100, 102);
}

/* A 1-tick period must not become a host timer a microsecond. */
static void tiny_period_is_bounded(void **state)
{
	(void)state;
	load(0, 2, 2);
	fake_advance(NSEC_PER_SEC);
	assert_in_range(fake_timer_calls, 9000, 10001);
}

static void mode2_counts(void **state)
{
	(void)state;
	load(0, 2, 1000);
	ticks(1);
	assert_in_range(read16(0), 998, 1000);
	ticks(500);
	assert_in_range(read16(0), 498, 500);
	ticks(1000);
	assert_in_range(read16(0), 496, 500);
}

/* A new count waits for the end of the cycle. */
static void mode2_reload(void **state)
{
	(void)state;
	load(0, 2, 1000);
	irq0.rises = 0;
	ticks(100);
	out(&vm, 0x40, 1, 0x90);
	out(&vm, 0x40, 1, 0x01);
	assert_int_equal(status(0) & 0x40, 0x40); /* null count */
	assert_in_range(read16(0), 898, 901);
	ticks(902);
	assert_int_equal(irq0.rises, 1);
	assert_int_equal(status(0) & 0x40, 0);
	assert_in_range(read16(0), 391, 400);
	ticks(400);
	assert_int_equal(irq0.rises, 2);
}

static void mode3_square_wave(void **state)
{
	unsigned i, high = 0;

	(void)state;
	out(&vm, 0x61, 1, 0x01);
	load(2, 3, 1000);
	ticks(100);
	assert_in_range(read16(2), 796, 802); /* by two */
	assert_int_equal(read16(2) & 1, 0);
	ticks(350);
	assert_int_equal(in(&vm, 0x61, 1) & 0x20, 0x20);
	ticks(100);
	assert_int_equal(in(&vm, 0x61, 1) & 0x20, 0);
	assert_in_range(read16(2), 890, 904); /* second half */
	load(2, 3, 5); /* odd: high for 3, low for 2 */
	for (i = 0; i < 5000; i++) {
		high += !!(in(&vm, 0x61, 1) & 0x20);
		fake_ns += 838;
	}
	assert_in_range(high, 2980, 3020);
}

static void mode4_strobe(void **state)
{
	(void)state;
	load(0, 4, 1000); /* Linux's one-shot */
	assert_true(irq0.level);
	irq0.rises = 0;
	ticks(998);
	assert_int_equal(irq0.rises, 0);
	ticks(4);
	assert_int_equal(irq0.rises, 1);
	fake_advance(NSEC_PER_SEC);
	assert_int_equal(irq0.rises, 1);
}

static void mode1_waits_for_the_gate(void **state)
{
	(void)state;
	out(&vm, 0x61, 1, 0);
	load(2, 1, 1000);
	assert_int_equal(in(&vm, 0x61, 1) & 0x20, 0x20);
	out(&vm, 0x61, 1, 1);
	assert_int_equal(in(&vm, 0x61, 1) & 0x21, 0x01);
	ticks(900);
	out(&vm, 0x61, 1, 0);
	out(&vm, 0x61, 1, 1); /* retriggered */
	ticks(900);
	assert_int_equal(in(&vm, 0x61, 1) & 0x20, 0);
	ticks(102);
	assert_int_equal(in(&vm, 0x61, 1) & 0x20, 0x20);
}

/* Linux's TSC calibration: channel 2, mode 0, gate on, wait for OUT. */
static void calibration_by_channel2(void **state)
{
	uint64_t start;

	(void)state;
	out(&vm, 0x61, 1, (in(&vm, 0x61, 1) & ~2) | 1);
	load(2, 0, 11931);
	start = fake_ns;
	while (!(in(&vm, 0x61, 1) & 0x20))
		fake_advance(1000);
	assert_in_range(fake_ns - start, 9999000, 10001000);
}

static void gate_stops_mode0(void **state)
{
	unsigned count;

	(void)state;
	out(&vm, 0x61, 1, 1);
	load(2, 0, 1000);
	ticks(400);
	out(&vm, 0x61, 1, 0);
	count = read16(2);
	assert_in_range(count, 598, 601);
	ticks(5000);
	assert_int_equal(read16(2), count);
	assert_int_equal(in(&vm, 0x61, 1) & 0x20, 0);
	out(&vm, 0x61, 1, 1);
	ticks(598);
	assert_int_equal(in(&vm, 0x61, 1) & 0x20, 0);
	ticks(5);
	assert_int_equal(in(&vm, 0x61, 1) & 0x20, 0x20);
}

static void latch_holds(void **state)
{
	unsigned first;

	(void)state;
	load(0, 2, 50000);
	ticks(100);
	out(&vm, 0x43, 1, 0x00);
	ticks(1000);
	out(&vm, 0x43, 1, 0x00); /* ignored: not read yet */
	first = read16(0);
	assert_in_range(first, 49898, 49901);
	assert_in_range(read16(0), 48895, 48901);
	/* Read-back of count and status: status first. */
	out(&vm, 0x43, 1, 0xc2);
	assert_int_equal(in(&vm, 0x40, 1), 0xb4);
	ticks(1000);
	assert_in_range(read16(0), 48890, 48901);
}

static void byte_access_and_bcd(void **state)
{
	(void)state;
	out(&vm, 0x43, 1, 0x14); /* channel 0, low byte, mode 2 */
	out(&vm, 0x40, 1, 200);
	ticks(10);
	assert_in_range(in(&vm, 0x40, 1), 188, 191);
	assert_in_range(in(&vm, 0x40, 1), 188, 191);
	out(&vm, 0x43, 1, 0x24); /* high byte */
	out(&vm, 0x40, 1, 0x10);
	assert_int_equal(in(&vm, 0x40, 1), 0x10);
	out(&vm, 0x43, 1, 0x31 | 2 << 1); /* BCD */
	out(&vm, 0x40, 1, 0x00);
	out(&vm, 0x40, 1, 0x10); /* 1000 */
	ticks(1);
	assert_int_equal(read16(0) & 0xff00, 0x0900);
	assert_int_equal(read16(0) & 0xf0, 0x90);
}

static void refresh_toggles(void **state)
{
	unsigned i, changes = 0, was = 0, now;

	(void)state;
	for (i = 0; i < 1000; i++) {
		now = in(&vm, 0x61, 1) & 0x10;
		changes += now != was;
		was = now;
		fake_advance(15085);
	}
	assert_in_range(changes, 999, 1000);
	out(&vm, 0x61, 1, 0xff);
	assert_int_equal(in(&vm, 0x61, 1) & 0xcf, 0x0f);
}

static void random_pokes(void **state)
{
	(void)state;
	fake_poke(&vm.ports, 0x40, 4, 50000);
	fake_poke(&vm.ports, 0x61, 1, 100);
	fake_poke(&vm.ports, 0x40, 4, 50000);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(mode0_counts_to_zero),
		T(mode0_two_byte_load),
		T(a_read_loses_no_edge),
		T(mode2_is_periodic_without_drift),
		T(mode2_coalesces_what_was_missed),
		T(tiny_period_is_bounded),
		T(mode2_counts),
		T(mode2_reload),
		T(mode3_square_wave),
		T(mode4_strobe),
		T(mode1_waits_for_the_gate),
		T(calibration_by_channel2),
		T(gate_stops_mode0),
		T(latch_holds),
		T(byte_access_and_bcd),
		T(refresh_toggles),
		T(random_pokes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

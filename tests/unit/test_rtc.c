/* SPDX-License-Identifier: MIT */
/* The MC146818A against its data sheet. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <time.h>

#include "drivers/virt/rtc.h"
#include "hv/date.h"
#include "tests/unit/fake_hv.h"

static struct vm vm;
static struct rtc rtc;
static struct fake_line irq8;

static int setup(void **state)
{
	(void)state;
	fake_reset();
	vm = (struct vm){ 0 };
	irq8 = (struct fake_line){ 0 };
	rtc_init(&rtc, fake_irq_line(&irq8), &vm.lock, UINT64_C(0x30000000), UINT64_C(0x40000000));
	assert_int_equal(rtc_register(&rtc, &vm.ports), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	rtc_fini(&rtc);
	assert_int_equal(fake_next_timer(), 0);
	return 0;
}

static uint8_t get(uint8_t reg)
{
	out(&vm, 0x70, 1, reg);
	return in(&vm, 0x71, 1);
}

static void put(uint8_t reg, uint8_t val)
{
	out(&vm, 0x70, 1, reg);
	out(&vm, 0x71, 1, val);
}

static void put_time(uint8_t h, uint8_t m, uint8_t s)
{
	put(11, get(11) | 0x80);
	put(4, h);
	put(2, m);
	put(0, s);
	put(11, get(11) & 0x7f);
}

static void dates(void **state)
{
	struct date d;
	struct tm tm;
	int64_t t;

	(void)state;
	for (t = -5000000000; t < 20000000000; t += 86399 * 17) {
		date_from_seconds(&d, t);
		gmtime_r(&(time_t){ t }, &tm);
		assert_int_equal(d.year, tm.tm_year + 1900);
		assert_int_equal(d.month, tm.tm_mon + 1);
		assert_int_equal(d.day, tm.tm_mday);
		assert_int_equal(d.weekday, tm.tm_wday + 1);
		assert_int_equal(d.hour, tm.tm_hour);
		assert_int_equal(d.minute, tm.tm_min);
		assert_int_equal(d.second, tm.tm_sec);
		assert_int_equal(date_to_seconds(&d), t);
	}
}

static void starts_at_wall_time(void **state)
{
	(void)state;
	fake_advance(NSEC_PER_SEC * 3661 + 1);
	assert_int_equal(get(0), 0x01);
	assert_int_equal(get(2), 0x01);
	assert_int_equal(get(4), 0x01);
	assert_int_equal(get(6), 5); /* Thursday */
	assert_int_equal(get(7), 0x01);
	assert_int_equal(get(8), 0x01);
	assert_int_equal(get(9), 0x26);
	assert_int_equal(get(0x32), 0x20);
	assert_int_equal(get(11), 0x02); /* 24 hours, BCD */
	assert_int_equal(get(13), 0x80);
	assert_int_equal(in(&vm, 0x70, 1), 0xff);
}

static void formats(void **state)
{
	(void)state;
	put(11, 0x80); /* SET, 12 hours, BCD */
	put(4, 0x92); /* 12 pm */
	put(2, 0x59);
	put(0, 0x59);
	put(11, 0x00);
	fake_advance(NSEC_PER_SEC);
	assert_int_equal(get(4), 0x81); /* 1 pm */
	put(11, 0x86); /* SET, binary, 24 hours */
	put(4, 23);
	put(2, 59);
	put(0, 58);
	put(7, 28);
	put(8, 2);
	put(9, 28); /* a leap year */
	put(0x32, 0x20);
	fake_advance(5 * NSEC_PER_SEC);
	assert_int_equal(get(0), 58); /* SET holds it */
	put(11, 0x06);
	fake_advance(2 * NSEC_PER_SEC);
	assert_int_equal(get(0), 0);
	assert_int_equal(get(4), 0);
	assert_int_equal(get(7), 29);
	assert_int_equal(get(8), 2);
	put(11, 0x04); /* binary, 12 hours: midnight is 12 am */
}

/* UIP announces the update by 244 usec and lasts until it is done. */
static void update_in_progress(void **state)
{
	(void)state;
	fake_advance(NSEC_PER_SEC - 2300000);
	assert_int_equal(get(10) & 0x80, 0);
	fake_advance(100000);
	assert_int_equal(get(10) & 0x80, 0x80);
	assert_int_equal(get(0), 0);
	fake_advance(2200000);
	assert_int_equal(get(10) & 0x80, 0);
	assert_int_equal(get(0), 1);
	put(11, 0x82);
	fake_advance(NSEC_PER_SEC - 1000000);
	assert_int_equal(get(10) & 0x80, 0); /* never under SET */
}

/* The way to set a clock exactly: the first update comes half a second after release. */
static void divider_reset(void **state)
{
	(void)state;
	fake_advance(123456789);
	put(11, 0x82);
	put(10, 0x70);
	put(0, 0x10);
	put(10, 0x26);
	put(11, 0x02);
	fake_advance(499999999);
	assert_int_equal(get(0), 0x10);
	fake_advance(1);
	assert_int_equal(get(0), 0x11);
	fake_advance(999999999);
	assert_int_equal(get(0), 0x11);
}

static void update_interrupt(void **state)
{
	(void)state;
	fake_advance(500000000);
	get(12);
	put(11, 0x12);
	assert_false(irq8.level);
	fake_advance(499999999);
	assert_false(irq8.level);
	fake_advance(1);
	assert_true(irq8.level);
	fake_advance(5 * NSEC_PER_SEC);
	assert_int_equal(irq8.rises, 1); /* not read yet */
	assert_int_equal(get(12), 0x90 | 0x40); /* PF too: flags come without their enables */
	assert_false(irq8.level);
	assert_int_equal(get(12), 0);
	fake_advance(NSEC_PER_SEC);
	assert_int_equal(irq8.rises, 2);
}

static void periodic_interrupt(void **state)
{
	unsigned i, n = 0;

	(void)state;
	put(10, 0x26); /* 1024 Hz */
	put(11, 0x42);
	for (i = 0; i < 100000; i++) {
		fake_advance(10000);
		if (irq8.level) {
			n++;
			assert_int_equal(get(12) & 0xc0, 0xc0);
		}
	}
	assert_in_range(n, 1023, 1025);
	put(10, 0x21); /* 256 Hz */
	n = irq8.rises;
	for (i = 0; i < 1000; i++) {
		fake_advance(1000000);
		get(12);
	}
	assert_in_range(irq8.rises - n, 255, 257);
	put(10, 0x20); /* none */
	get(12);
	n = irq8.rises;
	fake_advance(NSEC_PER_SEC);
	assert_int_equal(irq8.rises, n);
}

static void alarm_interrupt(void **state)
{
	(void)state;
	put_time(0x10, 0x00, 0x00);
	put(5, 0x10);
	put(3, 0x30);
	put(1, 0x15);
	get(12);
	put(11, 0x22);
	fake_advance(NSEC_PER_SEC * (30 * 60 + 14));
	assert_false(irq8.level);
	fake_advance(NSEC_PER_SEC);
	assert_true(irq8.level);
	assert_int_equal(get(12) & 0xa0, 0xa0);
	fake_advance(NSEC_PER_SEC * 86399);
	assert_int_equal(irq8.rises, 1);
	fake_advance(NSEC_PER_SEC);
	assert_int_equal(irq8.rises, 2); /* every day */
	get(12);
	put(5, 0xff); /* any hour, any minute */
	put(3, 0xc0);
	fake_advance(NSEC_PER_SEC * 60);
	assert_int_equal(irq8.rises, 3);
	put(1, 0x77); /* never */
	get(12);
	fake_advance(NSEC_PER_SEC * 90000);
	assert_int_equal(irq8.rises, 3);
}

/* A flag is set whether or not somebody waits for it; nobody waits: no timer runs. */
static void flags_without_interrupts(void **state)
{
	(void)state;
	put(10, 0x20);
	put(1, 0x05);
	put(3, 0x00);
	put(5, 0x00);
	get(12);
	assert_int_equal(fake_next_timer(), 0);
	fake_advance(NSEC_PER_SEC * 4);
	assert_int_equal(get(12), 0x10);
	fake_advance(NSEC_PER_SEC * 4);
	assert_int_equal(get(12), 0x30);
	assert_int_equal(irq8.rises, 0);
}

static void memory_size(void **state)
{
	unsigned i, sum = 0;

	(void)state;
	assert_int_equal(get(0x15) | get(0x16) << 8, 640);
	assert_int_equal(get(0x17) | get(0x18) << 8, 0xffff);
	assert_int_equal(get(0x34) | get(0x35) << 8, (0x30000000 - 0x1000000) >> 16);
	assert_int_equal(get(0x5b) | get(0x5c) << 8 | get(0x5d) << 16, 0x40000000 >> 16);
	for (i = 0x10; i <= 0x2d; i++)
		sum += get(i);
	assert_int_equal(get(0x2e) << 8 | get(0x2f), sum);
	put(0x40, 0x5a);
	assert_int_equal(get(0xc0), 0x5a); /* bit 7 of the index is the NMI mask */
}

static void random_pokes(void **state)
{
	(void)state;
	fake_poke(&vm.ports, 0x70, 2, 100000);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(dates),
		T(starts_at_wall_time),
		T(formats),
		T(update_in_progress),
		T(divider_reset),
		T(update_interrupt),
		T(periodic_interrupt),
		T(alarm_interrupt),
		T(flags_without_interrupts),
		T(memory_size),
		T(random_pokes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

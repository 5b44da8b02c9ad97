// SPDX-License-Identifier: MIT
/*
 * The real-time clock (drivers/virt/rtc.c).
 *
 *  C1  The interrupt line is IRQF, and IRQF says that an enabled flag is set.
 *  C2  An access takes bounded work: so many dates at most are computed for it.
 *  C3  The periodic interrupt that is enabled, running and not requested has a timer that
 *      comes in time; so has the update interrupt.
 *  C4  A running clock shows a time: each register in its range, one second later a second
 *      later.
 *  C5  Dates are carried back to the second that they came from.
 */
#include "hv/date.h"

/* C2: each date computed is counted on its way. */
#define date_from_seconds counted_date_from_seconds
#include "hv/date.c"
#undef date_from_seconds

#include <assert.h>

#include "drivers/virt/rtc.h"
#include "tests/fuzz/device.h"

#define DATES_MAX \
	1000 /* one step: up to 8 byte accesses, each with a search for the alarm or two */
#define REG_A 10
#define REG_B 11
#define REG_C 12
#define B_PIE 0x40
#define B_UIE 0x10
#define B_24H 0x02
#define B_BINARY 0x04

static struct rtc rtc;
static struct iobus ports;
static struct spinlock lock;
static struct fake_line line;
static unsigned dates, calls;

/* C5 */
void date_from_seconds(struct date *d, int64_t seconds)
{
	dates++;
	counted_date_from_seconds(d, seconds);
	assert(date_to_seconds(d) == seconds);
	assert(d->month >= 1 && d->month <= 12 && d->day >= 1 && d->day <= 31);
	assert(d->hour < 24 && d->minute < 60 && d->second < 60);
	assert(d->weekday >= 1 && d->weekday <= 7);
}

static void check(void)
{
	uint8_t b = rtc.cmos[REG_B], c = rtc.cmos[REG_C], enabled = b & 0x70 & (uint8_t)~c;
	bool running = (rtc.cmos[REG_A] & 0x70) == 0x20;

	assert(!lock.held);
	/* a step that moves the clock on runs the timer again and again */
	assert(dates <= DATES_MAX * (1 + fake_timer_calls - calls)); /* C2 */
	dates = 0;
	calls = fake_timer_calls;
	assert(line.level == !!(c & 0x80) && line.level == !!(c & b & 0x70)); /* C1 */
	assert(rtc.stopped == (!running || (b & 0x80)));
	if (running && (enabled & B_PIE) && (rtc.cmos[REG_A] & 15)) /* C3 */
		assert(rtc.timer.armed && rtc.timer.deadline <= fake_ns + NSEC_PER_SEC / 2 + 1);
	if (!rtc.stopped && (enabled & B_UIE))
		assert(rtc.timer.armed && rtc.timer.deadline <= fake_ns + NSEC_PER_SEC);
}

static unsigned get(unsigned reg)
{
	uint64_t val;

	iobus_write(&ports, RTC_PORT, 1, reg);
	iobus_read(&ports, RTC_PORT + 1, 1, &val);
	return (unsigned)val;
}

static unsigned number(unsigned val)
{
	if (rtc.cmos[REG_B] & B_BINARY)
		return val;
	assert((val & 15) < 10);
	return (val >> 4) * 10 + (val & 15);
}

static unsigned seconds_of_day(void)
{
	unsigned hour = get(4), s = number(get(0)), m = number(get(2)), h;

	h = number(rtc.cmos[REG_B] & B_24H ? hour : hour & 0x7f);
	if (!(rtc.cmos[REG_B] & B_24H)) {
		assert(h >= 1 && h <= 12);
		h = h % 12 + (hour & 0x80 ? 12 : 0);
	}
	assert(s < 60 && m < 60 && h < 24);
	return (h * 60 + m) * 60 + s;
}

/* C4; the guest's index is put back. */
static void extra(struct input *in)
{
	uint8_t index = rtc.index;
	unsigned then, seconds = (unsigned)take(in, 1);

	if (rtc.stopped)
		return;
	then = seconds_of_day();
	assert(number(get(7)) >= 1 && number(get(7)) <= 31);
	assert(number(get(8)) >= 1 && number(get(8)) <= 12);
	assert(number(get(6)) >= 1 && number(get(6)) <= 7 && number(get(9)) <= 99);
	fake_sleep(seconds * NSEC_PER_SEC);
	assert(seconds_of_day() == (then + seconds) % SECONDS_PER_DAY);
	rtc.index = index;
	dates = 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	const struct device d = {
		.range = { { &ports, RTC_PORT, 2, 1 } },
		.nr_ranges = 1,
		.nr_timers = 1,
		.extra = extra,
		.check = check,
	};

	fake_reset();
	ports = (struct iobus){ 0 };
	line = (struct fake_line){ 0 };
	dates = calls = 0;
	rtc_init(&rtc, fake_irq_line(&line), &lock, UINT64_C(512) << 20, 0);
	assert(!rtc_register(&rtc, &ports));
	device_run(&d, &in);
	rtc_fini(&rtc);
	assert(!fake_next_timer());
	return 0;
}

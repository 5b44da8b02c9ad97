/* SPDX-License-Identifier: MIT */
/*
 * The MC146818A. Guarded by the VM's lock.
 *
 * While the clock runs its registers are computed from clock_ns(), and so are the three
 * flags of register C: what happened since `seen_ns` is found out when somebody looks, or when
 * the timer for an enabled interrupt fires. A guest that never enables one costs nothing.
 */
#include "drivers/virt/rtc.h"

#include "drivers/virt/io_bytes.h"
#include "drivers/virt/ticks.h"
#include "hv/date.h"

/* register numbers */
enum {
	REG_SECONDS = 0,
	REG_SECONDS_ALARM = 1,
	REG_MINUTES = 2,
	REG_MINUTES_ALARM = 3,
	REG_HOURS = 4,
	REG_HOURS_ALARM = 5,
	REG_WEEKDAY = 6,
	REG_DAY = 7,
	REG_MONTH = 8,
	REG_YEAR = 9,
	REG_A = 10,
	REG_B = 11,
	REG_C = 12,
	REG_D = 13,
};

enum {
	A_UIP = 1 << 7, /* update in progress */
	A_DV_MASK = 7 << 4,
	A_DV_32K = 2 << 4, /* the divider runs from 32.768 kHz */
	A_RS_MASK = 0x0f, /* periodic rate */
	B_SET = 1 << 7,
	B_BINARY = 1 << 2,
	B_24H = 1 << 1,
	C_IRQF = 1 << 7,
	C_PF = 1 << 6, /* same positions as PIE, AIE, UIE in register B */
	C_AF = 1 << 5,
	C_UF = 1 << 4,
	C_FLAGS = C_PF | C_AF | C_UF,
	D_VALID = 1 << 7, /* the battery is good */
	HOUR_PM = 1 << 7,
	ALARM_ANY = 0xc0, /* "don't care" */
	INDEX_MASK = RTC_CMOS_SIZE - 1, /* bit 7 of the port masks NMI */
};

/* CMOS bytes as the PC's BIOS keeps them */
enum {
	CMOS_EQUIPMENT = 0x14,
	CMOS_BASE_KB = 0x15,
	CMOS_EXTENDED_KB = 0x17,
	CMOS_CHECKED_FIRST = 0x10,
	CMOS_CHECKED_LAST = 0x2d,
	CMOS_CHECKSUM = 0x2e, /* high byte first */
	CMOS_EXTENDED_KB_COPY = 0x30,
	CMOS_ABOVE_16M = 0x34, /* in 64 KiB */
	CMOS_ABOVE_4G = 0x5b, /* in 64 KiB, three bytes */
	EQUIPMENT_FPU = 1 << 1,
};

/* Before an update UIP is up for 244 usec, then for the update's 1984 usec (data sheet,
 * table 2, 32.768 kHz). Registers change at the end. */
#define UIP_NS (2228 * NSEC_PER_USEC)
#define DIVIDER_RELEASE_NS (NSEC_PER_SEC / 2) /* release to first update */
#define OSCILLATOR_HZ UINT64_C(32768)

static uint8_t encode(const struct rtc *r, unsigned n)
{
	return (uint8_t)(r->cmos[REG_B] & B_BINARY ? n : n / 10 << 4 | n % 10);
}

static unsigned decode(const struct rtc *r, uint8_t v)
{
	return r->cmos[REG_B] & B_BINARY ? v : (v >> 4) * 10u + (v & 15u);
}

static uint8_t encode_hour(const struct rtc *r, unsigned h)
{
	if (r->cmos[REG_B] & B_24H)
		return encode(r, h);
	return encode(r, h % 12 ? h % 12 : 12) | (h >= 12 ? HOUR_PM : 0);
}

static unsigned decode_hour(const struct rtc *r, uint8_t v)
{
	if (r->cmos[REG_B] & B_24H)
		return decode(r, v);
	return decode(r, v & (uint8_t)~HOUR_PM) % 12 + (v & HOUR_PM ? 12 : 0);
}

static int64_t rtc_seconds(const struct rtc *r, uint64_t now)
{
	return r->base_seconds + (int64_t)((now - r->base_ns) / NSEC_PER_SEC);
}

/* The running time into the registers. */
static void rtc_store_time(struct rtc *r, uint64_t now)
{
	struct date d;

	date_from_seconds(&d, rtc_seconds(r, now));
	r->cmos[REG_SECONDS] = encode(r, d.second);
	r->cmos[REG_MINUTES] = encode(r, d.minute);
	r->cmos[REG_HOURS] = encode_hour(r, d.hour);
	r->cmos[REG_WEEKDAY] = encode(r, d.weekday);
	r->cmos[REG_DAY] = encode(r, d.day);
	r->cmos[REG_MONTH] = encode(r, d.month);
	r->cmos[REG_YEAR] = encode(r, (unsigned)(d.year % 100));
	/* The century is a byte of the BIOS, always BCD. */
	r->cmos[RTC_REG_CENTURY] = (uint8_t)(d.year / 1000 % 10 << 4 | d.year / 100 % 10);
}

static int64_t rtc_load_time(const struct rtc *r)
{
	uint8_t century = r->cmos[RTC_REG_CENTURY];
	struct date d = {
		.second = decode(r, r->cmos[REG_SECONDS]),
		.minute = decode(r, r->cmos[REG_MINUTES]),
		.hour = decode_hour(r, r->cmos[REG_HOURS]),
		.day = decode(r, r->cmos[REG_DAY]),
		.month = (decode(r, r->cmos[REG_MONTH]) + 11) % 12 + 1,
		.year = ((century >> 4) * 10 + (century & 15)) * 100 +
			(int)decode(r, r->cmos[REG_YEAR]),
	};

	return date_to_seconds(&d);
}

/* Periods of the periodic interrupt in oscillator ticks; 0: off. Rates 1 and 2 are those
 * of 8 and 9 (data sheet, table 5). */
static unsigned rtc_period(const struct rtc *r)
{
	unsigned rs = r->cmos[REG_A] & A_RS_MASK;

	return !rs ? 0 : 1u << (rs <= 2 ? rs + 6 : rs - 1);
}

static bool alarm_matches(const struct rtc *r, unsigned reg, uint8_t now)
{
	uint8_t alarm = r->cmos[reg];

	return (alarm & ALARM_ANY) == ALARM_ANY || alarm == now;
}

static bool some_match(const struct rtc *r, unsigned reg, unsigned values,
		       uint8_t (*encode_value)(const struct rtc *r, unsigned n))
{
	unsigned n = 0;

	while (n < values && !alarm_matches(r, reg, encode_value(r, n)))
		n++;
	return n < values;
}

/* Second 99 never comes: a day is not searched for it. */
static bool alarm_possible(const struct rtc *r)
{
	return some_match(r, REG_HOURS_ALARM, 24, encode_hour) &&
	       some_match(r, REG_MINUTES_ALARM, 60, encode) &&
	       some_match(r, REG_SECONDS_ALARM, 60, encode);
}

/* First second after `from` at which the alarm goes off, within a day; -1: never. Skips
 * whole hours and minutes that do not match, so it takes some 250 steps at most. */
static int64_t rtc_next_alarm(const struct rtc *r, int64_t from)
{
	int64_t t = from + 1, end = from + SECONDS_PER_DAY;
	struct date d;

	if (!alarm_possible(r))
		return -1;
	while (t <= end) {
		date_from_seconds(&d, t);
		if (!alarm_matches(r, REG_HOURS_ALARM, encode_hour(r, d.hour)))
			t += 3600 - (int64_t)(d.minute * 60 + d.second);
		else if (!alarm_matches(r, REG_MINUTES_ALARM, encode(r, d.minute)))
			t += 60 - (int64_t)d.second;
		else if (!alarm_matches(r, REG_SECONDS_ALARM, encode(r, d.second)))
			t++;
		else
			return t;
	}
	return -1;
}

/* When second `s` begins. */
static uint64_t rtc_second_ns(const struct rtc *r, int64_t s)
{
	return r->base_ns + (uint64_t)(s - r->base_seconds) * NSEC_PER_SEC;
}

static void rtc_update_irq(struct rtc *r)
{
	uint8_t *c = &r->cmos[REG_C];

	*c &= (uint8_t)~C_IRQF;
	if (*c & r->cmos[REG_B] & C_FLAGS)
		*c |= C_IRQF;
	irq_line_set(&r->irq, *c & C_IRQF);
}

/* Set the flags of everything that happened since the last look. */
static void rtc_catch_up(struct rtc *r, uint64_t now)
{
	uint64_t seen = r->seen_ns;
	unsigned period = rtc_period(r);
	int64_t before, alarm;

	r->seen_ns = now;
	if (period && (r->cmos[REG_A] & A_DV_MASK) == A_DV_32K && seen >= r->periodic_base &&
	    ns_to_ticks(seen - r->periodic_base, OSCILLATOR_HZ) / period !=
		    ns_to_ticks(now - r->periodic_base, OSCILLATOR_HZ) / period)
		r->cmos[REG_C] |= C_PF;
	if (r->stopped)
		return;
	before = rtc_seconds(r, MAX(seen, r->base_ns));
	if (before == rtc_seconds(r, now))
		return;
	r->cmos[REG_C] |= C_UF;
	alarm = rtc_next_alarm(r, before);
	if (alarm >= 0 && alarm <= rtc_seconds(r, now))
		r->cmos[REG_C] |= C_AF;
}

/* When the next enabled interrupt is due; 0: none. */
static uint64_t rtc_next_due(const struct rtc *r, uint64_t now)
{
	uint8_t enabled = r->cmos[REG_B] & C_FLAGS & (uint8_t)~r->cmos[REG_C];
	unsigned period = rtc_period(r);
	uint64_t due = UINT64_MAX, n;
	int64_t alarm;

	if (enabled & C_PF && period && (r->cmos[REG_A] & A_DV_MASK) == A_DV_32K) {
		n = ns_to_ticks(now - r->periodic_base, OSCILLATOR_HZ) / period + 1;
		due = r->periodic_base + ticks_to_ns(n * period, OSCILLATOR_HZ);
	}
	if (!r->stopped && enabled & C_UF)
		due = MIN(due, rtc_second_ns(r, rtc_seconds(r, now) + 1));
	if (!r->stopped && enabled & C_AF) {
		alarm = rtc_next_alarm(r, rtc_seconds(r, now));
		if (alarm >= 0)
			due = MIN(due, rtc_second_ns(r, alarm));
	}
	return due == UINT64_MAX ? 0 : due;
}

/* A flag that is set needs no timer: its interrupt is already requested until register C
 * is read, and that comes here again. */
static void rtc_refresh(struct rtc *r, uint64_t now)
{
	uint64_t due;

	rtc_catch_up(r, now);
	rtc_update_irq(r);
	due = rtc_next_due(r, now);
	if (due)
		timer_set(&r->timer, due);
	else
		timer_cancel(&r->timer);
}

static void rtc_timer(struct timer *t)
{
	struct rtc *r = container_of(t, struct rtc, timer);

	spin_lock(r->lock);
	rtc_refresh(r, clock_ns());
	spin_unlock(r->lock);
}

static bool is_time_register(unsigned reg)
{
	return reg == REG_SECONDS || reg == REG_MINUTES || reg == REG_HOURS ||
	       (reg >= REG_WEEKDAY && reg <= REG_YEAR) || reg == RTC_REG_CENTURY;
}

static uint8_t rtc_read_a(const struct rtc *r, uint64_t now)
{
	uint64_t phase = (now - r->base_ns) % NSEC_PER_SEC;
	bool uip = !r->stopped && phase >= NSEC_PER_SEC - UIP_NS;

	return r->cmos[REG_A] | (uip ? A_UIP : 0);
}

/* Reading register C acknowledges everything. */
static uint8_t rtc_read_c(struct rtc *r, uint64_t now)
{
	uint8_t val;

	rtc_catch_up(r, now);
	rtc_update_irq(r);
	val = r->cmos[REG_C];
	r->cmos[REG_C] = 0;
	rtc_refresh(r, now);
	return val;
}

static uint8_t rtc_data_read(struct rtc *r)
{
	uint64_t now = clock_ns();

	switch (r->index) {
	case REG_A:
		return rtc_read_a(r, now);
	case REG_C:
		return rtc_read_c(r, now);
	default:
		if (!r->stopped && is_time_register(r->index))
			rtc_store_time(r, now);
		return r->cmos[r->index];
	}
}

/* Run on from the bytes in the registers as they stand (in the format of register B). The
 * divider never stopped for it, so the boundary of seconds stays where it is. */
static void rtc_resume(struct rtc *r, uint64_t now)
{
	r->base_ns = now - (now - r->base_ns) % NSEC_PER_SEC;
	r->base_seconds = rtc_load_time(r);
}

/* Registers A and B decide whether time runs. */
static void rtc_control(struct rtc *r, unsigned reg, uint8_t val, uint64_t now)
{
	bool held = (r->cmos[REG_A] & A_DV_MASK) != A_DV_32K;

	rtc_catch_up(r, now);
	if (!r->stopped)
		rtc_store_time(r, now);
	if (reg == REG_A)
		val &= (uint8_t)~A_UIP;
	else if (val & B_SET)
		val &= (uint8_t)~C_UF; /* SET clears UIE */
	r->cmos[reg] = val;
	r->stopped = (r->cmos[REG_B] & B_SET) || (r->cmos[REG_A] & A_DV_MASK) != A_DV_32K;
	if (held && (r->cmos[REG_A] & A_DV_MASK) == A_DV_32K) {
		r->periodic_base = now;
		r->base_ns = now > DIVIDER_RELEASE_NS ? now - DIVIDER_RELEASE_NS : 0;
	}
	if (!r->stopped)
		rtc_resume(r, now);
	rtc_refresh(r, now);
}

static void rtc_data_write(struct rtc *r, uint8_t val)
{
	uint64_t now = clock_ns();
	unsigned reg = r->index;

	if (reg == REG_A || reg == REG_B) {
		rtc_control(r, reg, val, now);
		return;
	}
	if (reg == REG_C || reg == REG_D)
		return;
	rtc_catch_up(r, now);
	if (!r->stopped && is_time_register(reg)) {
		rtc_store_time(r, now);
		r->cmos[reg] = val;
		rtc_resume(r, now);
	} else {
		r->cmos[reg] = val;
	}
	rtc_refresh(r, now);
}

static uint8_t rtc_read(void *dev, unsigned reg)
{
	return reg ? rtc_data_read(dev) : 0xff; /* the index cannot be read back */
}

static void rtc_write(void *dev, unsigned reg, uint8_t val)
{
	struct rtc *r = dev;

	if (reg)
		rtc_data_write(r, val);
	else
		r->index = val & INDEX_MASK;
}

static uint64_t rtc_io_read(void *dev, uint64_t off, unsigned size)
{
	return io_bytes_read(dev, off, size, rtc_read);
}

static void rtc_io_write(void *dev, uint64_t off, unsigned size, uint64_t val)
{
	io_bytes_write(dev, off, size, val, rtc_write);
}

static const struct io_ops rtc_ops = { "RTC", rtc_io_read, rtc_io_write };

static void cmos_put(struct rtc *r, unsigned at, uint64_t val, unsigned bytes)
{
	unsigned i;

	for (i = 0; i < bytes; i++)
		r->cmos[at + i] = (uint8_t)(val >> (8 * i));
}

static void cmos_memory_size(struct rtc *r, uint64_t ram_low, uint64_t ram_high)
{
	uint64_t extended_kb = ram_low > 0x100000 ? (ram_low - 0x100000) >> 10 : 0;
	uint64_t above_16m = ram_low > 0x1000000 ? (ram_low - 0x1000000) >> 16 : 0;
	unsigned i, sum = 0;

	cmos_put(r, CMOS_BASE_KB, 640, 2);
	cmos_put(r, CMOS_EXTENDED_KB, MIN(extended_kb, UINT64_C(0xffff)), 2);
	cmos_put(r, CMOS_EXTENDED_KB_COPY, MIN(extended_kb, UINT64_C(0xffff)), 2);
	cmos_put(r, CMOS_ABOVE_16M, MIN(above_16m, UINT64_C(0xffff)), 2);
	cmos_put(r, CMOS_ABOVE_4G, MIN(ram_high >> 16, UINT64_C(0xffffff)), 3);
	r->cmos[CMOS_EQUIPMENT] = EQUIPMENT_FPU;
	for (i = CMOS_CHECKED_FIRST; i <= CMOS_CHECKED_LAST; i++)
		sum += r->cmos[i];
	r->cmos[CMOS_CHECKSUM] = (uint8_t)(sum >> 8);
	r->cmos[CMOS_CHECKSUM + 1] = (uint8_t)sum;
}

void rtc_init(struct rtc *r, struct irq_line irq, struct spinlock *lock, uint64_t ram_low,
	      uint64_t ram_high)
{
	uint64_t now = clock_ns();

	*r = (struct rtc){ .irq = irq, .lock = lock };
	timer_init(&r->timer, rtc_timer);
	r->cmos[REG_A] = A_DV_32K | 6; /* 1024 Hz, as a BIOS leaves it */
	r->cmos[REG_B] = B_24H;
	r->cmos[REG_D] = D_VALID;
	r->base_seconds = (int64_t)clock_wall_seconds();
	r->base_ns = r->periodic_base = r->seen_ns = now;
	cmos_memory_size(r, ram_low, ram_high);
}

void rtc_fini(struct rtc *r)
{
	timer_cancel(&r->timer);
}

int rtc_register(struct rtc *r, struct iobus *ports)
{
	return iobus_add(ports, RTC_PORT, 2, &rtc_ops, r);
}

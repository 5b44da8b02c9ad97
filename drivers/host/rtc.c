/* SPDX-License-Identifier: MIT */
/* The host's CMOS clock (drivers/host/rtc.h). Read at boot by the boot CPU; no data. */
#include "drivers/host/rtc.h"

#include "hv/cpu.h"
#include "hv/date.h"
#include "hv/string.h"

#define CMOS_INDEX 0x70
#define CMOS_DATA 0x71

#define REG_SECONDS 0x00
#define REG_MINUTES 0x02
#define REG_HOURS 0x04
#define REG_DAY 0x07
#define REG_MONTH 0x08
#define REG_YEAR 0x09
#define REG_A 0x0a
#define REG_B 0x0b

#define A_UPDATING 0x80
#define B_24_HOURS 0x02
#define B_BINARY 0x04
#define HOURS_PM 0x80

#define CENTURY 2000 /* two digits of year; this code is younger */
#define COMPARE_TRIES 10
#define READ_TRIES 1000000 /* an update takes 2 ms at most */

struct raw_time {
	uint8_t second, minute, hour, day, month, year;
};

static uint8_t read_cmos(uint8_t reg)
{
	outb(CMOS_INDEX, reg);
	return inb(CMOS_DATA);
}

static struct raw_time read_once(void)
{
	unsigned tries = READ_TRIES;

	while ((read_cmos(REG_A) & A_UPDATING) && --tries)
		cpu_relax();
	return (struct raw_time){
		.second = read_cmos(REG_SECONDS),
		.minute = read_cmos(REG_MINUTES),
		.hour = read_cmos(REG_HOURS),
		.day = read_cmos(REG_DAY),
		.month = read_cmos(REG_MONTH),
		.year = read_cmos(REG_YEAR),
	};
}

static unsigned number(uint8_t raw, uint8_t reg_b)
{
	return reg_b & B_BINARY ? raw : (raw >> 4) * 10u + (raw & 0xf);
}

static unsigned hour_of(uint8_t raw, uint8_t reg_b)
{
	unsigned hour = number(raw & ~HOURS_PM, reg_b);

	if (reg_b & B_24_HOURS)
		return number(raw, reg_b);
	return hour % 12 + (raw & HOURS_PM ? 12 : 0);
}

uint64_t rtc_read_seconds(void)
{
	struct raw_time t = read_once(), again;
	uint8_t reg_b = read_cmos(REG_B);
	struct date d;
	unsigned tries;

	/* An update between two registers shows as two readings that differ. */
	for (tries = 0; tries < COMPARE_TRIES; tries++) {
		again = read_once();
		if (!memcmp(&t, &again, sizeof(t)))
			break;
		t = again;
	}
	d = (struct date){
		.year = CENTURY + number(t.year, reg_b),
		.month = number(t.month, reg_b),
		.day = number(t.day, reg_b),
		.hour = hour_of(t.hour, reg_b),
		.minute = number(t.minute, reg_b),
		.second = number(t.second, reg_b),
	};
	if (d.month < 1 || d.month > 12 || d.day < 1 || d.day > 31 || d.hour > 23 ||
	    d.minute > 59 || d.second > 60)
		return 0;
	return date_to_seconds(&d);
}

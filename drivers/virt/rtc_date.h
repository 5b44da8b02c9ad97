/* SPDX-License-Identifier: MIT */
/* Seconds since 1970 to a calendar date of the proleptic Gregorian calendar and back. */
#ifndef DRIVERS_VIRT_RTC_DATE_H
#define DRIVERS_VIRT_RTC_DATE_H

#include <stdint.h>

#define SECONDS_PER_DAY 86400

struct rtc_date {
	int64_t year; /* 1970 is 1970 */
	unsigned month, day; /* from 1 */
	unsigned weekday; /* 1: Sunday, as the MC146818 counts */
	unsigned hour, minute, second;
};

void rtc_date_from_seconds(struct rtc_date *d, int64_t seconds);

/* Fields out of range are carried over (minute 61 is the next hour's first). */
int64_t rtc_date_to_seconds(const struct rtc_date *d);

#endif

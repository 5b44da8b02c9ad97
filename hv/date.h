/* SPDX-License-Identifier: MIT */
/* Seconds since 1970 to a calendar date of the proleptic Gregorian calendar and back. */
#ifndef HV_DATE_H
#define HV_DATE_H

#include <stdint.h>

#define SECONDS_PER_DAY 86400

struct date {
	int64_t year; /* 1970 is 1970 */
	unsigned month, day; /* from 1 */
	unsigned weekday; /* 1: Sunday, as the MC146818 counts */
	unsigned hour, minute, second;
};

void date_from_seconds(struct date *d, int64_t seconds);

/* Fields out of range are carried over (minute 61 is the next hour's first). */
int64_t date_to_seconds(const struct date *d);

#endif

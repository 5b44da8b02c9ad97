/* SPDX-License-Identifier: MIT */
/*
 * Calendar arithmetic (hv/date.h). No state, no lock.
 *
 * Years are counted from March, so that the leap day is a year's last and month lengths
 * follow one linear formula: (153 * m + 2) / 5 days lie before month m (0: March). An era
 * is the calendar's full cycle of 400 years.
 */
#include "hv/date.h"

#define DAYS_PER_ERA 146097
#define ERA_TO_1970 719468 /* days from 0000-03-01 to 1970-01-01 */

static int64_t floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

void date_from_seconds(struct date *d, int64_t seconds)
{
	int64_t days = floor_div(seconds, SECONDS_PER_DAY);
	unsigned second = (unsigned)(seconds - days * SECONDS_PER_DAY);
	int64_t era = floor_div(days + ERA_TO_1970, DAYS_PER_ERA);
	unsigned day = (unsigned)(days + ERA_TO_1970 - era * DAYS_PER_ERA);
	unsigned year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
	unsigned month;

	day -= 365 * year + year / 4 - year / 100;
	month = (5 * day + 2) / 153;
	d->day = day - (153 * month + 2) / 5 + 1;
	d->month = month < 10 ? month + 3 : month - 9;
	d->year = era * 400 + year + (month >= 10);
	d->weekday = (unsigned)(days + 4 - floor_div(days + 4, 7) * 7) + 1; /* a Thursday */
	d->hour = second / 3600;
	d->minute = second / 60 % 60;
	d->second = second % 60;
}

int64_t date_to_seconds(const struct date *d)
{
	unsigned month = d->month >= 3 ? d->month - 3 : d->month + 9;
	int64_t year = d->year - (d->month < 3);
	int64_t era = floor_div(year, 400);
	unsigned in_era = (unsigned)(year - era * 400);
	int64_t days = era * DAYS_PER_ERA + in_era * 365 + in_era / 4 - in_era / 100 +
		       (153 * month + 2) / 5 + d->day - 1 - ERA_TO_1970;

	return days * SECONDS_PER_DAY + (int64_t)d->hour * 3600 + d->minute * 60 + d->second;
}

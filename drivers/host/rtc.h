/* SPDX-License-Identifier: MIT */
/* The host's CMOS clock (Motorola MC146818A). */
#ifndef DRIVERS_HOST_RTC_H
#define DRIVERS_HOST_RTC_H

#include <stdint.h>

/* Seconds since 1970-01-01, taking the clock as UTC; 0 if there is no sane clock. */
uint64_t rtc_read_seconds(void);

#endif

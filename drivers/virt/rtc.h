/* SPDX-License-Identifier: MIT */
/*
 * The real-time clock and CMOS memory: Motorola MC146818A data sheet, with the century byte
 * and the memory-size bytes of a PC's BIOS. Keeps UTC.
 */
#ifndef DRIVERS_VIRT_RTC_H
#define DRIVERS_VIRT_RTC_H

#include "drivers/virt/irq_line.h"
#include "hv/iobus.h"
#include "hv/spinlock.h"
#include "hv/timer.h"

#define RTC_PORT 0x70 /* 2 ports: index, data */
#define RTC_CMOS_SIZE 128
#define RTC_REG_CENTURY 0x32 /* named in the FADT */

struct rtc {
	uint8_t cmos[RTC_CMOS_SIZE]; /* time registers are only valid while stopped */
	uint8_t index;
	bool stopped; /* registers hold the time: SET, or the divider is held */
	int64_t base_seconds; /* UTC since 1970 at base_ns */
	uint64_t base_ns; /* clock_ns() of a second's boundary, the latest known */
	uint64_t periodic_base; /* clock_ns() when the divider chain started */
	uint64_t seen_ns; /* flags are right up to here */
	struct timer timer; /* the next enabled interrupt */
	struct irq_line irq;
	struct spinlock *lock; /* the VM's, for the timer's callback */
};

/* `ram_low`: bytes below the PCI hole, `ram_high`: bytes above 4 GiB. */
void rtc_init(struct rtc *r, struct irq_line irq, struct spinlock *lock, uint64_t ram_low,
	      uint64_t ram_high);
void rtc_fini(struct rtc *r);
must_check int rtc_register(struct rtc *r, struct iobus *ports);

#endif

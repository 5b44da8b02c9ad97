/* SPDX-License-Identifier: MIT */
/*
 * Time and one-shot timers.
 *
 * The clock is the TSC, calibrated once at boot. Timer callbacks run on the CPU that set
 * them, from the run loop (hv/sched.c), with interrupts off and no lock held; a callback
 * may set its own timer again.
 */
#ifndef HV_TIMER_H
#define HV_TIMER_H

#include <stdbool.h>
#include <stdint.h>

#define NSEC_PER_SEC UINT64_C(1000000000)
#define NSEC_PER_MSEC UINT64_C(1000000)
#define NSEC_PER_USEC UINT64_C(1000)

/* Set and cancelled by any CPU, but by one at a time: its owner's lock sees to that. A callback
 * that was due already may still run after a cancel, and one that is early does no harm. */
struct timer {
	struct timer *next; /* in the CPU's list, by deadline */
	uint64_t deadline; /* clock_ns() at which it is due */
	void (*fn)(struct timer *t);
	bool armed;
	struct percpu *cpu; /* in whose list it is, while it is armed */
};

struct percpu;

/* Nanoseconds since xihv started; monotonic, the same on every CPU. */
uint64_t clock_ns(void);

/* TSC frequency in Hz, and conversions between its ticks and nanoseconds (128-bit
 * intermediate, so any value may be converted). tsc_to_ns(rdtsc()) is no clock_ns():
 * the clock starts at boot. */
uint64_t tsc_hz(void);
uint64_t tsc_to_ns(uint64_t ticks);
uint64_t ns_to_tsc(uint64_t ns);

/* clock_ns() at host TSC value `tsc`; saturates at 0. */
uint64_t tsc_clock_ns(uint64_t tsc);

/* The other way round: host TSC value at clock_ns() == ns; for what is decades away
 * TIMER_TSC_NEVER (hv/percpu.h). */
uint64_t clock_tsc(uint64_t ns);

/* Seconds since 1970-01-01 UTC by the machine's RTC at boot, carried on by clock_ns(). */
uint64_t clock_wall_seconds(void);

void timer_init(struct timer *t, void (*fn)(struct timer *t));

/* Arm (or move) `t` to fire at clock_ns() >= deadline; a deadline that has passed fires
 * at the next chance. */
void timer_set(struct timer *t, uint64_t deadline);
void timer_cancel(struct timer *t);

/*
 * The hardware has fired, or should have. The second half is for QEMU's TCG, which changes
 * its interrupt flags around VMRUN without its lock and so now and then loses a timer
 * interrupt for good; the run loop and the back ends look at the clock themselves.
 */
bool timers_due(void);

/* Run what is due on this CPU and program the hardware for the next. Run loop only. */
void timers_run(void);

#endif

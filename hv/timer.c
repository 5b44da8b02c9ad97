/* SPDX-License-Identifier: MIT */
/*
 * Time and one-shot timers (hv/timer.h). The clock's constants are written at boot only;
 * a CPU's list of timers is guarded by its timer_lock, which is the last to be taken. The
 * interrupt handler only sets a flag.
 */
#include "hv/timer.h"

#include "drivers/host/lapic.h"
#include "drivers/host/rtc.h"
#include "drivers/host/tsc.h"
#include "hv/cpu.h"
#include "hv/percpu.h"
#include "hv/print.h"
#include "hv/ratio.h"
#include "hv/sched.h"
#include "hv/timer_init.h"

/* 36 years: what a guest asks for beyond it (a TSC deadline may be any number) never comes,
 * and would not fit into ticks. */
#define FAR_FUTURE_NS (UINT64_MAX / 16)

static uint64_t hz; /* of the TSC */
static uint64_t tsc_start; /* clock_ns() == 0 */
static struct ratio to_ns, to_tsc;
static uint64_t wall_start; /* seconds since 1970 at tsc_start */

uint64_t tsc_hz(void)
{
	return hz;
}

uint64_t tsc_to_ns(uint64_t ticks)
{
	return ratio_apply(to_ns, ticks);
}

uint64_t ns_to_tsc(uint64_t ns)
{
	return ratio_apply(to_tsc, ns);
}

uint64_t tsc_clock_ns(uint64_t tsc)
{
	return tsc > tsc_start ? tsc_to_ns(tsc - tsc_start) : 0;
}

uint64_t clock_tsc(uint64_t ns)
{
	return ns < FAR_FUTURE_NS ? tsc_start + ns_to_tsc(ns) : TIMER_TSC_NEVER;
}

uint64_t clock_ns(void)
{
	return tsc_clock_ns(rdtsc());
}

uint64_t clock_wall_seconds(void)
{
	return wall_start + clock_ns() / NSEC_PER_SEC;
}

static bool is_armed(const struct timer *t)
{
	return __atomic_load_n(&t->armed, __ATOMIC_RELAXED);
}

void timer_init(struct timer *t, void (*fn)(struct timer *t))
{
	t->next = NULL;
	t->deadline = 0;
	t->fn = fn;
	t->armed = false;
	t->cpu = NULL;
}

/* Set the hardware for the first timer of this CPU. Nothing to do while it will fire no
 * later than that: an early interrupt costs less than programming it each time. */
static void program(struct percpu *cpu)
{
	uint64_t tsc = cpu->timers ? clock_tsc(cpu->timers->deadline) : TIMER_TSC_NEVER;

	if (cpu->timer_tsc <= tsc)
		return;
	cpu->timer_tsc = tsc;
	if (rdtsc() < tsc) {
		lapic_timer_arm(tsc);
	} else {
		cpu->timer_fired = true;
		sched_poke();
	}
}

static void take_out(struct timer *t)
{
	struct timer **link = &t->cpu->timers;

	while (*link && *link != t)
		link = &(*link)->next;
	BUG_ON(!*link);
	*link = t->next;
	t->armed = false;
}

static void put_in(struct percpu *cpu, struct timer *t)
{
	struct timer **link = &cpu->timers;

	while (*link && (*link)->deadline <= t->deadline)
		link = &(*link)->next;
	t->next = *link;
	*link = t;
	t->cpu = cpu;
	t->armed = true;
}

void timer_cancel(struct timer *t)
{
	struct percpu *cpu = t->cpu;

	if (!is_armed(t))
		return;
	spin_lock(&cpu->timer_lock);
	if (t->armed) /* it may have come due just now */
		take_out(t);
	spin_unlock(&cpu->timer_lock);
}

void timer_set(struct timer *t, uint64_t deadline)
{
	struct percpu *cpu = this_cpu();

	timer_cancel(t);
	spin_lock(&cpu->timer_lock);
	t->deadline = deadline;
	put_in(cpu, t);
	program(cpu);
	spin_unlock(&cpu->timer_lock);
}

bool timers_due(void)
{
	const struct percpu *cpu = this_cpu();

	return cpu->timer_fired || rdtsc() >= cpu->timer_tsc;
}

/* The first timer of this CPU that is due at `now`, taken out; or NULL. */
static struct timer *next_due(struct percpu *cpu, uint64_t now)
{
	struct timer *t;

	spin_lock(&cpu->timer_lock);
	t = cpu->timers;
	if (t && t->deadline <= now)
		take_out(t);
	else
		t = NULL;
	spin_unlock(&cpu->timer_lock);
	return t;
}

void timers_run(void)
{
	struct percpu *cpu = this_cpu();
	uint64_t now = clock_ns();
	struct timer *t;

	if (timers_due()) {
		cpu->timer_fired = false;
		cpu->timer_tsc = TIMER_TSC_NEVER;
	}
	while ((t = next_due(cpu, now)))
		t->fn(t);
	spin_lock(&cpu->timer_lock);
	program(cpu);
	spin_unlock(&cpu->timer_lock);
}

static void on_interrupt(unsigned vector)
{
	(void)vector;
	this_cpu()->timer_fired = true;
	sched_poke();
}

void time_init(void)
{
	const char *by;

	hz = tsc_calibrate(&by);
	to_ns = ratio_make(NSEC_PER_SEC, hz);
	to_tsc = ratio_make(hz, NSEC_PER_SEC);
	tsc_start = rdtsc();
	wall_start = rtc_read_seconds();
	lapic_timer_init(on_interrupt);
	printk("time: TSC %lu.%03lu MHz by %s, timer: %s\n", hz / 1000000, hz / 1000 % 1000, by,
	       lapic_timer_name());
}

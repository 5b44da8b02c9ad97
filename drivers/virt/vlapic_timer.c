/* SPDX-License-Identifier: MIT */
/*
 * The local APIC's timer (Intel SDM Vol. 3A 10.5.4). Guarded by the VM's lock, which the
 * callback takes.
 *
 * The counting modes know only when the count reaches 0; the current count follows from
 * clock_ns(). A periodic timer's due times stay multiples of its period behind the first
 * (it does not drift); when several were missed because the vCPU's CPU was elsewhere, they
 * become one interrupt, as IRR would merge them.
 */
#include "drivers/virt/ticks.h"
#include "drivers/virt/vlapic_priv.h"
#include "hv/vm.h"

/* No host timer is set further ahead: it fires early, and is set again. */
#define MAX_AHEAD_NS (3600 * NSEC_PER_SEC)

static enum apic_timer_mode timer_mode(const struct vlapic *l)
{
	return l->lvt[LVT_TIMER] >> APIC_LVT_TIMER_SHIFT & APIC_LVT_TIMER_MASK;
}

/* Nanoseconds a count: bits 3, 1, 0 of the divide register; 111 is divide by 1 (figure
 * 10-10), at 1 GHz. */
static uint64_t timer_divisor(uint32_t divide)
{
	unsigned code = (divide & 3) | (divide >> 1 & 4);

	return 1u << ((code + 1) & 7);
}

static uint64_t timer_period(const struct vlapic *l)
{
	return l->timer.initial * timer_divisor(l->timer.divide);
}

static void arm(struct vlapic *l, uint64_t due, uint64_t now)
{
	timer_set(&l->timer.host, MIN(due, now + MAX_AHEAD_NS));
}

static void count_reached_zero(struct vlapic *l)
{
	struct vlapic_timer *t = &l->timer;
	uint64_t now = clock_ns(), period;

	if (!t->due)
		return;
	if (now < t->due) {
		arm(l, t->due, now);
		return;
	}
	period = timer_mode(l) == APIC_TIMER_PERIODIC ? timer_period(l) : 0;
	if (period) {
		t->due += period * (1 + (now - t->due) / period);
		arm(l, MAX(t->due, now + VIRT_TIMER_MIN_NS), now);
	} else {
		t->due = 0;
	}
	vlapic_raise_lvt(l, LVT_TIMER);
}

/* Fire if the guest's TSC has come to the deadline, else set the host timer for when it
 * will; one nanosecond late rather than early, so that one time is enough. */
static void deadline_check(struct vlapic *l)
{
	struct vlapic_timer *t = &l->timer;
	uint64_t now, guest_now;

	if (!t->tsc_deadline)
		return;
	guest_now = vcpu_tsc(l->vcpu);
	if (guest_now >= t->tsc_deadline) {
		t->tsc_deadline = 0;
		if (t->host.armed) /* for an earlier, later deadline */
			timer_cancel(&t->host);
		vlapic_raise_lvt(l, LVT_TIMER);
		return;
	}
	now = clock_ns();
	/* Far deadlines would not fit into 64 bits of nanoseconds. */
	if (t->tsc_deadline - guest_now > ns_to_tsc(MAX_AHEAD_NS))
		arm(l, now + MAX_AHEAD_NS, now);
	else
		arm(l, now + tsc_to_ns(t->tsc_deadline - guest_now) + 1, now);
}

static void timer_fired(struct timer *host)
{
	struct vlapic *l = container_of(host, struct vlapic, timer.host);
	struct spinlock *lock = &l->vcpu->vm->lock;

	spin_lock(lock);
	if (timer_mode(l) == APIC_TIMER_TSC)
		deadline_check(l);
	else
		count_reached_zero(l);
	spin_unlock(lock);
}

void vlapic_timer_init(struct vlapic *l)
{
	timer_init(&l->timer.host, timer_fired);
}

void vlapic_timer_reset(struct vlapic *l)
{
	vlapic_timer_stop(l);
	l->timer.initial = 0;
	l->timer.divide = 0;
}

void vlapic_timer_stop(struct vlapic *l)
{
	l->timer.due = 0;
	l->timer.tsc_deadline = 0;
	timer_cancel(&l->timer.host);
}

void vlapic_timer_set_initial(struct vlapic *l, uint32_t count)
{
	struct vlapic_timer *t = &l->timer;
	uint64_t now = clock_ns();

	if (timer_mode(l) == APIC_TIMER_TSC)
		return; /* ignored in this mode (10.5.4.1) */
	t->initial = count;
	if (!count) {
		vlapic_timer_stop(l);
		return;
	}
	t->due = now + timer_period(l);
	arm(l, t->due, now);
}

uint32_t vlapic_timer_current(const struct vlapic *l)
{
	const struct vlapic_timer *t = &l->timer;
	uint64_t now = clock_ns(), div = timer_divisor(t->divide), period, left;

	if (!t->due || timer_mode(l) == APIC_TIMER_TSC)
		return 0;
	if (now < t->due)
		return (uint32_t)((t->due - now + div - 1) / div);
	period = timer_mode(l) == APIC_TIMER_PERIODIC ? timer_period(l) : 0;
	if (!period)
		return 0;
	left = period - (now - t->due) % period; /* the callback is late */
	return (uint32_t)((left + div - 1) / div);
}

/* The rest of the running count goes on at the new rate. */
void vlapic_timer_set_divide(struct vlapic *l, uint32_t divide)
{
	struct vlapic_timer *t = &l->timer;
	uint32_t left = vlapic_timer_current(l);
	uint64_t now = clock_ns();

	if (divide == t->divide)
		return;
	t->divide = divide;
	if (!left)
		return;
	t->due = now + left * timer_divisor(divide);
	arm(l, t->due, now);
}

/* To or from TSC-deadline mode disarms (10.5.4.1). */
void vlapic_timer_set_lvt(struct vlapic *l, uint32_t lvt)
{
	bool was_tsc = timer_mode(l) == APIC_TIMER_TSC;

	l->lvt[LVT_TIMER] = lvt;
	if (was_tsc != (timer_mode(l) == APIC_TIMER_TSC)) {
		vlapic_timer_stop(l);
		l->timer.initial = 0;
	}
}

void vlapic_timer_set_deadline(struct vlapic *l, uint64_t tsc)
{
	if (timer_mode(l) != APIC_TIMER_TSC)
		return; /* ignored in the other modes */
	if (!tsc)
		timer_cancel(&l->timer.host);
	l->timer.tsc_deadline = tsc;
	deadline_check(l);
}

void vlapic_tsc_changed(struct vlapic *l)
{
	deadline_check(l);
}

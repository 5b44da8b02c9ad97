/* SPDX-License-Identifier: MIT */
/*
 * The run loop of a host CPU (hv/sched.h). Per-CPU data belongs to its CPU.
 */
#include "hv/sched.h"

#include "hv/console.h"
#include "hv/cpu.h"
#include "hv/nmi.h"
#include "hv/percpu.h"
#include "hv/pv.h"
#include "hv/runq.h"
#include "hv/smp.h"
#include "hv/stats.h"
#include "hv/timer.h"
#include "hv/vendor.h"
#include "hv/vm.h"

/* Ends a time slice and samples the profile; armed only while a vCPU runs, so an idle
 * machine is not woken. By host CPU. */
static struct timer ticks[CPUS_MAX];

static uint64_t start_due; /* TSC from which guests that are being started go before vCPUs */

/* Another CPU may have it. Who had something for it while it was ours told us; we pass that on. */
static void release(struct vcpu *v)
{
	__atomic_store_n(&v->cpu, NULL, __ATOMIC_SEQ_CST);
	if (v->state == VCPU_RUNNABLE || v->irq_check || vcpu_start_changes(v))
		runq_wake(v);
}

static void put_down(struct percpu *cpu)
{
	struct vcpu *v = cpu->current;

	if (!v)
		return;
	if (v->state == VCPU_RUNNABLE)
		steal_time_stops(v);
	vcpu_unload(v);
	__atomic_store_n(&cpu->current, NULL, __ATOMIC_RELAXED);
	release(v);
}

void sched_remove(struct vcpu *v)
{
	if (this_cpu()->current == v)
		put_down(this_cpu());
	runq_remove(v);
}

void sched_poke(void)
{
	struct vcpu *v = this_cpu()->current;

	if (v)
		v->leave = true;
}

void sched_make_leave(struct percpu *cpu)
{
	struct vcpu *v = __atomic_load_n(&cpu->current, __ATOMIC_RELAXED);

	if (v)
		vcpu_leave(v);
	smp_kick(cpu);
}

static void change_to(struct percpu *cpu, struct vcpu *v)
{
	put_down(cpu);
	vcpu_load(v);
	__atomic_store_n(&cpu->current, v, __ATOMIC_RELAXED);
}

/* INIT or SIPI: with its registers in no processor. */
static void take_start_signals(struct percpu *cpu, struct vcpu *v)
{
	if (cpu->current == v) {
		vcpu_unload(v);
		cpu->current = NULL;
	}
	vcpu_take_start_signals(v);
	release(v);
}

static void run(struct percpu *cpu, struct vcpu *v)
{
	struct timer *tick = &ticks[cpu->index];

	if (cpu->current != v)
		change_to(cpu, v);
	v->last_cpu = cpu;
	/* Before the tick: if that is due already, it asks to leave at once. Whoever asked
	 * before this is heard by the checks behind it, or was when the turn was given. A timer
	 * among them: one that came due while others ran has no interrupt to come. */
	__atomic_store_n(&v->leave, false, __ATOMIC_SEQ_CST);
	if (v->vm->state != VM_RUNNING || vcpu_start_changes(v) || smp_stop_wanted() ||
	    timers_due())
		return;
	if (!tick->armed)
		timer_set(tick, clock_ns() + SCHED_TICK_NS);
	cpu->run_start = rdtsc();
	steal_time_runs(v);
	vendor->run(v);
	v->runtime += rdtsc() - cpu->run_start;
	if (v->state != VCPU_RUNNABLE)
		steal_time_stops(v);
}

static void on_tick(struct timer *t)
{
	struct vcpu *v = this_cpu()->current;

	if (v)
		stats_tick(v, clock_tsc(t->deadline));
}

void sched_wake_boot_cpu(void)
{
	if (cpu_is_idle(cpu_area(0)))
		smp_kick(cpu_area(0));
}

/* --- the loop ------------------------------------------------------------------------ */

static bool is_boot_cpu(const struct percpu *cpu)
{
	return cpu->index == 0;
}

static bool has_work(const struct percpu *cpu)
{
	return timers_due() || (is_boot_cpu(cpu) && (console_work() || vm_reap_due()));
}

/* The start of a guest and the vCPUs that this CPU can run take turns, equally long ones. Others may
 * have the vCPU meanwhile. */
static void go_on_starting(struct percpu *cpu)
{
	uint64_t began = rdtsc();

	timer_cancel(&ticks[cpu->index]);
	put_down(cpu);
	vm_go_on_starting();
	start_due = rdtsc() + (rdtsc() - began);
}

static void do_work(struct percpu *cpu)
{
	if (timers_due())
		timers_run();
	if (!is_boot_cpu(cpu))
		return;
	if (console_work())
		console_poll();
	vm_reap();
	if (vm_any_start_due() && rdtsc() >= start_due)
		go_on_starting(cpu);
}

static void stand_still(struct percpu *cpu)
{
	put_down(cpu);
	smp_park();
}

static void take_turn(struct percpu *cpu, struct vcpu *v)
{
	if (unlikely(vcpu_start_changes(v)))
		take_start_signals(cpu, v);
	else
		run(cpu, v);
}

static void halt(void)
{
	if (vendor && vendor->before_halt)
		vendor->before_halt();
	cpu_idle();
}

/* Says that it sleeps, looks once more, and only then does. Who took its word meanwhile, for a
 * vCPU that it did not see, has another CPU woken. */
static void sleep(struct percpu *cpu)
{
	struct vcpu *v;
	bool claimed;

	__atomic_store_n(&cpu->idle, true, __ATOMIC_SEQ_CST);
	v = runq_take(cpu);
	if (!v && !has_work(cpu) && !smp_stop_wanted())
		halt();
	claimed = !__atomic_exchange_n(&cpu->idle, false, __ATOMIC_SEQ_CST);
	if (!v)
		return;
	if (claimed)
		runq_wake_another();
	take_turn(cpu, v);
}

void sched_loop(void)
{
	struct percpu *cpu = this_cpu();

	timer_init(&ticks[cpu->index], on_tick);
	for (;;) {
		struct vcpu *v;

		irq_window();
		nmi_report();
		do_work(cpu);
		if (unlikely(!is_boot_cpu(cpu) && smp_stop_wanted()))
			stand_still(cpu);
		v = runq_take(cpu);
		if (v)
			take_turn(cpu, v);
		else if (is_boot_cpu(cpu) && vm_any_start_due())
			go_on_starting(cpu);
		else
			sleep(cpu);
	}
}

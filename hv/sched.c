/* SPDX-License-Identifier: MIT */
/*
 * The run loop of a host CPU (hv/sched.h). The list of vCPUs is changed by the run loop
 * only, between two vCPUs' turns.
 */
#include "hv/sched.h"

#include "hv/console.h"
#include "hv/cpu.h"
#include "hv/percpu.h"
#include "hv/print.h"
#include "hv/stats.h"
#include "hv/timer.h"
#include "hv/vendor.h"
#include "hv/vm.h"

#define MAX_VCPUS (VM_MAX * VM_MAX_VCPUS)

/* Round robin: the next turn goes to the first that can run behind `turn`. */
static struct vcpu *vcpus[MAX_VCPUS];
static unsigned nr_vcpus, turn;

/* Ends a time slice and samples the profile; armed only while a vCPU runs, so an idle
 * machine is not woken. */
static struct timer tick;

void sched_add(struct vcpu *v)
{
	BUG_ON(nr_vcpus == MAX_VCPUS);
	vcpus[nr_vcpus++] = v;
}

void sched_remove(struct vcpu *v)
{
	struct percpu *cpu = this_cpu();
	unsigned i = 0;

	while (i < nr_vcpus && vcpus[i] != v)
		i++;
	if (i < nr_vcpus) {
		nr_vcpus--;
		for (; i < nr_vcpus; i++)
			vcpus[i] = vcpus[i + 1];
	}
	if (cpu->current == v) {
		vcpu_unload(v);
		cpu->current = NULL;
	}
}

void sched_poke(void)
{
	struct vcpu *v = this_cpu()->current;

	if (v)
		v->leave = true;
}

static void on_tick(struct timer *t)
{
	struct vcpu *v = this_cpu()->current;

	if (v)
		stats_tick(v, clock_tsc(t->deadline));
}

/* INIT, which may have come to the vCPU that this CPU has just run, or SIPI. */
static void take_start_signals(struct vcpu *v)
{
	struct percpu *cpu = this_cpu();

	if (cpu->current == v) {
		vcpu_unload(v);
		cpu->current = NULL;
	}
	vcpu_take_start_signals(v);
}

static bool can_run(struct vcpu *v)
{
	if (v->vm->state != VM_RUNNING)
		return false;
	if (unlikely(vcpu_start_changes(v)))
		take_start_signals(v);
	if (v->state == VCPU_HALTED && vcpu_wakes(v))
		v->state = VCPU_RUNNABLE;
	if (v->state == VCPU_HALTED && !v->said_asleep && !(v->regs.rflags & RFLAGS_IF)) {
		v->said_asleep = true;
		printk("%s: vCPU %u halted with interrupts off at rip 0x%llx: only an NMI can wake it\n",
		       v->vm->config.name, v->id, (unsigned long long)v->regs.rip);
	}
	return v->state == VCPU_RUNNABLE;
}

static struct vcpu *next_vcpu(void)
{
	for (unsigned i = 0; i < nr_vcpus; i++) {
		turn = (turn + 1) % nr_vcpus;
		if (can_run(vcpus[turn]))
			return vcpus[turn];
	}
	return NULL;
}

static void run(struct vcpu *v)
{
	struct percpu *cpu = this_cpu();

	if (cpu->current != v) {
		if (cpu->current)
			vcpu_unload(cpu->current);
		cpu->current = v;
		vcpu_load(v);
	}
	/* Before the tick: if that is due already, it asks to leave at once. */
	v->leave = false;
	if (!tick.armed)
		timer_set(&tick, clock_ns() + SCHED_TICK_NS);
	vendor->run(v);
}

void sched_loop(void)
{
	timer_init(&tick, on_tick);
	for (;;) {
		struct vcpu *v;

		irq_window();
		if (timers_due())
			timers_run();
		if (console_work())
			console_poll();
		vm_reap();
		v = next_vcpu();
		if (v)
			run(v);
		else if (!timers_due() && !console_work())
			cpu_idle();
	}
}

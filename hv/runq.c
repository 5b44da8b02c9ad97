/* SPDX-License-Identifier: MIT */
/*
 * The run queue of all host CPUs (hv/runq.h).
 *
 * `lock` guards the list, and of each vCPU `cpu` and `runtime`. A vCPU belongs to the CPU that
 * has it until that one has put it down; what belongs to a CPU nobody else touches. A wake-up
 * takes no lock: it leaves its reason in the vCPU, and then looks who sleeps. A CPU says that it
 * sleeps, and then looks for a reason not to.
 */
#include "hv/runq.h"

#include "hv/cpu.h"
#include "hv/percpu.h"
#include "hv/print.h"
#include "hv/sched.h"
#include "hv/smp.h"
#include "hv/spinlock.h"
#include "hv/timer.h"
#include "hv/vm.h"

#define MAX_VCPUS (VM_MAX * VM_MAX_VCPUS)

/* What a vCPU must be behind to be taken over from another CPU; to end another's turn when it
 * wakes; and at most, when it wakes. */
#define MOVE_NS (500 * NSEC_PER_USEC)
#define PREEMPT_NS NSEC_PER_MSEC
#define CREDIT_NS SCHED_TICK_NS

static struct spinlock lock;
static struct vcpu *vcpus[MAX_VCPUS];
static unsigned nr_vcpus;
static uint64_t least; /* `runtime` of whoever got the latest turn; only grows */

void runq_add(struct vcpu *v, uint64_t used)
{
	spin_lock(&lock);
	BUG_ON(nr_vcpus == MAX_VCPUS);
	v->runtime = least + used;
	vcpus[nr_vcpus++] = v;
	spin_unlock(&lock);
}

void runq_remove(struct vcpu *v)
{
	unsigned i = 0;

	while (i < nr_vcpus && vcpus[i] != v)
		i++;
	if (i == nr_vcpus)
		return;
	nr_vcpus--;
	for (; i < nr_vcpus; i++)
		vcpus[i] = vcpus[i + 1];
}

static uint64_t runtime_with_credit(const struct vcpu *v)
{
	uint64_t credit = ns_to_tsc(CREDIT_NS);

	return v->runtime + credit < least ? least - credit : v->runtime;
}

/* --- whose turn it is ---------------------------------------------------------------- */

/* Nothing but an NMI or INIT wakes it, and nobody is left who could send one. */
static bool sleeps_for_good(const struct vcpu *v)
{
	const struct vm *vm = v->vm;

	for (unsigned i = 0; i < vm->nr_vcpus; i++) {
		const struct vcpu *w = vm->vcpu[i];

		if (w->state == VCPU_RUNNABLE ||
		    (w->state == VCPU_HALTED && (w->regs.rflags & RFLAGS_IF)))
			return false;
	}
	return true;
}

static void look_whether_asleep(struct vcpu *v)
{
	if (likely(v->said_asleep || (v->regs.rflags & RFLAGS_IF)) || !sleeps_for_good(v))
		return;
	v->said_asleep = true;
	printk("%s: vCPU %u halted with interrupts off at rip 0x%llx: only an NMI can wake it\n",
	       v->vm->config.name, v->id, (unsigned long long)v->regs.rip);
}

/* Called for vCPUs that are nobody else's. */
static bool can_run(struct vcpu *v)
{
	if (v->vm->state != VM_RUNNING)
		return false;
	if (unlikely(vcpu_start_changes(v))) {
		v->runtime = runtime_with_credit(v);
		return true;
	}
	if (v->state == VCPU_HALTED && vcpu_wakes(v)) {
		v->runtime = runtime_with_credit(v);
		v->state = VCPU_RUNNABLE;
		v->waits_since = rdtsc();
	}
	if (v->state == VCPU_HALTED)
		look_whether_asleep(v);
	return v->state == VCPU_RUNNABLE;
}

static uint64_t rank(const struct vcpu *v, const struct percpu *cpu)
{
	return v->runtime + (v->last_cpu == cpu ? 0 : ns_to_tsc(MOVE_NS));
}

/* Wake one CPU that sleeps. It counts as awake from then on, lest another's wake-up is lost on it.
 * False: none does. */
static bool wake_a_sleeper(void)
{
	for (unsigned i = 0; i < nr_cpus; i++)
		if (cpu_claim_idle(cpu_area(i))) {
			smp_kick(cpu_area(i));
			return true;
		}
	return false;
}

void runq_wake_another(void)
{
	(void)wake_a_sleeper();
}

struct vcpu *runq_take(struct percpu *cpu)
{
	struct vcpu *best = NULL;
	unsigned ready = 0;

	spin_lock(&lock);
	for (unsigned i = 0; i < nr_vcpus; i++) {
		struct vcpu *v = vcpus[i];
		struct percpu *own = __atomic_load_n(&v->cpu, __ATOMIC_ACQUIRE);

		if ((own && own != cpu) || !can_run(v))
			continue;
		ready++;
		if (!best || rank(v, cpu) < rank(best, cpu))
			best = v;
	}
	if (best) {
		least = MAX(least, best->runtime);
		best->cpu = cpu;
	}
	spin_unlock(&lock);
	if (ready > 1)
		runq_wake_another();
	return best;
}

/* --- wake-ups ------------------------------------------------------------------------ */

/* How much more than `v` the vCPU has run that `cpu` runs now; 0: nothing, or less. */
static uint64_t lead_over(const struct percpu *cpu, const struct vcpu *v)
{
	const struct vcpu *runs = __atomic_load_n(&cpu->current, __ATOMIC_RELAXED);
	uint64_t theirs, ours = runtime_with_credit(v);

	if (!runs || runs == v)
		return 0;
	theirs = runs->runtime + (rdtsc() - cpu->run_start);
	return theirs > ours ? theirs - ours : 0;
}

/* Nobody sleeps: end the turn of the one that has run most. */
static void preempt_for(const struct vcpu *v)
{
	struct percpu *best = NULL;
	uint64_t most = ns_to_tsc(PREEMPT_NS);

	for (unsigned i = 0; i < nr_cpus; i++) {
		uint64_t lead = lead_over(cpu_area(i), v);

		if (lead > most) {
			most = lead;
			best = cpu_area(i);
		}
	}
	if (best)
		sched_make_leave(best);
}

void runq_wake(struct vcpu *v)
{
	struct percpu *own = __atomic_load_n(&v->cpu, __ATOMIC_ACQUIRE);

	if (own) {
		smp_kick(own);
		return;
	}
	if (!wake_a_sleeper())
		preempt_for(v);
}

/* SPDX-License-Identifier: MIT */
/* The run queue: fair turns, who may be taken, who is woken where. A tick is a nanosecond here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "hv/percpu.h"
#include "hv/runq.h"
#include "hv/sched.h"
#include "hv/smp.h"
#include "hv/timer.h"
#include "hv/vm.h"
#include "tests/unit/fake_tsc.h"
#include "tests/unit/host_print.h"

#define CPUS 2
#define VCPUS 4
#define MS NSEC_PER_MSEC

uint64_t fake_tsc;
unsigned nr_cpus = CPUS;

static struct percpu cpus[CPUS];
static struct vm vm;
static struct vcpu vcpus[VCPUS];
static bool wakes[VCPUS];
static unsigned kicks[CPUS], leaves[CPUS];

struct percpu *cpu_area(unsigned index)
{
	return &cpus[index];
}

void smp_kick(const struct percpu *cpu)
{
	kicks[cpu - cpus]++;
}

void sched_make_leave(struct percpu *cpu)
{
	leaves[cpu - cpus]++;
}

bool vcpu_wakes(struct vcpu *v)
{
	return wakes[v->id];
}

uint64_t ns_to_tsc(uint64_t ns)
{
	return ns;
}

static int setup(void **state)
{
	(void)state;
	memset(cpus, 0, sizeof(cpus));
	memset(vcpus, 0, sizeof(vcpus));
	memset(wakes, 0, sizeof(wakes));
	memset(kicks, 0, sizeof(kicks));
	memset(leaves, 0, sizeof(leaves));
	host_printk_clear();
	vm = (struct vm){ .nr_vcpus = VCPUS, .state = VM_RUNNING };
	for (unsigned i = 0; i < VCPUS; i++) {
		vcpus[i] = (struct vcpu){ .vm = &vm, .id = i, .state = VCPU_HALTED };
		vcpus[i].regs.rflags = RFLAGS_IF;
		vm.vcpu[i] = &vcpus[i];
		runq_add(&vcpus[i], 0);
	}
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	for (unsigned i = 0; i < VCPUS; i++)
		runq_remove(&vcpus[i]);
	return 0;
}

static void make_runnable(unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		vcpus[i].state = VCPU_RUNNABLE;
}

/* `cpu` takes the next one, runs it for `ns` and puts it down. */
static struct vcpu *turn(unsigned cpu, uint64_t ns)
{
	struct vcpu *v = runq_take(&cpus[cpu]);

	if (v) {
		assert_ptr_equal(v->cpu, &cpus[cpu]);
		v->last_cpu = &cpus[cpu];
		v->runtime += ns;
		v->cpu = NULL;
	}
	return v;
}

static void nobody_can_run(void **state)
{
	(void)state;
	assert_null(runq_take(&cpus[0]));
	make_runnable(1);
	vm.state = VM_ENDING;
	assert_null(runq_take(&cpus[0]));
}

static void turns_are_fair(void **state)
{
	uint64_t start = vcpus[0].runtime, least = UINT64_MAX, most = 0;

	(void)state;
	make_runnable(3);
	for (unsigned i = 0; i < 300; i++) /* of unequal length */
		turn(0, (1 + i % 7) * MS);
	for (unsigned i = 0; i < 3; i++) {
		least = MIN(least, vcpus[i].runtime - start);
		most = MAX(most, vcpus[i].runtime - start);
	}
	assert_true(most - least <= 8 * MS);
	assert_int_equal(vcpus[3].runtime, start);
}

static void nobody_is_taken_twice(void **state)
{
	struct vcpu *a, *b;

	(void)state;
	make_runnable(2);
	a = runq_take(&cpus[0]);
	b = runq_take(&cpus[1]);
	assert_true(a && b && a != b);
	assert_ptr_equal(a->cpu, &cpus[0]);
	assert_ptr_equal(b->cpu, &cpus[1]);
	a->last_cpu = &cpus[0];
	assert_ptr_equal(runq_take(&cpus[0]), a); /* its own it may take again */
	a->state = VCPU_HALTED;
	assert_null(runq_take(&cpus[0])); /* the other's it may not */
}

/* A vCPU stays where it ran as long as that is fair, and moves when it is not. */
static void a_vcpu_moves_when_it_lags(void **state)
{
	(void)state;
	make_runnable(2);
	vcpus[0].last_cpu = &cpus[0];
	vcpus[1].last_cpu = &cpus[1];
	vcpus[1].runtime = vcpus[0].runtime + MS / 4;
	assert_ptr_equal(turn(1, 0), &vcpus[1]);
	vcpus[1].runtime = vcpus[0].runtime + MS;
	assert_ptr_equal(turn(1, 0), &vcpus[0]);
}

/* Who has slept for long is served first, but not for as long as it has slept. */
static void a_sleeper_saves_little(void **state)
{
	unsigned first = 0;

	(void)state;
	make_runnable(1);
	for (unsigned i = 0; i < 100; i++)
		turn(0, 10 * MS);
	wakes[1] = true;
	while (turn(0, MS) == &vcpus[1])
		first++;
	assert_true(first >= 1);
	assert_true(first <= 21); /* the credit, and the other's last turn */
}

/* What it took to start a guest, the others may run before it does. */
static void who_has_used_much_waits(void **state)
{
	struct vcpu late = { .vm = &vm, .id = VCPUS - 1, .state = VCPU_RUNNABLE };
	unsigned turns = 0;

	(void)state;
	make_runnable(1);
	turn(0, 10 * MS);
	runq_add(&late, 100 * MS);
	while (turn(0, 10 * MS) == &vcpus[0])
		turns++;
	assert_in_range(turns, 9, 12);
	runq_remove(&late);
}

static void start_signals_are_a_reason(void **state)
{
	(void)state;
	vcpus[2].state = VCPU_OFF;
	assert_null(runq_take(&cpus[0]));
	vcpus[2].sipi_pending = true;
	assert_ptr_equal(turn(0, 0), &vcpus[2]);
	vcpus[2].sipi_pending = false;
	vcpus[2].init_pending = true;
	assert_ptr_equal(turn(0, 0), &vcpus[2]);
}

/* One that is started late does not catch up with all that its starter has run. */
static void a_start_brings_little_credit(void **state)
{
	uint64_t before;

	(void)state;
	vcpus[1].state = VCPU_OFF;
	make_runnable(1);
	for (unsigned i = 0; i < 100; i++)
		turn(0, 10 * MS);
	before = vcpus[0].runtime;
	vcpus[1].sipi_pending = true;
	assert_ptr_equal(turn(0, 0), &vcpus[1]);
	vcpus[1].sipi_pending = false;
	vcpus[1].state = VCPU_RUNNABLE;
	for (unsigned i = 0; i < 4; i++)
		turn(0, 10 * MS);
	assert_true(vcpus[0].runtime > before);
}

static void whoever_has_it_is_kicked(void **state)
{
	(void)state;
	vcpus[0].cpu = &cpus[1];
	cpus[0].idle = true;
	runq_wake(&vcpus[0]);
	assert_int_equal(kicks[1], 1);
	assert_int_equal(kicks[0], 0);
}

static void who_sleeps_is_woken(void **state)
{
	(void)state;
	cpus[1].idle = true;
	cpus[0].current = &vcpus[0];
	runq_wake(&vcpus[1]);
	assert_int_equal(kicks[1], 1);
	assert_int_equal(leaves[0] + leaves[1], 0);
}

/* One that is woken no longer counts as asleep: the next wake-up goes to another. */
static void two_wake_ups_wake_two(void **state)
{
	(void)state;
	cpus[0].idle = cpus[1].idle = true;
	runq_wake(&vcpus[0]);
	runq_wake(&vcpus[1]);
	assert_int_equal(kicks[0], 1);
	assert_int_equal(kicks[1], 1);
}

/* Who takes one of several wakes a CPU for the next. */
static void the_next_finds_a_cpu_too(void **state)
{
	(void)state;
	cpus[1].idle = true;
	make_runnable(1);
	assert_non_null(turn(0, 0));
	assert_int_equal(kicks[1], 0);
	make_runnable(2);
	assert_non_null(turn(0, 0));
	assert_int_equal(kicks[1], 1);
}

/* Nobody sleeps: who has run most makes room, if that is much more. */
static void who_has_run_most_makes_room(void **state)
{
	(void)state;
	for (unsigned i = 0; i < CPUS; i++) {
		cpus[i].current = &vcpus[i];
		cpus[i].run_start = fake_tsc;
	}
	runq_wake(&vcpus[2]);
	assert_int_equal(leaves[0] + leaves[1], 0);
	vcpus[0].runtime += 2 * MS;
	cpus[1].run_start = fake_tsc - 3 * MS;
	runq_wake(&vcpus[2]);
	assert_int_equal(leaves[0], 0);
	assert_int_equal(leaves[1], 1);
}

static void asleep_for_good_is_said_once(void **state)
{
	(void)state;
	for (unsigned i = 0; i < VCPUS; i++)
		vcpus[i].regs.rflags = 0;
	vcpus[3].regs.rflags = RFLAGS_IF; /* it may wake the others */
	assert_null(runq_take(&cpus[0]));
	assert_string_equal(host_printk_buf, "");
	vcpus[3].state = VCPU_OFF;
	assert_null(runq_take(&cpus[0]));
	assert_non_null(strstr(host_printk_buf, "vCPU 0 halted with interrupts off"));
	host_printk_clear();
	assert_null(runq_take(&cpus[0]));
	assert_string_equal(host_printk_buf, "");
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(nobody_can_run),
		T(turns_are_fair),
		T(nobody_is_taken_twice),
		T(a_vcpu_moves_when_it_lags),
		T(a_sleeper_saves_little),
		T(who_has_used_much_waits),
		T(start_signals_are_a_reason),
		T(a_start_brings_little_credit),
		T(whoever_has_it_is_kicked),
		T(who_sleeps_is_woken),
		T(two_wake_ups_wake_two),
		T(the_next_finds_a_cpu_too),
		T(who_has_run_most_makes_room),
		T(asleep_for_good_is_said_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* The run loop and its timers: no guest is entered while something is due that no interrupt will
 * tell of any more, for a guest need not exit by itself. A tick is a nanosecond here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "drivers/host/lapic.h"
#include "drivers/host/rtc.h"
#include "drivers/host/tsc.h"
#include "hv/console.h"
#include "hv/nmi.h"
#include "hv/pv.h"
#include "hv/runq.h"
#include "hv/sched.h"
#include "hv/smp.h"
#include "hv/stats.h"
#include "hv/timer.h"
#include "hv/timer_init.h"
#include "hv/vendor.h"
#include "hv/vm.h"
#include "tests/unit/fake_run_loop.h"

#define LOOPS_MAX 100

uint64_t fake_tsc;
struct percpu fake_cpu;

static struct vm vm;
static struct vcpu vcpu;
static jmp_buf end;
static unsigned loops;
static uint64_t armed; /* TSC at which the hardware fires; TIMER_TSC_NEVER: it is not armed */
static void (*on_timer)(unsigned vector);

/* ---- the machine ---- */

uint64_t tsc_calibrate(const char **by)
{
	*by = "the test";
	return NSEC_PER_SEC;
}

uint64_t rtc_read_seconds(void)
{
	return 0;
}

void lapic_timer_init(void (*handler)(unsigned vector))
{
	on_timer = handler;
}

void lapic_timer_cpu_init(void)
{
}

void lapic_timer_arm(uint64_t tsc)
{
	armed = tsc;
}

const char *lapic_timer_name(void)
{
	return "the test's";
}

void fake_irq_window(void)
{
	assert_true(++loops < LOOPS_MAX);
	if (fake_tsc >= armed) {
		armed = TIMER_TSC_NEVER;
		on_timer(0);
	}
}

void fake_cpu_idle(void)
{
	fail_msg("idle, and a vCPU can run");
}

struct percpu *cpu_area(unsigned index)
{
	(void)index;
	return &fake_cpu;
}

/* ---- the rest of the hypervisor ---- */

/* So often nothing can run. When something can, another CPU may just have claimed this one, which
 * still says that it sleeps. */
static unsigned empty_looks;
static bool is_claimed;
static unsigned woken_others;

struct vcpu *runq_take(struct percpu *cpu)
{
	if (empty_looks) {
		empty_looks--;
		return NULL;
	}
	if (is_claimed)
		assert_true(cpu_claim_idle(cpu));
	vcpu.cpu = cpu;
	return &vcpu;
}

void runq_wake_another(void)
{
	woken_others++;
}

void runq_wake(struct vcpu *v)
{
	(void)v;
}

void runq_remove(struct vcpu *v)
{
	(void)v;
}

void vcpu_load(struct vcpu *v)
{
	(void)v;
}

void vcpu_unload(struct vcpu *v)
{
	(void)v;
}

void vcpu_leave(struct vcpu *v)
{
	(void)v;
}

void vcpu_take_start_signals(struct vcpu *v)
{
	(void)v;
}

void steal_time_runs(struct vcpu *v)
{
	(void)v;
}

void steal_time_stops(struct vcpu *v)
{
	(void)v;
}

void stats_tick(struct vcpu *v, uint64_t due)
{
	(void)v;
	(void)due;
}

bool console_work(void)
{
	return false;
}

void console_poll(void)
{
}

void vm_reap(void)
{
}

bool vm_reap_due(void)
{
	return false;
}

static unsigned slices_left; /* of a guest that is being started */

void vm_go_on_starting(void)
{
	assert_null(fake_cpu.current);
	assert_null(vcpu.cpu);
	slices_left--;
	fake_tsc += SCHED_TICK_NS;
}

bool vm_any_start_due(void)
{
	return slices_left;
}

void nmi_report(void)
{
}

void smp_kick(const struct percpu *cpu)
{
	(void)cpu;
}

bool smp_stop_wanted(void)
{
	return false;
}

void smp_park(void)
{
}

/* A guest that never exits: either an interrupt will come in time for the first timer, or nothing
 * ever will. */
static void run_guest(struct vcpu *v)
{
	if (v->leave)
		return;
	assert_false(fake_cpu.timer_fired);
	if (fake_cpu.timers)
		assert_true(armed <= clock_tsc(fake_cpu.timers->deadline));
	longjmp(end, 1);
}

static const struct vendor_ops ops = { .run = run_guest };
const struct vendor_ops *vendor = &ops;

/* ---- the tests ---- */

static struct timer first, second;
static unsigned nr_second;
static uint64_t first_takes, first_period;

static void on_first(struct timer *t)
{
	fake_tsc += first_takes;
	if (first_period)
		timer_set(t, clock_ns() + first_period);
}

static void on_second(struct timer *t)
{
	(void)t;
	nr_second++;
}

static void run_until_a_guest_runs(void)
{
	if (!setjmp(end))
		sched_loop();
}

static int setup(void **state)
{
	(void)state;
	memset(&fake_cpu, 0, sizeof(fake_cpu));
	memset(&vcpu, 0, sizeof(vcpu));
	vm = (struct vm){ .state = VM_RUNNING };
	vcpu.vm = &vm;
	vcpu.state = VCPU_RUNNABLE;
	loops = nr_second = empty_looks = woken_others = 0;
	is_claimed = false;
	slices_left = 0;
	first_period = 0;
	fake_tsc = 0;
	armed = TIMER_TSC_NEVER;
	time_init();
	timer_init(&first, on_first);
	timer_init(&second, on_second);
	timer_set(&first, 1000);
	timer_set(&second, 2000);
	fake_tsc = 1500;
	return 0;
}

static void test_timers_that_lie_ahead_are_armed(void **state)
{
	(void)state;
	first_takes = 100;
	run_until_a_guest_runs();
	assert_int_equal(nr_second, 0);
	assert_int_equal(armed, 2000);
}

static void test_one_that_comes_due_while_another_runs(void **state)
{
	(void)state;
	first_takes = 1000;
	run_until_a_guest_runs();
	assert_int_equal(nr_second, 1);
}

/* A CPU that finds a vCPU at its last look before it sleeps. */
static void test_wake_up_that_hit_the_wrong_cpu_is_passed_on(void **state)
{
	(void)state;
	first_takes = 0;
	for (unsigned i = 0; i < 2; i++) {
		is_claimed = i;
		empty_looks = 1;
		run_until_a_guest_runs();
		assert_int_equal(woken_others, i);
		assert_false(cpu_is_idle(&fake_cpu));
	}
}

/* It takes a time slice: the vCPU that this CPU had is free for the others before. */
static void test_start_of_a_guest_holds_no_vcpu(void **state)
{
	(void)state;
	first_takes = 0;
	fake_cpu.current = &vcpu;
	vcpu.cpu = &fake_cpu;
	slices_left = 1;
	run_until_a_guest_runs();
	assert_int_equal(slices_left, 0);
}

/* A timer that comes due in each slice does not take the vCPU's turn. */
static void test_start_of_a_guest_takes_turns(void **state)
{
	(void)state;
	first_takes = 0;
	first_period = SCHED_TICK_NS / 2;
	slices_left = LOOPS_MAX;
	run_until_a_guest_runs();
	assert_in_range(slices_left, LOOPS_MAX - 1, LOOPS_MAX);
}

/* With nothing else to do there is no need to wait for the next slice. */
static void test_start_of_a_guest_with_nobody_else(void **state)
{
	(void)state;
	first_takes = 0;
	empty_looks = slices_left = 10;
	run_until_a_guest_runs();
	assert_int_equal(slices_left, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_timers_that_lie_ahead_are_armed, setup),
		cmocka_unit_test_setup(test_one_that_comes_due_while_another_runs, setup),
		cmocka_unit_test_setup(test_wake_up_that_hit_the_wrong_cpu_is_passed_on, setup),
		cmocka_unit_test_setup(test_start_of_a_guest_holds_no_vcpu, setup),
		cmocka_unit_test_setup(test_start_of_a_guest_takes_turns, setup),
		cmocka_unit_test_setup(test_start_of_a_guest_with_nobody_else, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

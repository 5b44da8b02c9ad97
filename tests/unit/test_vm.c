/* SPDX-License-Identifier: MIT */
/* The states of a guest's life: who may leave which, and that starts are given slices in turn. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hv/errno.h"
#include "hv/page.h"
#include "hv/power.h"
#include "hv/sched.h"
#include "hv/smp.h"
#include "hv/stats.h"
#include "hv/timer.h"
#include "hv/vm_start.h"

#define SLICES 3 /* that a start takes */

static unsigned slices_left[VM_MAX + 1], unmade[VM_MAX + 1]; /* by id */
static unsigned stopped;
static bool no_memory;
static uint64_t now;
static struct timer *armed;

int vm_begin_start(struct vm *vm)
{
	vm->state = no_memory ? VM_ENDED : VM_STARTING;
	vm->started = now;
	slices_left[vm->id] = SLICES;
	return no_memory ? -ENOMEM : 0;
}

int vm_start_slice(struct vm *vm)
{
	assert_int_equal(vm->state, VM_STARTING);
	if (!--slices_left[vm->id])
		vm->state = VM_RUNNING;
	return 0;
}

void vm_unmake(struct vm *vm)
{
	assert_int_equal(stopped, 1);
	unmade[vm->id]++;
}

void smp_stop_others(void)
{
	stopped++;
}

void smp_resume_others(void)
{
	stopped--;
}

uint64_t clock_ns(void)
{
	return now;
}

void timer_set(struct timer *t, uint64_t deadline)
{
	armed = t;
	t->armed = true;
	t->deadline = deadline;
}

static void wait_for_timer(void)
{
	struct timer *t = armed;

	assert_non_null(t);
	armed = NULL;
	t->armed = false;
	now = t->deadline;
	t->fn(t);
}

void *mem_alloc(size_t bytes)
{
	return calloc(1, bytes);
}

void mem_free(void *p, size_t bytes)
{
	(void)bytes;
	free(p);
}

void console_add(struct console_port *p)
{
	(void)p;
}

void console_remove(struct console_port *p)
{
	(void)p;
}

void stats_vm_start(struct vm *vm)
{
	(void)vm;
}

void sched_wake_boot_cpu(void)
{
}

void vcpu_leave(struct vcpu *v)
{
	(void)v;
}

_Noreturn void machine_poweroff(void)
{
	abort();
}

static int setup(void **state)
{
	static const struct guest_config config = { .name = "guest", .vcpus = 1 };

	(void)state;
	no_memory = false;
	if (armed)
		armed->armed = false;
	armed = NULL;
	now += NSEC_PER_SEC;
	memset(unmade, 0, sizeof(unmade));
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(vm_create(&config), 0);
	assert_false(vm_any_start_due());
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	while (nr_vms)
		free(vms[--nr_vms]);
	return 0;
}

static void test_without_memory_there_is_none(void **state)
{
	static const struct guest_config config = { .name = "guest", .vcpus = 1 };

	(void)state;
	no_memory = true;
	assert_int_equal(vm_create(&config), -ENOMEM);
	assert_int_equal(nr_vms, 3);
}

static void test_first_reason_counts(void **state)
{
	(void)state;
	vm_reset(vms[0], "first");
	vm_poweroff(vms[0], "second");
	assert_int_equal(vms[0]->state, VM_RESETTING);
	assert_string_equal(vms[0]->end_reason, "first");
	assert_true(vm_reap_due());
	vm_reap();
	assert_false(vm_reap_due());
	assert_int_equal(unmade[1], 1);
	assert_int_equal(vms[0]->state, VM_STARTING);
}

static void test_killed_while_it_is_started(void **state)
{
	(void)state;
	now += NSEC_PER_SEC;
	vm_reset(vms[0], "reset");
	vm_reap();
	vm_go_on_starting();
	vm_poweroff(vms[0], "killed");
	assert_false(vm_any_start_due());
	vm_reap();
	assert_int_equal(vms[0]->state, VM_ENDED);
	assert_int_equal(unmade[1], 2);
	vm_poweroff(vms[0], "once more");
	assert_string_equal(vms[0]->end_reason, "killed");
	assert_int_equal(vm_restart(vms[0]), 0);
	assert_int_equal(vm_restart(vms[0]), -EBUSY);
}

static void test_ends_when_it_cannot_be_started_again(void **state)
{
	(void)state;
	no_memory = true;
	vm_reset(vms[0], "reset");
	vm_reap();
	assert_int_equal(vms[0]->state, VM_ENDED);
	assert_int_equal(vms[1]->state, VM_RUNNING);
}

/* One that resets itself as soon as it runs does not keep the next from being started. */
static void test_starts_take_turns(void **state)
{
	unsigned passes = 0;

	(void)state;
	now += NSEC_PER_SEC;
	vm_reset(vms[0], "reset");
	vm_reset(vms[2], "reset");
	vm_reap();
	while (vms[2]->state == VM_STARTING) {
		assert_true(++passes <= 2 * SLICES);
		now += NSEC_PER_SEC;
		vm_go_on_starting();
		if (vms[0]->state == VM_RUNNING)
			vm_reset(vms[0], "again");
		vm_reap();
	}
	assert_true(passes >= 2 * SLICES - 1);
}

/* Who resets all the time waits between; meanwhile others start, and it can be killed. */
static void test_resets_have_a_rate(void **state)
{
	const uint64_t first = now;

	(void)state;
	vm_reset(vms[0], "too soon");
	now += NSEC_PER_MSEC;
	vm_reset(vms[1], "too soon");
	vm_reap();
	assert_int_equal(vms[0]->state, VM_STARTING);
	assert_false(vm_any_start_due());
	wait_for_timer();
	assert_int_equal(now, first + 100 * NSEC_PER_MSEC);
	assert_true(vm_any_start_due());
	while (vm_any_start_due())
		vm_go_on_starting();
	assert_int_equal(vms[0]->state, VM_RUNNING);
	assert_int_equal(vms[1]->state, VM_RUNNING);
	vm_reset(vms[0], "again");
	vm_reap();
	now += NSEC_PER_MSEC;
	vm_reset(vms[1], "again");
	vm_reap();
	vm_poweroff(vms[0], "killed");
	vm_reap();
	assert_int_equal(vms[0]->state, VM_ENDED);
	wait_for_timer();
	while (!vm_any_start_due())
		wait_for_timer();
	assert_int_equal(vms[1]->state, VM_STARTING);
	assert_int_equal(vm_restart(vms[0]), 0); /* by the key: at once */
	assert_true(vm_any_start_due());
}

static void test_resets_in_a_second(void **state)
{
	const uint64_t end = now + NSEC_PER_SEC;
	unsigned starts = 0;

	(void)state;
	vm_reset(vms[0], "reset");
	vm_reap();
	while (now < end) {
		now += NSEC_PER_MSEC;
		while (vm_any_start_due())
			vm_go_on_starting();
		if (vms[0]->state != VM_RUNNING)
			continue;
		starts++;
		vm_reset(vms[0], "again");
		vm_reap();
	}
	assert_int_equal(starts, 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_without_memory_there_is_none, setup, teardown),
		cmocka_unit_test_setup_teardown(test_first_reason_counts, setup, teardown),
		cmocka_unit_test_setup_teardown(test_killed_while_it_is_started, setup, teardown),
		cmocka_unit_test_setup_teardown(test_ends_when_it_cannot_be_started_again, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_starts_take_turns, setup, teardown),
		cmocka_unit_test_setup_teardown(test_resets_have_a_rate, setup, teardown),
		cmocka_unit_test_setup_teardown(test_resets_in_a_second, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

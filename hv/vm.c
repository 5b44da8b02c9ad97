/* SPDX-License-Identifier: MIT */
/*
 * Virtual machines: creation, start, end, reset. A struct vm lives as long as its slot in
 * vms[], its insides from vm_begin_start() to vm_unmake(). All of it is the boot CPU's; while a
 * guest that has run is taken apart the others stand still.
 */
#include "hv/vm.h"

#include "hv/errno.h"
#include "hv/page.h"
#include "hv/power.h"
#include "hv/print.h"
#include "hv/sched.h"
#include "hv/smp.h"
#include "hv/stats.h"
#include "hv/timer.h"
#include "hv/vm_start.h"

/* From one start of a guest to the next, at least: each stops the other CPUs and says two lines. */
#define RESET_PERIOD_NS (100 * NSEC_PER_MSEC)

struct vm *vms[VM_MAX];
unsigned nr_vms;

/* What to do when no guest is left. */
static enum idle_action idle_action;

int vm_create(const struct guest_config *config)
{
	struct vm *vm = mem_alloc(sizeof(*vm));
	int err;

	if (!vm) {
		printk("%s: not started: no memory\n", config->name);
		return -ENOMEM;
	}
	vm->config = *config;
	vm->id = nr_vms + 1;
	vm->console.name = vm->config.name;
	stats_vm_start(vm);
	console_add(&vm->console);
	err = vm_begin_start(vm);
	while (!err && vm->state == VM_STARTING)
		err = vm_start_slice(vm);
	if (err) {
		mem_free(vm, sizeof(*vm));
		return err;
	}
	vms[nr_vms++] = vm;
	return 0;
}

/* The first reason counts; the rest of the work is vm_reap's. */
static bool leave_running(struct vm *vm, enum vm_state state)
{
	enum vm_state now = __atomic_load_n(&vm->state, __ATOMIC_RELAXED);

	if (now != VM_STARTING)
		now = VM_RUNNING;
	if (!__atomic_compare_exchange_n(&vm->state, &now, state, false, __ATOMIC_SEQ_CST,
					 __ATOMIC_SEQ_CST))
		return false;
	for (unsigned i = 0; i < vm->nr_vcpus; i++)
		vcpu_leave(vm->vcpu[i]);
	sched_wake_boot_cpu();
	return true;
}

static void say(struct vm *vm, const char *what, const char *fmt, va_list ap)
{
	vsnprintf(vm->end_reason, sizeof(vm->end_reason), fmt, ap);
	printk("%s: %s: %s\n", vm->config.name, what, vm->end_reason);
}

void vm_poweroff(struct vm *vm, const char *fmt, ...)
{
	va_list ap;

	if (!leave_running(vm, VM_ENDING))
		return;
	va_start(ap, fmt);
	say(vm, "ended", fmt, ap);
	va_end(ap);
}

void vm_reset(struct vm *vm, const char *fmt, ...)
{
	va_list ap;

	if (!leave_running(vm, VM_RESETTING))
		return;
	va_start(ap, fmt);
	say(vm, "reset", fmt, ap);
	va_end(ap);
}

void vm_kill(struct vcpu *v, const char *fmt, ...)
{
	struct vm *vm = v->vm;
	va_list ap;

	if (!leave_running(vm, VM_ENDING))
		return;
	va_start(ap, fmt);
	say(vm, "killed", fmt, ap);
	va_end(ap);
	printk("%s: vCPU %u rip 0x%llx rsp 0x%llx cr0 0x%llx cr3 0x%llx cr4 0x%llx efer 0x%llx\n",
	       vm->config.name, v->id, (unsigned long long)v->regs.rip,
	       (unsigned long long)v->regs.gpr[REG_RSP], (unsigned long long)v->cr0,
	       (unsigned long long)v->cr3, (unsigned long long)v->cr4, (unsigned long long)v->efer);
}

int vm_restart(struct vm *vm)
{
	if (vm->state != VM_ENDED)
		return -EBUSY;
	vm->start_not_before = 0;
	console_add(&vm->console);
	return vm_begin_start(vm);
}

void vm_set_idle_action(enum idle_action action)
{
	idle_action = action;
}

static bool all_ended(void)
{
	for (unsigned i = 0; i < nr_vms; i++)
		if (vms[i]->state != VM_ENDED)
			return false;
	return true;
}

static bool is_going(const struct vm *vm)
{
	return unlikely(vm->state == VM_ENDING || vm->state == VM_RESETTING);
}

/* When the next start that has to wait is due, the run loop wakes and looks. */
static void wait_for_starts(struct timer *t)
{
	for (unsigned i = 0; i < nr_vms; i++) {
		uint64_t at = vms[i]->start_not_before;

		if (vms[i]->state == VM_STARTING && at > clock_ns() &&
		    (!t->armed || at < t->deadline))
			timer_set(t, at);
	}
}

static void start_again(struct vm *vm)
{
	static struct timer timer = { .fn = wait_for_starts };

	vm->start_not_before = MAX(vm->started, vm->start_not_before) + RESET_PERIOD_NS;
	(void)vm_begin_start(vm); /* it says why not */
	wait_for_starts(&timer);
}

static void reap(struct vm *vm)
{
	bool again = vm->state == VM_RESETTING;

	smp_stop_others();
	vm_unmake(vm);
	vm->state = VM_ENDED;
	smp_resume_others();
	if (!again)
		console_remove(&vm->console);
	else
		start_again(vm);
}

bool vm_reap_due(void)
{
	for (unsigned i = 0; i < nr_vms; i++)
		if (is_going(vms[i]))
			return true;
	return false;
}

void vm_reap(void)
{
	for (unsigned i = 0; i < nr_vms; i++)
		if (is_going(vms[i]))
			reap(vms[i]);
	if (unlikely(idle_action == IDLE_POWEROFF) && all_ended()) {
		printk("no guest is left: powering off\n");
		machine_poweroff();
	}
}

static bool start_is_due(const struct vm *vm)
{
	return unlikely(vm->state == VM_STARTING) && clock_ns() >= vm->start_not_before;
}

/* The next behind the one that had the latest slice. */
static struct vm *next_starting(void)
{
	static unsigned latest;

	for (unsigned n = 0; n < nr_vms; n++) {
		latest = (latest + 1) % nr_vms;
		if (start_is_due(vms[latest]))
			return vms[latest];
	}
	return NULL;
}

void vm_go_on_starting(void)
{
	struct vm *vm = next_starting();

	if (vm)
		(void)vm_start_slice(vm); /* it says why not */
}

bool vm_any_start_due(void)
{
	for (unsigned i = 0; i < nr_vms; i++)
		if (start_is_due(vms[i]))
			return true;
	return false;
}

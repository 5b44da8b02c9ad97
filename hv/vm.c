/* SPDX-License-Identifier: MIT */
/*
 * Virtual machines: creation, start, end, reset. A struct vm lives as long as its slot in
 * vms[], its insides from begin_start() to stop(). All of it is the boot CPU's; while a guest that
 * has run is stopped the others stand still.
 */
#include "hv/vm.h"

#include "guests/board.h"
#include "guests/load.h"
#include "hv/control_regs.h"
#include "hv/cpu.h"
#include "hv/cpuid.h"
#include "hv/errno.h"
#include "hv/guest_mem.h"
#include "hv/page.h"
#include "hv/power.h"
#include "hv/print.h"
#include "hv/runq.h"
#include "hv/sched.h"
#include "hv/smp.h"
#include "hv/stats.h"
#include "hv/string.h"
#include "hv/timer.h"
#include "hv/vendor.h"

#define MIB (UINT64_C(1) << 20)

struct vm *vms[VM_MAX];
unsigned nr_vms;

/* What to do when no guest is left. */
static enum idle_action idle_action;

static void set_flat_segments(struct vcpu *v, const struct guest_entry *e)
{
	struct segment data = { .sel = e->ds, .limit = 0xffffffff };
	struct segment code = { .sel = e->cs, .limit = 0xffffffff };
	struct segment tr = { .limit = 0xffff, .attr = SEG_P | 0xb /* busy 32-bit TSS */ };
	struct segment ldtr = { .limit = 0xffff, .attr = SEG_P | 0x2 };
	struct descriptor_table gdt = { .base = e->gdt.v, .limit = e->gdt_limit };
	struct descriptor_table idt = { .base = 0, .limit = 0 };

	data.attr = SEG_G | SEG_DB | SEG_P | SEG_S | 0x3; /* read/write, accessed */
	code.attr = SEG_G | SEG_P | SEG_S | 0xb; /* execute/read, accessed */
	code.attr |= e->long_mode ? SEG_L : SEG_DB;
	for (enum seg s = SEG_ES; s <= SEG_GS; s++)
		vendor->set_segment(v, s, s == SEG_CS ? &code : &data);
	vendor->set_segment(v, SEG_TR, &tr);
	vendor->set_segment(v, SEG_LDTR, &ldtr);
	vendor->set_tables(v, &gdt, &idt);
}

/* Put the boot vCPU into the state that the loader asks for. */
static int enter_kernel(struct vcpu *v, const struct guest_entry *e)
{
	struct mmu_regs r = { .cr0 = CR0_PE | CR0_ET | CR0_NE };

	if (e->long_mode) {
		r.cr0 |= CR0_PG | CR0_WP;
		r.cr3 = e->cr3.v;
		r.cr4 = CR4_PAE;
		r.efer = EFER_LME | EFER_LMA;
	}
	set_flat_segments(v, e);
	v->regs.rip = e->rip;
	v->regs.gpr[REG_RSI] = e->rsi;
	v->regs.gpr[REG_RAX] = e->rax;
	v->regs.gpr[REG_RBX] = e->rbx;
	return vcpu_set_paging(v, &r);
}

static void stop(struct vm *vm)
{
	for (unsigned i = 0; i < vm->nr_vcpus; i++)
		sched_remove(vm->vcpu[i]);
	if (vm->board)
		board_destroy(vm);
	for (unsigned i = 0; i < vm->nr_vcpus; i++) {
		stats_vcpu_gone(vm->vcpu[i]);
		vcpu_destroy(vm->vcpu[i]);
	}
	vm->nr_vcpus = 0;
	if (vm->mmu.engine) { /* NULL when there was too little memory to get so far */
		mmu_fini(&vm->mmu);
		vm->mmu.engine = NULL;
	}
	p2m_fini(&vm->p2m);
	vm->ports.nr = 0;
	vm->mmio.nr = 0;
}

/* All that takes much memory: a guest whose start has begun does not fail for another one's. */
static int reserve(struct vm *vm)
{
	const struct guest_config *c = &vm->config;
	struct mmu_config mc = {
		.engine = c->engine[0] ? c->engine : NULL,
		.without = c->without,
		.maxphyaddr = guest_features.maxphyaddr,
		.has_1g = guest_features.page1g,
		.frames = p2m_frames(c->mem),
	};
	int err = p2m_init(&vm->p2m, c->mem);

	if (!err)
		err = mmu_init(&vm->mmu, &mc);
	for (unsigned i = 0; i < c->vcpus && !err; i++)
		err = vcpu_create(vm, i);
	return err;
}

static void unload_all(struct vm *vm)
{
	for (unsigned i = 0; i < vm->nr_vcpus; i++)
		vendor->unload(vm->vcpu[i]);
}

static int give_up_start(struct vm *vm, int err)
{
	stop(vm);
	vm->state = VM_ENDED;
	console_remove(&vm->console);
	return err;
}

static int too_little_memory(struct vm *vm)
{
	printk("%s: not started: too little memory for it (%llu MiB and its shadow; %llu MiB free)\n",
	       vm->config.name, (unsigned long long)(vm->config.mem / MIB),
	       (unsigned long long)(pages_free() * PAGE_SIZE / MIB));
	return give_up_start(vm, -ENOMEM);
}

static int begin_start(struct vm *vm)
{
	uint64_t began = rdtsc();

	vm->state = VM_STARTING;
	vm->started = clock_ns();
	if (reserve(vm))
		return too_little_memory(vm);
	unload_all(vm);
	vm->start_ticks = rdtsc() - began;
	return 0;
}

static void print_started(const struct vm *vm)
{
	printk("%s: started, %llu MiB, %u vCPU%s, mmu=%s\n", vm->config.name,
	       (unsigned long long)(vm->config.mem / MIB), vm->nr_vcpus,
	       vm->nr_vcpus == 1 ? "" : "s", vm->mmu.config.engine);
}

/* All begin at 0, where the kernel does. */
static void start_tscs(struct vm *vm)
{
	uint64_t now = rdtsc();

	for (unsigned i = 0; i < vm->nr_vcpus; i++)
		vcpu_set_tsc_offset(vm->vcpu[i], -now);
}

/* With its memory cleared. Nobody else has anything of it before make_known(), so the other CPUs
 * go on meanwhile. */
static int finish_start(struct vm *vm)
{
	struct guest_entry entry;
	int err;

	if (board_create(vm))
		return too_little_memory(vm);
	err = guest_load(vm, &entry);
	if (err)
		return give_up_start(vm, err);
	vm->vcpu[0]->regs.gpr[REG_RDX] = 0;
	err = enter_kernel(vm->vcpu[0], &entry);
	BUG_ON(err);
	start_tscs(vm);
	unload_all(vm);
	print_started(vm);
	return 0;
}

/* A guest that is started again and again pays for that: with others' time it would starve them. */
static void make_known(struct vm *vm)
{
	vm->state = VM_RUNNING;
	for (unsigned i = 0; i < vm->nr_vcpus; i++)
		runq_add(vm->vcpu[i], vm->start_ticks);
}

/* What fits into a time slice. After an error it is VM_ENDED. */
static int go_on_starting(struct vm *vm)
{
	uint64_t began = rdtsc(), slice = ns_to_tsc(SCHED_TICK_NS);
	bool more;
	int err = 0;

	do
		more = p2m_clear_next(&vm->p2m);
	while (more && rdtsc() - began < slice);
	if (!more)
		err = finish_start(vm);
	vm->start_ticks += rdtsc() - began;
	if (!more && !err)
		make_known(vm);
	return err;
}

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
	err = begin_start(vm);
	while (!err && vm->state == VM_STARTING)
		err = go_on_starting(vm);
	if (err) {
		mem_free(vm, sizeof(*vm));
		return err;
	}
	vms[nr_vms++] = vm;
	return 0;
}

/* The first reason counts; the rest of the work is vm_poll's. */
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
	console_add(&vm->console);
	return begin_start(vm);
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

static void reap(struct vm *vm)
{
	bool again = vm->state == VM_RESETTING;

	smp_stop_others();
	stop(vm);
	vm->state = VM_ENDED;
	smp_resume_others();
	if (!again)
		console_remove(&vm->console);
	else
		(void)begin_start(vm); /* it says why not */
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

/* The next behind the one that had the latest slice. */
static struct vm *next_starting(void)
{
	static unsigned latest;

	for (unsigned n = 0; n < nr_vms; n++) {
		latest = (latest + 1) % nr_vms;
		if (vms[latest]->state == VM_STARTING)
			return vms[latest];
	}
	return NULL;
}

void vm_go_on_starting(void)
{
	struct vm *vm = next_starting();

	if (vm)
		(void)go_on_starting(vm); /* it says why not */
}

bool vm_any_starting(void)
{
	for (unsigned i = 0; i < nr_vms; i++)
		if (unlikely(vms[i]->state == VM_STARTING))
			return true;
	return false;
}

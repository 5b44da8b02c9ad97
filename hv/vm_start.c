/* SPDX-License-Identifier: MIT */
/*
 * How a virtual machine's insides are made, in steps (hv/vm_start.h), and taken apart. Boot CPU. No
 * other has anything of it until it is in the run queue.
 */
#include "hv/vm_start.h"

#include "guests/board.h"
#include "guests/load.h"
#include "hv/control_regs.h"
#include "hv/cpu.h"
#include "hv/cpuid.h"
#include "hv/errno.h"
#include "hv/page.h"
#include "hv/print.h"
#include "hv/runq.h"
#include "hv/sched.h"
#include "hv/stats.h"
#include "hv/timer.h"
#include "hv/vendor.h"

#define MIB (UINT64_C(1) << 20)

static void set_flat_segments(struct vcpu *v, const struct guest_entry *e)
{
	struct segment data = { .sel = e->ds, .limit = 0xffffffff };
	struct segment code = { .sel = e->cs, .limit = 0xffffffff };
	struct segment tr = { .limit = 0xffff, .attr = SEG_ATTR_BUSY_TSS };
	struct segment ldtr = { .limit = 0xffff, .attr = SEG_ATTR_LDT };
	struct descriptor_table gdt = { .base = e->gdt.v, .limit = e->gdt_limit };
	struct descriptor_table idt = { .base = 0, .limit = 0 };

	data.attr = SEG_G | SEG_DB | SEG_ATTR_DATA_RW;
	code.attr = SEG_G | SEG_ATTR_CODE_RX;
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

void vm_unmake(struct vm *vm)
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
	if (vm->mmu.engine) { /* NULL: there was too little memory for it, or for the RAM before it */
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
	vm_unmake(vm);
	vm->state = VM_ENDED;
	console_remove(&vm->console);
	return err;
}

static int too_little_memory(struct vm *vm)
{
	int err = give_up_start(vm, -ENOMEM); /* which gives back what it had got */

	printk("%s: not started: too little memory for it (%llu MiB and its shadow; %llu MiB free)\n",
	       vm->config.name, (unsigned long long)(vm->config.mem / MIB),
	       (unsigned long long)(pages_free() * PAGE_SIZE / MIB));
	return err;
}

int vm_begin_start(struct vm *vm)
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

int vm_start_slice(struct vm *vm)
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

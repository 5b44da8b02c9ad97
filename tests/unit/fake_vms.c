/* SPDX-License-Identifier: MIT */
/*
 * Guests for tests of the console's keys and statistics. No lock: one thread.
 */
#include "tests/unit/fake_vms.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "drivers/host/lapic.h"
#include "hv/irq.h"
#include "hv/nmi.h"
#include "hv/page.h"
#include "hv/power.h"
#include "hv/print.h"
#include "hv/sched.h"
#include "hv/smp.h"
#include "hv/stats.h"
#include "hv/timer.h"
#include "hv/vendor.h"

struct vm *vms[VM_MAX];
unsigned nr_vms;
struct vm *fake_killed, *fake_restarted;
jmp_buf fake_poweroff;
struct mmu_audit fake_audit;
struct mmu_summary fake_summary;
uint64_t fake_dirty_frames;
int fake_mmu_error;
unsigned fake_stops, fake_stops_at_kill;

static struct vm vm_store[VM_MAX];
static struct vcpu vcpu_store[VM_MAX];

static void get_segment(struct vcpu *v, enum seg s, struct segment *out)
{
	(void)v;
	*out = (struct segment){ .sel = (uint16_t)(8 * s), .attr = 0xc093, .limit = 0xffffffff };
}

static void get_tables(struct vcpu *v, struct descriptor_table *gdt, struct descriptor_table *idt)
{
	(void)v;
	*gdt = (struct descriptor_table){ .base = 0xffffffff81000000, .limit = 0x7f };
	*idt = (struct descriptor_table){ .base = 0xffffffff82000000, .limit = 0xfff };
}

static unsigned get_cpl(struct vcpu *v)
{
	(void)v;
	return 3;
}

static void unload(struct vcpu *v)
{
	(void)v;
}

static const struct vendor_ops fake_vendor = {
	.name = "SVM",
	.get_segment = get_segment,
	.get_tables = get_tables,
	.get_cpl = get_cpl,
	.unload = unload,
};
const struct vendor_ops *vendor = &fake_vendor;

void fake_vms_clear(void)
{
	nr_vms = 0;
	memset(vms, 0, sizeof(vms));
	fake_killed = fake_restarted = NULL;
	fake_mmu_error = 0;
}

struct vm *fake_vm_add(const char *name)
{
	struct vm *vm = &vm_store[nr_vms];
	struct vcpu *v = &vcpu_store[nr_vms];

	memset(vm, 0, sizeof(*vm));
	memset(v, 0, sizeof(*v));
	v->vm = vm;
	v->state = VCPU_RUNNABLE;
	vm->vcpu[0] = v;
	vm->nr_vcpus = 1;
	vm->config.vcpus = 1;
	vm->config.mem = 512ull << 20;
	snprintf(vm->config.name, sizeof(vm->config.name), "%s", name);
	vm->state = VM_RUNNING;
	vm->mmu.config.engine = mmu_engine_name(0);
	vms[nr_vms++] = vm;
	vm->id = nr_vms;
	vm->started = clock_ns();
	stats_vm_start(vm);
	return vm;
}

void vm_poweroff(struct vm *vm, const char *fmt, ...)
{
	(void)fmt;
	fake_killed = vm;
	fake_stops_at_kill = fake_stops;
}

void vm_reap(void)
{
}

int vm_restart(struct vm *vm)
{
	fake_restarted = vm;
	return 0;
}

_Noreturn void machine_poweroff(void)
{
	longjmp(fake_poweroff, 1);
}

_Noreturn void machine_reset(void)
{
	longjmp(fake_poweroff, 2);
}

uint64_t pages_free(void)
{
	return 1024;
}

uint64_t irqs_unclaimed(void)
{
	return 3;
}

uint64_t lapic_errors(void)
{
	return 5;
}

void nmi_key_send(char key)
{
	printk("%c\n", key);
}

uint64_t pages_total(void)
{
	return 4096;
}

void mmu_pool_use(const struct mmu_vcpu *v, unsigned *pages, unsigned *unused)
{
	(void)v;
	*pages = 512;
	*unused = 500;
}

const char *mmu_engine_name(unsigned i)
{
	static const char *const name[] = { "xi", "vtlb", NULL };

	return name[i];
}

void mmu_audit(struct mmu *m, struct mmu_audit *out)
{
	(void)m;
	*out = fake_audit;
}

void mmu_summary(struct mmu *m, struct mmu_summary *out)
{
	(void)m;
	*out = fake_summary;
}

int mmu_switch_engine(struct mmu *m, const char *engine)
{
	if (fake_mmu_error)
		return fake_mmu_error;
	m->config.engine = engine;
	return 0;
}

int mmu_dirty_start(struct mmu *m)
{
	static uint64_t bitmap[1];

	if (!fake_mmu_error)
		m->dirty.bitmap = bitmap;
	return fake_mmu_error;
}

uint64_t mmu_dirty_collect(struct mmu *m, uint64_t *bitmap)
{
	assert(mmu_dirty_is_on(m) && !bitmap);
	return fake_dirty_frames;
}

void mmu_dirty_stop(struct mmu *m)
{
	m->dirty.bitmap = NULL;
}

int mmu_record_start(struct mmu *m, size_t bytes_per_vcpu)
{
	static char recorder;

	(void)bytes_per_vcpu;
	m->rec = (void *)&recorder;
	return 0;
}

void mmu_record_stop(struct mmu *m)
{
	m->rec = NULL;
}

uint64_t mmu_record_dump(struct mmu *m, void (*line)(const char *text, void *arg), void *arg)
{
	if (line && m->rec)
		line("mmu-rec 00", arg);
	return 1;
}

void smp_stop_others(void)
{
	fake_stops++;
}

void smp_resume_others(void)
{
	fake_stops--;
}

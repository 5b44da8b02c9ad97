/* SPDX-License-Identifier: MIT */
/*
 * The keys s, a, X, d and D. Run loop, the other CPUs stopped: no vCPU is in guest mode or in
 * the library, which mmu_audit() and mmu_switch_engine() demand; they take mmu_lock themselves.
 */
#include "hv/shadow.h"

#include "hv/line.h"
#include "hv/page.h"
#include "hv/print.h"
#include "hv/string.h"
#include "hv/timer.h"

#define MIB_TENTHS(frames) ((frames)*PAGE_SIZE * 10 >> 20)
#define NO_GFN (~UINT64_C(0)) /* in mmu_audit.detail[0] */

/* A guest that has ended has no shadows. */
static void for_each_running(void (*fn)(struct vm *vm))
{
	bool none = true;

	for (unsigned i = 0; i < nr_vms; i++)
		if (vms[i]->state == VM_RUNNING) {
			fn(vms[i]);
			none = false;
		}
	if (none)
		printk("no guest is running\n");
}

/* --- s -------------------------------------------------------------------------------- */

static void print_engine(const struct vm *vm)
{
	unsigned without = vm->mmu.config.without;
	struct line l = { .len = 0 };

	line_add(&l, "%s: engine %s", vm->config.name, vm->mmu.config.engine);
	for (unsigned i = 0, n = 0; i < MMU_NR_OPTIONS; i++)
		if (without & 1u << i)
			line_add(&l, "%s%s", n++ ? "+" : ", without ", mmu_option_name[i]);
	line_print(&l);
}

static void print_tables(const struct mmu_summary *s)
{
	struct line l = { .len = 0 };

	line_add(&l, "  tables   ");
	for (unsigned level = 1; level <= MMU_MAX_LEVELS; level++)
		if (s->pages[level])
			line_add(&l, " level %u: %u,", level, s->pages[level]);
	line_add(&l, " direct: %u, out of sync: %u, roots in use: %u", s->direct, s->oos, s->roots);
	line_print(&l);
}

static void show_summary(struct vm *vm)
{
	struct mmu_summary s;

	mmu_summary(&vm->mmu, &s);
	print_engine(vm);
	printk("  pool      %u shadow pages, %u in use\n", s.pool, s.pool - s.unused);
	print_tables(&s);
	printk("  leaves    %u, writable: %u, large: %u, global: %u\n", s.leaves, s.writable,
	       s.large, s.global);
	printk("  tracked   %u guest frames hold shadowed tables\n", s.tracked);
}

void shadow_key_summary(char key)
{
	(void)key;
	for_each_running(show_summary);
}

/* --- a -------------------------------------------------------------------------------- */

static void print_violations(const struct vm *vm, const struct mmu_audit *a)
{
	struct line l = { .len = 0 };

	line_add(&l, "%s: audit: %u violations in %u pages, %u entries; the first, of I%u: %s (",
		 vm->config.name, a->errors, a->pages, a->entries, a->invariant, a->what);
	if (a->detail[0] != NO_GFN)
		line_add(&l, "gfn 0x%lx, ", a->detail[0]);
	line_add(&l, "index %lu, value 0x%lx)", a->detail[1], a->detail[2]);
	line_print(&l);
}

static void audit(struct vm *vm)
{
	struct mmu_audit a;

	mmu_audit(&vm->mmu, &a);
	if (a.errors)
		print_violations(vm, &a);
	else
		printk("%s: audit: clean, %u pages, %u entries\n", vm->config.name, a.pages,
		       a.entries);
}

void shadow_key_audit(char key)
{
	(void)key;
	for_each_running(audit);
}

/* --- X -------------------------------------------------------------------------------- */

static const char *next_engine(const char *name)
{
	unsigned i = 0;

	while (strcmp(mmu_engine_name(i), name) != 0)
		i++;
	return mmu_engine_name(i + 1) ? mmu_engine_name(i + 1) : mmu_engine_name(0);
}

void shadow_switch_engine(struct vm *vm)
{
	const char *old = vm->mmu.config.engine, *new = next_engine(old);

	if (mmu_switch_engine(&vm->mmu, new))
		printk("%s: too little memory for mmu=%s, it goes on with mmu=%s\n",
		       vm->config.name, new, old);
	else
		printk("%s: mmu=%s before, mmu=%s from now on\n", vm->config.name, old, new);
}

/* --- d, D ----------------------------------------------------------------------------- */

static void collect(struct vm *vm)
{
	uint64_t now = clock_ns(), msec = (now - vm->dirty_since) / NSEC_PER_MSEC;
	struct line l = { .len = 0 };
	uint64_t frames;

	if (!mmu_dirty_is_on(&vm->mmu)) {
		printk("%s: dirty log off, D starts it\n", vm->config.name);
		return;
	}
	frames = mmu_dirty_collect(&vm->mmu, NULL);
	vm->dirty_since = now;
	line_add(&l, "%s: %lu frames written, ", vm->config.name, frames);
	line_add_tenths(&l, 0, MIB_TENTHS(frames), " MiB");
	line_add(&l, " in %lu.%03lu s", msec / 1000, msec % 1000);
	line_print(&l);
}

void shadow_key_dirty(char key)
{
	(void)key;
	for_each_running(collect);
}

void shadow_toggle_dirty(struct vm *vm)
{
	if (mmu_dirty_is_on(&vm->mmu)) {
		mmu_dirty_stop(&vm->mmu);
		printk("%s: dirty log stopped\n", vm->config.name);
	} else if (mmu_dirty_start(&vm->mmu)) {
		printk("%s: too little memory for a dirty log\n", vm->config.name);
	} else {
		vm->dirty_since = clock_ns();
		printk("%s: dirty log started\n", vm->config.name);
	}
}

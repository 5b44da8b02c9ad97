/* SPDX-License-Identifier: MIT */
/*
 * The key t: once a second a short table of what each guest did in that second, until the
 * key comes again. It reads the totals that no key clears.
 *
 * Run loop only (keys and timer callbacks), so no lock.
 */
#include "hv/line.h"
#include "hv/print.h"
#include "hv/stats.h"
#include "hv/string.h"
#include "hv/timer.h"

struct second {
	const struct vm *vm; /* whose figures these are */
	uint64_t exits, exit_ticks, faults, fault_ticks;
};

static struct timer timer;
static bool on;
static uint64_t last_time; /* clock_ns() of the latest table */
static struct second before[VM_MAX];

static void look(const struct vm *vm, struct second *s)
{
	memset(s, 0, sizeof(*s));
	s->vm = vm;
	for (unsigned i = 0; i < VM_MAX_VCPUS; i++) {
		struct stat_set set;

		stats_total(vm, i, &set);
		s->exits += stats_exits(&set.exits);
		s->faults += stats_ops(&set.mmu.op[MMU_OP_PFAULT]);
		s->fault_ticks += set.mmu.op[MMU_OP_PFAULT].ticks;
		for (unsigned r = 0; r < NR_EXIT_REASONS; r++)
			if (r != EXIT_HLT) /* there the time goes to whoever wakes it */
				s->exit_ticks += set.exits.ticks[r];
	}
}

static uint64_t per_second(uint64_t n, uint64_t ns)
{
	return ns ? n * NSEC_PER_SEC / ns : 0;
}

static void print_row(const struct vm *vm, const struct second *b, const struct second *a,
		      uint64_t ns)
{
	uint64_t faults = a->faults - b->faults;
	uint64_t fault_ns = tsc_to_ns(a->fault_ticks - b->fault_ticks);
	uint64_t exit_ns = tsc_to_ns(a->exit_ticks - b->exit_ticks);
	struct line l = { .len = 0 };

	line_add(&l, "%-16s%10lu%11lu", vm->config.name, per_second(a->exits - b->exits, ns),
		 per_second(faults, ns));
	line_add_hundredths(&l, 12, faults ? fault_ns / faults / 10 : 0);
	line_add_tenths(&l, 11, ns ? exit_ns * 1000 / ns : 0, "%");
	line_print(&l);
}

static void show(struct timer *t)
{
	uint64_t now = clock_ns(), ns = now - last_time;

	printk("guest              exits/s   pfault/s    avg usec   in exits\n");
	for (unsigned i = 0; i < nr_vms; i++) {
		struct second s;

		look(vms[i], &s);
		if (before[i].vm == vms[i])
			print_row(vms[i], &before[i], &s, ns);
		before[i] = s;
	}
	last_time = now;
	timer_set(t, now + NSEC_PER_SEC);
}

void stats_key_top(char key)
{
	on = !on;
	if (!on) {
		timer_cancel(&timer);
		printk("top view off\n");
		return;
	}
	printk("top view, once a second; %c ends it\n", key);
	for (unsigned i = 0; i < nr_vms; i++)
		look(vms[i], &before[i]);
	last_time = clock_ns();
	timer_init(&timer, show);
	timer_set(&timer, last_time + NSEC_PER_SEC);
}

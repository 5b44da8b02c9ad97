/* SPDX-License-Identifier: MIT */
/*
 * The keys y and e: the tables of stats.md. All figures that belong together are computed
 * from one source, so they always agree: the total is the sum of the buckets, milliseconds
 * and the average come from the same ticks; fractions are cut off, not rounded, as the XI
 * report did (4694139 of 30715028 is its 15.2 %).
 *
 * Run loop only, so the scratch sets need no lock.
 */
#include "hv/line.h"
#include "hv/print.h"
#include "hv/stats.h"
#include "hv/string.h"
#include "hv/timer.h"
#include "hv/vendor.h"

#define CLASSIC "classic"
#define FIRST_COLUMN 15 /* the operation's name and its first bucket */
#define PER_CENT_DIGITS 1000 /* tenths of a per cent */

/* Widths of the report's columns; the names' column is part of the first. */
static const int bucket_width[MMU_NR_BUCKETS] = { FIRST_COLUMN, 8, 7, 7, 7, 8, 7, 9 };

static struct stat_set shown, sum;

static uint64_t tenths(uint64_t part, uint64_t whole)
{
	return whole ? part * PER_CENT_DIGITS / whole : 0;
}

/* Hundredths of a microsecond. */
static uint64_t average(uint64_t ticks, uint64_t n)
{
	return n ? tsc_to_ns(ticks) / n / 10 : 0;
}

static void print_op(enum mmu_op op, const struct stat_set *s)
{
	const struct mmu_op_stat *o = &s->mmu.op[op];
	int name = (int)strlen(mmu_op_name[op]);
	uint64_t total = stats_ops(o);
	struct line l = { .len = 0 };

	line_add(&l, "%s %*lu", mmu_op_name[op], bucket_width[0] - 1 - name, o->bucket[0]);
	for (unsigned b = 1; b < MMU_NR_BUCKETS; b++)
		line_add(&l, " %*lu", bucket_width[b] - 1, o->bucket[b]);
	line_add(&l, " %15lu", total);
	line_add_hundredths(&l, 8, average(o->ticks, total));
	line_add(&l, " %7lu %6lu %5lu", s->ticks.in_op[op], s->ticks.locked[op], s->ticks.total);
	line_print(&l);

	for (unsigned b = 0; b < MMU_NR_BUCKETS; b++)
		line_add_tenths(&l, bucket_width[b], tenths(o->bucket[b], total), "%");
	line_add(&l, "%16lu", (tsc_to_ns(o->ticks) / NSEC_PER_MSEC));
	line_print(&l);
}

void stats_print_shadow(const struct stat_set *s, uint64_t seconds, bool classic)
{
	printk("%s shadow performance statistics for the last %lu seconds\n",
	       classic ? "Non-XI" : "XI", seconds);
	printk("Op type                        # of Operations                "
	       "                  Total     Avg   Tick Profile\n");
	printk("        <2usec  <3usec <4usec <8usec <16usec <32usec <64usec >=64usec"
	       "        ops/msec    usec   In Op Locked Total\n");
	for (unsigned i = 0; i < MMU_NR_OPS; i++)
		print_op((enum mmu_op)i, s);
	for (unsigned i = 0; i < MMU_NR_COUNTERS; i++)
		printk("%-12s%12lu\n", mmu_counter_name[i], s->mmu.count[i]);
	printk("#PF exits   %12lu (counted by %s)\n", s->exits.raw_page_faults, vendor->name);
}

static void print_exit_row(const char *name, uint64_t n, uint64_t all, uint64_t ticks)
{
	struct line l = { .len = 0 };

	line_add(&l, "%-13s%12lu", name, n);
	line_add_tenths(&l, 10, tenths(n, all), "%");
	line_add_hundredths(&l, 12, average(ticks, n));
	line_add(&l, "%12lu", (tsc_to_ns(ticks) / NSEC_PER_MSEC));
	line_print(&l);
}

void stats_print_exits(const struct stat_set *s)
{
	const struct exit_stats *e = &s->exits;
	uint64_t total = stats_exits(e), ticks = 0;

	printk("Exit reason         Exits  Per cent    Avg usec        msec\n");
	for (unsigned i = 0; i < NR_EXIT_REASONS; i++) {
		ticks += e->ticks[i];
		if (e->count[i])
			print_exit_row(exit_name[i], e->count[i], total, e->ticks[i]);
	}
	print_exit_row("total", total, total, ticks);
}

static uint64_t seconds_since(uint64_t epoch)
{
	return (clock_ns() - epoch) / NSEC_PER_SEC;
}

static bool no_guests(void)
{
	if (!nr_vms)
		printk("no guests\n");
	return !nr_vms;
}

static bool is_classic(const struct vm *vm)
{
	return strcmp(vm->mmu.config.engine, CLASSIC) == 0;
}

void stats_key_show_shadow(char key)
{
	uint64_t longest = 0;
	bool all_classic = true;

	(void)key;
	if (no_guests())
		return;
	memset(&sum, 0, sizeof(sum));
	for (unsigned i = 0; i < nr_vms; i++) {
		uint64_t seconds = seconds_since(vms[i]->stats_epoch);

		stats_of_vm(vms[i], &shown);
		if (nr_vms > 1)
			printk("guest %u, %s:\n", vms[i]->id, vms[i]->config.name);
		stats_print_shadow(&shown, seconds, is_classic(vms[i]));
		stats_add(&sum, &shown);
		longest = MAX(longest, seconds);
		all_classic = all_classic && is_classic(vms[i]);
	}
	if (nr_vms > 1) {
		printk("all %u guests:\n", nr_vms);
		stats_print_shadow(&sum, longest, all_classic);
	}
}

static void show_exits_of(const struct vm *vm)
{
	for (unsigned i = 0; i < vm->config.vcpus; i++) {
		stats_of_vcpu(vm, i, &shown);
		printk("guest %u, %s, vCPU %u: exits of the last %lu seconds\n", vm->id,
		       vm->config.name, i, seconds_since(vm->exit_epoch));
		stats_print_exits(&shown);
		printk("pfault operations %lu, #PF exits counted by %s %lu (both since Y)\n",
		       stats_ops(&shown.mmu.op[MMU_OP_PFAULT]), vendor->name,
		       shown.exits.raw_page_faults);
		stats_add(&sum, &shown);
	}
}

void stats_key_show_exits(char key)
{
	(void)key;
	if (no_guests())
		return;
	memset(&sum, 0, sizeof(sum));
	for (unsigned i = 0; i < nr_vms; i++)
		show_exits_of(vms[i]);
	if (nr_vms > 1 || vms[0]->config.vcpus > 1) {
		printk("all vCPUs of %u guest%s:\n", nr_vms, nr_vms == 1 ? "" : "s");
		stats_print_exits(&sum);
	}
}

void stats_key_clear_shadow(char key)
{
	(void)key;
	for (unsigned i = 0; i < nr_vms; i++)
		stats_clear_shadow(vms[i]);
	printk("shadow statistics cleared\n");
}

void stats_key_clear_exits(char key)
{
	(void)key;
	for (unsigned i = 0; i < nr_vms; i++)
		stats_clear_exits(vms[i]);
	printk("exit statistics cleared\n");
}

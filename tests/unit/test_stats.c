/* SPDX-License-Identifier: MIT */
/*
 * The tables of stats.md: layout byte for byte, figures that agree with each other, clearing,
 * the tick profile, OpenMetrics.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hv/stats.h"
#include "hv/timer.h"
#include "tests/unit/fake_uart.h"
#include "tests/unit/fake_vms.h"
#include "tests/unit/host_print.h"

/* The XI report's table as stats.md shows it: the layout that `y` must have. */
static const char sample_table[] =
	"XI shadow performance statistics for the last 302 seconds\n"
	"Op type                        # of Operations                                  Total     Avg   Tick Profile\n"
	"        <2usec  <3usec <4usec <8usec <16usec <32usec <64usec >=64usec        ops/msec    usec   In Op Locked Total\n"
	"pfault 23078414 4694139 485499 613419 396088 1427265  11976     8228        30715028    2.43       0      0     0\n"
	"          75.1%   15.2%   1.5%   1.9%   1.2%    4.6%   0.0%     0.0%           74690\n"
	"sync_all   1734      97    169 305433 484991  174300 150199   130405         1247328   33.51       0      0     0\n"
	"           0.1%    0.0%   0.0%  24.4%  38.8%   13.9%  12.0%    10.4%           41810\n"
	"invl_pg   10169  302977 125270  44927   5385   17603    776     1656          508763    4.00       0      0     0\n"
	"           1.9%   59.5%  24.6%   8.8%   1.0%    3.4%   0.1%     0.3%            2037\n";

#define MSEC UINT64_C(1000000) /* in ticks of the tests' TSC, which are nanoseconds */

static const struct mmu_stats
	sample = { .op = {
			   [MMU_OP_PFAULT] = { { 23078414, 4694139, 485499, 613419, 396088, 1427265,
						 11976, 8228 },
					       74690 * MSEC },
			   [MMU_OP_SYNC_ALL] = { { 1734, 97, 169, 305433, 484991, 174300, 150199,
						   130405 },
						 41810 * MSEC },
			   [MMU_OP_INVL_PG] = { { 10169, 302977, 125270, 44927, 5385, 17603, 776,
						  1656 },
						2037 * MSEC },
		   } };

static struct vm *vm;
static struct vcpu *v;

static int one_guest(void **state)
{
	(void)state;
	mmu_stats_init(NSEC_PER_SEC);
	fake_vms_clear();
	vm = fake_vm_add("deb64");
	v = vm->vcpu[0];
	host_printk_clear();
	return 0;
}

static const char *key(void (*fn)(char key))
{
	host_printk_clear();
	fn('x');
	return host_printk_buf;
}

/* The n-th line (from 0) that begins with `word`, NUL-terminated. */
static const char *line_of(const char *word, unsigned n)
{
	static char text[512];
	const char *s = host_printk_buf;

	while (s) {
		if (strncmp(s, word, strlen(word)) == 0 && !n--) {
			size_t len = strcspn(s, "\n");

			assert_true(len < sizeof(text));
			memcpy(text, s, len);
			text[len] = '\0';
			return text;
		}
		s = strchr(s, '\n');
		s = s ? s + 1 : NULL;
	}
	fail_msg("no line '%s' in\n%s", word, host_printk_buf);
	return NULL;
}

static void the_table_is_the_report_s(void **state)
{
	char first[sizeof(sample_table)];

	(void)state;
	v->mmu.stats = sample;
	fake_now += 302 * NSEC_PER_SEC + 999;
	key(stats_key_show_shadow);
	memcpy(first, host_printk_buf, sizeof(first) - 1);
	first[sizeof(first) - 1] = '\0';
	assert_string_equal(first, sample_table);
}

static void classic_is_non_xi(void **state)
{
	(void)state;
	vm->mmu.config.engine = "classic";
	assert_int_equal(strncmp(key(stats_key_show_shadow), "Non-XI shadow performance", 25), 0);
	vm->mmu.config.engine = "vtlb";
	assert_int_equal(strncmp(key(stats_key_show_shadow), "XI shadow performance", 21), 0);
}

static void the_finer_operations_and_counters_follow(void **state)
{
	(void)state;
	v->mmu.stats.op[MMU_OP_RECLAIM] = (struct mmu_op_stat){ { [0] = 3, [7] = 1 }, 2 * MSEC };
	v->mmu.stats.count[MMU_CNT_PF_INJECT] = 77;
	v->exits.raw_page_faults = 99;
	key(stats_key_show_shadow);
	assert_string_equal(line_of("reclaim ", 0),
			    "reclaim       3       0      0      0      0       0      0        1"
			    "               4  500.00       0      0     0");
	assert_string_equal(line_of("pf_inject", 0), "pf_inject             77");
	assert_string_equal(line_of("#PF exits", 0), "#PF exits             99 (counted by SVM)");
}

static void nothing_yet_is_no_division(void **state)
{
	(void)state;
	key(stats_key_show_shadow);
	assert_string_equal(line_of("pfault", 0),
			    "pfault        0       0      0      0      0       0      0        0"
			    "               0    0.00       0      0     0");
	key(stats_key_show_exits);
	assert_string_equal(line_of("total", 0),
			    "total                   0      0.0%        0.00           0");
}

/* Buckets add up to the total, total x average is the milliseconds (to what two decimals
 * of a microsecond and a whole millisecond can show), whatever was recorded. */
static void figures_agree(void **state)
{
	struct mmu_op_stat *o = &v->mmu.stats.op[MMU_OP_PFAULT];
	uint64_t ticks = 0, n = 100000;

	(void)state;
	srand(1);
	for (uint64_t i = 0; i < n; i++) {
		uint64_t t = (uint64_t)rand() % (1 << (rand() % 18));

		mmu_op_record(o, t);
		ticks += t;
	}
	key(stats_key_show_shadow);
	{
		unsigned long b[8], total, usec, cent, msec, buckets = 0;

		assert_int_equal(sscanf(line_of("pfault", 0),
					"pfault %lu %lu %lu %lu %lu %lu %lu %lu %lu %lu.%lu", b,
					b + 1, b + 2, b + 3, b + 4, b + 5, b + 6, b + 7, &total,
					&usec, &cent),
				 11);
		for (int i = 0; i < 8; i++)
			buckets += b[i];
		assert_int_equal(total, n);
		assert_int_equal(buckets, n);
		msec = strtoul(strrchr(line_of("        ", 1), ' '), NULL, 10);
		assert_int_equal(msec, ticks / MSEC);
		/* in ns: the average is cut to 10 ns, the milliseconds to 1000000 ns */
		assert_in_range(total * (usec * 1000 + cent * 10), ticks - 10 * n, ticks);
	}
}

static void buckets_have_the_report_s_bounds(void **state)
{
	static const uint64_t ns[8] = { 1999, 2000, 3000, 7999, 8000, 31999, 32000, 64000 };
	struct mmu_op_stat o = { .ticks = 0 };

	(void)state;
	for (int i = 0; i < 8; i++)
		mmu_op_record(&o, ns[i]);
	for (int i = 0; i < 8; i++)
		assert_int_equal(o.bucket[i], 1);
	assert_int_equal(stats_ops(&o), 8);
}

static void guests_and_their_sum(void **state)
{
	struct vm *second = fake_vm_add("deb32");

	(void)state;
	v->mmu.stats.op[MMU_OP_PFAULT] = (struct mmu_op_stat){ { 1, 2 }, 3 * MSEC };
	second->vcpu[0]->mmu.stats.op[MMU_OP_PFAULT] =
		(struct mmu_op_stat){ { 10, 20 }, 30 * MSEC };
	fake_now += 10 * NSEC_PER_SEC;
	stats_clear_shadow(second);
	second->vcpu[0]->mmu.stats.op[MMU_OP_PFAULT].bucket[1] += 5;
	fake_now += 5 * NSEC_PER_SEC;
	key(stats_key_show_shadow);
	line_of("guest 1, deb64:", 0);
	line_of("guest 2, deb32:", 0);
	line_of("all 2 guests:", 0);
	line_of("XI shadow performance statistics for the last 15 seconds", 1); /* 1st: deb64 */
	line_of("XI shadow performance statistics for the last 5 seconds", 0);
	assert_string_equal(line_of("pfault", 1),
			    "pfault        0       5      0      0      0       0      0        0"
			    "               5    0.00       0      0     0");
	assert_string_equal(line_of("pfault", 2),
			    "pfault        1       7      0      0      0       0      0        0"
			    "               8  375.00       0      0     0");
}

static void clearing_subtracts(void **state)
{
	struct stat_set s;

	(void)state;
	v->mmu.stats = sample;
	v->exits.count[EXIT_IO] = 5;
	v->exits.raw_page_faults = 30715028;
	v->ticks.total = 9;
	key(stats_key_clear_shadow);
	v->mmu.stats.op[MMU_OP_PFAULT].bucket[0]++;
	v->exits.raw_page_faults++;
	stats_of_vm(vm, &s);
	assert_int_equal(stats_ops(&s.mmu.op[MMU_OP_PFAULT]), 1);
	assert_int_equal(s.exits.raw_page_faults, 1); /* begins with pfault, not with E */
	assert_int_equal(s.ticks.total, 0);
	assert_int_equal(s.exits.count[EXIT_IO], 5);
	key(stats_key_clear_exits);
	v->exits.count[EXIT_IO] += 2;
	stats_of_vm(vm, &s);
	assert_int_equal(s.exits.count[EXIT_IO], 2);
	assert_int_equal(s.exits.raw_page_faults, 1);
	assert_int_equal(v->mmu.stats.op[MMU_OP_PFAULT].bucket[0], 23078415); /* never written */
}

static void a_vcpu_that_goes_leaves_its_figures(void **state)
{
	struct stat_set s;

	(void)state;
	v->mmu.stats = sample;
	stats_clear_shadow(vm);
	v->mmu.stats.op[MMU_OP_PFAULT].bucket[0] += 7;
	stats_vcpu_gone(v);
	vm->nr_vcpus = 0;
	stats_of_vm(vm, &s);
	assert_int_equal(stats_ops(&s.mmu.op[MMU_OP_PFAULT]), 7);
	memset(v, 0, sizeof(*v)); /* the guest starts again with a fresh one */
	v->vm = vm;
	v->mmu.stats.op[MMU_OP_PFAULT].bucket[1] = 2;
	vm->nr_vcpus = 1;
	stats_of_vm(vm, &s);
	assert_int_equal(stats_ops(&s.mmu.op[MMU_OP_PFAULT]), 9);
}

static void exits_by_reason(void **state)
{
	(void)state;
	v->exits.count[EXIT_PAGE_FAULT] = 3;
	v->exits.ticks[EXIT_PAGE_FAULT] = 6 * MSEC;
	v->exits.count[EXIT_IO] = 1;
	v->exits.ticks[EXIT_IO] = 1 * MSEC;
	v->exits.raw_page_faults = 3;
	key(stats_key_show_exits);
	line_of("guest 1, deb64, vCPU 0: exits of the last ", 0);
	assert_string_equal(line_of("page_fault", 0),
			    "page_fault              3     75.0%     2000.00           6");
	assert_string_equal(line_of("io", 0),
			    "io                      1     25.0%     1000.00           1");
	assert_string_equal(line_of("total", 0),
			    "total                   4    100.0%     1750.00           7");
	assert_null(strstr(host_printk_buf, "cpuid"));
	line_of("pfault operations 0, #PF exits counted by SVM 3 (both since Y)", 0);
}

static void every_reason_has_a_name(void **state)
{
	(void)state;
	for (unsigned i = 0; i < NR_EXIT_REASONS; i++)
		assert_non_null(exit_name[i]);
}

static void a_tick_belongs_to_what_ran_when_it_was_due(void **state)
{
	(void)state;
	stats_tick(v, 0); /* nothing has ever run */
	assert_int_equal(v->ticks.in_op[MMU_OP_PFAULT], 0);
	v->mmu.last[MMU_OP_PFAULT] = (struct mmu_last_op){ .start = 100, .end = 200 };
	v->mmu.last[MMU_OP_RECLAIM] =
		(struct mmu_last_op){ .start = 150, .end = 180, .lock_start = 170 };
	stats_tick(v, 99);
	stats_tick(v, 201);
	stats_tick(v, 100);
	stats_tick(v, 165); /* in both: one is inside the other */
	stats_tick(v, 175);
	assert_int_equal(v->ticks.total, 6);
	assert_int_equal(v->ticks.in_op[MMU_OP_PFAULT], 3);
	assert_int_equal(v->ticks.locked[MMU_OP_PFAULT], 0);
	assert_int_equal(v->ticks.in_op[MMU_OP_RECLAIM], 2);
	assert_int_equal(v->ticks.locked[MMU_OP_RECLAIM], 1);
	key(stats_key_show_shadow);
	assert_string_equal(line_of("reclaim ", 0) + 92, "       2      1     6");
}

static void no_guests_is_said(void **state)
{
	(void)state;
	fake_vms_clear();
	assert_string_equal(key(stats_key_show_shadow), "no guests\n");
	assert_string_equal(key(stats_key_show_exits), "no guests\n");
}

static void openmetrics_histogram(void **state)
{
	(void)state;
	v->mmu.stats.op[MMU_OP_PFAULT] =
		(struct mmu_op_stat){ { 1, 2, 3, 4, 5, 6, 7, 8 }, 1234567890 };
	v->exits.count[EXIT_CPUID] = 42;
	key(stats_key_openmetrics);
	line_of("# TYPE xihv_shadow_op_seconds histogram", 0);
#define PFAULT "{guest=\"deb64\",vcpu=\"0\",op=\"pfault\""
	line_of("xihv_shadow_op_seconds_bucket" PFAULT ",le=\"2e-06\"} 1", 0);
	line_of("xihv_shadow_op_seconds_bucket" PFAULT ",le=\"3e-06\"} 3", 0);
	line_of("xihv_shadow_op_seconds_bucket" PFAULT ",le=\"1.6e-05\"} 15", 0);
	line_of("xihv_shadow_op_seconds_bucket" PFAULT ",le=\"+Inf\"} 36", 0);
	line_of("xihv_shadow_op_seconds_count" PFAULT "} 36", 0);
	line_of("xihv_shadow_op_seconds_sum" PFAULT "} 1.234567890", 0);
	line_of("xihv_exits_total{guest=\"deb64\",vcpu=\"0\",reason=\"cpuid\"} 42", 0);
	line_of("xihv_unclaimed_interrupts_total 3", 0);
	line_of("xihv_lapic_errors_total 5", 0);
	assert_string_equal(host_printk_buf + strlen(host_printk_buf) - 6, "# EOF\n");
}

/* OpenMetrics 1.0: samples of a family stand together behind its TYPE, once. */
static void openmetrics_families_are_whole(void **state)
{
	char now[64] = "", seen[4096] = "";

	(void)state;
	fake_vm_add("deb32");
	key(stats_key_openmetrics);
	for (char *s = strtok(host_printk_buf, "\n"); s; s = strtok(NULL, "\n")) {
		char name[64];

		if (sscanf(s, "# TYPE %63s", name) == 1) {
			char word[66];

			snprintf(word, sizeof(word), " %s ", name);
			assert_null(strstr(seen, word));
			strcat(seen, word);
			strcpy(now, name);
		} else if (s[0] != '#') {
			assert_int_equal(strncmp(s, now, strlen(now)), 0);
		}
	}
}

#define guest_test(f) cmocka_unit_test_setup(f, one_guest)

int main(void)
{
	const struct CMUnitTest tests[] = {
		guest_test(the_table_is_the_report_s),
		guest_test(classic_is_non_xi),
		guest_test(the_finer_operations_and_counters_follow),
		guest_test(nothing_yet_is_no_division),
		guest_test(figures_agree),
		guest_test(buckets_have_the_report_s_bounds),
		guest_test(guests_and_their_sum),
		guest_test(clearing_subtracts),
		guest_test(a_vcpu_that_goes_leaves_its_figures),
		guest_test(exits_by_reason),
		guest_test(every_reason_has_a_name),
		guest_test(a_tick_belongs_to_what_ran_when_it_was_due),
		guest_test(no_guests_is_said),
		guest_test(openmetrics_histogram),
		guest_test(openmetrics_families_are_whole),
	};

	return cmocka_run_group_tests_name("stats", tests, NULL, NULL);
}

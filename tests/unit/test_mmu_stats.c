/* SPDX-License-Identifier: MIT */
/* The shadow statistics: buckets, totals, and that each operation is recorded once. */
#include "tests/unit/mmu_guest.h"

static uint64_t total(enum mmu_op op)
{
	uint64_t n = 0;

	for (unsigned b = 0; b < MMU_NR_BUCKETS; b++)
		n += g->v.stats.op[op].bucket[b];
	return n;
}

static void test_buckets(void **state)
{
	/* microseconds -> bucket of the 2006 layout: <2 <3 <4 <8 <16 <32 <64 >=64 */
	static const uint8_t want[][2] = { { 0, 0 },  { 1, 0 },	 { 2, 1 },  { 3, 2 },  { 4, 3 },
					   { 7, 3 },  { 8, 4 },	 { 15, 4 }, { 16, 5 }, { 31, 5 },
					   { 32, 6 }, { 63, 6 }, { 64, 7 }, { 255, 7 } };

	(void)state;
	for (unsigned i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		struct mmu_op_stat s = { .ticks = 0 };

		mmu_stats_init(UINT64_C(3000000000));
		mmu_op_record(&s, want[i][0] * UINT64_C(3000) + 1);
		assert_int_equal(s.bucket[want[i][1]], 1);
		assert_int_equal(s.ticks, want[i][0] * UINT64_C(3000) + 1);
		/* a clock whose microsecond is no whole number of ticks: 2 us are not < 2 */
		memset(&s, 0, sizeof(s));
		mmu_stats_init(1193182);
		mmu_op_record(&s, (want[i][0] * UINT64_C(1193182) + 999999) / 1000000);
		assert_int_equal(s.bucket[want[i][1]], 1);
	}
}

static void test_names(void **state)
{
	(void)state;
	for (unsigned i = 0; i < MMU_NR_OPS; i++)
		assert_non_null(mmu_op_name[i]);
	for (unsigned i = 0; i < MMU_NR_COUNTERS; i++)
		assert_non_null(mmu_counter_name[i]);
	assert_string_equal(mmu_op_name[MMU_OP_PFAULT], "pfault");
	assert_string_equal(mmu_op_name[MMU_OP_SYNC_ALL], "sync_all");
	assert_string_equal(mmu_op_name[MMU_OP_INVL_PG], "invl_pg");
}

static void test_records(void **state)
{
	enum mmu_result r;

	(void)state;
	guest_start(0, 40, false);
	tables_4level();
	fake_write64(T1, DATA | ALL);
	fake_write64(T1 + 16, UINT64_C(0xfee00000) | ALL);
	mode_4level(0, 0);
	memset(&g->v.stats, 0, sizeof(g->v.stats));
	fake_clock_step = 0;
	fake_clock = 1000;
	g->v.t_start = 995; /* the clock ticks in microseconds */
	r = mmu_fault(&g->v, GVA(0), RD, &g->fault);
	assert_int_equal(r, MMU_FIXED);
	assert_int_equal(g->v.stats.op[MMU_OP_PFAULT].bucket[3], 1);
	assert_int_equal(g->v.stats.op[MMU_OP_PFAULT].ticks, 5);
	assert_int_equal(g->v.last[MMU_OP_PFAULT].start, 995);
	assert_int_equal(g->v.last[MMU_OP_PFAULT].end, 1000);
	/* The lock was asked for within the operation, or not at all. */
	assert_int_equal(g->v.last[MMU_OP_PFAULT].lock_start, 1000);
	(void)where(0x1000, RD); /* takes it too, but is no operation */
	r = mmu_fault(&g->v, GVA(0x1000), RD | MMU_ACC_NOT_PRESENT, &g->fault);
	assert_int_equal(r, MMU_INJECT);
	assert_int_equal(g->v.last[MMU_OP_PFAULT].lock_start, 0);
	r = mmu_fault(&g->v, GVA(0x2000), RD, &g->fault);
	assert_int_equal(r, MMU_MMIO);
	g->v.t_start = 900;
	mmu_invlpg(&g->v, GVA(0));
	assert_int_equal(g->v.stats.op[MMU_OP_INVL_PG].bucket[7], 1);
	assert_int_equal(mmu_set_cr3(&g->v, T4), 0);
	mmu_flush(&g->v, true);
	assert_int_equal(total(MMU_OP_PFAULT), 3);
	assert_int_equal(total(MMU_OP_INVL_PG), 1);
	assert_int_equal(total(MMU_OP_SYNC_ALL), 2);
	assert_int_equal(g->v.stats.count[MMU_CNT_PF_FIXED], 1);
	assert_int_equal(g->v.stats.count[MMU_CNT_PF_INJECT], 1);
	assert_int_equal(g->v.stats.count[MMU_CNT_PF_MMIO], 1);
	/* What the emulator asks is no fault. */
	(void)where(0, RD);
	assert_int_equal(total(MMU_OP_PFAULT), 3);
	guest_end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_buckets),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_records),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

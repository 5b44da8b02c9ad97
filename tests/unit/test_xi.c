/* SPDX-License-Identifier: MIT */
/*
 * What the engine xi does beyond what it must: which exits it saves, and what it costs. The
 * processor has a TLB, so that an exit counted here is one that hardware would take.
 */
#include "tests/unit/mmu_invariant.h"

static uint64_t counter(enum mmu_counter c)
{
	return g->v.stats.count[c];
}

static void start_xi(unsigned without)
{
	struct mmu_config c = { .engine = "xi",
				.without = without,
				.pool_pages = 256,
				.maxphyaddr = 40,
				.has_1g = true,
				.frames = FAKE_RAM_FRAMES };

	start_tables(&c);
	run_tables();
}

/* ---- out of sync ---- */

static void test_one_write_fault_then_none(void **state)
{
	(void)state;
	start_xi(0);
	cpu_reaches(&g->v, V(1), RD, DATA + V(1));
	assert_int_equal(remap(&g->v, 1, (DATA + V(0x20)) | ALL), 1);
	assert_int_equal(counter(MMU_CNT_UNSYNC), 1);
	assert_int_equal(summary().oos, 1);
	for (unsigned i = 0; i < 8; i++)
		assert_int_equal(remap(&g->v, i, (DATA + V(0x20 + i)) | ALL), 0);
	assert_int_equal(counter(MMU_CNT_UNSYNC), 1);
	/* Without the option each is a write for the emulator. */
	end();
	start_xi(MMU_OPT_OOS);
	cpu_reaches(&g->v, V(1), RD, DATA + V(1));
	for (unsigned i = 0; i < 8; i++)
		assert_int_equal(remap(&g->v, i, (DATA + V(0x20 + i)) | ALL), 1);
	assert_int_equal(summary().oos, 0);
	end();
}

/* A leaf table that is new need not go out of sync by a fault, and is compared like any. */
static void test_born_out_of_sync(void **state)
{
	(void)state;
	guest_born_oos = true;
	start_xi(0);
	cpu_reaches(&g->v, V(1), RD, DATA + V(1));
	assert_int_equal(summary().oos, 1);
	remap(&g->v, 1, (DATA + V(0x20)) | ALL);
	assert_int_equal(counter(MMU_CNT_UNSYNC), 0);
	assert_int_equal(mmu_set_cr3(&g->v, T4), 0);
	cpu_reaches(&g->v, V(1), RD, DATA + V(0x20));
	end();
	guest_born_oos = false;
}

/* A CR3 load brings entries that changed in step, and the others are there still. */
static void test_cr3_load_syncs_in_place(void **state)
{
	(void)state;
	start_xi(0);
	for (unsigned i = 0; i < 8; i++)
		cpu_reaches(&g->v, V(i), RD, DATA + V(i));
	remap(&g->v, 2, (DATA + V(0x20)) | ALL);
	remap(&g->v, 3, 0);
	assert_int_equal(mmu_set_cr3(&g->v, T4), 0);
	assert_int_equal(counter(MMU_CNT_SYNC_ENTRY), 2);
	assert_int_equal(exits_of(&g->v, V(1), WR), 0);
	assert_int_equal(exits_of(&g->v, V(2), WR), 0);
	cpu_reaches(&g->v, V(2), WR, DATA + V(0x20));
	cpu_injects(&g->v, V(3), RD, 0);
	/* Still out of sync: the next write needs no exit; and in sync again when it is calm. */
	assert_int_equal(remap(&g->v, 4, (DATA + V(0x21)) | ALL), 0);
	for (unsigned i = 0; i < 8; i++)
		assert_int_equal(mmu_set_cr3(&g->v, T4), 0);
	assert_int_equal(summary().oos, 0);
	assert_int_equal(counter(MMU_CNT_RESYNC), 1);
	end();
}

static void global_table(unsigned without, unsigned looks)
{
	struct mmu_config c = { .engine = "xi",
				.without = without,
				.pool_pages = 256,
				.maxphyaddr = 40,
				.frames = FAKE_RAM_FRAMES };

	start_tables(&c);
	fake_write64(T2 + 8, T1B | ALL);
	for (unsigned i = 0; i < 8; i++)
		fake_write64(T1B + 8 * i, (DATA + V(i)) | ALL | G);
	run_tables();
	cpu_reaches(&g->v, 0x200000, RD, DATA);
	store(&g->v, T1B, DATA | ALL | G); /* out of sync */
	memset(g->v.stats.count, 0, sizeof(g->v.stats.count));
	assert_int_equal(mmu_set_cr3(&g->v, T4), 0);
	assert_int_equal(counter(MMU_CNT_SYNC_TABLE), looks);
	mmu_flush(&g->v, true);
	assert_int_equal(counter(MMU_CNT_SYNC_TABLE), looks + 1);
	end();
}

static void test_global_tables_are_not_compared(void **state)
{
	(void)state;
	global_table(0, 0);
	global_table(MMU_OPT_GLOBAL, 1);
}

/* A table that the new root does not lead to is not compared, either. */
static void reach(unsigned without, unsigned looks)
{
	struct mmu_config c = { .engine = "xi",
				.without = without,
				.pool_pages = 256,
				.maxphyaddr = 40,
				.frames = FAKE_RAM_FRAMES };

	start_tables(&c);
	fake_write64(T4B, T3B | ALL);
	run_tables();
	cpu_reaches(&g->v, V(1), RD, DATA + V(1));
	remap(&g->v, 1, (DATA + V(0x20)) | ALL);
	memset(g->v.stats.count, 0, sizeof(g->v.stats.count));
	assert_int_equal(mmu_set_cr3(&g->v, T4B), 0);
	assert_int_equal(counter(MMU_CNT_SYNC_TABLE), looks);
	assert_int_equal(mmu_set_cr3(&g->v, T4), 0);
	cpu_reaches(&g->v, V(1), WR, DATA + V(0x20));
	end();
}

static void test_what_is_out_of_reach_is_not_compared(void **state)
{
	(void)state;
	reach(0, 0);
	reach(MMU_OPT_REACH, 1);
}

/* ---- filling ahead ---- */

static void test_invlpg_prefills(void **state)
{
	(void)state;
	start_xi(0);
	cpu_reaches(&g->v, V(1), RD, DATA + V(1));
	remap(&g->v, 1, (DATA + V(0x20)) | ALL);
	remap(&g->v, 9, (DATA + V(9)) | ALL);
	remap(&g->v, 10, (DATA + V(10)) | P | W | U); /* A is clear */
	mmu_invlpg(&g->v, GVA(V(1)));
	mmu_invlpg(&g->v, GVA(V(9)));
	mmu_invlpg(&g->v, GVA(V(10)));
	assert_int_equal(exits_of(&g->v, V(1), WR), 0);
	assert_int_equal(exits_of(&g->v, V(9), WR), 0);
	assert_int_equal(fake_read64(T1 + 80) & A, 0);
	assert_int_equal(exits_of(&g->v, V(10), RD), 1);
	end();
	start_xi(MMU_OPT_PREFILL);
	cpu_reaches(&g->v, V(1), RD, DATA + V(1));
	remap(&g->v, 9, (DATA + V(9)) | ALL);
	mmu_invlpg(&g->v, GVA(V(9)));
	assert_int_equal(exits_of(&g->v, V(9), WR), 1);
	end();
}

static void start_window(unsigned without)
{
	struct mmu_config c = { .engine = "xi",
				.without = without,
				.pool_pages = 256,
				.maxphyaddr = 40,
				.frames = FAKE_RAM_FRAMES };

	start_tables(&c);
	for (unsigned i = 0x40; i < 0x200; i++)
		map_at_start(i, (DATA + V(i)) | ALL);
	map_at_start(0x42, (DATA + V(0x42)) | P | W | U); /* neither A nor D */
	map_at_start(0x43, (DATA + V(0x43)) | P | W | U | A);
	map_at_start(0x44, (DATA + V(0x44)) | (ALL & ~P));
	run_tables();
}

static void test_window_takes_used_neighbours(void **state)
{
	unsigned exits = 0;

	(void)state;
	start_window(0);
	cpu_reaches(&g->v, V(0x40), RD, DATA + V(0x40));
	assert_int_equal(counter(MMU_CNT_WINDOW), 5);
	assert_int_equal(fake_read64(T1 + 8 * 0x42) & (A | D), 0);
	assert_int_equal(fake_read64(T1 + 8 * 0x43) & D, 0);
	assert_false(in_shadow(V(0x42), RD));
	assert_true(in_shadow(V(0x43), RD));
	assert_false(in_shadow(V(0x43), WR)); /* not dirty */
	assert_true(in_shadow(V(0x47), WR));
	assert_false(in_shadow(V(0x48), RD)); /* the cache line ends */
	/* One after the other: ever more of them, up to 64. */
	for (unsigned i = 0x48; i < 0x200; i++)
		exits += exits_of(&g->v, V(i), RD);
	assert_in_range(exits, 6, 12);
	end();
	start_window(MMU_OPT_WINDOW);
	cpu_reaches(&g->v, V(0x40), RD, DATA + V(0x40));
	assert_int_equal(counter(MMU_CNT_WINDOW), 0);
	assert_false(in_shadow(V(0x41), RD));
	end();
}

/* A new root takes what other roots have already of the same tables. */
static void test_new_root_shares_tables(void **state)
{
	(void)state;
	for (unsigned without = 0; without <= MMU_OPT_PREFILL; without += MMU_OPT_PREFILL) {
		start_xi(without);
		cpu_reaches(&g->v, V(1), WR, DATA + V(1));
		host_writes(T4B, T3 | ALL, 8);
		assert_int_equal(mmu_set_cr3(&g->v, T4B), 0);
		assert_int_equal(exits_of(&g->v, V(1), WR), without ? 1 : 0);
		/* Back again: the root was kept. */
		memset(g->v.stats.count, 0, sizeof(g->v.stats.count));
		assert_int_equal(mmu_set_cr3(&g->v, T4), 0);
		assert_int_equal(exits_of(&g->v, V(1), WR), 0);
		assert_int_equal(counter(MMU_CNT_NEW_ROOT), 0);
		end();
	}
}

static void write_entry(uint64_t at, uint64_t entry, unsigned bytes)
{
	if (bytes == sizeof(uint64_t))
		fake_write64(at, entry);
	else
		fake_write32(at, (uint32_t)entry);
}

/* A large page that another root has is taken as it is, and so are pieces of one (`whole`: no), in
 * each format. */
static void shared_large_page(unsigned bytes, bool whole)
{
	const uint64_t beyond = V(FAKE_RAM_FRAMES), large = DATA | ALL | PS;
	const uint64_t entry[] = { T1 | ALL, large, large | 1u << 21 | 1u << 13, beyond | ALL,
				   (beyond * 2) | ALL | PS };
	struct mmu_config c = {
		.engine = "xi", .pool_pages = 256, .maxphyaddr = 40, .frames = FAKE_RAM_FRAMES
	};

	guest_start_with(&c, 1);
	fake_map(DATA >> 12, 1024, fake_pfn(DATA >> 12), P2M_RAM, whole);
	for (unsigned i = 0; i < sizeof(entry) / sizeof(entry[0]); i++) {
		write_entry(T2 + bytes * i, entry[i], bytes);
		write_entry(T2B + bytes * i, entry[i], bytes);
	}
	identity(T1, bytes);
	if (bytes == sizeof(uint64_t)) {
		fake_write64(T3, T2 | P);
		fake_write64(T3B, T2B | P);
		mode_pae(0, 0);
	} else {
		mode_2level(PSE);
	}
	cpu_reaches(&g->v, bytes == 8 ? 0x200000 : 0x400000, WR, DATA);
	assert_int_equal(mmu_set_cr3(&g->v, bytes == 8 ? T3B : T2B), 0);
	cpu_reaches(&g->v, V(0x20), RD, V(0x20));
	assert_int_equal(exits_of(&g->v, bytes == 8 ? 0x201000 : 0x401000, WR), 0);
	assert_int_equal(summary().large > 0, whole);
	end();
}

static void test_new_root_shares_large_pages(void **state)
{
	(void)state;
	for (unsigned whole = 0; whole < 2; whole++) {
		shared_large_page(sizeof(uint64_t), whole);
		shared_large_page(sizeof(uint32_t), whole);
	}
}

/* ---- large pages ---- */

static void start_large(unsigned without)
{
	struct mmu_config c = { .engine = "xi",
				.without = without,
				.pool_pages = 256,
				.maxphyaddr = 40,
				.frames = FAKE_RAM_FRAMES };

	start_tables(&c);
	fake_write64(T2 + 8, (DATA + 0x400000) | ALL | PS);
	run_tables();
}

static void test_large_page_until_a_table_lies_in_it(void **state)
{
	const uint64_t table = DATA + 0x400000 + V(5);

	(void)state;
	start_large(0);
	cpu_reaches(&g->v, 0x200000, WR, DATA + 0x400000);
	assert_true(fake_hw_access(&g->v, 0x200000, WR).large);
	assert_int_equal(counter(MMU_CNT_LARGE_FILL), 1);
	assert_int_equal(exits_of(&g->v, 0x3ff000, WR), 0);
	fake_write64(table, DATA | ALL);
	host_writes(T2 + 16, table | ALL, 8);
	cpu_reaches(&g->v, 0x400000, RD, DATA);
	assert_int_equal(summary().large, 0);
	/* Small pieces, all at once, and the table's own is not writable. */
	assert_int_equal(exits_of(&g->v, 0x200000, WR), 1);
	assert_false(fake_hw_access(&g->v, 0x200000, WR).large);
	assert_int_equal(exits_of(&g->v, 0x204000, WR), 0);
	assert_false(in_shadow(0x205000, WR));
	assert_true(in_shadow(0x206000, WR));
	end();
}

static void test_large_page_options(void **state)
{
	(void)state;
	start_large(MMU_OPT_LARGE);
	cpu_reaches(&g->v, 0x200000, WR, DATA + 0x400000);
	assert_false(fake_hw_access(&g->v, 0x200000, WR).large);
	assert_int_equal(exits_of(&g->v, 0x201000, WR), 0);
	end();
	start_large(MMU_OPT_LARGE | MMU_OPT_SPLIT);
	cpu_reaches(&g->v, 0x200000, WR, DATA + 0x400000);
	assert_int_equal(exits_of(&g->v, 0x201000, WR), 1);
	end();
}

/* ---- tables that go ---- */

static unsigned tables_in_use(void)
{
	unsigned pages, unused;

	mmu_pool_use(&g->v, &pages, &unused);
	return pages - unused;
}

static void test_cleared_parent_frees_the_child(void **state)
{
	unsigned before;

	(void)state;
	start_xi(0);
	host_writes(T3 + 8, T2B | ALL, 8);
	host_writes(T2B, T1B | ALL, 8);
	host_writes(T1B, DATA | ALL, 8);
	cpu_reaches(&g->v, V(1), RD, DATA + V(1));
	before = tables_in_use();
	cpu_reaches(&g->v, 0x40000000, WR, DATA);
	assert_int_equal(tables_in_use(), before + 2);
	host_writes(T2B, 0, 8); /* the directory is empty, and goes too */
	assert_int_equal(tables_in_use(), before);
	/* What were tables are written without an exit. */
	cpu_reaches(&g->v, T1B, WR, T1B);
	assert_int_equal(exits_of(&g->v, T2B, WR), 0);
	end();
	start_xi(MMU_OPT_TEARDOWN);
	host_writes(T2 + 8, T1B | ALL, 8);
	host_writes(T1B, DATA | ALL, 8);
	cpu_reaches(&g->v, 0x200000, WR, DATA);
	before = tables_in_use();
	host_writes(T2 + 8, 0, 8);
	assert_int_equal(tables_in_use(), before);
	end();
}

/* A table in use as root that is being cleared goes with the next CR3 load. */
static void test_torn_root_goes_with_its_last_user(void **state)
{
	unsigned before;

	(void)state;
	start_xi(0);
	host_writes(T4B, T3 | ALL, 8);
	host_writes(T4B + 8, T3B | ALL, 8);
	host_writes(T3B, T2 | ALL, 8);
	cpu_reaches(&g->v2, 0, RD, DATA);
	assert_int_equal(mmu_set_cr3(&g->v, T4B), 0);
	cpu_reaches(&g->v, UINT64_C(1) << 39, WR, DATA);
	before = tables_in_use();
	host_writes(T4B + 8, 0, 8);
	assert_int_equal(tables_in_use(), before - 1); /* T3B */
	assert_int_equal(mmu_set_cr3(&g->v, T4), 0);
	assert_int_equal(tables_in_use(), before - 2);
	assert_int_equal(exits_of(&g->v, T4B, WR), 1);
	assert_int_equal(summary().oos, 0);
	end();
}

/* Writes as nobody makes them to a table, and many of them. */
static void test_table_reused_as_data(void **state)
{
	(void)state;
	start_xi(0);
	for (unsigned kind = 0; kind < 2; kind++) {
		unsigned before;

		host_writes(T3 + 8, T2B | ALL, 8);
		host_writes(T2B, T1B | ALL, 8);
		host_writes(T1B, DATA | ALL, 8);
		cpu_reaches(&g->v, V(1), RD, DATA + V(1));
		before = tables_in_use();
		cpu_reaches(&g->v, 0x40000000, WR, DATA);
		assert_int_equal(tables_in_use(), before + 2);
		if (kind == 0) {
			host_writes(T2B + 9, 1, 1);
			host_writes(T2B + 8, 0, 8);
		}
		for (unsigned i = 0; kind == 1 && i < 4; i++)
			host_writes(T2B + 8 * (5 + i), T1 | ALL, 8);
		assert_int_equal(tables_in_use(), before);
		cpu_reaches(&g->v, 0x40000000, WR, DATA);
		host_writes(T3 + 8, 0, 8);
		mmu_flush(&g->v, true);
	}
	end();
}

/* Nothing leads to it any more: the first write lets it go. */
static void test_unused_table_goes_at_a_write(void **state)
{
	unsigned before;

	(void)state;
	start_xi(0);
	cpu_reaches(&g->v, V(1), RD, DATA + V(1));
	before = tables_in_use();
	host_writes(T2 + 8, T1B | ALL, 8);
	host_writes(T1B, DATA | ALL, 8);
	cpu_reaches(&g->v, 0x200000, WR, DATA);
	host_writes(T2 + 8, T1 | ALL, 8); /* replaced, not cleared */
	assert_int_equal(tables_in_use(), before + 1);
	assert_int_equal(store(&g->v, T1B, 0), 1);
	assert_int_equal(tables_in_use(), before);
	assert_int_equal(counter(MMU_CNT_UNSHADOW), 1);
	end();
}

/* An instruction that the emulator lacks writes a table that is on its own way. */
static void test_unshadow_twice_lets_loose(void **state)
{
	uint64_t hpa;

	(void)state;
	start_xi(0);
	cpu_reaches(&g->v, V(1), RD, DATA + V(1));
	cpu_gets(&g->v, T2 + 8, WR, MMU_EMULATE);
	assert_true(mmu_unshadow(&g->v, GPA(T2)));
	cpu_gets(&g->v, T2 + 8, WR, MMU_EMULATE); /* it came back by the way to itself */
	assert_true(mmu_unshadow(&g->v, GPA(T2)));
	assert_int_equal(fake_tlb_run(&g->v, T2 + 8, WR, &g->fault, &hpa, NULL), MMU_FIXED);
	audit_is_clean();
	assert_false(mmu_unshadow(&g->v, GPA(T2))); /* not what is in its way */
	fake_write64(T2 + 8, T1B | ALL);
	fake_write64(T1B, DATA | ALL);
	/* A flush ends it: what was written counts, and what comes next is seen. */
	mmu_invlpg(&g->v, GVA(0x200000));
	cpu_reaches(&g->v, 0x200000, RD, DATA);
	cpu_gets(&g->v, T2 + 8, WR, MMU_EMULATE);
	/* Two may be loose, a third takes their place. */
	for (unsigned i = 0; i < 3; i++) {
		static const uint64_t at[] = { T2, T3, T4 };

		for (unsigned n = 0; n < 2; n++)
			if (fake_tlb_run(&g->v, at[i] + 16, WR, &g->fault, NULL, NULL) ==
			    MMU_EMULATE)
				assert_true(mmu_unshadow(&g->v, GPA(at[i])));
		audit_is_clean();
	}
	assert_false(mmu_unshadow(&g->v, GPA(V(FAKE_RAM_FRAMES))));
	mmu_flush(&g->v, true);
	cpu_reaches(&g->v, V(1), RD, DATA + V(1));
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_write_fault_then_none),
		cmocka_unit_test(test_born_out_of_sync),
		cmocka_unit_test(test_cr3_load_syncs_in_place),
		cmocka_unit_test(test_global_tables_are_not_compared),
		cmocka_unit_test(test_what_is_out_of_reach_is_not_compared),
		cmocka_unit_test(test_invlpg_prefills),
		cmocka_unit_test(test_window_takes_used_neighbours),
		cmocka_unit_test(test_new_root_shares_tables),
		cmocka_unit_test(test_new_root_shares_large_pages),
		cmocka_unit_test(test_large_page_until_a_table_lies_in_it),
		cmocka_unit_test(test_large_page_options),
		cmocka_unit_test(test_cleared_parent_frees_the_child),
		cmocka_unit_test(test_torn_root_goes_with_its_last_user),
		cmocka_unit_test(test_table_reused_as_data),
		cmocka_unit_test(test_unused_table_goes_at_a_write),
		cmocka_unit_test(test_unshadow_twice_lets_loose),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

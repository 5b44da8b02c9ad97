/* SPDX-License-Identifier: MIT */
/*
 * What is done in which order, how much at once, and who is told (I6, I12, I14, I16, I19), under
 * each engine. A test carries the number of the invariant that it holds to.
 */
#include "tests/unit/mmu_invariant.h"

#define FRAMES (FAKE_RAM_FRAMES)

/* ---- I6 ---- */

/* The smallest pools there are, and a whole way of tables for each address. */
static void i6_reserved_before_anything_changes(void **state)
{
	struct mmu_config c = config_of(state);
	hpa_t root;

	c.pool_pages = smallest_pool(*state, 2);
	start_tables(&c);
	for (uint64_t i = 0; i < 512; i++)
		fake_write64(T4 + 8 * i, T3 | ALL);
	for (uint64_t i = 1; i < 64; i++) { /* a table each: 192 of them */
		fake_write64(T4 + 8 * i, (V(0x100) + V(3 * i)) | ALL);
		fake_write64(V(0x100) + V(3 * i), (V(0x101) + V(3 * i)) | ALL);
		fake_write64(V(0x101) + V(3 * i), (V(0x102) + V(3 * i)) | ALL);
		fake_write64(V(0x102) + V(3 * i), (DATA + V(i)) | ALL);
	}
	run_tables();
	root = g->v.hw.root;
	for (unsigned round = 0; round < 2; round++)
		for (uint64_t i = 1; i < 64; i++) {
			cpu_reaches(&g->v, i << 39, WR, DATA + V(i));
			cpu_reaches(&g->v2, (64 - i) << 39, WR, DATA + V(64 - i));
		}
	assert_true(g->v.stats.op[MMU_OP_RECLAIM].bucket[0] > 0);
	assert_int_equal(g->v.hw.root.v, root.v); /* roots in use are not taken */
	end();
}

/*
 * A write to a table by a way through that table takes two fills: the first makes the table, the
 * second finds that it is one. Neither may take what the other has made.
 */
static void i6_smallest_pool_holds_what_an_access_makes(void **state)
{
	struct mmu_config c = config_of(state);

	c.pool_pages = smallest_pool(*state, 1);
	guest_start_with(&c, 1);
	tables_5level();
	identity(T1, sizeof(uint64_t));
	for (unsigned i = 0; i < 4; i++) {
		fake_write64(T3B + 8 * i, (i ? V(0x100 + i) : T2) | P);
		fake_write64(V(0x100 + i), (V(0x110 + i)) | ALL);
		fake_write64(V(0x110 + i), (DATA + V(i)) | ALL);
	}
	mode_5level(0, NXE);
	store(&g->v, T5, T4 | ALL); /* the highest on the way */
	cpu_reaches(&g->v, T1, WR, T1); /* the lowest, which may go out of sync */
	assert_int_equal(set_regs(PE, 0, PAE, NXE), 0);
	assert_int_equal(set_regs(PG | WP | PE, T3B, PAE, NXE), 0);
	for (uint64_t i = 1; i < 4; i++) /* as many roots as there are */
		cpu_reaches(&g->v, i << 30, RD, DATA + V(i));
	cpu_reaches(&g->v, T1, WR, T1);
	end();
}

static void page_1_moves(void)
{
	fake_map((DATA >> 12) + 1, 1, fake_pfn(0x3000), P2M_RAM, false);
	__atomic_fetch_add(&g->mmu.p2m_gen, 1, __ATOMIC_RELEASE);
}

/* A walk through a p2m that is no more makes no entry. */
static void i6_staleness_is_checked_with_the_lock(void **state)
{
	start(state);
	fake_on_lock = page_1_moves;
	assert_int_equal(mmu_fault(&g->v, GVA(V(1)), WR, &g->fault), MMU_RETRY);
	cpu_reaches(&g->v, V(1), WR, V(0x3000));
	end();
}

/* A change of the p2m is seen by walks that began before it. */
static void i6_p2m_changes_void_walks(void **state)
{
	start(state);
	assert_int_equal(where(V(1), RD), DATA + V(1));
	/* T1 lies in another frame from now on: what a vCPU's cache of tables has is void. */
	fake_map(T1 >> 12, 1, fake_pfn((T1 >> 12) + 0x100), P2M_RAM, false);
	fake_write64(T1 + 8, (DATA + V(0x22)) | ALL);
	mmu_p2m_changed(&g->mmu, GFN(T1 >> 12), 1);
	assert_int_equal(where(V(1), RD), DATA + V(0x22));
	cpu_reaches(&g->v, V(1), WR, DATA + V(0x22));
	end();
}

/* ---- I12 ---- */

/* A write by halves, of eight bytes in two entries, at the ends of a table. */
static void i12_writes_of_any_place_and_length(void **state)
{
	static const unsigned at[] = { 0, 12, 24, 4092, 4080 }, len[] = { 8, 8, 4, 4, 8 };
	struct mmu_config c = config_of(state);

	guest_start_with(&c, 1);
	tables_2level();
	for (unsigned i = 0; i < 1024; i++)
		fake_write32(T1 + 4 * i, (uint32_t)((DATA + V(i)) | ALL));
	mode_2level(0);
	for (unsigned n = 0; n < 5; n++) {
		unsigned first = at[n] / 4, last = (at[n] + len[n] - 1) / 4;

		for (unsigned i = first; i <= last; i++)
			cpu_reaches(&g->v, V(i), WR, DATA + V(i));
		host_writes(T1 + at[n], 0, len[n]);
		for (unsigned i = first; i <= last; i++)
			mmu_invlpg(&g->v, GVA(V(i)));
		for (unsigned i = first; i <= last; i++)
			cpu_injects(&g->v, V(i), RD, 0);
		audit_is_clean();
	}
	cpu_reaches(&g->v, V(8), WR, DATA + V(8));
	/* Two directory entries in one write. */
	cpu_reaches(&g->v, V(0x3f0), RD, DATA + V(0x3f0));
	host_writes(T2, 0, 8);
	mmu_flush(&g->v, true);
	cpu_injects(&g->v, V(8), RD, 0);
	end();
}

/* Where there is no RAM nothing is written, and the caller is told. */
static void i12_no_ram_no_write(void **state)
{
	struct bytes b = { 1, 8 };

	start(state);
	fake_map(0x3000, 1, fake_pfn(0x3000), P2M_ROM, false);
	assert_false(mmu_guest_update(&g->mmu, GPA(V(0x3000)), 8, put_bytes, &b));
	assert_int_equal(fake_read64(V(0x3000)), 0);
	assert_false(mmu_guest_update(&g->mmu, GPA(V(FRAMES)), 8, put_bytes, &b));
	end();
}

/* ---- I14 ---- */

/* However many tables there are, one exit has to do with a bounded number. */
static void i14_work_of_one_exit_is_bounded(void **state)
{
	struct mmu_config c = config_of(state);
	const unsigned tables = 200, at = 0x100;
	unsigned pages, before, after;

	start_tables(&c);
	for (uint64_t i = 0; i < tables; i++) {
		fake_write64(T2 + 8 * (i + 1), V(at + i) | ALL);
		fake_write64(V(at + i), (DATA + V(i)) | ALL);
	}
	fake_write64(T2 + 8 * 511, 0 | ALL | PS); /* by which they are written, in small pieces */
	run_tables();
	for (uint64_t i = 0; i < tables; i++) {
		mmu_pool_use(&g->v, &pages, &before);
		cpu_reaches(&g->v, (i + 1) << 21, RD, DATA + V(i));
		mmu_pool_use(&g->v, &pages, &after);
		assert_true(after + 4 >= before); /* a fill takes no more than a way of tables */
	}
	for (uint64_t i = 0; i < tables; i++) {
		store(&g->v, (UINT64_C(511) << 21) + V(at + i) + 8, (DATA + V(i)) | ALL);
		assert_true(summary().oos <= 64); /* a flush compares no more than this */
	}
	assert_int_equal(summary().oos, is_xi() ? 64 : 0);
	for (uint64_t i = 0; i < tables; i++)
		cpu_reaches(&g->v, ((i + 1) << 21) + V(1), WR, DATA + V(i));
	end();
}

/* ---- I16 ---- */

/* Counts follow what they count, so that the audit, which counts itself, has nothing to say. */
static void i16_counts_are_true(void **state)
{
	struct mmu_config c = config_of(state);

	start_tables(&c);
	map_at_start(1, (DATA + V(1)) | ALL | G);
	map_at_start(2, (DATA + V(2)) | P | W | U | A | G);
	run_tables();
	for (unsigned i = 0; i < 4; i++)
		cpu_reaches(&g->v, V(i), RD, DATA + V(i));
	audit_is_clean();
	cpu_reaches(&g->v, V(2), WR, DATA + V(2)); /* replaced */
	audit_is_clean();
	remap(&g->v, 1, (DATA + V(1)) | ALL); /* no longer global */
	mmu_invlpg(&g->v, GVA(V(1)));
	audit_is_clean();
	cpu_reaches(&g->v, V(1), RD, DATA + V(1));
	audit_is_clean();
	assert_int_equal(mmu_set_cr3(&g->v, T4), 0);
	audit_is_clean();
	mmu_vcpu_fini(&g->v2);
	g->v2.mmu = NULL;
	end();
}

/* ---- I19 ---- */

static uint64_t dirty[FRAMES / 64];

static bool is_dirty(uint64_t gpa)
{
	return dirty[gpa >> 18] >> (gpa >> 12 & 63) & 1;
}

static void dirty_is_only(uint64_t gpa)
{
	assert_int_equal(mmu_dirty_collect(&g->mmu, dirty), 1);
	assert_true(is_dirty(gpa));
}

static void i19_dirty_log_is_exact(void **state)
{
	start(state);
	for (unsigned i = 0; i < 4; i++) {
		cpu_reaches(&g->v, V(i), WR, DATA + V(i));
		cpu_reaches(&g->v2, V(i), WR, DATA + V(i));
	}
	assert_int_equal(mmu_dirty_start(&g->mmu), 0);
	assert_int_equal(mmu_dirty_start(&g->mmu), -16);
	assert_int_equal(mmu_dirty_collect(&g->mmu, dirty), 0);
	cpu_reaches(&g->v, V(1), RD, DATA + V(1));
	assert_int_equal(mmu_dirty_collect(&g->mmu, NULL), 0);
	for (unsigned round = 0; round < 3; round++) {
		cpu_reaches(&g->v, V(1), WR, DATA + V(1));
		dirty_is_only(DATA + V(1));
		/* Its translation is writable no more, on neither. */
		cpu_reaches(&g->v2, V(1), WR, DATA + V(1));
		cpu_reaches(&g->v, V(1), WR, DATA + V(1));
		dirty_is_only(DATA + V(1));
	}
	audit_is_clean();
	mmu_dirty_stop(&g->mmu);
	assert_int_equal(mmu_dirty_collect(&g->mmu, dirty), 0);
	cpu_reaches(&g->v, V(1), WR, DATA + V(1));
	end();
}

/* What is filled while the log is on without having been written is not writable. */
static void i19_no_w_before_it_is_noted(void **state)
{
	start(state);
	assert_int_equal(mmu_dirty_start(&g->mmu), 0);
	cpu_reaches(&g->v, V(5), RD, DATA + V(5));
	for (unsigned i = 0; i < 8; i++)
		assert_false(in_shadow(V(i), WR));
	cpu_reaches(&g->v, V(5), WR, DATA + V(5));
	dirty_is_only(DATA + V(5));
	end();
}

/* A large page is logged by its small ones. */
static void i19_large_pages_are_split(void **state)
{
	struct mmu_config c = config_of(state);

	start_tables(&c);
	fake_write64(T2 + 8, (DATA + 0x200000) | ALL | PS);
	run_tables();
	cpu_reaches(&g->v, 0x200000, WR, DATA + 0x200000);
	assert_true(fake_hw_access(&g->v, 0x200000, WR).large);
	assert_int_equal(mmu_dirty_start(&g->mmu), 0);
	cpu_reaches(&g->v, 0x205000, WR, DATA + 0x205000);
	dirty_is_only(DATA + 0x205000);
	cpu_reaches(&g->v, 0x206000, RD, DATA + 0x206000);
	cpu_reaches(&g->v, 0x205000, WR, DATA + 0x205000);
	cpu_reaches(&g->v, 0x206000, WR, DATA + 0x206000);
	assert_int_equal(mmu_dirty_collect(&g->mmu, dirty), 2);
	mmu_dirty_stop(&g->mmu);
	end();
}

/* Our own writes: the emulator's, and A and D bits. */
static void i19_host_writes_are_noted(void **state)
{
	struct mmu_config c = config_of(state);

	start_tables(&c);
	map_at_start(1, (DATA + V(1)) | P | W | U);
	run_tables();
	assert_int_equal(mmu_dirty_start(&g->mmu), 0);
	host_writes(DATA + V(3) + 0x123, 7, 1);
	dirty_is_only(DATA + V(3));
	cpu_reaches(&g->v, V(1), RD, DATA + V(1));
	dirty_is_only(T1);
	cpu_reaches(&g->v, V(1), WR, DATA + V(1));
	assert_int_equal(mmu_dirty_collect(&g->mmu, dirty), 2);
	assert_true(is_dirty(T1) && is_dirty(DATA + V(1)));
	mmu_dirty_stop(&g->mmu);
	end();
}

/* The engine is told of each host write: it may be to a table. */
static void i19_engine_is_told_of_host_writes(void **state)
{
	start(state);
	cpu_reaches(&g->v, V(1), RD, DATA + V(1));
	host_writes(T1 + 8, (DATA + V(0x20)) | ALL, 8);
	audit_is_clean();
	mmu_invlpg(&g->v, GVA(V(1)));
	cpu_reaches(&g->v, V(1), WR, DATA + V(0x20));
	end();
}

/* A table in ROM: no A bit is written, and the guest runs all the same. */
static void i19_rom_is_not_written(void **state)
{
	struct mmu_config c = config_of(state);

	start_tables(&c);
	fake_map(T2 >> 12, 1, fake_pfn(T2 >> 12), P2M_ROM, false);
	fake_write64(T2, T1 | P | W | U);
	run_tables();
	for (unsigned i = 0; i < 8; i++)
		cpu_reaches(&g->v, V(i), WR, DATA + V(i));
	assert_int_equal(fake_read64(T2), T1 | P | W | U);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(i6_reserved_before_anything_changes),
		cmocka_unit_test(i6_smallest_pool_holds_what_an_access_makes),
		cmocka_unit_test(i6_staleness_is_checked_with_the_lock),
		cmocka_unit_test(i6_p2m_changes_void_walks),
		cmocka_unit_test(i12_writes_of_any_place_and_length),
		cmocka_unit_test(i12_no_ram_no_write),
		cmocka_unit_test(i14_work_of_one_exit_is_bounded),
		cmocka_unit_test(i16_counts_are_true),
		cmocka_unit_test(i19_dirty_log_is_exact),
		cmocka_unit_test(i19_no_w_before_it_is_noted),
		cmocka_unit_test(i19_large_pages_are_split),
		cmocka_unit_test(i19_host_writes_are_noted),
		cmocka_unit_test(i19_engine_is_told_of_host_writes),
		cmocka_unit_test(i19_rom_is_not_written),
	};

	return RUN_ON_EACH_ENGINE(tests);
}

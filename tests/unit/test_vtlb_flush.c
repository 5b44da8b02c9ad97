/* SPDX-License-Identifier: MIT */
/* The engine vtlb: what each flush, change of registers and injected fault drops and keeps. */
#include "tests/unit/vtlb_guest.h"

/* ---- flushes ---- */

static void test_cr3_keeps_globals(void **state)
{
	(void)state;
	start_4level(PGE, 0);
	map4(0, DATA, ALL);
	map4(1, DATA + 0x1000, ALL | G);
	fake_write64(T2 + 8, DATA | ALL | PS);
	fake_write64(T2 + 16, DATA | ALL | PS | G);
	assert_reaches(V(0), WR, DATA);
	assert_reaches(V(1), WR, DATA + 0x1000);
	assert_reaches(0x200000, WR, DATA);
	assert_reaches(0x400000, WR, DATA);
	fake_log.flush = 0;
	assert_int_equal(mmu_set_cr3(&g->v, T4), 0);
	assert_false(in_shadow(V(0), RD));
	assert_true(in_shadow(V(1), WR));
	assert_false(in_shadow(0x200000, RD));
	assert_true(in_shadow(0x400000, WR));
	assert_int_equal(fake_log.flush, 1);
	/* A second one finds nothing more, refills work, a third drops them again. */
	assert_int_equal(mmu_set_cr3(&g->v, T4), 0);
	assert_int_equal(fake_count_leaves(&g->v), 2);
	assert_reaches(V(0), WR, DATA);
	assert_int_equal(mmu_set_cr3(&g->v, T4), 0);
	assert_int_equal(fake_count_leaves(&g->v), 2);
	/* mmu_flush, both kinds */
	assert_reaches(V(0), WR, DATA);
	mmu_flush(&g->v, false);
	assert_int_equal(fake_count_leaves(&g->v), 2);
	mmu_flush(&g->v, true);
	assert_int_equal(fake_count_leaves(&g->v), 0);
	/* INVLPG takes globals too. */
	assert_reaches(V(1), WR, DATA + 0x1000);
	mmu_invlpg(&g->v, GVA(V(1)));
	assert_int_equal(fake_count_leaves(&g->v), 0);
	guest_end();
}

static void test_global_needs_pge(void **state)
{
	(void)state;
	start_4level(0, 0);
	map4(1, DATA + 0x1000, ALL | G);
	assert_reaches(V(1), WR, DATA + 0x1000);
	assert_int_equal(mmu_set_cr3(&g->v, T4), 0);
	assert_false(in_shadow(V(1), RD));
	/* Switching PGE either way drops everything. */
	mode_4level(PGE, 0);
	assert_reaches(V(1), WR, DATA + 0x1000);
	mode_4level(0, 0);
	assert_int_equal(fake_count_leaves(&g->v), 0);
	guest_end();
}

static void test_register_changes(void **state)
{
	static const struct {
		uint64_t cr0, cr4, efer;
		bool flushes;
	} step[] = {
		{ PG | WP | PE, PAE, LME | LMA, false },
		{ PG | WP | PE | 8, PAE, LME | LMA, false }, /* TS */
		{ PG | WP | PE, PAE | 0x200, LME | LMA, false }, /* OSFXSR */
		{ PG | WP | PE, PAE, LME | LMA | 1, false }, /* SCE */
		{ PG | PE, PAE, LME | LMA, true }, /* WP: our entries hold its effect */
		{ PG | WP | PE, PAE | PGE, LME | LMA, true },
		{ PG | WP | PE, PAE | PSE, LME | LMA, true },
		{ PG | WP | PE, PAE | SMEP, LME | LMA, true },
		{ PG | WP | PE, PAE | SMAP, LME | LMA, true },
		{ PG | WP | PE, PAE, LME | LMA | NXE, true },
		{ WP | PE, PAE, LME, true },
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(step) / sizeof(step[0]); i++) {
		uint64_t ops = 0;

		start_4level(0, 0);
		map4(0, DATA, ALL);
		assert_reaches(0, RD, DATA);
		fake_log.flush = 0;
		memset(&g->v.stats, 0, sizeof(g->v.stats));
		assert_int_equal(set_regs(step[i].cr0, T4, step[i].cr4, step[i].efer), 0);
		assert_int_equal(fake_log.flush, step[i].flushes);
		assert_int_equal(fake_count_leaves(&g->v), !step[i].flushes);
		for (unsigned b = 0; b < MMU_NR_BUCKETS; b++)
			ops += g->v.stats.op[MMU_OP_SYNC_ALL].bucket[b];
		assert_int_equal(ops, step[i].flushes);
		guest_end();
	}
}

static void test_mode_switches(void **state)
{
	hpa_t hpa;

	(void)state;
	guest_start(0, 40, false);
	for (unsigned round = 0; round < 3; round++) {
		assert_reaches(0x5000, WR, 0x5000);
		tables_2level();
		fake_write32(T1, DATA | ALL);
		mode_2level(PSE);
		assert_false(in_shadow(0x5000, RD));
		assert_reaches(0, WR, DATA);
		assert_true(g->v.hw.root.v >> 32 == 0);
		/* off again: identity */
		assert_int_equal(set_regs(PE, 0, 0, 0), 0);
		assert_reaches(0, WR, 0);
		tables_pae();
		fake_write64(T1, (DATA + 0x1000) | ALL);
		mode_pae(0, 0);
		assert_reaches(0, WR, DATA + 0x1000);
		assert_int_equal(set_regs(PE, 0, PAE, LME), 0);
		tables_4level();
		fake_write64(T1, (DATA + 0x2000) | ALL);
		mode_4level(0, 0);
		assert_true(g->v.hw.long_mode);
		assert_reaches(0, WR, DATA + 0x2000);
		/* 4-level addresses that PAE has not */
		fake_write64(T4 + 8 * 511, T3 | ALL);
		assert_reaches(UINT64_C(0xffffff8000000000), WR, DATA + 0x2000);
		assert_int_equal(g->v.hw.levels, 4);
		/* 5-level addresses that 4-level paging has not */
		assert_int_equal(set_regs(PE, 0, PAE | LA57, LME), 0);
		assert_int_equal(g->v.hw.levels, 3);
		assert_reaches(0x5000, WR, 0x5000);
		tables_5level();
		fake_write64(T5 + 8 * 0x111, T4 | ALL);
		mode_5level(0, 0);
		assert_int_equal(g->v.hw.levels, 5);
		assert_reaches(UINT64_C(0xff11ff8000000000), WR, DATA + 0x2000);
		assert_false(in_shadow(0, RD));
		assert_true(mmu_peek(&g->v, GVA(UINT64_C(0xff11ff8000000123)), &hpa));
		assert_int_equal(hpa.v, (fake_pfn((DATA + 0x2000) >> 12) << 12) + 0x123);
		assert_false(mmu_peek(&g->v, GVA(UINT64_C(0xffffff8000000123)), &hpa));
		assert_int_equal(set_regs(PE, 0, PAE, 0), 0);
		assert_false(g->v.hw.long_mode);
	}
	guest_end();
}

/* ---- INVLPG and injected faults ---- */

static void test_invlpg(void **state)
{
	(void)state;
	start_4level(0, 0);
	for (unsigned i = 0; i < 4; i++) {
		map4(i, DATA + V(i), ALL);
		assert_reaches(V(i), WR, DATA + V(i));
	}
	map4(1, DATA + V(9), ALL);
	assert_reaches(V(1), WR, DATA + V(1)); /* as a TLB may: no flush yet */
	fake_log.flush_page = fake_log.flush = 0;
	mmu_invlpg(&g->v, GVA(V(1) + 0x123));
	assert_int_equal(fake_log.flush_page, 1);
	assert_int_equal(fake_log.flush, 0);
	assert_int_equal(fake_count_leaves(&g->v), 3);
	assert_reaches(V(1), WR, DATA + V(9));
	/* The hardware is told even where we have nothing (I17). */
	mmu_invlpg(&g->v, GVA(UINT64_C(0x700000000000)));
	assert_int_equal(fake_log.flush_page, 2);
	assert_int_equal(fake_log.page.v, UINT64_C(0x700000000000));
	guest_end();
}

static void test_inject_forgets(void **state)
{
	(void)state;
	start_4level(0, 0);
	map4(0, DATA, P | W | U);
	assert_reaches(0, RD | US, DATA); /* in the shadow, read-only: not dirty */
	/* The guest takes the page away without a flush, and then writes. */
	map4(0, 0, 0);
	fake_log.flush_page = 0;
	assert_injects(0, WR | US, 0x6);
	assert_int_equal(fake_count_leaves(&g->v), 0); /* I2 */
	assert_int_equal(fake_log.flush_page, 1);
	/* The same by way of the emulator. */
	map4(0, DATA, P | W | U);
	assert_reaches(0, RD | US, DATA);
	map4(0, 0, 0);
	assert_int_equal(mmu_translate(&g->v, GVA(0), WR | US, &g->fault), MMU_INJECT);
	assert_int_equal(fake_count_leaves(&g->v), 0);
	/* Nothing there: nothing to tell the hardware. */
	fake_log.flush_page = 0;
	assert_injects(0, WR | US, 0x6);
	assert_int_equal(fake_log.flush_page, 0);
	/* The hint changes nothing but the cost. */
	assert_int_equal(mmu_fault(&g->v, GVA(0), US | MMU_ACC_NOT_PRESENT, &g->fault), MMU_INJECT);
	assert_int_equal(g->fault.error_code, 0x4);
	/* What the processor's code has besides is ignored: P and RSVD are not copied. */
	assert_int_equal(mmu_fault(&g->v, GVA(0), US | 0x29, &g->fault), MMU_INJECT);
	assert_int_equal(g->fault.error_code, 0x4);
	guest_end();
}

static void test_spurious(void **state)
{
	(void)state;
	start_4level(0, 0);
	map4(0, DATA, ALL);
	assert_reaches(0, WR, DATA);
	fake_log.flush_page = 0;
	assert_int_equal(mmu_fault(&g->v, GVA(0), WR, &g->fault), MMU_FIXED);
	assert_int_equal(fake_log.flush_page, 1);
	assert_int_equal(g->v.stats.count[MMU_CNT_SPURIOUS], 1);
	assert_true(in_shadow(0, WR));
	guest_end();
}

/* A descriptor load from a user page under SMAP with AC = 1: the processor refuses it, and
 * the error code does not say that it was implicit. It must not go round for ever. */
static void test_smap_implicit(void **state)
{
	(void)state;
	start_4level(SMAP, 0);
	map4(0, DATA, ALL);
	assert_injects(0, RD, 0x1);
	assert_reaches(0, RD | AC, DATA);
	assert_int_equal(mmu_fault(&g->v, GVA(0), RD | AC, &g->fault), MMU_INJECT);
	assert_int_equal(g->fault.error_code, 0x1);
	assert_false(in_shadow(0, RD | AC));
	assert_reaches(0, RD | AC, DATA);
	assert_reaches(0, WR | US, DATA);
	/* A user's fault on an entry that is there is only spurious. */
	assert_int_equal(mmu_fault(&g->v, GVA(0), WR | US, &g->fault), MMU_FIXED);
	guest_end();
}

static void test_wp_off(void **state)
{
	(void)state;
	guest_start(0, 40, false);
	tables_4level();
	map4(0, DATA, P | U | A); /* user, read-only, clean */
	map4(1, DATA + 0x1000, P | A); /* supervisor, read-only */
	assert_int_equal(set_regs(PG | PE, T4, PAE, LME | LMA | NXE), 0);
	assert_reaches(0, RD | US, DATA);
	assert_false(in_shadow(0, WR));
	assert_reaches(0, WR, DATA);
	assert_int_equal(fake_read64(T1) & D, D);
	assert_int_equal(g->v.stats.count[MMU_CNT_WP_TRICK], 1);
	assert_true(in_shadow(0, RD));
	assert_true(in_shadow(0, EX)); /* SMEP is off */
	assert_false(in_shadow(0, RD | US));
	assert_injects(0, WR | US, 0x7);
	assert_reaches(0, RD | US, DATA);
	assert_false(in_shadow(0, WR));
	assert_reaches(V(1), WR, DATA + 0x1000);
	assert_injects(V(1), RD | US, 0x5);
	/* SMEP: the page has become a supervisor page for us, but not for the guest. */
	assert_int_equal(set_regs(PG | PE, T4, PAE | SMEP, LME | LMA | NXE), 0);
	assert_reaches(0, WR, DATA);
	assert_false(in_shadow(0, EX));
	assert_injects(0, EX, 0x11);
	assert_reaches(0, EX | US, DATA);
	/* SMAP: can not be said; only an access that AC allows gets so far. */
	assert_int_equal(set_regs(PG | PE, T4, PAE | SMAP, LME | LMA), 0);
	assert_injects(0, WR, 0x3);
	assert_result(0, WR | AC, MMU_EMULATE);
	assert_int_equal(g->fault.gpa.v, DATA);
	/* Back to WP = 1: nothing of it survives. */
	assert_int_equal(set_regs(PG | PE, T4, PAE, LME | LMA), 0);
	assert_reaches(0, WR, DATA);
	assert_reaches(V(1), WR, DATA + 0x1000);
	mode_4level(0, 0);
	assert_injects(0, WR, 0x3);
	assert_injects(V(1), WR, 0x3);
	guest_end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cr3_keeps_globals),
		cmocka_unit_test(test_global_needs_pge),
		cmocka_unit_test(test_register_changes),
		cmocka_unit_test(test_mode_switches),
		cmocka_unit_test(test_invlpg),
		cmocka_unit_test(test_inject_forgets),
		cmocka_unit_test(test_spurious),
		cmocka_unit_test(test_smap_implicit),
		cmocka_unit_test(test_wp_off),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

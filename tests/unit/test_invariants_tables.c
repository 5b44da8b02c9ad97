/* SPDX-License-Identifier: MIT */
/*
 * Shadows of the guest's tables (I3, I4, I5, I7, I8, I10, I18), under each engine; those that
 * track no table keep them by forgetting. A test carries the number of the invariant that it
 * holds to.
 */
#include "tests/unit/mmu_invariant.h"

/* A write that the library did not see would be missed by this: nothing is flushed, and yet
 * an entry that was not there before must be used. */
static void table_write_counts(struct mmu_vcpu *v, uint64_t table_va)
{
	store(v, table_va, (DATA + V(0x44)) | ALL);
	mmu_invlpg(v, GVA(V(1)));
	cpu_reaches(v, V(1), WR, DATA + V(0x44));
}

/* ---- I3 ---- */

/* A page that is written freely becomes a page table. */
static void i3_new_table_is_written_by_nobody(void **state)
{
	start(state);
	cpu_reaches(&g->v, T1B, WR, T1B);
	cpu_reaches(&g->v2, T1B, WR, T1B);
	host_writes(T2 + 8, T1B | ALL, 8);
	host_writes(T1B + 8, (DATA + V(1)) | ALL, 8);
	cpu_reaches(&g->v, 0x200000 + V(1), RD, DATA + V(1));
	audit_is_clean();
	if (is_xi()) {
		assert_false(in_shadow(T1B, WR));
		assert_int_equal(exits_of(&g->v2, T1B, WR), 1);
	}
	end();
}

/* The same under a large page. */
static void i3_new_table_under_a_large_page(void **state)
{
	struct mmu_config c = config_of(state);

	start_tables(&c);
	fake_write64(T2 + 16, 0 | ALL | PS); /* all tables at 4 MiB, too */
	fake_write64(T1B + 8, (DATA + V(1)) | ALL);
	fake_write64(T2 + 24, (DATA + 0x200000) | ALL | PS);
	fake_write64(DATA + 0x200008, (DATA + V(2)) | ALL);
	run_tables();
	cpu_reaches(&g->v2, 0x600000, WR, DATA + 0x200000);
	assert_true(fake_hw_access(&g->v2, 0x600000, WR).large);
	/* v2's hardware holds it; now a table is made in the middle of it. */
	host_writes(T2 + 8, (DATA + 0x200000) | ALL, 8);
	cpu_reaches(&g->v, 0x200000 + V(1), RD, DATA + V(2));
	if (is_xi())
		assert_int_equal(exits_of(&g->v2, 0x600008, WR), 1);
	end();
}

/* Out of step and back: W is gone when it is in step again, from every processor. */
static void i3_in_sync_only_without_w(void **state)
{
	start(state);
	cpu_reaches(&g->v, V(1), RD, DATA + V(1));
	remap(&g->v, 1, (DATA + V(0x41)) | ALL);
	remap(&g->v2, 2, (DATA + V(0x42)) | ALL); /* v2's hardware may write it, too */
	for (unsigned i = 0; i < 8; i++)
		assert_int_equal(mmu_set_cr3(&g->v, T4), 0);
	audit_is_clean();
	if (is_xi()) {
		assert_int_equal(summary().oos, 0);
		assert_false(in_shadow(T1, WR));
		/* A write by v2 is seen. */
		cpu_reaches(&g->v2, V(2), RD, DATA + V(0x42));
		assert_int_equal(remap(&g->v2, 3, 0), 1);
		assert_int_equal(summary().oos, 1);
	}
	table_write_counts(&g->v2, T1 + 8);
	end();
}

/* One frame, two shadows: both go out of step and come back together. */
static void i3_all_tables_of_a_frame(void **state)
{
	struct mmu_config c = config_of(state);

	start_tables(&c);
	fake_write64(T2 + 8, T1 | P | U | A); /* the same table, read-only */
	run_tables();
	cpu_reaches(&g->v, V(1), WR, DATA + V(1));
	cpu_reaches(&g->v, 0x200000 + V(1), RD, DATA + V(1));
	remap(&g->v, 1, (DATA + V(0x40)) | ALL);
	audit_is_clean();
	mmu_invlpg(&g->v, GVA(V(1)));
	mmu_invlpg(&g->v, GVA(0x200000 + V(1)));
	cpu_reaches(&g->v, V(1), WR, DATA + V(0x40));
	cpu_reaches(&g->v, 0x200000 + V(1), RD, DATA + V(0x40));
	end();
}

/* ---- I4 ---- */

/* One table in several roles: what its entries may do is the role's. */
static void i4_key_holds_the_rights_above(void **state)
{
	struct mmu_config c = config_of(state);

	start_tables(&c);
	fake_write64(T2 + 8, T1 | P | U | A); /* no W */
	fake_write64(T2 + 16, T1 | P | W | A); /* no U */
	fake_write64(T2 + 24, T1 | ALL | NX);
	run_tables();
	for (unsigned round = 0; round < 2; round++) {
		cpu_reaches(&g->v, V(1), WR | US, DATA + V(1));
		cpu_reaches(&g->v, 0x200000 + V(1), RD | US, DATA + V(1));
		cpu_injects(&g->v, 0x200000 + V(1), WR | US, 0x7);
		cpu_reaches(&g->v, 0x400000 + V(1), WR, DATA + V(1));
		cpu_injects(&g->v, 0x400000 + V(1), RD | US, 0x5);
		cpu_reaches(&g->v, 0x600000 + V(1), WR, DATA + V(1));
		cpu_injects(&g->v, 0x600000 + V(1), EX, 0x11);
	}
	end();
}

/* ..., and of another level: a directory that is its own page table (what it maps are tables). */
static void i4_key_holds_the_level(void **state)
{
	struct mmu_config c = config_of(state);

	start_tables(&c);
	fake_write64(T2 + 8 * 9, T2 | ALL);
	run_tables();
	cpu_reaches(&g->v, V(1), WR, DATA + V(1));
	cpu_reaches(&g->v, 9 << 21, RD, T1);
	/* the table at 9 MiB * 2 is T2's entry 0: T1, a page of it */
	cpu_reaches(&g->v, (9 << 21) + 8, WR, T1 + 8);
	cpu_reaches(&g->v, V(2), WR, DATA + V(2));
	end();
}

/* The two halves of a table of 1024 entries. */
static void i4_key_holds_the_quadrant(void **state)
{
	struct mmu_config c = config_of(state);

	guest_start_with(&c, 1);
	tables_2level();
	fake_write32(T1 + 4, (uint32_t)((DATA + V(1)) | ALL));
	fake_write32(T1 + 4 * 0x201, (uint32_t)((DATA + V(2)) | ALL));
	fake_write32(T2 + 4 * 0x100, T1 | ALL); /* another quarter of the directory */
	mode_2level(PSE);
	for (unsigned round = 0; round < 2; round++) {
		cpu_reaches(&g->v, V(1), WR, DATA + V(1));
		cpu_reaches(&g->v, V(0x201), WR, DATA + V(2));
		cpu_reaches(&g->v, 0x40000000 + V(0x201), WR, DATA + V(2));
		cpu_reaches(&g->v, 0x40000000 + V(1), WR, DATA + V(1));
	}
	end();
}

/* The guest's settings: each change is as if all tables were new. */
static void i4_key_holds_the_settings(void **state)
{
	struct mmu_config c = config_of(state);

	start_tables(&c);
	map_at_start(1, (DATA + V(1)) | P | U | A | D); /* user, read-only */
	map_at_start(2, (DATA + V(2)) | P | A | D); /* supervisor, read-only */
	map_at_start(3, (DATA + V(3)) | ALL | NX);
	run_tables();
	for (unsigned round = 0; round < 2; round++) {
		both_set_regs(PG | WP | PE, T4, PAE, LME | LMA | NXE);
		cpu_injects(&g->v, V(2), WR, 0x3);
		cpu_reaches(&g->v, V(3), RD, DATA + V(3));
		both_set_regs(PG | PE, T4, PAE, LME | LMA | NXE);
		cpu_reaches(&g->v, V(2), WR, DATA + V(2));
		cpu_reaches(&g->v, V(1), WR, DATA + V(1));
		both_set_regs(PG | PE, T4, PAE | SMEP, LME | LMA | NXE);
		cpu_reaches(&g->v, V(1), WR, DATA + V(1));
		cpu_injects(&g->v, V(1), EX, 0x11);
		both_set_regs(PG | PE, T4, PAE | SMAP, LME | LMA | NXE);
		cpu_gets(&g->v, V(1), WR | AC, MMU_EMULATE);
		both_set_regs(PG | WP | PE, T4, PAE, LME | LMA);
		cpu_injects(&g->v, V(3), RD, 0x9);
		cpu_injects(&g->v, V(1), WR, 0x3);
	}
	end();
}

/* CR4.PSE makes a table's entry of the 32-bit format a large page. */
static void i4_key_holds_pse(void **state)
{
	struct mmu_config c = config_of(state);

	guest_start_with(&c, 1);
	fake_write32(T2, (uint32_t)(DATA | ALL | PS));
	fake_write32(DATA, (uint32_t)((DATA + V(1)) | ALL)); /* the page as a table */
	for (unsigned round = 0; round < 2; round++) {
		mode_2level(PSE);
		cpu_reaches(&g->v, 0, WR, DATA);
		mode_2level(0);
		cpu_reaches(&g->v, 0, WR, DATA + V(1));
	}
	end();
}

/* ---- I5 ---- */

/* The table that both vCPUs have as root goes while they have it: what is left behind leads
 * nowhere, and is nobody's to find. */
static void i5_dying_root_gets_no_children(void **state)
{
	start(state);
	cpu_reaches(&g->v, V(1), WR, DATA + V(1));
	cpu_reaches(&g->v2, V(1), WR, DATA + V(1));
	assert_int_equal(mmu_unshadow(&g->v, GPA(T4)), is_xi());
	mmu_flush(&g->v2, true);
	audit_is_clean();
	cpu_reaches(&g->v, V(1), WR, DATA + V(1));
	audit_is_clean();
	cpu_reaches(&g->v2, V(2), WR, DATA + V(2));
	audit_is_clean();
	/* By the p2m, and then only one of them goes on. */
	mmu_p2m_changed(&g->mmu, GFN(0), 1);
	cpu_reaches(&g->v, V(1), WR, DATA + V(1));
	audit_is_clean();
	if (is_xi()) {
		assert_int_not_equal(g->v.hw.root.v, g->v2.hw.root.v);
		assert_int_equal(summary().roots, 2);
		assert_int_equal(mmu_set_cr3(&g->v2, T4), 0);
		assert_int_equal(summary().roots, 1);
	}
	end();
}

/* ---- I7, I8 ---- */

/* Ways to a frame come and go; each entry is in one list while it is there. */
static void i7_linked_while_present(void **state)
{
	start(state);
	for (unsigned round = 0; round < 4; round++) {
		for (unsigned i = 0; i < 8; i++)
			remap(&g->v, i, (DATA + V((i + round) % 3)) | (i == round ? 0 : ALL));
		assert_int_equal(mmu_set_cr3(&g->v, T4), 0);
		for (unsigned i = 0; i < 8; i++)
			if (i != round)
				cpu_reaches(&g->v, V(i), WR, DATA + V((i + round) % 3));
		audit_is_clean();
	}
	/* The other way round: entries of a table that is found from its child. */
	for (unsigned i = 1; i < 5; i++)
		host_writes(T2 + 8 * i, T1 | ALL, 8);
	for (unsigned i = 1; i < 5; i++)
		cpu_reaches(&g->v, ((uint64_t)i << 21) + V(7), WR, DATA + V((7 + 3) % 3));
	host_writes(T2 + 16, 0, 8);
	audit_is_clean();
	end();
}

/* One frame mapped at many places becomes a table: none of them may write it. */
static void i8_every_mapping_is_found(void **state)
{
	struct mmu_config c = config_of(state);

	start_tables(&c);
	for (unsigned i = 0; i < 8; i++)
		map_at_start(i, T1B | ALL);
	fake_write64(T2 + 16, T1 | ALL);
	fake_write64(T2 + 24, T1 | ALL | NX); /* another role: entries of their own */
	run_tables();
	for (unsigned i = 0; i < 8; i++) {
		cpu_reaches(&g->v, V(i), WR, T1B);
		cpu_reaches(&g->v, 0x600000 + V(i), WR, T1B);
	}
	cpu_reaches(&g->v, T1B, WR, T1B);
	host_writes(T2 + 8, T1B | ALL, 8);
	host_writes(T1B, DATA | ALL, 8);
	cpu_reaches(&g->v, 0x200000, WR, DATA);
	if (is_xi()) {
		for (unsigned i = 0; i < 8; i++) {
			assert_false(in_shadow(V(i), WR));
			assert_false(in_shadow(0x600000 + V(i), WR));
		}
		assert_false(in_shadow(T1B, WR));
	}
	end();
}

/* ---- I10 ---- */

static void i10_pdptes_are_registers(void **state)
{
	struct mmu_config c = config_of(state);

	guest_start_with(&c, 2);
	tables_pae();
	identity(T1, sizeof(uint64_t));
	map_at_start(1, (DATA + V(1)) | ALL);
	fake_write64(T3 + 16, T2); /* absent, with an address */
	fake_write64(T2B, T1 | ALL);
	both_set_regs(PG | WP | PE, T3, PAE, 0);
	assert_true(g->v.hw.root.v >> 32 == 0);
	cpu_reaches(&g->v, V(1), WR, DATA + V(1));
	/* absent: not frame 0 */
	cpu_injects(&g->v, UINT64_C(0xc0000000), RD, 0);
	/* The table in memory is as any page, and not looked at again before CR3 is loaded. */
	assert_int_equal(exits_of(&g->v, T3, WR), 1);
	store(&g->v, T3 + 24, T2B | P);
	store(&g->v, T3, 0);
	cpu_injects(&g->v, UINT64_C(0xc0000000) + V(1), RD, 0);
	cpu_reaches(&g->v, V(1), WR, DATA + V(1));
	assert_int_equal(mmu_set_cr3(&g->v, T3), 0);
	cpu_reaches(&g->v, UINT64_C(0xc0000000) + V(1), RD, DATA + V(1));
	cpu_injects(&g->v, V(1), RD, 0);
	cpu_injects(&g->v, UINT64_C(0x80000000) + V(1), RD, 0);
	/* v2 has latched what was there. */
	cpu_reaches(&g->v2, V(1), WR, DATA + V(1));
	cpu_injects(&g->v2, UINT64_C(0xc0000000), RD, 0);
	end();
}

/* The moves to CR0 and CR4 that load them; others do not. */
static void i10_latched_where_the_manual_says(void **state)
{
	static const struct {
		uint64_t cr0, cr4;
		bool loads;
	} step[] = {
		{ 0x40000000, 0, true }, { 0x20000000, 0, true }, { 8, 0, false },
		{ 0, PGE, true },	 { 0, PSE, true },	  { 0, SMEP, true },
		{ 0, SMAP, false },	 { 0, 0x200, false },
	};

	for (unsigned i = 0; i < sizeof(step) / sizeof(step[0]); i++) {
		struct mmu_config c = config_of(state);

		guest_start_with(&c, 1);
		tables_pae();
		map_at_start(1, (DATA + V(1)) | P | W | A | D);
		mode_pae(0, 0);
		fake_write64(T3 + 8, T2 | P);
		assert_int_equal(set_regs(PG | WP | PE | step[i].cr0, T3, PAE | step[i].cr4, 0), 0);
		if (step[i].loads)
			cpu_reaches(&g->v, 0x40000000 + V(1), RD, DATA + V(1));
		else
			cpu_injects(&g->v, 0x40000000 + V(1), RD, 0);
		end();
	}
}

static void p2m_of_t3(uint64_t pfn)
{
	fake_map(T3 >> 12, 1, pfn, P2M_RAM, false);
	__atomic_fetch_add(&g->mmu.p2m_gen, 1, __ATOMIC_RELEASE);
}

static void t3_is_back(void)
{
	p2m_of_t3(fake_pfn(T3 >> 12));
}

static void t3_is_away(void)
{
	p2m_of_t3(fake_pfn(T4B >> 12));
	fake_on_lookup = t3_is_back;
}

/* PDPTEs that were read in a frame which another one has replaced are not those of the guest. */
static void i10_latched_from_the_guests_frame(void **state)
{
	struct mmu_config c = config_of(state);

	guest_start_with(&c, 1);
	tables_pae();
	map_at_start(1, (DATA + V(1)) | ALL);
	fake_write64(T4B, T2B | P); /* an empty directory */
	fake_on_lookup = t3_is_away;
	mode_pae(0, 0);
	assert_null(fake_on_lookup);
	assert_int_equal(g->v.pdpte[0], T2 | P);
	cpu_reaches(&g->v, V(1), RD, DATA + V(1));
	end();
}

/* ---- I18 ---- */

/* A write to a table above level 1 is seen at once, and that never goes out of step. */
static void i18_only_leaf_tables_go_out_of_sync(void **state)
{
	start(state);
	cpu_reaches(&g->v, V(1), RD, DATA + V(1));
	store(&g->v, T2 + 8, T1B | ALL);
	store(&g->v, T3 + 8, T2B | ALL);
	store(&g->v, T4 + 8, T3B | ALL);
	audit_is_clean();
	assert_int_equal(summary().oos, 0);
	store(&g->v, T2, 0);
	mmu_invlpg(&g->v, GVA(V(1)));
	cpu_injects(&g->v, V(1), RD, 0);
	end();
}

/* INVLPG of any address of a large page means all its pieces, of a 1 GiB page and of one of
 * 4 MiB, whichever half is named. */
static void i18_invlpg_means_the_whole_1g_page(void **state)
{
	struct mmu_config c = config_of(state);

	start_tables(&c);
	fake_map(0, 512, fake_pfn(0), P2M_RAM, false); /* small pieces below, large ones above */
	fake_write64(T3 + 8, 0 | ALL | PS);
	run_tables();
	cpu_reaches(&g->v, 0x40000000 + V(0x30), WR, V(0x30));
	cpu_reaches(&g->v, 0x40000000 + DATA, WR, DATA);
	cpu_reaches(&g->v, 0x40000000 + 0x400000, WR, 0x400000);
	store(&g->v, T3 + 8, 0);
	mmu_invlpg(&g->v, GVA(0x7ffff000));
	cpu_injects(&g->v, 0x40000000 + V(0x30), RD, 0);
	cpu_injects(&g->v, 0x40000000 + DATA, RD, 0);
	cpu_injects(&g->v, 0x40000000 + 0x400000, RD, 0);
	end();
}

static void i18_invlpg_means_the_whole_4m_page(void **state)
{
	for (unsigned i = 0; i < 8; i++) {
		struct mmu_config c = config_of(state);

		guest_start_with(&c, 1);
		if (i & 2)
			fake_map(DATA >> 12, 1024, fake_pfn(DATA >> 12), P2M_RAM, false);
		tables_2level();
		identity(T1, sizeof(uint32_t));
		fake_write32(T2 + 4, (uint32_t)(DATA | ALL | PS));
		mode_2level(PSE);
		cpu_reaches(&g->v, 0x400000, WR, DATA);
		if (i & 4)
			cpu_reaches(&g->v, 0x600000, WR, DATA + 0x200000);
		store_bytes(&g->v, T2 + 4, 0, 4);
		mmu_invlpg(&g->v, GVA(i & 1 ? 0x7ff000 : 0x400000));
		cpu_injects(&g->v, 0x400000, RD, 0);
		cpu_injects(&g->v, 0x600000, RD, 0);
		end();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(i3_new_table_is_written_by_nobody),
		cmocka_unit_test(i3_new_table_under_a_large_page),
		cmocka_unit_test(i3_in_sync_only_without_w),
		cmocka_unit_test(i3_all_tables_of_a_frame),
		cmocka_unit_test(i4_key_holds_the_rights_above),
		cmocka_unit_test(i4_key_holds_the_level),
		cmocka_unit_test(i4_key_holds_the_quadrant),
		cmocka_unit_test(i4_key_holds_the_settings),
		cmocka_unit_test(i4_key_holds_pse),
		cmocka_unit_test(i5_dying_root_gets_no_children),
		cmocka_unit_test(i7_linked_while_present),
		cmocka_unit_test(i8_every_mapping_is_found),
		cmocka_unit_test(i10_pdptes_are_registers),
		cmocka_unit_test(i10_latched_where_the_manual_says),
		cmocka_unit_test(i10_latched_from_the_guests_frame),
		cmocka_unit_test(i18_only_leaf_tables_go_out_of_sync),
		cmocka_unit_test(i18_invlpg_means_the_whole_1g_page),
		cmocka_unit_test(i18_invlpg_means_the_whole_4m_page),
	};

	return RUN_ON_EACH_ENGINE(tests);
}

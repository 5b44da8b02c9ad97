/* SPDX-License-Identifier: MIT */
/*
 * What one entry may say (I1, I9, I11, I13), under each engine. A test carries the number of
 * the invariant that it holds to.
 */
#include "tests/unit/mmu_invariant.h"

/* ---- I1 ---- */

static void i1_leaf_maps_what_the_p2m_gives(void **state)
{
	start(state);
	cpu_reaches(&g->v, V(1), WR, DATA + V(1));
	cpu_reaches(&g->v2, V(1), WR, DATA + V(1));
	fake_map((DATA >> 12) + 1, 1, fake_pfn(0x3000), P2M_RAM, false);
	mmu_p2m_changed(&g->mmu, GFN((DATA >> 12) + 1), 1);
	cpu_reaches(&g->v, V(1), WR, V(0x3000));
	cpu_reaches(&g->v2, V(1), WR, V(0x3000));
	fake_map((DATA >> 12) + 1, 1, 0, P2M_NONE, false);
	mmu_p2m_changed(&g->mmu, GFN((DATA >> 12) + 1), 1);
	cpu_gets(&g->v, V(1), RD, MMU_MMIO);
	cpu_gets(&g->v2, V(1), WR, MMU_MMIO);
	end();
}

/* Each level can take a right away, and no other level gives it back. */
static void i1_rights_of_all_levels(void **state)
{
	static const uint64_t at[] = { T4, T3, T2, T1 };

	for (unsigned i = 0; i < 4; i++) {
		struct mmu_config c = config_of(state);

		start_tables(&c);
		fake_write64(at[i] + (i < 3 ? 8 : 0), fake_read64(at[i]) & ~U);
		if (i < 3)
			fake_write64(at[i] + 16, fake_read64(at[i]) | NX);
		run_tables();
		for (unsigned n = 0; n < (i < 3 ? 2 : 1); n++) {
			uint64_t va = i < 3 ? (uint64_t)(n + 1) << (39 - 9 * i) : 0;

			cpu_reaches(&g->v, va, RD, DATA);
			assert_int_equal(in_shadow(va, RD | US), n);
			assert_int_equal(in_shadow(va, EX), !n);
			if (n)
				cpu_injects(&g->v, va, EX | US, 0x15);
			else
				cpu_injects(&g->v, va, RD | US, 0x5);
		}
		end();
	}
	for (unsigned i = 0; i < 4; i++) {
		struct mmu_config c = config_of(state);

		start_tables(&c);
		fake_write64(at[i], fake_read64(at[i]) & ~W);
		run_tables();
		cpu_reaches(&g->v, 0, RD | US, DATA);
		assert_false(in_shadow(0, WR));
		cpu_injects(&g->v, 0, WR, 0x3);
		end();
	}
}

static void i1_w_only_with_d(void **state)
{
	struct mmu_config c = config_of(state);

	start_tables(&c);
	map_at_start(0, DATA | P | W | U | A);
	run_tables();
	cpu_reaches(&g->v, 0, RD, DATA);
	assert_false(in_shadow(0, WR));
	assert_int_equal(fake_read64(T1) & D, 0);
	cpu_reaches(&g->v, 0, WR, DATA);
	assert_int_equal(fake_read64(T1) & D, D);
	end();
}

static void i1_rom_is_never_writable(void **state)
{
	start(state);
	fake_map((DATA >> 12) + 2, 1, fake_pfn((DATA >> 12) + 2), P2M_ROM, false);
	mmu_p2m_changed(&g->mmu, GFN((DATA >> 12) + 2), 1);
	cpu_reaches(&g->v, V(1), RD, DATA + V(1)); /* may bring its neighbours */
	assert_false(in_shadow(V(2), WR));
	cpu_reaches(&g->v, V(2), RD, DATA + V(2));
	assert_false(in_shadow(V(2), WR));
	cpu_gets(&g->v, V(2), WR, MMU_MMIO);
	end();
}

/* Two 2 MiB pages, of which the host has only one in one piece. */
static void i1_large_only_where_the_host_is(void **state)
{
	struct mmu_config c = config_of(state);
	uint64_t hpa = 0;

	start_tables(&c);
	fake_map(DATA >> 12, 1, fake_pfn(0x3800), P2M_RAM, false);
	fake_map((DATA >> 12) + 1, 511, fake_pfn(0x3000), P2M_RAM, false);
	fake_write64(T2 + 8, DATA | ALL | PS);
	fake_write64(T2 + 16, (DATA + 0x200000) | ALL | PS);
	run_tables();
	cpu_reaches(&g->v, 0x400000, WR, DATA + 0x200000);
	assert_true(fake_hw_access(&g->v, 0x400000, RD).large);
	cpu_reaches(&g->v, 0x200000, WR, V(0x3800));
	assert_false(fake_hw_access(&g->v, 0x200000, RD).large);
	assert_int_equal(fake_tlb_run(&g->v, 0x205000, WR, &g->fault, &hpa, NULL), MMU_FIXED);
	assert_int_equal(hpa, fake_pfn(0x3004) << 12);
	end();
}

/* CR0.WP = 0: a supervisor's write to a user page that is read-only. */
static void i1_wp_off_gives_no_more(void **state)
{
	struct mmu_config c = config_of(state);

	start_tables(&c);
	map_at_start(0, DATA | P | U | A | D);
	both_set_regs(PG | PE, T4, PAE | SMEP, LME | LMA | NXE);
	cpu_reaches(&g->v, 0, WR, DATA);
	assert_false(in_shadow(0, RD | US)); /* a user would be let write, too */
	assert_false(in_shadow(0, EX)); /* it is a user page still, for SMEP */
	cpu_injects(&g->v, 0, EX, 0x11);
	cpu_injects(&g->v, 0, WR | US, 0x7);
	cpu_reaches(&g->v, 0, RD | US, DATA);
	assert_false(in_shadow(0, WR));
	/* SMAP can not be stood in for: an access without AC would get through. */
	both_set_regs(PG | PE, T4, PAE | SMAP, LME | LMA | NXE);
	cpu_gets(&g->v, 0, WR | AC, MMU_EMULATE);
	cpu_injects(&g->v, 0, WR, 0x3);
	end();
}

/* ---- I9 ---- */

static void i9_reserved_bits_4level(void **state)
{
	static const struct {
		uint64_t at, bit;
	} rsvd[] = {
		{ T4, PS },
		{ T4, UINT64_C(1) << 40 },
		{ T3, UINT64_C(1) << 51 },
		{ T2, UINT64_C(1) << 45 },
		{ T1, UINT64_C(1) << 40 },
	};

	for (unsigned i = 0; i < sizeof(rsvd) / sizeof(rsvd[0]); i++) {
		struct mmu_config c = config_of(state);

		start_tables(&c);
		fake_write64(rsvd[i].at, fake_read64(rsvd[i].at) | rsvd[i].bit);
		run_tables();
		cpu_injects(&g->v, 0, RD, 0x9);
		cpu_injects(&g->v, 0, WR | US, 0xf);
		end();
	}
}

static void i9_reserved_bits_of_large_pages(void **state)
{
	struct mmu_config c = config_of(state);

	c.has_1g = false;
	start_tables(&c);
	fake_write64(T2 + 8, DATA | 0x2000 | ALL | PS); /* bit 13 */
	fake_write64(T2 + 16, DATA | 0x1000 | ALL | PS); /* PAT */
	fake_write64(T3 + 8, ALL | PS); /* no such pages */
	run_tables();
	cpu_injects(&g->v, 0x200000, RD, 0x9);
	cpu_reaches(&g->v, 0x400000, WR, DATA);
	cpu_injects(&g->v, 0x40000000, RD, 0x9);
	/* NX without EFER.NXE */
	both_set_regs(PG | WP | PE, T4, PAE, LME | LMA);
	store(&g->v, T1 + 8, (DATA + V(1)) | ALL | NX);
	mmu_invlpg(&g->v, GVA(V(1)));
	cpu_injects(&g->v, V(1), RD, 0x9);
	end();
}

static void i9_widths_of_2level(void **state)
{
	struct mmu_config c = config_of(state);

	guest_start_with(&c, 1);
	tables_2level();
	identity(T1, sizeof(uint32_t));
	fake_write32(T2 + 4, (uint32_t)(DATA | ALL | PS) | 1u << 21);
	fake_write32(T2 + 8, (uint32_t)(DATA | ALL | PS) | 1u << 13); /* address bit 32 */
	fake_write32(T2 + 12, (uint32_t)(T1 | ALL | PS));
	mode_2level(PSE);
	cpu_injects(&g->v, 0x400000, RD, 0x9);
	cpu_gets(&g->v, 0x800000, RD, MMU_MMIO);
	assert_int_equal(g->fault.gpa.v, (UINT64_C(1) << 32) | DATA);
	/* without CR4.PSE the bit is ignored */
	mode_2level(0);
	cpu_reaches(&g->v, 0xc00000 + V(0x10), WR, V(0x10));
	end();
}

static void i9_pdpte_reserved_bits(void **state)
{
	static const uint64_t bad[] = { 0x2, 0x4, 0x20, 0x100, NX, UINT64_C(1) << 40 };

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct mmu_config c = config_of(state);

		guest_start_with(&c, 1);
		tables_pae();
		fake_write64(T3 + 8, bad[i]); /* not present: no bit is reserved */
		mode_pae(0, 0);
		fake_write64(T3 + 8, T2 | P | bad[i]);
		assert_int_equal(mmu_set_cr3(&g->v, T3), -22);
		assert_int_equal(set_regs(PG | WP | PE, T3, PAE | PGE, 0), -22);
		end();
	}
}

/* ---- I11 ---- */

static void i11_a_and_d_for_the_access_only(void **state)
{
	struct mmu_config c = config_of(state);

	start_tables(&c);
	fake_write64(T4, T3 | P | W | U);
	fake_write64(T3, T2 | P | W | U);
	fake_write64(T2, T1 | P | W | U);
	for (unsigned i = 0; i < 8; i++)
		map_at_start(i, (DATA + V(i)) | P | W | U);
	run_tables();
	cpu_injects(&g->v, V(9), RD, 0);
	assert_int_equal(fake_read64(T1) & (A | D), 0);
	cpu_reaches(&g->v, 0, RD, DATA);
	assert_int_equal(fake_read64(T4) & (A | D), A);
	assert_int_equal(fake_read64(T2) & (A | D), A);
	assert_int_equal(fake_read64(T1) & (A | D), A);
	cpu_reaches(&g->v, 0, WR, DATA);
	assert_int_equal(fake_read64(T1) & (A | D), A | D);
	assert_int_equal(fake_read64(T2) & (A | D), A);
	/* Nothing came of it for the neighbours: neither bits nor entries. */
	for (unsigned i = 1; i < 8; i++) {
		assert_int_equal(fake_read64(T1 + 8 * i) & (A | D), 0);
		assert_false(in_shadow(V(i), RD));
	}
	end();
}

static void i11_no_d_without_permitted_write(void **state)
{
	struct mmu_config c = config_of(state);

	start_tables(&c);
	map_at_start(0, DATA | P | U);
	run_tables();
	cpu_injects(&g->v, 0, WR | US, 0x7);
	assert_int_equal(fake_read64(T1) & D, 0);
	end();
}

static void other_takes_page_0_away(void)
{
	fake_write64(T1, 0);
}

/* The entry that gets its A bit has changed since it was read: it stays as it is. */
static void i11_by_compare_exchange(void **state)
{
	struct mmu_config c = config_of(state);

	start_tables(&c);
	map_at_start(0, DATA | P | W | U);
	run_tables();
	fake_on_lock = other_takes_page_0_away;
	assert_int_equal(mmu_fault(&g->v, GVA(0), WR, &g->fault), MMU_RETRY);
	assert_int_equal(fake_read64(T1), 0);
	end();
}

static void other_writes_an_upper_half(void)
{
	fake_write32(T2 + 4, 0); /* the neighbour in the same 8 bytes */
}

/* 4-byte entries are exchanged by 4 bytes. */
static void i11_by_the_entrys_own_width(void **state)
{
	struct mmu_config c = config_of(state);

	guest_start_with(&c, 1);
	fake_write32(T2, (uint32_t)(T1 | P | W | U));
	fake_write32(T2 + 4, 0x1234);
	fake_write32(T1, (uint32_t)(DATA | P | W | U));
	mode_2level(0);
	fake_on_lock = other_writes_an_upper_half;
	cpu_reaches(&g->v, 0, WR, DATA);
	assert_int_equal(fake_read32(T2), T1 | P | W | U | A);
	assert_int_equal(fake_read32(T2 + 4), 0);
	end();
}

/* ---- I13 ---- */

static void i13_absent_entries_hold_nothing(void **state)
{
	start(state);
	for (unsigned i = 0; i < 8; i++)
		cpu_reaches(&g->v, V(i), WR, DATA + V(i));
	assert_false(fake_holds_absent());
	remap(&g->v, 1, 0);
	mmu_invlpg(&g->v, GVA(V(1)));
	remap(&g->v, 2, (DATA + V(2)) | W | U | A | D); /* as L1TF would have it: P = 0 */
	assert_int_equal(mmu_set_cr3(&g->v, T4), 0);
	cpu_injects(&g->v, V(2), RD, 0);
	assert_false(fake_holds_absent());
	mmu_flush(&g->v, true);
	assert_false(fake_holds_absent());
	mmu_p2m_changed(&g->mmu, GFN(0), 1);
	assert_false(fake_holds_absent());
	/* Nor does a page that is taken from the pool again. */
	for (unsigned i = 3; i < 8; i++)
		cpu_reaches(&g->v, V(i), RD, DATA + V(i));
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(i1_leaf_maps_what_the_p2m_gives),
		cmocka_unit_test(i1_rights_of_all_levels),
		cmocka_unit_test(i1_w_only_with_d),
		cmocka_unit_test(i1_rom_is_never_writable),
		cmocka_unit_test(i1_large_only_where_the_host_is),
		cmocka_unit_test(i1_wp_off_gives_no_more),
		cmocka_unit_test(i9_reserved_bits_4level),
		cmocka_unit_test(i9_reserved_bits_of_large_pages),
		cmocka_unit_test(i9_widths_of_2level),
		cmocka_unit_test(i9_pdpte_reserved_bits),
		cmocka_unit_test(i11_a_and_d_for_the_access_only),
		cmocka_unit_test(i11_no_d_without_permitted_write),
		cmocka_unit_test(i11_by_compare_exchange),
		cmocka_unit_test(i11_by_the_entrys_own_width),
		cmocka_unit_test(i13_absent_entries_hold_nothing),
	};

	return RUN_ON_EACH_ENGINE(tests);
}

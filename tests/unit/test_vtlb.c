/* SPDX-License-Identifier: MIT */
/*
 * The engine vtlb under a processor of our own (fake_platform.c): what the shadow lets
 * through, what each flush drops and keeps, and that the hardware is told.
 */
#include "mmu/engine.h"
#include "tests/unit/mmu_guest.h"

static void map4(unsigned page, uint64_t gpa, uint64_t bits)
{
	fake_write64(T1 + 8 * page, gpa | bits);
}

static void start_4level(uint64_t cr4, uint64_t efer)
{
	guest_start(0, 40, true);
	tables_4level();
	mode_4level(cr4, efer);
}

#define V(page) ((uint64_t)(page) << 12)

/* ---- fills ---- */

static void test_fill(void **state)
{
	unsigned faults = 0;
	uint64_t hpa;

	(void)state;
	start_4level(0, NXE);
	map4(0, DATA, P | W | U);
	map4(1, DATA + 0x1000, P | U | NX);
	assert_true(g->v.hw.long_mode);
	assert_int_equal(fake_access(&g->v, 0x10, US, &g->fault, &hpa, &faults), MMU_FIXED);
	assert_int_equal(faults, 1);
	assert_int_equal(hpa, (fake_pfn(DATA >> 12) << 12) + 0x10);
	assert_int_equal(fake_log.flush_page, 0); /* not present to present needs none */
	/* Not dirty in the guest: the first write comes to us and sets D. */
	assert_false(in_shadow(0, US | WR));
	assert_int_equal(fake_read64(T1) & (A | D), A);
	assert_int_equal(fake_access(&g->v, 0x10, US | WR, &g->fault, &hpa, &faults), MMU_FIXED);
	assert_int_equal(faults, 2);
	assert_int_equal(fake_log.flush_page, 1); /* rights changed */
	assert_int_equal(fake_read64(T1) & (A | D), A | D);
	/* A page that is dirty is writable at once. */
	map4(2, DATA + 0x2000, ALL);
	assert_reaches(V(2), RD, DATA + 0x2000);
	assert_true(in_shadow(V(2), WR));
	/* Error codes are the guest's, whatever the processor said. */
	assert_injects(V(1), EX | US, 0x15);
	assert_injects(V(1), WR | US, 0x7);
	assert_reaches(V(1), RD | US, DATA + 0x1000);
	assert_injects(V(5), EX, 0x10);
	mode_4level(0, 0);
	assert_injects(V(5), EX | US, 0x4); /* the processor told I: its NXE is on */
	assert_injects(V(1), RD, 0x9); /* XD is a reserved bit now */
	guest_end();
}

static void test_fill_pae(void **state)
{
	(void)state;
	guest_start(0, 40, false);
	tables_pae();
	mode_pae(0, NXE);
	map4(0, DATA, P | W | U);
	assert_false(g->v.hw.long_mode);
	assert_reaches(0x10, WR | US, DATA + 0x10);
	assert_injects(UINT64_C(0xc0000000), WR | US, 0x6); /* absent PDPTE */
	guest_end();
}

static void test_fill_2level(void **state)
{
	(void)state;
	guest_start(0, 40, false);
	tables_2level();
	mode_2level(PSE);
	/* One guest table of 1024 entries is two shadow tables of 512. */
	fake_write32(T1 + 4 * 0x1ff, DATA | ALL);
	fake_write32(T1 + 4 * 0x200, (DATA + 0x1000) | ALL);
	fake_write32(T2 + 4 * 0x3ff, T1 | ALL);
	assert_reaches(0x1ff000, WR | US, DATA);
	assert_reaches(0x200004, WR | US, DATA + 0x1004);
	assert_reaches(UINT64_C(0xffc00000) + 0x200004, WR | US, DATA + 0x1004);
	/* No execute-disable in this format. */
	assert_reaches(0x1ff000, EX | US, DATA);
	guest_end();
}

static void test_paging_off(void **state)
{
	(void)state;
	guest_start(0, 40, false);
	fake_map(0xa0, 0x20, 0, P2M_NONE, false);
	fake_map(0, 0xa0, fake_pfn(0), P2M_RAM, false);
	fake_map(0xc0, 0x140, fake_pfn(0xc0), P2M_RAM, false);
	assert_false(g->v.hw.long_mode);
	assert_reaches(0x1234, WR, 0x1234);
	assert_reaches(0x1234, EX | US, 0x1234);
	assert_false(fake_hw_access(&g->v, 0x1234, RD).large);
	assert_reaches(0x234567, WR, 0x234567);
	assert_true(fake_hw_access(&g->v, 0x234567, RD).large);
	assert_result(0xa0000, WR, MMU_MMIO);
	assert_int_equal(g->fault.gpa.v, 0xa0000);
	/* SMEP and SMAP mean nothing here. */
	assert_int_equal(set_regs(PE, 0, SMEP | SMAP, 0), 0);
	assert_reaches(0x5000, EX, 0x5000);
	/* CR3 is only a register: nothing to flush, nothing recorded. */
	memset(&g->v.stats, 0, sizeof(g->v.stats));
	assert_int_equal(mmu_set_cr3(&g->v, T4), 0);
	assert_true(in_shadow(0x5000, WR));
	assert_int_equal(g->v.stats.op[MMU_OP_SYNC_ALL].bucket[0], 0);
	guest_end();
}

static void test_rom_and_mmio(void **state)
{
	uint64_t hpa;

	(void)state;
	start_4level(0, 0);
	fake_map(0x900, 1, fake_pfn(0x900), P2M_ROM, false);
	map4(0, 0x900000, ALL);
	map4(1, UINT64_C(0xfee00000), ALL);
	assert_int_equal(fake_access(&g->v, 0x10, RD, &g->fault, &hpa, NULL), MMU_FIXED);
	assert_true(in_shadow(0x10, EX | US));
	assert_false(in_shadow(0x10, WR));
	assert_result(0x10, WR, MMU_MMIO);
	assert_int_equal(g->fault.gpa.v, 0x900010);
	assert_true(in_shadow(0x10, RD));
	assert_result(V(1) + 0xb0, RD, MMU_MMIO);
	assert_int_equal(g->fault.gpa.v, UINT64_C(0xfee000b0));
	assert_false(mmu_peek(&g->v, GVA(V(1)), &(hpa_t){ 0 }));
	/* The emulator's question gives the same answers. */
	assert_int_equal(mmu_translate(&g->v, GVA(0x10), RD, &g->fault), MMU_FIXED);
	assert_int_equal(mmu_translate(&g->v, GVA(0x10), WR, &g->fault), MMU_MMIO);
	assert_int_equal(mmu_translate(&g->v, GVA(V(1)), RD, &g->fault), MMU_MMIO);
	guest_end();
}

/* ---- large pages ---- */

static void test_large(void **state)
{
	(void)state;
	start_4level(0, 0);
	/* 2 MiB guest page, contiguous on the host: one large entry */
	fake_write64(T2 + 8, DATA | ALL | PS);
	assert_reaches(0x212345, WR, DATA + 0x12345);
	assert_true(fake_hw_access(&g->v, 0x200000, RD).large);
	assert_true(in_shadow(0x3ff000, WR));
	assert_int_equal(g->v.stats.count[MMU_CNT_LARGE_FILL], 1);
	assert_int_equal(fake_count_leaves(&g->v), 1);
	/* 1 GiB guest page: in 2 MiB pieces */
	fake_write64(T3 + 8, 0 | ALL | PS);
	assert_reaches(0x40000000 + 0x812345, WR, 0x812345);
	assert_true(fake_hw_access(&g->v, 0x40000000 + 0x800000, RD).large);
	assert_false(in_shadow(0x40000000 + 0xa00000, RD));
	assert_int_equal(fake_count_leaves(&g->v), 2);
	/* not dirty: not writable, as a whole, then writable as a whole */
	fake_write64(T2 + 16, DATA | P | W | U | PS);
	assert_reaches(0x400000, RD, DATA);
	assert_false(in_shadow(0x400000, WR));
	assert_reaches(0x401000, WR, DATA + 0x1000);
	assert_true(in_shadow(0x402000, WR));
	guest_end();
}

static void test_large_split(void **state)
{
	(void)state;
	start_4level(0, 0);
	/* The host's memory is not contiguous there: small pieces, filled one by one. */
	fake_map(DATA >> 12, 512, fake_pfn(0x1000), P2M_RAM, false);
	fake_write64(T2 + 8, DATA | ALL | PS);
	for (unsigned i = 0; i < 3; i++) {
		uint64_t hpa;

		assert_int_equal(fake_access(&g->v, 0x200000 + V(i), WR, &g->fault, &hpa, NULL),
				 MMU_FIXED);
		assert_int_equal(hpa, fake_pfn(0x1000 + i) << 12);
	}
	assert_int_equal(fake_count_leaves(&g->v), 3);
	/* INVLPG of any address in it drops all pieces, and the hardware forgets all. */
	fake_log.flush = 0;
	mmu_invlpg(&g->v, GVA(0x200000 + V(300)));
	assert_int_equal(fake_count_leaves(&g->v), 0);
	assert_int_equal(fake_log.flush, 1);
	/* The mark is gone with them. */
	fake_write64(T2 + 8, T1 | ALL);
	map4(0, DATA + 0x200000, ALL);
	map4(1, DATA + 0x201000, ALL);
	assert_reaches(0x200000, WR, DATA + 0x200000);
	assert_reaches(0x201000, WR, DATA + 0x201000);
	mmu_invlpg(&g->v, GVA(0x200000));
	assert_int_equal(fake_count_leaves(&g->v), 1);
	guest_end();
}

/* A fault that is injected looks up one piece; the INVLPG after it still means them all. */
static void test_split_forget(void **state)
{
	(void)state;
	start_4level(0, 0);
	fake_map(DATA >> 12, 512, fake_pfn(DATA >> 12), P2M_RAM, false);
	fake_write64(T2 + 8, DATA | P | U | A | PS);
	for (unsigned i = 0; i < 4; i++)
		assert_reaches(0x200000 + V(i), RD, DATA + V(i));
	assert_injects(0x200000, WR, 0x3);
	assert_int_equal(fake_count_leaves(&g->v), 3);
	mmu_invlpg(&g->v, GVA(0x200000));
	assert_int_equal(fake_count_leaves(&g->v), 0);
	guest_end();
}

static void test_invlpg_large(void **state)
{
	(void)state;
	start_4level(0, 0);
	fake_write64(T2 + 8, DATA | ALL | PS);
	fake_write64(T2 + 16, DATA | ALL | PS);
	assert_reaches(0x200000, WR, DATA);
	assert_reaches(0x400000, WR, DATA);
	fake_log.flush_page = 0;
	mmu_invlpg(&g->v, GVA(0x3ff123));
	assert_false(in_shadow(0x200000, RD));
	assert_true(in_shadow(0x400000, RD));
	assert_int_equal(fake_log.flush_page, 1);
	/* 1 GiB: every piece, and nothing of the next GiB */
	fake_write64(T3 + 8, 0 | ALL | PS);
	fake_write64(T3 + 16, 0 | ALL | PS);
	fake_map(0, 512, fake_pfn(0), P2M_RAM, false);
	for (uint64_t at = 0; at < 0x2000000; at += 0x200000) {
		assert_reaches(0x40000000 + at, WR, at);
		assert_reaches(0x80000000 + at, WR, at);
	}
	mmu_invlpg(&g->v, GVA(0x7ffff000));
	for (uint64_t at = 0; at < 0x2000000; at += 0x200000) {
		assert_false(in_shadow(0x40000000 + at, RD));
		assert_true(in_shadow(0x80000000 + at, RD));
	}
	assert_true(in_shadow(0x400000, RD));
	guest_end();
}

/* A 4 MiB page covers two entries; either may be the only one filled, or split. */
static void invlpg_4m(uint64_t filled, uint64_t flushed, bool split)
{
	guest_start(0, 40, false);
	tables_2level();
	fake_write32(T1, DATA | ALL);
	fake_write32(T2 + 4, DATA | ALL | PS);
	fake_write32(T2 + 8, DATA | ALL | PS);
	if (split)
		fake_map(DATA >> 12, 1024, fake_pfn(DATA >> 12), P2M_RAM, false);
	mode_2level(PSE);
	assert_reaches(0, WR, DATA);
	assert_reaches(filled, WR, DATA + (filled & 0x3fffff));
	assert_reaches(0x800000, WR, DATA);
	assert_int_equal(fake_hw_access(&g->v, filled, RD).large, !split);
	mmu_invlpg(&g->v, GVA(flushed));
	assert_false(in_shadow(filled, RD));
	assert_true(in_shadow(0, RD));
	assert_true(in_shadow(0x800000, RD));
	guest_end();
}

static void test_invlpg_4m(void **state)
{
	static const uint64_t at[] = { 0x400000, 0x7ff000 };

	(void)state;
	for (unsigned i = 0; i < 8; i++)
		invlpg_4m(at[i & 1], at[i >> 1 & 1], i & 4);
}

static void test_small_then_large(void **state)
{
	(void)state;
	start_4level(0, 0);
	map4(0, DATA, ALL);
	map4(1, DATA + 0x1000, ALL);
	assert_reaches(V(0), WR, DATA);
	assert_reaches(V(1), WR, DATA + 0x1000);
	/* A table in use stays; the large page is filled in small pieces beside what it has. */
	fake_write64(T2, (DATA + 0x400000) | ALL | PS);
	assert_reaches(V(2), WR, DATA + 0x402000);
	assert_false(fake_hw_access(&g->v, V(2), RD).large);
	mmu_invlpg(&g->v, GVA(V(2)));
	/* Nothing of the old page is left either, and now it can be large. */
	assert_int_equal(fake_count_leaves(&g->v), 0);
	assert_reaches(V(1), WR, DATA + 0x401000);
	assert_true(fake_hw_access(&g->v, V(1), RD).large);
	/* And back: a table takes the place of the large entry. */
	fake_write64(T2, T1 | ALL);
	mmu_invlpg(&g->v, GVA(V(9)));
	assert_reaches(V(1), WR, DATA + 0x1000);
	assert_int_equal(fake_count_leaves(&g->v), 1);
	/* Without a flush, by a fault on rights. */
	fake_write64(T2 + 8, DATA | P | A | W | U | PS);
	assert_reaches(0x200000, RD, DATA);
	fake_write64(T2 + 8, T1 | ALL);
	assert_reaches(0x201000, WR, DATA + 0x1000);
	assert_false(in_shadow(0x200000, RD));
	guest_end();
}

/* An empty table under a large page is replaced, and the hardware told. */
static void test_empty_table_gives_way(void **state)
{
	(void)state;
	start_4level(0, 0);
	map4(0, DATA, ALL);
	assert_reaches(0, WR, DATA);
	mmu_invlpg(&g->v, GVA(0));
	fake_write64(T2, DATA | ALL | PS);
	fake_log.flush_page = 0;
	assert_reaches(0, WR, DATA);
	assert_true(fake_hw_access(&g->v, 0, RD).large);
	assert_int_equal(fake_log.flush_page, 1);
	/* The table that was used last is not taken for one that is still there. */
	assert_reaches(0x5000, WR, DATA + 0x5000);
	mmu_invlpg(&g->v, GVA(0x5000));
	assert_int_equal(fake_count_leaves(&g->v), 0);
	guest_end();
}

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

/* ---- the pool ---- */

static void test_pool_exhaustion(void **state)
{
	uint64_t reclaims = 0;

	(void)state;
	guest_start(12, 40, false);
	tables_4level();
	mode_4level(PGE, 0);
	/* 64 page tables in one page directory, from a pool that holds a handful */
	for (unsigned i = 0; i < 64; i++)
		fake_write64(T2 + 8 * i, T1 | ALL);
	map4(3, DATA, ALL | G);
	for (unsigned round = 0; round < 3; round++)
		for (uint64_t i = 0; i < 64; i++)
			assert_reaches(i << 21 | V(3), WR, DATA);
	for (unsigned b = 0; b < MMU_NR_BUCKETS; b++)
		reclaims += g->v.stats.op[MMU_OP_RECLAIM].bucket[b];
	assert_true(reclaims > 10);
	assert_true(fake_log.flush >= reclaims);
	/* widely spread: a whole path for each page */
	for (uint64_t i = 0; i < 512; i++)
		fake_write64(T4 + 8 * i, T3 | ALL);
	for (uint64_t i = 0; i < 256; i++)
		assert_reaches(i << 39 | V(3), WR, DATA);
	guest_end();
}

/* Tables go back to the pool when a CR3 load empties them: no leak, no recycling. */
static void test_no_leak(void **state)
{
	(void)state;
	guest_start(24, 40, false);
	for (uint64_t i = 0; i < 256; i++)
		fake_write64(T4 + 8 * i, T3 | ALL);
	fake_write64(T3, T2 | ALL);
	fake_write64(T2, T1 | ALL);
	map4(0, DATA, ALL);
	map4(1, DATA + 0x1000, ALL | G);
	mode_4level(PGE, 0);
	assert_reaches(UINT64_C(255) << 39 | V(1), WR, DATA + 0x1000);
	for (unsigned round = 0; round < 1000; round++) {
		assert_reaches((uint64_t)(round % 200) << 39, WR, DATA);
		assert_reaches((uint64_t)(round % 199) << 39 | 0, RD | US, DATA);
		assert_int_equal(mmu_set_cr3(&g->v, T4), 0);
		assert_int_equal(fake_count_leaves(&g->v), 1);
	}
	for (unsigned b = 0; b < MMU_NR_BUCKETS; b++)
		assert_int_equal(g->v.stats.op[MMU_OP_RECLAIM].bucket[b], 0);
	guest_end();
}

static void test_creation_failures(void **state)
{
	struct mmu_config c = { .maxphyaddr = 40, .frames = FAKE_RAM_FRAMES };
	int err = -12;

	(void)state;
	fake_reset();
	g = calloc(1, sizeof(*g));
	c.engine = "none such";
	assert_int_equal(mmu_init(&g->mmu, &c), -22);
	c.engine = "vtlb";
	c.maxphyaddr = 31;
	assert_int_equal(mmu_init(&g->mmu, &c), -22);
	c.maxphyaddr = 53;
	assert_int_equal(mmu_init(&g->mmu, &c), -22);
	c.maxphyaddr = 40;
	c.pool_pages = 8; /* five fixed tables and a path of four need nine */
	assert_int_equal(mmu_init(&g->mmu, &c), -22);
	c.pool_pages = 9;
	assert_int_equal(mmu_init(&g->mmu, &c), 0);
	for (int n = 0; err; n++) {
		fake_allocs_left = n;
		err = mmu_vcpu_init(&g->v, &g->mmu);
		if (!err)
			break;
		assert_int_equal(err, -12);
		assert_null(g->v.mmu); /* by which its owner knows that there is nothing to undo */
		assert_int_equal(fake_log.pages_out, 0);
		assert_int_equal(fake_log.mem_out, 0);
		assert_int_equal(g->mmu.nr_vcpus, 0);
	}
	fake_allocs_left = -1;
	assert_int_equal(fake_log.pages_low_out, 1); /* the PAE root and no more */
	assert_reaches(0x5000, WR, 0x5000);
	guest_end();
}

/* ---- several vCPUs, the p2m ---- */

static void test_p2m_changed(void **state)
{
	struct mmu_vcpu v2;
	uint64_t hpa;

	(void)state;
	start_4level(PGE, 0);
	map4(0, DATA, ALL | G);
	assert_int_equal(mmu_vcpu_init(&v2, &g->mmu), 0);
	assert_int_equal(mmu_set_regs(&v2, &g->v.regs), 0);
	assert_reaches(0, WR, DATA);
	assert_int_equal(fake_access(&v2, 0, WR, &g->fault, &hpa, NULL), MMU_FIXED);
	fake_map(DATA >> 12, 1, 0, P2M_NONE, false);
	mmu_p2m_changed(&g->mmu, GFN(DATA >> 12), 1);
	assert_int_equal(fake_log.shootdown, 1);
	assert_int_equal(fake_count_leaves(&g->v), 0);
	assert_int_equal(fake_count_leaves(&v2), 0);
	assert_result(0, WR, MMU_MMIO);
	assert_int_equal(fake_access(&v2, 0, WR, &g->fault, &hpa, NULL), MMU_MMIO);
	mmu_vcpu_fini(&v2);
	assert_int_equal(g->mmu.nr_vcpus, 1);
	guest_end();
}

static void p2m_moves_on(void)
{
	fake_map(T1 >> 12, 1, fake_pfn((T1 >> 12) + 1), P2M_RAM, false);
	__atomic_fetch_add(&g->mmu.p2m_gen, 1, __ATOMIC_RELEASE);
}

/* The p2m changes between the walk and the fill: what was read is not used. */
static void test_p2m_race(void **state)
{
	(void)state;
	start_4level(0, 0);
	map4(0, DATA, ALL);
	fake_write64(T1 + 0x1000, (DATA + 0x3000) | ALL);
	fake_on_lock = p2m_moves_on;
	assert_int_equal(mmu_fault(&g->v, GVA(0), RD, &g->fault), MMU_RETRY);
	assert_int_equal(fake_count_leaves(&g->v), 0);
	assert_reaches(0, RD, DATA + 0x3000);
	/* Likewise before an A bit is written to a frame that is no longer the guest's. */
	fake_write64(T1, (DATA + 0x3000) | P); /* now the frame behind */
	mmu_invlpg(&g->v, GVA(0));
	fake_on_lock = p2m_moves_on;
	assert_int_equal(mmu_fault(&g->v, GVA(0), RD, &g->fault), MMU_RETRY);
	assert_int_equal(fake_read64(T1) & A, 0);
	guest_end();
}

static void test_peek(void **state)
{
	hpa_t hpa;

	(void)state;
	start_4level(0, 0);
	map4(0, DATA, ALL);
	fake_write64(T2 + 8, DATA | ALL | PS);
	assert_false(mmu_peek(&g->v, GVA(0x10), &hpa));
	assert_reaches(0x10, EX, DATA + 0x10);
	assert_true(mmu_peek(&g->v, GVA(0x10), &hpa));
	assert_int_equal(hpa.v, (fake_pfn(DATA >> 12) << 12) + 0x10);
	assert_reaches(0x200000, RD, DATA);
	assert_true(mmu_peek(&g->v, GVA(0x3456ab), &hpa));
	assert_int_equal(hpa.v, (fake_pfn(DATA >> 12) << 12) + 0x1456ab);
	assert_int_equal(set_regs(PE, 0, 0, 0), 0);
	assert_false(mmu_peek(&g->v, GVA(0x10), &hpa));
	assert_reaches(0xabc, EX, 0xabc);
	assert_true(mmu_peek(&g->v, GVA(UINT64_C(0x100000abc)), &hpa)); /* 32 bits count */
	assert_int_equal(hpa.v, (fake_pfn(0) << 12) + 0xabc);
	guest_end();
}

/* ---- a long random run: the shadow is never wider than some state since the flush ---- */

static uint32_t rng;

static uint32_t rnd(uint32_t n)
{
	rng = rng * 1664525 + 1013904223;
	return (rng >> 8) % n;
}

#define PAGES 24

/* Page 0..15 small, the rest are 2 MiB slots; the model flushes after each table write, so
 * that every access must have exactly the outcome of the guest's tables. */
static uint64_t random_va(unsigned *slot)
{
	*slot = rnd(PAGES);
	return *slot < 16 ? V(*slot) + rnd(4096) : ((uint64_t)*slot << 21) + rnd(0x200000);
}

static void random_write(unsigned slot)
{
	uint64_t bits = rnd(0x80) | (rnd(3) ? P : 0) | (rnd(4) ? 0 : G);
	uint64_t va = slot < 16 ? V(slot) : (uint64_t)slot << 21;

	if (slot < 16)
		map4(slot, DATA + V(rnd(512)), bits & ~PS);
	else
		fake_write64(T2 + 8 * slot, (DATA + ((uint64_t)rnd(8) << 21)) | bits | PS);
	mmu_invlpg(&g->v, GVA(va));
}

static void test_random(void **state)
{
	static const unsigned acc[] = { RD, WR, EX, RD | US, WR | US, EX | US };

	(void)state;
	for (rng = 1; rng < 6; rng++) {
		uint32_t seed = rng;

		guest_start(10, 40, false);
		fake_map(DATA >> 12, 0x400, fake_pfn(DATA >> 12), P2M_RAM, false);
		tables_4level();
		mode_4level(PGE, NXE);
		for (unsigned n = 0; n < 20000; n++) {
			unsigned slot, a = acc[rnd(6)], op = rnd(100);
			uint64_t va = random_va(&slot);
			int64_t want;
			enum mmu_result r;
			uint64_t hpa = 0;

			if (op < 20)
				random_write(slot);
			else if (op < 23)
				assert_int_equal(mmu_set_cr3(&g->v, T4), 0);
			else if (op == 23)
				mode_4level(rnd(2) ? PGE : SMEP, rnd(2) ? NXE : 0);
			r = fake_access(&g->v, va, a, &g->fault, &hpa, NULL);
			want = where(va, a);
			assert_int_equal(r, want < 0 ? MMU_INJECT : MMU_FIXED);
			if (want >= 0)
				assert_int_equal(hpa,
						 (fake_pfn(want >> 12) << 12) | (want & 0xfff));
		}
		guest_end();
		rng = seed;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fill),
		cmocka_unit_test(test_fill_pae),
		cmocka_unit_test(test_fill_2level),
		cmocka_unit_test(test_paging_off),
		cmocka_unit_test(test_rom_and_mmio),
		cmocka_unit_test(test_large),
		cmocka_unit_test(test_large_split),
		cmocka_unit_test(test_split_forget),
		cmocka_unit_test(test_invlpg_large),
		cmocka_unit_test(test_invlpg_4m),
		cmocka_unit_test(test_small_then_large),
		cmocka_unit_test(test_empty_table_gives_way),
		cmocka_unit_test(test_cr3_keeps_globals),
		cmocka_unit_test(test_global_needs_pge),
		cmocka_unit_test(test_register_changes),
		cmocka_unit_test(test_mode_switches),
		cmocka_unit_test(test_invlpg),
		cmocka_unit_test(test_inject_forgets),
		cmocka_unit_test(test_spurious),
		cmocka_unit_test(test_smap_implicit),
		cmocka_unit_test(test_wp_off),
		cmocka_unit_test(test_pool_exhaustion),
		cmocka_unit_test(test_no_leak),
		cmocka_unit_test(test_creation_failures),
		cmocka_unit_test(test_p2m_changed),
		cmocka_unit_test(test_p2m_race),
		cmocka_unit_test(test_peek),
		cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

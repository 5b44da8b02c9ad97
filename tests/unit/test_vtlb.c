/* SPDX-License-Identifier: MIT */
/*
 * The engine vtlb under a processor of our own (fake_platform.c): what the shadow lets through, in
 * each mode and with each page size, and that the hardware is told.
 */
#include "tests/unit/vtlb_guest.h"

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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

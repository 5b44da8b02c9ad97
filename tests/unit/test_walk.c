/* SPDX-License-Identifier: MIT */
/*
 * The walkers against tables written by hand from the manual (Intel SDM Vol. 3A chapter 4):
 * every format, every bit of every kind of entry.
 */
#include "tests/unit/mmu_guest.h"

/* ---- every bit of every entry ---- */

static uint64_t from_to(unsigned lo, unsigned hi)
{
	uint64_t m = 0;

	for (unsigned i = lo; i <= hi; i++)
		m |= UINT64_C(1) << i;
	return m;
}

/*
 * Flip each bit of the entry at `at` that is 0; the access must end in a reserved-bit fault
 * exactly for those in `reserved`. Bits in `skip` change what the entry is.
 */
static void check_bits(uint64_t at, unsigned width, uint64_t reserved, uint64_t skip, uint64_t va)
{
	uint64_t entry = width == 64 ? fake_read64(at) : fake_read32(at);

	for (unsigned i = 1; i < width; i++) {
		uint64_t bit = UINT64_C(1) << i;
		uint32_t code;

		if ((entry | skip) & bit)
			continue;
		if (width == 64)
			fake_write64(at, entry | bit);
		else
			fake_write32(at, (uint32_t)(entry | bit));
		if (where(va, RD) == -1) {
			code = g->fault.error_code;
			if (!(reserved & bit))
				fail_msg("bit %u of 0x%llx: fault %x", i, (unsigned long long)at,
					 code);
			assert_int_equal(code, 0x9); /* P, RSVD; supervisor read */
		} else if (reserved & bit) {
			fail_msg("bit %u of 0x%llx is reserved", i, (unsigned long long)at);
		}
	}
	if (width == 64)
		fake_write64(at, entry);
	else
		fake_write32(at, (uint32_t)entry);
}

static void mode_long(bool la57, uint64_t cr4, uint64_t efer)
{
	if (la57)
		mode_5level(cr4, efer);
	else
		mode_4level(cr4, efer);
}

/* Bits 51:12 below the width are an address: another table or page, not an error of ours. */
static void bits_long(bool la57, unsigned m, bool has_1g, uint64_t efer)
{
	uint64_t high = from_to(m, 51) | (efer & NXE ? 0 : NX), addr = from_to(12, m - 1);

	guest_start(0, m, has_1g);
	tables_5level();
	fake_write64(T1, DATA | ALL);
	mode_long(la57, 0, efer);
	assert_int_equal(where(0x123, RD), DATA + 0x123);
	/* PML5E, PML4E: PS is reserved */
	if (la57)
		check_bits(T5, 64, high | PS, addr, 0);
	check_bits(T4, 64, high | PS, addr, 0);
	/* PDPTE that names a table; without 1 GiB pages PS is reserved */
	check_bits(T3, 64, high | (has_1g ? 0 : PS), addr | (has_1g ? PS : 0), 0);
	check_bits(T2, 64, high, addr | PS, 0);
	/* PTE: bit 7 is PAT */
	check_bits(T1, 64, high, addr, 0);
	/* 2 MiB page: bits 20:13 */
	fake_write64(T2, DATA | ALL | PS);
	assert_int_equal(where(0x123456, RD), DATA + 0x123456);
	check_bits(T2, 64, high | from_to(13, 20), from_to(21, m - 1), 0);
	/* 1 GiB page: bits 29:13 */
	fake_write64(T3, 0x40000000 | ALL | PS);
	if (has_1g) {
		assert_int_equal(where(0x12345678, RD), 0x40000000 + 0x12345678);
		check_bits(T3, 64, high | from_to(13, 29), from_to(30, m - 1), 0);
	} else {
		assert_faults(0, RD, 0x9);
	}
	guest_end();
}

static void test_bits_4level(void **state)
{
	(void)state;
	bits_long(false, 40, true, NXE);
	bits_long(false, 40, false, NXE);
	bits_long(false, 40, true, 0);
	bits_long(false, 36, false, 0);
	bits_long(false, 46, true, NXE);
	bits_long(false, 52, true, NXE);
}

static void test_bits_5level(void **state)
{
	(void)state;
	bits_long(true, 40, true, NXE);
	bits_long(true, 40, false, NXE);
	bits_long(true, 36, false, 0);
	bits_long(true, 52, true, NXE);
}

static void bits_pae(unsigned m, uint64_t efer)
{
	/* Tables 4-9 to 4-11: bits 62:M are reserved, not only up to 51. */
	uint64_t high = from_to(m, 62) | (efer & NXE ? 0 : NX), addr = from_to(12, m - 1);

	guest_start(0, m, true);
	tables_pae();
	fake_write64(T1, DATA | ALL);
	mode_pae(0, efer);
	assert_int_equal(where(0x123, RD), DATA + 0x123);
	check_bits(T2, 64, high, addr | PS, 0);
	check_bits(T1, 64, high, addr, 0);
	fake_write64(T2, DATA | ALL | PS); /* without CR4.PSE: PAE has no need of it */
	assert_int_equal(where(0x123456, RD), DATA + 0x123456);
	check_bits(T2, 64, high | from_to(13, 20), from_to(21, m - 1), 0);
	guest_end();
}

static void test_bits_pae(void **state)
{
	(void)state;
	bits_pae(36, 0);
	bits_pae(40, NXE);
	bits_pae(52, NXE);
}

static void bits_2level(unsigned m, uint64_t reserved)
{
	guest_start(0, m, false);
	tables_2level();
	fake_write32(T1, DATA | ALL);
	mode_2level(0);
	assert_int_equal(where(0x123, RD), DATA + 0x123);
	/* Without CR4.PSE nothing is reserved, and PS means nothing. */
	check_bits(T2, 32, 0, from_to(12, 31), 0);
	check_bits(T1, 32, 0, from_to(12, 31), 0);
	mode_2level(PSE);
	check_bits(T2, 32, 0, from_to(12, 31) | PS, 0);
	check_bits(T1, 32, 0, from_to(12, 31), 0);
	fake_write32(T2, DATA | ALL | PS);
	assert_int_equal(where(0x323456, RD), DATA + 0x323456);
	check_bits(T2, 32, reserved, from_to(13, 31) & ~reserved, 0);
	guest_end();
}

static void test_bits_2level(void **state)
{
	(void)state;
	/* 4 MiB page: bits 21:(M-19) are reserved, M = min(40, MAXPHYADDR). */
	bits_2level(32, from_to(13, 21));
	bits_2level(36, from_to(17, 21));
	bits_2level(40, from_to(21, 21));
	bits_2level(46, from_to(21, 21));
}

/* ---- where pages are ---- */

static void test_pse36(void **state)
{
	(void)state;
	guest_start(0, 40, false);
	mode_2level(PSE);
	/* bits 39:32 = 0xa5 in bits 20:13, bits 31:22 = 0x3ff */
	fake_write32(T2 + 4 * 5, 0xffc00000u | 0xa5u << 13 | ALL | PS);
	assert_int_equal(where(5u << 22 | 0x3fffff, RD), INT64_C(0xa5ffffffff));
	assert_int_equal(where(5u << 22, RD), INT64_C(0xa5ffc00000));
	guest_end();
}

static void test_indices(void **state)
{
	(void)state;
	guest_start(0, 40, true);
	/* 4-level: bits 47:39, 38:30, 29:21, 20:12 */
	fake_write64(T4 + 8 * 0x1ff, T3 | ALL);
	fake_write64(T3 + 8 * 0x0aa, T2 | ALL);
	fake_write64(T2 + 8 * 0x155, T1 | ALL);
	fake_write64(T1 + 8 * 0x001, DATA | ALL);
	mode_4level(0, 0);
	assert_int_equal(where(UINT64_C(0xffffffaaaaa01fff), RD) & 0xfff, 0xfff);
	assert_int_equal(where(UINT64_C(0xffff000000000000) | UINT64_C(0x1ff) << 39 |
				       UINT64_C(0x0aa) << 30 | UINT64_C(0x155) << 21 | 1 << 12 | 5,
			       RD),
			 DATA + 5);
	/* not canonical: harmless */
	(void)where(UINT64_C(0x8000000000000000), RD);
	mmu_invlpg(&g->v, GVA(UINT64_C(0x8000000000000000)));

	/* 5-level: bits 56:48 besides; several of its entries may lead to one table */
	fake_write64(T5 + 8 * 0x1ff, T4 | ALL);
	fake_write64(T5 + 8 * 0x111, T4 | ALL);
	fake_write64(T4 + 8 * 0x022, T3 | ALL);
	mode_5level(0, 0);
	assert_int_equal(where(UINT64_C(0xffff000000000000) | UINT64_C(0x1ff) << 39 |
				       UINT64_C(0x0aa) << 30 | UINT64_C(0x155) << 21 | 1 << 12 | 5,
			       RD),
			 DATA + 5);
	assert_int_equal(where(UINT64_C(0xff11000000000000) | UINT64_C(0x022) << 39 |
				       UINT64_C(0x0aa) << 30 | UINT64_C(0x155) << 21 | 1 << 12 | 6,
			       WR),
			 DATA + 6);
	assert_faults(UINT64_C(0xff12000000000000), WR, 0x2);

	/* 2-level: bits 31:22, 21:12; CR3's low 12 bits are no address */
	fake_write32(T2 + 4 * 0x3ff, T1 | ALL);
	fake_write32(T1 + 4 * 0x200, DATA | ALL);
	assert_int_equal(set_regs(PG | PE, T2 | 0xfff, 0, 0), 0);
	assert_int_equal(where(0x3ffu << 22 | 0x200 << 12 | 7, RD), DATA + 7);

	/* PAE: 31:30, 29:21, 20:12 and a PDPT that is only 32-byte aligned */
	fake_write64(T3 + 0x20 * 3 + 8 * 2, T2 | P);
	fake_write64(T2 + 8 * 0x101, T1 | ALL);
	fake_write64(T1 + 8 * 0x1ff, (DATA + 0x1000) | ALL);
	assert_int_equal(set_regs(PG | PE, T3 + 0x20 * 3, PAE, 0), 0);
	assert_int_equal(where(2u << 30 | 0x101 << 21 | 0x1ff << 12 | 9, RD), DATA + 0x1009);
	guest_end();
}

static void test_paging_off(void **state)
{
	(void)state;
	guest_start(0, 40, false);
	assert_int_equal(where(0x123456, WR | US), 0x123456);
	assert_int_equal(where(UINT64_C(0x7700123456), EX), 0x123456); /* 32 bits */
	assert_int_equal(mmu_translate(&g->v, GVA(0xfee00000), RD, &g->fault), MMU_MMIO);
	guest_end();
}

/* ---- not present, by level ---- */

static void not_present(bool la57)
{
	static const uint64_t at[] = { T5, T4, T3, T2, T1 };

	guest_start(0, 40, false);
	tables_5level();
	fake_write64(T1, DATA | ALL);
	for (unsigned i = la57 ? 0 : 1; i < 5; i++) {
		uint64_t e = fake_read64(at[i]);

		mode_long(la57, 0, 0);
		/* nothing else in it counts, no bit is reserved */
		fake_write64(at[i], ~P);
		assert_faults(0, RD, 0);
		assert_faults(0, WR, 0x2);
		assert_faults(0, WR | US, 0x6);
		assert_faults(0, EX | US, 0x4); /* I is not told: NXE and SMEP are off */
		mode_long(la57, SMEP, 0);
		assert_faults(0, EX | US, 0x14);
		mode_long(la57, 0, NXE);
		assert_faults(0, EX, 0x10);
		fake_write64(at[i], e);
	}
	/* The first that is missing or wrong decides: a reserved bit above an absent entry. */
	fake_write64(T1, 0);
	fake_write64(T3, T2 | ALL | UINT64_C(1) << 45);
	assert_faults(0, WR | US, 0xf);
	/* ... and an absent one above a reserved bit. */
	fake_write64(T4, 0);
	assert_faults(0, WR | US, 0x6);
	guest_end();
}

static void test_not_present(void **state)
{
	(void)state;
	not_present(false);
	not_present(true);
}

static void test_instruction_bit(void **state)
{
	(void)state;
	guest_start(0, 40, false);
	/* 2-level: NXE alone does not count without PAE, SMEP does. */
	assert_int_equal(set_regs(PG | PE, T2, 0, NXE), 0);
	assert_faults(0, EX | US, 0x4);
	assert_int_equal(set_regs(PG | PE, T2, SMEP, NXE), 0);
	assert_faults(0, EX | US, 0x14);
	mode_pae(0, 0);
	assert_faults(0, EX | US, 0x4);
	mode_pae(0, NXE);
	assert_faults(0, EX | US, 0x14);
	guest_end();
}

/* ---- PDPTEs ---- */

static void test_pdpte_latch(void **state)
{
	(void)state;
	guest_start(0, 40, false);
	tables_pae();
	fake_write64(T1, DATA | ALL);
	mode_pae(0, 0);
	assert_int_equal(where(0, RD), DATA);
	/* Memory changes, the register does not: until CR3 is loaded. */
	fake_write64(T3, 0);
	assert_int_equal(where(0, RD), DATA);
	mmu_invlpg(&g->v, GVA(0));
	mmu_flush(&g->v, true);
	assert_int_equal(where(0, RD), DATA);
	assert_int_equal(mmu_set_cr3(&g->v, T3), 0);
	assert_faults(0, WR | US, 0x6);
	/* CR4.PGE loads them (SDM 4.4.1), and so does CR0.CD; CR0.TS (bit 3) does not. */
	fake_write64(T3, T2 | P);
	assert_int_equal(set_regs(PG | WP | PE | 8, T3, PAE, 0), 0);
	assert_faults(0, RD, 0);
	assert_int_equal(set_regs(PG | WP | PE | 8, T3, PAE | PGE, 0), 0);
	assert_int_equal(where(0, RD), DATA);
	fake_write64(T3, 0);
	assert_int_equal(set_regs(PG | WP | PE | 8, T3, PAE | PGE | SMAP, 0), 0);
	assert_int_equal(where(0, RD | AC), DATA);
	assert_int_equal(set_regs(0x40000000 | PG | WP | PE | 8, T3, PAE | PGE | SMAP, 0), 0);
	assert_faults(0, RD, 0);
	/* An absent one is not frame 0. */
	fake_write64(0, T1 | ALL);
	assert_faults(0, RD, 0);
	guest_end();
}

static void test_pdpte_reserved(void **state)
{
	uint64_t reserved = from_to(1, 2) | from_to(5, 8) | from_to(40, 63);

	(void)state;
	guest_start(0, 40, false);
	tables_pae();
	fake_write64(T1, DATA | ALL);
	mode_pae(0, NXE);
	for (unsigned i = 1; i < 64; i++) {
		int want = reserved >> i & 1 ? -22 : 0;

		fake_write64(T3 + 8 * 3, P | UINT64_C(1) << i);
		assert_int_equal(mmu_set_cr3(&g->v, T3), want);
		/* Not present: nothing is checked. */
		fake_write64(T3 + 8 * 3, UINT64_C(1) << i);
		assert_int_equal(mmu_set_cr3(&g->v, T3), 0);
	}
	/* Nothing changes when it fails: neither registers nor what was latched. */
	fake_write64(T3, 0);
	fake_write64(T3 + 0x100 + 8 * 3, P | 2);
	assert_int_equal(mmu_set_cr3(&g->v, T3 + 0x100), -22);
	assert_int_equal(g->v.regs.cr3, T3);
	assert_int_equal(where(0, RD), DATA);
	assert_int_equal(set_regs(PG | PE, T3 + 0x100, PAE, 0), -22);
	assert_int_equal(where(0, RD), DATA);
	/* Where there is no memory the bus reads ones: #GP. */
	assert_int_equal(mmu_set_cr3(&g->v, 0xfee00000), -22);
	guest_end();
}

/* ---- A and D ---- */

#define LESS(x) ((x) & ~(A | D))

static void test_ad_4level(void **state)
{
	(void)state;
	guest_start(0, 40, false);
	fake_write64(T4, T3 | LESS(ALL));
	fake_write64(T3, T2 | LESS(ALL));
	fake_write64(T2, T1 | LESS(ALL));
	fake_write64(T1, DATA | P | U);
	mode_4level(0, 0);
	/* An access that is refused sets no D, and here no A either. */
	assert_faults(0, WR | US, 0x7);
	assert_int_equal(fake_read64(T1), DATA | P | U);
	assert_int_equal(where(0, RD), DATA);
	assert_int_equal(fake_read64(T4), T3 | LESS(ALL) | A);
	assert_int_equal(fake_read64(T3), T2 | LESS(ALL) | A);
	assert_int_equal(fake_read64(T2), T1 | LESS(ALL) | A);
	assert_int_equal(fake_read64(T1), DATA | P | U | A);
	fake_write64(T1, DATA | LESS(ALL));
	assert_int_equal(where(0, WR | US), DATA);
	assert_int_equal(fake_read64(T1), DATA | ALL);
	assert_int_equal(fake_read64(T2), T1 | LESS(ALL) | A); /* D belongs to leaves */
	/* a large leaf */
	fake_write64(T2, DATA | LESS(ALL) | PS);
	assert_int_equal(where(0, WR), DATA);
	assert_int_equal(fake_read64(T2), DATA | ALL | PS);
	guest_end();
}

static void test_ad_5level(void **state)
{
	(void)state;
	guest_start(0, 40, false);
	tables_5level();
	fake_write64(T5, T4 | LESS(ALL));
	fake_write64(T1, DATA | LESS(ALL));
	mode_5level(0, 0);
	assert_int_equal(where(0, WR), DATA);
	assert_int_equal(fake_read64(T5), T4 | LESS(ALL) | A);
	assert_int_equal(fake_read64(T1), DATA | ALL);
	guest_end();
}

static void test_ad_2level_pae(void **state)
{
	(void)state;
	guest_start(0, 40, false);
	fake_write32(T2, T1 | LESS(ALL));
	fake_write32(T1, DATA | LESS(ALL));
	fake_write32(T1 + 4, 0xdeadbeef); /* the neighbour in the same 8 bytes */
	mode_2level(0);
	assert_int_equal(where(0, WR), DATA);
	assert_int_equal(fake_read32(T2), T1 | LESS(ALL) | A);
	assert_int_equal(fake_read32(T1), DATA | ALL);
	assert_int_equal(fake_read32(T1 + 4), 0xdeadbeef);

	fake_write64(T3, T2 | P);
	fake_write64(T2, T1 | LESS(ALL));
	fake_write64(T1, DATA | LESS(ALL));
	mode_pae(0, 0);
	assert_int_equal(where(0, WR), DATA);
	assert_int_equal(fake_read64(T3), T2 | P); /* a PDPTE has no A */
	assert_int_equal(fake_read64(T2), T1 | LESS(ALL) | A);
	assert_int_equal(fake_read64(T1), DATA | ALL);
	guest_end();
}

static void steal_page(void)
{
	fake_write64(T1, (DATA + 0x5000) | LESS(ALL));
}

static void test_ad_race(void **state)
{
	(void)state;
	guest_start(0, 40, false);
	tables_4level();
	fake_write64(T1, DATA | LESS(ALL));
	mode_4level(0, 0);
	/* The entry changes between the read and the exchange: no bit lands in the new one. */
	fake_on_lock = steal_page;
	assert_int_equal(mmu_fault(&g->v, GVA(0), WR, &g->fault), MMU_RETRY);
	assert_int_equal(fake_read64(T1), (DATA + 0x5000) | LESS(ALL));
	assert_reaches(0, WR, DATA + 0x5000);
	/* The emulator's way tries again by itself. */
	fake_write64(T1, DATA | LESS(ALL));
	fake_on_lock = steal_page;
	assert_int_equal(where(0, WR), DATA + 0x5000);
	guest_end();
}

/* ---- tables in odd places ---- */

static void test_no_memory_for_tables(void **state)
{
	(void)state;
	guest_start(0, 40, false);
	/* All ones: a present entry with every reserved bit. */
	assert_int_equal(set_regs(PG | PE, UINT64_C(0x3000000000), PAE, LME | LMA), 0);
	assert_faults(0, WR | US, 0xf);
	tables_4level();
	fake_write64(T2, UINT64_C(0xfee00000) | ALL);
	mode_4level(0, 0);
	assert_faults(0x5000, RD, 0x9);
	/* The 32-bit format without PSE has none: it ends at a page outside RAM. */
	assert_int_equal(set_regs(PG | PE, 0xfee00000, 0, 0), 0);
	assert_int_equal(where(0x123, RD), 0xfffff123);
	assert_int_equal(mmu_fault(&g->v, GVA(0x123), RD, &g->fault), MMU_MMIO);
	assert_int_equal(g->fault.gpa.v, 0xfffff123);
	guest_end();
}

static void test_tables_in_rom(void **state)
{
	(void)state;
	guest_start(0, 40, false);
	tables_4level();
	fake_write64(T1, DATA | LESS(ALL));
	fake_map(T1 >> 12, 1, fake_pfn(T1 >> 12), P2M_ROM, false);
	mode_4level(0, 0);
	/* Usable; the A and D bits that it would get are lost on the bus. */
	assert_reaches(0, WR, DATA);
	assert_int_equal(fake_read64(T1), DATA | LESS(ALL));
	guest_end();
}

static void test_p2m_moves_a_table(void **state)
{
	(void)state;
	guest_start(0, 40, false);
	tables_4level();
	fake_write64(T1, DATA | ALL);
	fake_write64(T1 + 0x1000, (DATA + 0x7000) | ALL);
	mode_4level(0, 0);
	assert_int_equal(where(0, RD), DATA);
	fake_map(T1 >> 12, 1, fake_pfn((T1 >> 12) + 1), P2M_RAM, false);
	mmu_p2m_changed(&g->mmu, GFN(T1 >> 12), 1);
	assert_int_equal(where(0, RD), DATA + 0x7000);
	guest_end();
}

/* Tables whose addresses share a slot of the walker's cache. */
static void test_cache_collisions(void **state)
{
	uint64_t t3 = T4 + 64 * 0x1000, t2 = T4 + 128 * 0x1000, t1 = T4 + 192 * 0x1000;

	(void)state;
	guest_start(0, 40, false);
	fake_write64(T4, t3 | ALL);
	fake_write64(t3, t2 | ALL);
	fake_write64(t2, t1 | ALL);
	for (unsigned i = 0; i < 512; i++)
		fake_write64(t1 + 8 * i, (DATA + i * 0x1000) | ALL);
	mode_4level(0, 0);
	for (unsigned i = 0; i < 512; i++)
		assert_int_equal(where(i * 0x1000, RD), DATA + i * 0x1000);
	guest_end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bits_4level),
		cmocka_unit_test(test_bits_5level),
		cmocka_unit_test(test_bits_pae),
		cmocka_unit_test(test_bits_2level),
		cmocka_unit_test(test_pse36),
		cmocka_unit_test(test_indices),
		cmocka_unit_test(test_paging_off),
		cmocka_unit_test(test_not_present),
		cmocka_unit_test(test_instruction_bit),
		cmocka_unit_test(test_pdpte_latch),
		cmocka_unit_test(test_pdpte_reserved),
		cmocka_unit_test(test_ad_4level),
		cmocka_unit_test(test_ad_5level),
		cmocka_unit_test(test_ad_2level_pae),
		cmocka_unit_test(test_ad_race),
		cmocka_unit_test(test_no_memory_for_tables),
		cmocka_unit_test(test_tables_in_rom),
		cmocka_unit_test(test_p2m_moves_a_table),
		cmocka_unit_test(test_cache_collisions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

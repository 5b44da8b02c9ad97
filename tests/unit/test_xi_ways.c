/* SPDX-License-Identifier: MIT */
/*
 * The ways through xi that are taken seldom: races, tables of several parents, tables let loose,
 * what is in the way of a fill. Held to here is that the guest sees nothing of them.
 */
#include "tests/unit/mmu_invariant.h"

static struct mmu_config config(void)
{
	return (struct mmu_config){ .engine = "xi",
				    .pool_pages = 256,
				    .maxphyaddr = 40,
				    .has_1g = true,
				    .frames = FAKE_RAM_FRAMES };
}

/* Leaf tables of their own, from V(LEAF) on, under entries 8 and up of T2, each with one page. */
#define LEAF 0x100u
#define LEAVES 80u
#define LEAF_VA(i) ((uint64_t)(8 + (int)(i)) << 21)
#define WRITTEN_AT ((UINT64_C(511) << 21)) /* where the supervisor sees them */

static void start_leaves(void)
{
	struct mmu_config c = config();

	start_tables(&c);
	for (unsigned i = 0; i < LEAVES; i++) {
		fake_write64(T2 + 8 * (8 + i), V(LEAF + i) | ALL);
		fake_write64(V(LEAF + i), (DATA + V(i)) | ALL);
	}
	fake_write64(T2 + 8 * 511, 0 | ALL | PS);
	run_tables();
}

static void write_leaf(unsigned i, unsigned entry, uint64_t val)
{
	store(&g->v, WRITTEN_AT + V(LEAF + i) + 8 * entry, val);
}

/* ---- races ---- */

static void t2_is_no_memory(void)
{
	fake_map(T2 >> 12, 1, 0, P2M_NONE, false);
}

static void t1_is_no_memory(void)
{
	fake_map(T1 >> 12, 1, 0, P2M_NONE, false);
}

/* The p2m has changed, and is about to say so: no shadow is made of what is no memory. */
static void test_table_that_is_no_memory_any_more(void **state)
{
	struct mmu_config c = config();

	(void)state;
	start_tables(&c);
	run_tables();
	fake_on_lock = t1_is_no_memory;
	assert_int_equal(mmu_fault(&g->v, GVA(V(1)), RD, &g->fault), MMU_RETRY);
	mmu_p2m_changed(&g->mmu, GFN(T1 >> 12), 1);
	cpu_injects(&g->v, V(1), RD, 0x9); /* all ones */
	end();
	guest_start_with(&c, 1);
	tables_pae();
	map_at_start(1, (DATA + V(1)) | ALL);
	mode_pae(0, 0);
	fake_on_lock = t2_is_no_memory;
	assert_int_equal(mmu_fault(&g->v, GVA(V(1)), RD, &g->fault), MMU_RETRY);
	mmu_p2m_changed(&g->mmu, GFN(T2 >> 12), 1);
	cpu_injects(&g->v, V(1), RD, 0x9);
	end();
}

static void p2m_goes_on_and_on(void)
{
	__atomic_fetch_add(&g->mmu.p2m_gen, 1, __ATOMIC_RELEASE);
	fake_on_lookup = p2m_goes_on_and_on;
}

/* The emulator's translation gives up in the end, and the instruction is begun again. */
static void test_translation_that_never_holds(void **state)
{
	struct mmu_config c = config();

	(void)state;
	start_tables(&c);
	run_tables();
	fake_on_lookup = p2m_goes_on_and_on;
	assert_int_equal(mmu_translate(&g->v, GVA(V(1)), RD, &g->fault), MMU_RETRY);
	fake_on_lookup = NULL;
	assert_int_equal(where(V(1), RD), DATA + V(1));
	end();
}

/* ---- what is in the way of a fill ---- */

/* SMAP, AC = 1: only an implicit access is refused by an entry that is there, and it is refused
 * twice before the guest is told. */
static void test_smap_implicit(void **state)
{
	struct mmu_config c = config();

	(void)state;
	start_tables(&c);
	both_set_regs(PG | WP | PE, T4, PAE | SMAP, LME | LMA);
	assert_int_equal(mmu_set_cr3(&g->v, T4), 0);
	cpu_reaches(&g->v, 0, RD | AC, DATA);
	assert_int_equal(mmu_fault(&g->v, GVA(0), RD | AC, &g->fault), MMU_FIXED);
	assert_int_equal(mmu_fault(&g->v, GVA(0), RD | AC, &g->fault), MMU_INJECT);
	assert_int_equal(g->fault.error_code, 0x1);
	/* A user's, however often, is not. */
	assert_int_equal(mmu_fault(&g->v, GVA(0), RD | US, &g->fault), MMU_FIXED);
	assert_int_equal(mmu_fault(&g->v, GVA(0), RD | US, &g->fault), MMU_FIXED);
	assert_int_equal(g->v.stats.count[MMU_CNT_SPURIOUS], 4);
	end();
}

/* A neighbour that the guest has used, and that is no memory. */
static void test_window_leaves_devices_out(void **state)
{
	struct mmu_config c = config();

	(void)state;
	start_tables(&c);
	map_at_start(3, UINT64_C(0xfee00000) | ALL);
	run_tables();
	cpu_reaches(&g->v, V(1), RD, DATA + V(1));
	assert_true(in_shadow(V(2), RD));
	assert_false(in_shadow(V(3), RD));
	cpu_gets(&g->v, V(3), RD, MMU_MMIO);
	end();
}

/* The first access ever is to a large page in which the tables on its own way lie. */
static void test_tables_of_the_way_lie_in_the_page(void **state)
{
	const uint64_t root = DATA + 0x800000;
	struct mmu_config c = config();

	(void)state;
	start_tables(&c);
	fake_write64(root, T3 | ALL);
	fake_write64(T2 + 8, 0 | ALL | PS);
	both_set_regs(PG | WP | PE, root, PAE, LME | LMA);
	cpu_reaches(&g->v, 0x200000 + T2, RD, T2);
	assert_false(fake_hw_access(&g->v, 0x200000 + T2, RD).large);
	assert_false(in_shadow(0x200000 + T2, WR));
	assert_true(in_shadow(0x200000 + V(0x80), WR));
	end();
}

/* ---- several parents, none ---- */

static void test_torn_table_of_two_parents_stays(void **state)
{
	struct mmu_config c = config();

	(void)state;
	start_tables(&c);
	fake_write64(T3 + 8, T2B | ALL);
	fake_write64(T3 + 16, T2B | ALL);
	fake_write64(T2B, T1 | ALL);
	fake_write64(T2B + 8, T1B | ALL);
	fake_write64(T1B, DATA | ALL);
	run_tables();
	cpu_reaches(&g->v, 0x40000000 + V(1), RD, DATA + V(1));
	cpu_reaches(&g->v, 0x80000000 + V(1), RD, DATA + V(1));
	cpu_reaches(&g->v, 0x40200000, RD, DATA);
	host_writes(T2B + 8, 0, 8);
	assert_true(in_shadow(0x40000000 + V(1), RD));
	assert_true(in_shadow(0x80000000 + V(1), RD));
	assert_false(in_shadow(0x80200000, RD));
	end();
}

/* Tables out of sync beside the one that gets a new parent, with one parent, two, none. */
static void test_new_parent_among_tables_out_of_sync(void **state)
{
	(void)state;
	start_leaves();
	for (unsigned i = 0; i < 4; i++)
		cpu_reaches(&g->v, LEAF_VA(i), RD, DATA + V(i));
	host_writes(T2 + 8 * 7, V(LEAF + 1) | ALL, 8);
	cpu_reaches(&g->v, LEAF_VA(-1), RD, DATA + V(1)); /* the second parent of 1 */
	for (unsigned i = 0; i < 4; i++)
		write_leaf(i, 1, (DATA + V(i)) | ALL);
	host_writes(T2 + 8 * 11, V(LEAF) | ALL, 8); /* replaces 3, which is nobody's now */
	for (unsigned i = 0; i < 3; i++)
		write_leaf(i, 0, (DATA + V(0x40 + i)) | ALL);
	fake_tlb_flush(&g->v); /* hardware may forget at any time */
	cpu_reaches(&g->v, LEAF_VA(3) + V(1), RD, DATA);
	cpu_reaches(&g->v, LEAF_VA(3), RD, DATA + V(0x40));
	/* A whole directory, with two ways to 1 in it. */
	host_writes(T3 + 8, T2 | ALL, 8);
	cpu_reaches(&g->v, 0x40000000 + LEAF_VA(5), RD, DATA + V(5));
	for (unsigned i = 0; i < 3; i++)
		cpu_reaches(&g->v, 0x40000000 + LEAF_VA(i), RD, DATA + V(0x40 + i));
	end();
}

/* A table out of sync gets a shadow in another role: both are in step. */
static void test_another_role_while_out_of_sync(void **state)
{
	(void)state;
	start_leaves();
	cpu_reaches(&g->v, LEAF_VA(0), RD, DATA);
	write_leaf(0, 0, (DATA + V(0x40)) | ALL);
	assert_int_equal(summary().oos, 1);
	host_writes(T2 + 8 * 7, V(LEAF) | P | U | A, 8);
	cpu_reaches(&g->v, LEAF_VA(-1), RD, DATA + V(0x40));
	assert_int_equal(summary().oos, 0);
	cpu_injects(&g->v, LEAF_VA(-1), WR, 0x3);
	mmu_invlpg(&g->v, GVA(LEAF_VA(0)));
	cpu_reaches(&g->v, LEAF_VA(0), WR, DATA + V(0x40));
	end();
}

/* More tables out of sync than may be; the oldest is nobody's. */
static void test_oldest_out_of_sync_is_nobodys(void **state)
{
	(void)state;
	start_leaves();
	for (unsigned i = 0; i < LEAVES; i++)
		cpu_reaches(&g->v, LEAF_VA(i), RD, DATA + V(i));
	write_leaf(0, 1, (DATA + V(0)) | ALL);
	host_writes(T2 + 8 * 8, V(LEAF + 1) | ALL, 8);
	for (unsigned i = 1; i < LEAVES; i++)
		write_leaf(i, 1, (DATA + V(i)) | ALL);
	assert_int_equal(summary().oos, 64);
	for (unsigned i = 1; i < LEAVES; i++)
		cpu_reaches(&g->v, LEAF_VA(i) + V(1), RD, DATA + V(i));
	end();
}

/* Out of sync, and nothing left in it to compare. */
static void test_empty_table_out_of_sync(void **state)
{
	(void)state;
	start_leaves();
	cpu_reaches(&g->v, LEAF_VA(0), RD, DATA);
	write_leaf(0, 0, 0);
	for (unsigned i = 0; i < 2; i++)
		mmu_flush(&g->v, true);
	cpu_injects(&g->v, LEAF_VA(0), RD, 0);
	write_leaf(0, 0, (DATA + V(3)) | ALL);
	cpu_reaches(&g->v, LEAF_VA(0), RD, DATA + V(3));
	end();
}

/* Tables that nobody leads to and that hold nothing are pages to be reclaimed all the same:
 * under PAE, where the one table above them is a root, they are all that is found. */
static void test_reclaim_of_empty_orphans(void **state)
{
	struct mmu_config c = config();

	(void)state;
	c.pool_pages = 64;
	guest_start_with(&c, 1);
	tables_pae();
	map_at_start(1, (DATA + V(1)) | ALL);
	for (unsigned i = 0; i < LEAVES; i++) {
		fake_write64(T2 + 8 * (8 + i), V(LEAF + i) | ALL);
		fake_write64(V(LEAF + i), (DATA + V(i)) | ALL);
	}
	mode_pae(0, 0);
	for (unsigned i = 0; i < LEAVES; i++) {
		cpu_reaches(&g->v, LEAF_VA(i), RD, DATA + V(i));
		host_writes(V(LEAF + i), 0, 8);
		host_writes(T2 + 8 * (8 + i), T1 | ALL, 8);
		mmu_flush(&g->v, true);
	}
	cpu_reaches(&g->v, LEAF_VA(0) + V(1), RD, DATA + V(1));
	end();
}

/* More leaf tables than may be out of sync, all born so. */
static void test_oldest_makes_room_for_the_newborn(void **state)
{
	(void)state;
	guest_born_oos = true;
	start_leaves();
	for (unsigned i = 0; i < LEAVES; i++)
		cpu_reaches(&g->v, LEAF_VA(i), RD, DATA + V(i));
	assert_int_equal(summary().oos, 64);
	for (unsigned i = 0; i < LEAVES; i++)
		write_leaf(i, 0, (DATA + V(0x80 + i)) | ALL);
	assert_int_equal(mmu_set_cr3(&g->v, T4), 0);
	for (unsigned i = 0; i < LEAVES; i++)
		cpu_reaches(&g->v, LEAF_VA(i), RD, DATA + V(0x80 + i));
	end();
	guest_born_oos = false;
}

/* The oldest shadows the very table that the newborn is of, as halves of a table of the 2-level
 * format do: they stay together. */
static void test_oldest_is_of_the_newborns_table(void **state)
{
	(void)state;
	guest_born_oos = true;
	start_leaves();
	host_writes(T2 + 8 * 7, V(LEAF) | P | U | A, 8);
	for (unsigned i = 0; summary().oos < 64; i++)
		cpu_reaches(&g->v, LEAF_VA(i), RD, DATA + V(i));
	cpu_reaches(&g->v, LEAF_VA(-1), RD, DATA);
	audit_is_clean();
	write_leaf(0, 0, (DATA + V(0x80)) | ALL);
	assert_int_equal(mmu_set_cr3(&g->v, T4), 0);
	cpu_reaches(&g->v, LEAF_VA(0), RD, DATA + V(0x80));
	cpu_reaches(&g->v, LEAF_VA(-1), RD, DATA + V(0x80));
	end();
	guest_born_oos = false;
}

/* Between two address spaces that share a half: the other half's entry of both leads to the
 * global tables, which could be used before and are not compared. */
static void test_shared_global_table_is_not_compared(void **state)
{
	const uint64_t va = UINT64_C(256) << 39;
	struct mmu_config c = config();

	(void)state;
	start_tables(&c);
	fake_write64(T4B, T3 | ALL);
	fake_write64(T4 + 8 * 256, T3B | ALL);
	fake_write64(T4B + 8 * 256, T3B | ALL);
	fake_write64(T3B, T2B | ALL);
	fake_write64(T2B, T1B | ALL);
	fake_write64(T1B + 8, (DATA + V(1)) | ALL | G);
	run_tables();
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(mmu_set_cr3(&g->v, i ? T4 : T4B), 0);
		cpu_reaches(&g->v, va + V(1), RD, DATA + V(1));
	}
	store(&g->v, T1B + 8, (DATA + V(0x20)) | ALL | G);
	assert_int_equal(summary().oos, 1);
	memset(g->v.stats.count, 0, sizeof(g->v.stats.count));
	assert_int_equal(mmu_set_cr3(&g->v, T4B), 0);
	assert_int_equal(g->v.stats.count[MMU_CNT_SYNC_TABLE], 0);
	mmu_invlpg(&g->v, GVA(va + V(1)));
	cpu_reaches(&g->v, va + V(1), RD, DATA + V(0x20));
	end();
}

/* ---- torn down ---- */

/* A directory is cleared; what is above it leads to another one still, and stays. */
static void test_torn_directory_beside_another(void **state)
{
	const uint64_t va = UINT64_C(1) << 39;
	struct mmu_config c = config();

	(void)state;
	start_tables(&c);
	fake_write64(T4 + 8, T3B | ALL);
	fake_write64(T3B, T2 | ALL);
	fake_write64(T3B + 8, T2B | ALL);
	fake_write64(T2B, T1B | ALL);
	fake_write64(T1B, DATA | ALL);
	run_tables();
	cpu_reaches(&g->v, va + V(1), RD, DATA + V(1));
	cpu_reaches(&g->v, va + 0x40000000, RD, DATA);
	host_writes(T2B, 0, 8);
	assert_true(in_shadow(va + V(1), RD));
	mmu_invlpg(&g->v, GVA(va + 0x40000000));
	cpu_injects(&g->v, va + 0x40000000, RD, 0);
	cpu_gets(&g->v, T3B, WR, MMU_EMULATE);
	end();
}

/* An address space is taken down by its 512 GiB slots: with the first go the tables of its own
 * under others, and the root may be written, or told of again; what it shares stays. */
static void test_root_torn_down_slot_by_slot(void **state)
{
	struct mmu_config c = config();
	unsigned before;

	(void)state;
	start_tables(&c);
	fake_write64(T4B, T3 | ALL);
	run_tables();
	cpu_reaches(&g->v2, V(1), RD, DATA + V(1));
	assert_int_equal(mmu_set_cr3(&g->v, T4B), 0);
	before = summary().tracked;
	for (unsigned i = 1; i < 3; i++) {
		const uint64_t t3 = V(LEAF + i);

		fake_write64(T4B + 8 * i, t3 | ALL);
		fake_write64(t3, T2 | ALL);
		cpu_reaches(&g->v, ((uint64_t)i << 39) + V(1), RD, DATA + V(1));
	}
	assert_int_equal(summary().tracked, before + 2);
	host_writes(T4B + 8, 0, 8);
	assert_int_equal(summary().tracked, before);
	host_writes(T4B, 0, 8); /* shared with T4 */
	assert_int_equal(summary().tracked, before);
	cpu_injects(&g->v, V(1), RD, 0);
	cpu_reaches(&g->v2, V(1), RD, DATA + V(1));
	assert_int_equal(mmu_set_cr3(&g->v, T4), 0);
	end();
}

#define KERNEL_HALF UINT64_C(0xc0000000)

/* Two 2-level roots that share their last quadrant; the vCPU has used the first. */
static void start_2level_roots(void)
{
	struct mmu_config c = config();

	guest_start_with(&c, 1);
	fake_write32(T1 + 4, (DATA + V(1)) | ALL);
	fake_write32(T2, T1 | ALL);
	fake_write32(T2 + 4 * (KERNEL_HALF >> 22), T1 | ALL);
	fake_write32(T2B + 4 * (KERNEL_HALF >> 22), T1 | ALL);
	mode_2level(PSE);
	cpu_reaches(&g->v, V(1), RD, DATA + V(1));
	cpu_reaches(&g->v, KERNEL_HALF + V(1), RD, DATA + V(1));
	assert_int_equal(summary().tracked, 2);
}

/* Torn down while it is in use, a root goes when it is left: all its quadrants. */
static void test_torn_2level_root_goes_whole(void **state)
{
	(void)state;
	start_2level_roots();
	host_writes(T2, 0, 4);
	cpu_injects(&g->v, V(1), RD, 0);
	cpu_reaches(&g->v, KERNEL_HALF + V(1), RD, DATA + V(1));
	assert_int_equal(mmu_set_cr3(&g->v, T2B), 0);
	assert_int_equal(summary().tracked, 2);
	assert_int_equal(exits_of(&g->v, KERNEL_HALF + V(1), RD), 0);
	end();
}

/* ..., and when nobody is in it at once. */
static void test_2level_root_torn_down_from_outside(void **state)
{
	(void)state;
	start_2level_roots();
	assert_int_equal(mmu_set_cr3(&g->v, T2B), 0);
	cpu_reaches(&g->v, KERNEL_HALF + V(1), RD, DATA + V(1));
	assert_int_equal(summary().tracked, 3);
	host_writes(T2, 0, 4);
	assert_int_equal(summary().tracked, 2);
	assert_int_equal(mmu_set_cr3(&g->v, T2), 0);
	cpu_injects(&g->v, V(1), RD, 0);
	cpu_reaches(&g->v, KERNEL_HALF + V(1), RD, DATA + V(1));
	end();
}

/* With five levels the table of slots is not the root. `cleared`: by which write. */
static void tear_down_5level_space(uint64_t cleared)
{
	struct mmu_config c = config();
	unsigned before;

	start_tables(&c);
	tables_5level();
	fake_write64(T5B, T4B | ALL);
	fake_write64(T4B, T3 | ALL);
	both_set_regs(PG | WP | PE, T5, PAE | LA57 | PGE, LME | LMA | NXE);
	cpu_reaches(&g->v2, V(1), RD, DATA + V(1));
	assert_int_equal(mmu_set_cr3(&g->v, T5B), 0);
	before = summary().tracked;
	cpu_reaches(&g->v, V(1), RD, DATA + V(1));
	for (unsigned i = 1; i < 3; i++) {
		const uint64_t t3 = V(LEAF + i);

		host_writes(T4B + 8 * i, t3 | ALL, 8);
		fake_write64(t3, T2 | ALL);
		cpu_reaches(&g->v, ((uint64_t)i << 39) + V(1), RD, DATA + V(1));
	}
	assert_int_equal(summary().tracked, before + 3);
	host_writes(cleared, 0, 8); /* T4B goes, and what it alone leads to */
	assert_int_equal(summary().tracked, before);
	assert_int_equal(exits_of(&g->v2, T4B, WR), 1);
	cpu_reaches(&g->v, V(1), RD, DATA + V(1)); /* if that was wrong it comes back */
	mmu_invlpg(&g->v, GVA((UINT64_C(1) << 39) + V(1)));
	cpu_injects(&g->v, (UINT64_C(1) << 39) + V(1), RD, 0);
	cpu_reaches(&g->v2, V(1), RD, DATA + V(1));
	assert_int_equal(mmu_set_cr3(&g->v, T5), 0);
	end();
}

static void test_5level_space_torn_down_slot_by_slot(void **state)
{
	(void)state;
	tear_down_5level_space(T4B + 8);
	tear_down_5level_space(V(LEAF + 1)); /* all that there is in the slot */
}

/* A root that is new leads to what it has in common with the one before, at the highest level. */
static void test_5level_roots_share_tables(void **state)
{
	const uint64_t kernel = UINT64_C(0xff11000000000000);
	struct mmu_config c = config();

	(void)state;
	start_tables(&c);
	tables_5level();
	fake_write64(T5 + 8 * 0x111, T4 | ALL);
	fake_write64(T5B + 8 * 0x111, T4 | ALL);
	both_set_regs(PG | WP | PE, T5, PAE | LA57 | PGE, LME | LMA | NXE);
	cpu_reaches(&g->v, kernel + V(1), RD, DATA + V(1));
	assert_int_equal(mmu_set_cr3(&g->v, T5B), 0);
	assert_int_equal(exits_of(&g->v, kernel + V(1), RD), 0);
	cpu_injects(&g->v, V(1), RD, 0);
	assert_int_equal(mmu_set_cr3(&g->v, T5), 0);
	assert_int_equal(exits_of(&g->v, kernel + V(1), WR), 0);
	end();
}

/* ---- loose tables ---- */

static void let_loose(uint64_t va, uint64_t table)
{
	for (unsigned n = 0; n < 2; n++) {
		fake_tlb_flush(&g->v); /* hardware may forget at any time */
		cpu_gets(&g->v, va, RD, MMU_FIXED);
		assert_true(mmu_unshadow(&g->v, GPA(table)));
	}
	audit_is_clean();
}

/* What a loose directory says now differs from what its shadow does. */
static void test_loose_table_is_behind(void **state)
{
	(void)state;
	start_leaves();
	cpu_reaches(&g->v, LEAF_VA(1), RD, DATA + V(1));
	let_loose(LEAF_VA(0) + 8, T2);
	cpu_reaches(&g->v, LEAF_VA(0), RD, DATA);
	fake_write64(T2 + 8 * 8, V(LEAF + 1) | ALL);
	fake_write64(V(LEAF + 1) + 16, (DATA + V(0x50)) | ALL);
	cpu_reaches(&g->v, LEAF_VA(0) + V(2), RD, DATA + V(0x50));
	/* A way to one is added: it is loose no more. */
	mmu_invlpg(&g->v, GVA(LEAF_VA(5)));
	let_loose(LEAF_VA(5), T2);
	host_writes(T3 + 24, T2 | ALL, 8);
	cpu_reaches(&g->v, UINT64_C(0xc0000000) + V(1), RD, DATA + V(1));
	cpu_gets(&g->v, WRITTEN_AT + T2, WR, MMU_EMULATE);
	end();
}

/* The processor may have found nothing by tables that are no longer linked: what those that are
 * linked hold is dropped all the same. */
static void test_fault_by_old_tables(void **state)
{
	hpa_t hpa;

	(void)state;
	start_leaves();
	cpu_reaches(&g->v, LEAF_VA(0), RD, DATA);
	cpu_reaches(&g->v, LEAF_VA(1), RD, DATA + V(1));
	write_leaf(1, 5, 0); /* it is out of sync */
	write_leaf(1, 0, 0);
	host_writes(T2 + 8 * 8, V(LEAF + 2) | ALL, 8);
	assert_true(mmu_peek(&g->v, GVA(LEAF_VA(1)), &hpa));
	assert_int_equal(mmu_fault(&g->v, GVA(LEAF_VA(1)), RD | MMU_ACC_NOT_PRESENT, &g->fault),
			 MMU_INJECT);
	assert_false(mmu_peek(&g->v, GVA(LEAF_VA(1)), &hpa));
	end();
}

static void test_third_loose_table(void **state)
{
	(void)state;
	start_leaves();
	for (unsigned i = 0; i < 3; i++)
		let_loose(LEAF_VA(i), V(LEAF + i));
	/* The first two are not loose any more, and gone; the third is. */
	fake_write64(V(LEAF + 2), (DATA + V(0x60)) | ALL);
	cpu_reaches(&g->v, LEAF_VA(0), RD, DATA);
	assert_true(mmu_unshadow(&g->v, GPA(V(LEAF))));
	assert_false(mmu_unshadow(&g->v, GPA(V(LEAF + 2))));
	mmu_invlpg(&g->v, GVA(LEAF_VA(2)));
	cpu_reaches(&g->v, LEAF_VA(2), RD, DATA + V(0x60));
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table_that_is_no_memory_any_more),
		cmocka_unit_test(test_translation_that_never_holds),
		cmocka_unit_test(test_smap_implicit),
		cmocka_unit_test(test_window_leaves_devices_out),
		cmocka_unit_test(test_tables_of_the_way_lie_in_the_page),
		cmocka_unit_test(test_torn_table_of_two_parents_stays),
		cmocka_unit_test(test_new_parent_among_tables_out_of_sync),
		cmocka_unit_test(test_another_role_while_out_of_sync),
		cmocka_unit_test(test_oldest_out_of_sync_is_nobodys),
		cmocka_unit_test(test_empty_table_out_of_sync),
		cmocka_unit_test(test_reclaim_of_empty_orphans),
		cmocka_unit_test(test_oldest_makes_room_for_the_newborn),
		cmocka_unit_test(test_oldest_is_of_the_newborns_table),
		cmocka_unit_test(test_shared_global_table_is_not_compared),
		cmocka_unit_test(test_torn_directory_beside_another),
		cmocka_unit_test(test_root_torn_down_slot_by_slot),
		cmocka_unit_test(test_torn_2level_root_goes_whole),
		cmocka_unit_test(test_2level_root_torn_down_from_outside),
		cmocka_unit_test(test_5level_space_torn_down_slot_by_slot),
		cmocka_unit_test(test_5level_roots_share_tables),
		cmocka_unit_test(test_loose_table_is_behind),
		cmocka_unit_test(test_fault_by_old_tables),
		cmocka_unit_test(test_third_loose_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

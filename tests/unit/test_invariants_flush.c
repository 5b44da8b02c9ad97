/* SPDX-License-Identifier: MIT */
/*
 * What a flush obliges to (I2, I17), under each engine. A test carries the number of the
 * invariant that it holds to.
 */
#include "tests/unit/mmu_invariant.h"

/* ---- I2: what is covered by a flush is forgotten ---- */

static void i2_cr3_load_drops_all_but_globals(void **state)
{
	struct mmu_config c = config_of(state);

	start_tables(&c);
	map_at_start(1, (DATA + V(1)) | ALL | G);
	run_tables();
	for (unsigned i = 0; i < 4; i++)
		cpu_reaches(&g->v, V(i), WR, DATA + V(i));
	remap(&g->v, 0, (DATA + V(0x20)) | ALL);
	remap(&g->v, 2, 0);
	assert_int_equal(mmu_set_cr3(&g->v, T4), 0);
	cpu_reaches(&g->v, 0, WR, DATA + V(0x20));
	cpu_injects(&g->v, V(2), RD, 0);
	cpu_reaches(&g->v, V(3), WR, DATA + V(3));
	/* The second time as the first: what was refilled meanwhile is covered, too. */
	remap(&g->v, 0, (DATA + V(0x21)) | ALL);
	remap(&g->v, 3, 0);
	assert_int_equal(mmu_set_cr3(&g->v, T4), 0);
	cpu_reaches(&g->v, 0, WR, DATA + V(0x21));
	cpu_injects(&g->v, V(3), RD, 0);
	end();
}

/* A global entry stays only while the guest has CR4.PGE on. */
static void i2_global_only_with_pge(void **state)
{
	struct mmu_config c = config_of(state);

	start_tables(&c);
	map_at_start(1, (DATA + V(1)) | ALL | G);
	for (unsigned i = 0; i < 8; i++)
		if (i != 1)
			map_at_start(i, 0);
	both_set_regs(PG | WP | PE, T4, PAE, LME | LMA);
	cpu_reaches(&g->v, V(1), WR, DATA + V(1));
	remap(&g->v, 1, (DATA + V(2)) | ALL | G);
	assert_int_equal(mmu_set_cr3(&g->v, T4), 0);
	cpu_reaches(&g->v, V(1), WR, DATA + V(2));
	end();
}

static void i2_invlpg_drops_its_page(void **state)
{
	start(state);
	cpu_reaches(&g->v, V(1), WR, DATA + V(1));
	cpu_reaches(&g->v, V(2), WR, DATA + V(2));
	remap(&g->v, 1, (DATA + V(0x20)) | ALL);
	remap(&g->v, 2, (DATA + V(0x21)) | ALL | G);
	mmu_invlpg(&g->v, GVA(V(1) + 0x123));
	cpu_reaches(&g->v, V(1), WR, DATA + V(0x20));
	mmu_invlpg(&g->v, GVA(V(2)));
	cpu_reaches(&g->v, V(2), WR, DATA + V(0x21));
	end();
}

static void i2_full_flush_drops_globals(void **state)
{
	struct mmu_config c = config_of(state);

	start_tables(&c);
	map_at_start(1, (DATA + V(1)) | ALL | G);
	run_tables();
	cpu_reaches(&g->v, V(1), WR, DATA + V(1));
	remap(&g->v, 1, (DATA + V(2)) | ALL | G);
	mmu_flush(&g->v, true);
	cpu_reaches(&g->v, V(1), WR, DATA + V(2));
	end();
}

/* A fault that is injected drops what there was of the address. */
static void i2_inject_drops_the_entry(void **state)
{
	struct mmu_config c = config_of(state);

	start_tables(&c);
	for (unsigned i = 0; i < 3; i++)
		map_at_start(i, (DATA + V(i)) | P | U | A | W); /* clean */
	run_tables();
	for (unsigned i = 0; i < 3; i++)
		cpu_reaches(&g->v, V(i), RD, DATA + V(i));
	remap(&g->v, 0, 0);
	cpu_injects(&g->v, 0, WR, 0x2);
	cpu_injects(&g->v, 0, RD, 0);
	/* The same by way of the emulator. */
	remap(&g->v, 1, 0);
	assert_int_equal(mmu_translate(&g->v, GVA(V(1)), WR, &g->fault), MMU_INJECT);
	cpu_injects(&g->v, V(1), RD, 0);
	end();
}

/* A processor that was not asked about the change yet drops it with the fault, too. */
static void i2_inject_after_the_entry_went(void **state)
{
	start(state);
	cpu_reaches(&g->v, V(1), RD, DATA + V(1));
	host_writes(T1 + 8, 0, 8);
	assert_int_equal(mmu_translate(&g->v, GVA(V(1)), WR, &g->fault), MMU_INJECT);
	cpu_injects(&g->v, V(1), RD, 0);
	end();
}

/* Not present to present: no flush is asked for. */
static void i2_new_entry_needs_no_flush(void **state)
{
	start(state);
	cpu_reaches(&g->v, V(1), RD, DATA + V(1));
	cpu_injects(&g->v, V(9), RD, 0);
	cpu_injects(&g->v2, V(9), RD, 0);
	remap(&g->v2, 9, (DATA + V(9)) | ALL);
	cpu_reaches(&g->v, V(9), RD, DATA + V(9));
	cpu_reaches(&g->v2, V(9), WR, DATA + V(9));
	/* Nor more rights: the fault on the old ones is the processor's to make again. */
	remap(&g->v, 9, (DATA + V(9)) | P | U | A);
	mmu_invlpg(&g->v, GVA(V(9)));
	cpu_reaches(&g->v, V(9), RD, DATA + V(9));
	remap(&g->v, 9, (DATA + V(9)) | ALL);
	cpu_reaches(&g->v, V(9), WR, DATA + V(9));
	end();
}

/* T1 was left behind out of step by v2; what new way there is, it is in step. The first access
 * by the new way makes the way, the second uses what lies at its end. */
static void leave_t1_behind(void)
{
	cpu_reaches(&g->v2, V(1), RD, DATA + V(1));
	cpu_reaches(&g->v2, V(2), RD, DATA + V(2));
	remap(&g->v2, 1, (DATA + V(0x20)) | ALL | G);
}

static void i2_new_entry_leads_in_step(void **state)
{
	start(state);
	leave_t1_behind();
	host_writes(T2 + 8 * 7, T1 | ALL, 8);
	cpu_reaches(&g->v2, (7 << 21) + V(2), RD, DATA + V(2));
	cpu_reaches(&g->v2, (7 << 21) + V(1), RD, DATA + V(0x20));
	end();
}

/* A new root; all of T1 is global, so that the CR3 load itself does not look at it. */
static void i2_new_root_leads_in_step(void **state)
{
	struct mmu_config c = config_of(state);

	start_tables(&c);
	for (unsigned i = 0; i < IDENTITY_END; i++)
		map_at_start(i, fake_read64(T1 + 8 * i) | (i < 8 || i >= IDENTITY_FIRST ? G : 0));
	fake_write64(T4B + 8 * 5, T3 | ALL);
	run_tables();
	leave_t1_behind();
	assert_int_equal(mmu_set_cr3(&g->v, T4B), 0);
	cpu_reaches(&g->v, (UINT64_C(5) << 39) + V(2), RD, DATA + V(2));
	cpu_reaches(&g->v, (UINT64_C(5) << 39) + V(1), RD, DATA + V(0x20));
	end();
}

/* A global table out of sync under a root that v loads now: v has used nothing of it, so that no
 * entry of it may be what the guest's table has no more. */
static void i2_global_table_new_to_the_vcpu(void **state)
{
	const uint64_t va = UINT64_C(5) << 39;
	struct mmu_config c = config_of(state);

	start_tables(&c);
	fake_write64(T4B, T3 | ALL);
	fake_write64(T4B + 8 * 5, T3B | ALL);
	fake_write64(T3B, T2B | ALL);
	fake_write64(T2B, T1B | ALL);
	fake_write64(T1B + 8, (DATA + V(1)) | ALL | G);
	fake_write64(T1B + 16, (DATA + V(2)) | ALL | G);
	run_tables();
	assert_int_equal(mmu_set_cr3(&g->v2, T4B), 0);
	cpu_reaches(&g->v2, va + V(1), RD, DATA + V(1));
	store(&g->v2, T1B + 8, (DATA + V(0x20)) | ALL | G);
	assert_int_equal(mmu_set_cr3(&g->v, T4B), 0);
	cpu_reaches(&g->v, va + V(1), RD, DATA + V(0x20));
	end();
}

struct written {
	uint64_t gpa, entry;
};

/* A root of PAE, made of these two entries, that leads to T1 a GiB up. */
static void check_pae_root_in_step(void **state, struct written a, struct written b)
{
	struct mmu_config c = config_of(state);

	guest_start_with(&c, 2);
	tables_pae();
	identity(T1, sizeof(uint64_t));
	map_at_start(1, (DATA + V(1)) | ALL);
	map_at_start(2, (DATA + V(2)) | ALL);
	fake_write64(a.gpa, a.entry);
	fake_write64(b.gpa, b.entry);
	both_set_regs(PG | WP | PE, T3, PAE, 0);
	assert_int_equal(mmu_set_cr3(&g->v, T3B), 0);
	leave_t1_behind();
	cpu_reaches(&g->v, (1 << 30) + V(2), RD, DATA + V(2));
	cpu_reaches(&g->v, (1 << 30) + V(1), RD, DATA + V(0x20));
	end();
}

/* A page directory that comes under a PDPTE, where roots are made late. */
static void i2_new_pae_root_in_step(void **state)
{
	check_pae_root_in_step(state, (struct written){ T3B, T2B | P },
			       (struct written){ T3B + 8, T2 | P });
}

/* The same with a directory that is new: what it leads to is not. */
static void i2_new_pae_directory_in_step(void **state)
{
	check_pae_root_in_step(state, (struct written){ T3B + 8, T2B | P },
			       (struct written){ T2B, T1 | ALL });
}

static void other_remaps_page_1(void)
{
	fake_write64(T1 + 8, (DATA + V(0x30)) | ALL);
}

static void other_replaces_the_table(void)
{
	fake_write64(T2, T1B | ALL);
}

/* An entry that another vCPU changed between the walk and the fill is not used. */
static void i2_what_is_filled_is_current(void **state)
{
	struct mmu_config c = config_of(state);

	start_tables(&c);
	fake_write64(T1B + 8, (DATA + V(0x31)) | ALL);
	run_tables();
	if (is_xi()) { /* a vtlb keeps what a walk saw: a TLB might */
		fake_on_lock = other_replaces_the_table;
		assert_int_equal(mmu_fault(&g->v, GVA(V(1)), RD, &g->fault), MMU_RETRY);
		cpu_reaches(&g->v, V(1), RD, DATA + V(0x31));
	}
	end();
}

static void i2_leaf_that_is_filled_is_current(void **state)
{
	start(state);
	if (is_xi()) {
		fake_on_lock = other_remaps_page_1;
		assert_int_equal(mmu_fault(&g->v, GVA(V(1)), RD, &g->fault), MMU_RETRY);
	} else {
		other_remaps_page_1();
	}
	cpu_reaches(&g->v, V(1), RD, DATA + V(0x30));
	end();
}

static void p2m_moves_on(void)
{
	__atomic_fetch_add(&g->mmu.p2m_gen, 1, __ATOMIC_RELEASE);
}

/* A fault found in a frame that is no longer the guest's is not told to it. */
static void i2_no_fault_from_a_stale_walk(void **state)
{
	start(state);
	fake_on_lookup = p2m_moves_on;
	assert_int_equal(mmu_fault(&g->v, GVA(V(9)), RD, &g->fault), MMU_RETRY);
	cpu_injects(&g->v, V(9), RD, 0);
	end();
}

static void t1_is_another_frame(void)
{
	fake_map(T1 >> 12, 1, fake_pfn((T1 >> 12) + 1), P2M_RAM, false);
	p2m_moves_on();
}

/* The place of T3 in the cache of tables is another table's, so that its frame is looked up
 * when T1's is known already. */
static void i2_no_translation_from_a_stale_walk(void **state)
{
	const uint64_t same_place = T3 + V(MMU_TABLE_CACHE);
	struct mmu_config c = config_of(state);

	start_tables(&c);
	fake_write64(T4 + 8, same_place | ALL);
	fake_write64(T1 + PAGE_SIZE + 8, (DATA + V(0x33)) | ALL);
	run_tables();
	assert_int_equal(where(V(1), RD), DATA + V(1));
	assert_faults(UINT64_C(1) << 39, RD, 0);
	fake_on_lookup = t1_is_another_frame;
	assert_int_equal(where(V(1), RD), DATA + V(0x33));
	guest_end();
}

/* The error code shows I only where the guest could ask for it. */
static void i2_error_code_is_the_guests(void **state)
{
	start(state);
	cpu_injects(&g->v, V(9), EX | US, 0x14);
	assert_int_equal(set_regs(PG | WP | PE, T4, PAE, LME | LMA), 0);
	cpu_injects(&g->v, V(9), EX | US, 0x4);
	assert_int_equal(set_regs(PG | WP | PE, T4, PAE | SMEP, LME | LMA), 0);
	cpu_injects(&g->v, V(9), EX | US, 0x14);
	end();
}

/* ---- I17: the hardware is told ---- */

static void i17_every_flush_reaches_the_hardware(void **state)
{
	unsigned before;

	start(state);
	cpu_reaches(&g->v, V(1), WR, DATA + V(1));
	/* Nothing in memory has to change. */
	before = fake_log.cpu[0].flush;
	assert_int_equal(mmu_set_cr3(&g->v, T4), 0);
	assert_int_equal(fake_log.cpu[0].flush, before + 1);
	mmu_flush(&g->v, false);
	mmu_flush(&g->v, true);
	assert_int_equal(fake_log.cpu[0].flush, before + 3);
	before = fake_log.cpu[0].flush + fake_log.cpu[0].flush_page;
	mmu_invlpg(&g->v, GVA(UINT64_C(0x700000000000)));
	assert_int_equal(fake_log.cpu[0].flush + fake_log.cpu[0].flush_page, before + 1);
	/* The other vCPU has not asked. */
	assert_int_equal(fake_log.cpu[1].flush_page, 0);
	end();
}

/* What v2's flush brings in step, v's hardware may hold still: v's own flush must reach it. */
static void i17_flush_after_anothers_sync(void **state)
{
	start(state);
	cpu_reaches(&g->v, V(1), WR, DATA + V(1));
	cpu_reaches(&g->v2, V(1), WR, DATA + V(1));
	remap(&g->v, 1, (DATA + V(0x20)) | ALL);
	assert_int_equal(mmu_set_cr3(&g->v2, T4), 0);
	cpu_reaches(&g->v2, V(1), WR, DATA + V(0x20));
	mmu_invlpg(&g->v, GVA(V(1)));
	cpu_reaches(&g->v, V(1), WR, DATA + V(0x20));
	remap(&g->v, 1, (DATA + V(0x21)) | ALL);
	mmu_invlpg(&g->v2, GVA(V(1)));
	assert_int_equal(mmu_set_cr3(&g->v, T4), 0);
	cpu_reaches(&g->v, V(1), WR, DATA + V(0x21));
	end();
}

/* INVLPG drops all pieces of a large page, whatever the guest has put there meanwhile. */
static void i17_pieces_of_a_large_page(void **state)
{
	struct mmu_config c = config_of(state);

	start_tables(&c);
	fake_map(DATA >> 12, 512, fake_pfn(DATA >> 12), P2M_RAM, false);
	fake_write64(T2 + 8, DATA | ALL | PS);
	run_tables();
	cpu_reaches(&g->v, 0x201000, WR, DATA + V(1));
	cpu_reaches(&g->v, 0x202000, WR, DATA + V(2));
	store(&g->v, T2 + 8, (DATA + 0x200000) | ALL | PS);
	mmu_invlpg(&g->v, GVA(0x3ff000));
	cpu_reaches(&g->v, 0x201000, WR, DATA + 0x200000 + V(1));
	cpu_reaches(&g->v, 0x202000, WR, DATA + 0x200000 + V(2));
	end();
}

/* A table that gives way to a large page: no processor walks it any more. */
static void i17_table_gives_way(void **state)
{
	struct mmu_config c = config_of(state);

	start_tables(&c);
	fake_write64(T2 + 8, T1B | ALL);
	fake_write64(T1B, (DATA + 0x400000) | ALL);
	run_tables();
	cpu_reaches(&g->v, 0x200000, WR, DATA + 0x400000);
	store(&g->v, T1B, 0);
	mmu_invlpg(&g->v, GVA(0x200000));
	/* The leaf has gone, the way to its table is learnt again. */
	cpu_injects(&g->v, 0x300000, RD, 0);
	store(&g->v, T2 + 8, DATA | ALL | PS);
	/* It faults, and before it comes to the access again there is an interrupt. */
	assert_int_equal(mmu_fault(&g->v, GVA(0x300000), WR, &g->fault), MMU_FIXED);
	/* The page of the old table is another one's now. */
	for (unsigned i = 0; i < 8; i++)
		store(&g->v, T2B + 8 * i, (DATA + 0x400000 + V(i)) | ALL);
	store(&g->v, T2 + 16, T2B | ALL);
	for (unsigned i = 0; i < 8; i++)
		cpu_reaches(&g->v, 0x400000 + V(i), WR, DATA + 0x400000 + V(i));
	for (unsigned i = 1; i < 8; i++)
		cpu_reaches(&g->v, 0x200000 + V(i), WR, DATA + V(i));
	end();
}

/* A large page comes in the place of a table, and nobody has flushed: small pages may be known on, but
 * not beside the large one. */
static void i17_small_pages_before_a_large_one(void **state)
{
	struct mmu_config c = config_of(state);

	start_tables(&c);
	fake_write64(T2 + 8, T1B | ALL);
	for (unsigned i = 0; i < 4; i++)
		fake_write64(T1B + 8 * i, (DATA + 0x400000 + V(i)) | ALL);
	run_tables();
	for (unsigned i = 0; i < 4; i++) {
		cpu_reaches(&g->v, 0x200000 + V(i), RD, DATA + 0x400000 + V(i));
		cpu_reaches(&g->v2, 0x200000 + V(i), RD, DATA + 0x400000 + V(i));
	}
	store(&g->v, T2 + 8, DATA | ALL | PS);
	cpu_reaches(&g->v, 0x208000, RD, DATA + 0x8000);
	cpu_reaches(&g->v2, 0x209000, RD, DATA + 0x9000);
	end();
}

/* The same a level higher: a directory of tables gives way to one that has a large page already. */
static void i17_small_pages_before_a_directory_of_large_ones(void **state)
{
	struct mmu_config c = config_of(state);

	start_tables(&c);
	fake_write64(T3 + 8, T2B | ALL);
	fake_write64(T2B, T1B | ALL);
	fake_write64(T1B, (DATA + 0x400000) | ALL);
	fake_write64(T3 + 16, T3B | ALL);
	fake_write64(T3B, DATA | ALL | PS);
	run_tables();
	for (unsigned i = 1; i < 3; i++) {
		uint64_t to = i == 1 ? DATA + 0x400000 : DATA;

		cpu_reaches(&g->v, (uint64_t)i << 30, RD, to);
		cpu_reaches(&g->v2, (uint64_t)i << 30, RD, to);
	}
	store(&g->v, T3 + 8, T3B | ALL);
	cpu_reaches(&g->v, 0x40001000, RD, DATA + 0x1000);
	cpu_reaches(&g->v2, 0x40002000, RD, DATA + 0x2000);
	end();
}

/* All shadow pages are reclaimed and used for other addresses: none is walked as what it was. */
static void i17_reclaimed_page_is_forgotten(void **state)
{
	struct mmu_config c = config_of(state);

	c.pool_pages = smallest_pool(*state, 2);
	start_tables(&c);
	for (unsigned i = 1; i < 32; i++) {
		fake_write64(T2 + 8 * i, (T1B + V(i)) | ALL);
		for (unsigned k = 0; k < 4; k++)
			fake_write64(T1B + V(i) + 8 * k, (DATA + V(4 * i + k)) | ALL);
	}
	run_tables();
	for (unsigned round = 0; round < 2; round++)
		for (uint64_t i = 1; i < 32; i++) {
			cpu_reaches(&g->v, (i << 21) + V(round), WR, DATA + V(4 * i + round));
			cpu_reaches(&g->v2, (i << 21) + V(2), WR, DATA + V(4 * i + 2));
			cpu_reaches(&g->v, ((i - 1) << 21) + V(round + 1), WR,
				    i > 1 ? DATA + V(4 * (i - 1) + round + 1)
					  : DATA + V(round + 1));
		}
	end();
}

/* A table goes; v flushes and has another one made (of a large page in pieces, which looks at no
 * guest table and so waits for nobody), v2 has not yet asked for anything: what it still
 * knows of the old table must not have become a way into the new one. */
static void i17_freed_page_waits_for_all(void **state)
{
	struct mmu_config c = config_of(state);

	start_tables(&c);
	fake_map(DATA >> 12, 1024, fake_pfn(DATA >> 12), P2M_RAM, false);
	fake_write64(T3 + 8, T2 | ALL); /* with two parents T2 stays */
	fake_write64(T2 + 8, T1B | ALL);
	fake_write64(T1B, DATA | ALL);
	fake_write64(T2 + 16, (DATA + 0x200000) | ALL | PS);
	run_tables();
	cpu_reaches(&g->v2, 0x40200000, RD, DATA);
	cpu_reaches(&g->v2, 0x200000, RD, DATA);
	host_writes(T2 + 8, 0, 8);
	mmu_flush(&g->v, true);
	cpu_reaches(&g->v, 0x400000 + V(9), RD, DATA + 0x200000 + V(9));
	assert_false(fake_tlb_access(&g->v2, 0x200000 + V(9), RD).ok);
	end();
}

/* The engine goes, and all its tables. */
static void i17_switch_of_engines(void **state)
{
	start(state);
	cpu_reaches(&g->v, V(1), WR, DATA + V(1));
	cpu_reaches(&g->v2, V(1), WR, DATA + V(1));
	remap(&g->v, 1, (DATA + V(0x20)) | ALL); /* what comes next is in no TLB */
	assert_int_equal(mmu_switch_engine(&g->mmu, *state), 0);
	assert_int_equal(fake_log.cpu[0].shootdown, fake_log.shootdown);
	cpu_reaches(&g->v, V(1), WR, DATA + V(0x20));
	cpu_reaches(&g->v2, V(1), WR, DATA + V(0x20));
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(i2_cr3_load_drops_all_but_globals),
		cmocka_unit_test(i2_global_only_with_pge),
		cmocka_unit_test(i2_invlpg_drops_its_page),
		cmocka_unit_test(i2_full_flush_drops_globals),
		cmocka_unit_test(i2_inject_drops_the_entry),
		cmocka_unit_test(i2_inject_after_the_entry_went),
		cmocka_unit_test(i2_new_entry_needs_no_flush),
		cmocka_unit_test(i2_new_entry_leads_in_step),
		cmocka_unit_test(i2_new_root_leads_in_step),
		cmocka_unit_test(i2_global_table_new_to_the_vcpu),
		cmocka_unit_test(i2_new_pae_root_in_step),
		cmocka_unit_test(i2_new_pae_directory_in_step),
		cmocka_unit_test(i2_what_is_filled_is_current),
		cmocka_unit_test(i2_leaf_that_is_filled_is_current),
		cmocka_unit_test(i2_no_fault_from_a_stale_walk),
		cmocka_unit_test(i2_no_translation_from_a_stale_walk),
		cmocka_unit_test(i2_error_code_is_the_guests),
		cmocka_unit_test(i17_every_flush_reaches_the_hardware),
		cmocka_unit_test(i17_flush_after_anothers_sync),
		cmocka_unit_test(i17_pieces_of_a_large_page),
		cmocka_unit_test(i17_small_pages_before_a_large_one),
		cmocka_unit_test(i17_small_pages_before_a_directory_of_large_ones),
		cmocka_unit_test(i17_table_gives_way),
		cmocka_unit_test(i17_reclaimed_page_is_forgotten),
		cmocka_unit_test(i17_freed_page_waits_for_all),
		cmocka_unit_test(i17_switch_of_engines),
	};

	return RUN_ON_EACH_ENGINE(tests);
}

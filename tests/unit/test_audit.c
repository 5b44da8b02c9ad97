/* SPDX-License-Identifier: MIT */
/*
 * The audit (I16) notices each thing that it looks for: an engine's structures are made wrong by
 * hand, one at a time, and the audit must name the invariant that fell.
 */
#include "mmu/vtlb_tables.h"
#include "mmu/xi.h"

#include "tests/unit/mmu_invariant.h"

static void audit_names(unsigned invariant, const char *what)
{
	struct mmu_audit a;

	mmu_audit(&g->mmu, &a);
	assert_true(a.errors > 0);
	if (a.invariant != invariant || !strstr(a.what, what))
		fail_msg("I%u: %s", a.invariant, a.what);
	assert_true(a.pages > 0 && a.entries > 0);
}

/* Make one thing wrong, see it named, and mend it. */
#define WRONG(lvalue, value, invariant, what)     \
	do {                                      \
		__typeof__(lvalue) old_ = lvalue; \
		lvalue = value;                   \
		audit_names(invariant, what);     \
		lvalue = old_;                    \
		audit_is_clean();                 \
	} while (0)

/* T1 with pages 0 .. 7, of which 4 .. 7 are global, and a 2 MiB page at 2 MiB. */
static void start_audit(void **state)
{
	struct mmu_config c = config_of(state);

	start_tables(&c);
	for (unsigned i = 4; i < 8; i++)
		map_at_start(i, (DATA + V(i)) | ALL | G);
	fake_write64(T2 + 8, (DATA + 0x400000) | ALL | PS);
	run_tables();
	for (unsigned i = 0; i < 8; i++)
		cpu_reaches(&g->v, V(i), WR, DATA + V(i));
	cpu_reaches(&g->v, 0x200000, WR, DATA + 0x400000);
	audit_is_clean();
}

/* ---- a way: page 3, and not page 4 ---- */

/* The leaf for `va` in the shadow, whatever the engine. */
static uint64_t *leaf(uint64_t va)
{
	uint64_t spte = g->v.hw.root.v, *entry = NULL;

	for (int shift = 39; shift >= PAGE_SHIFT; shift -= SPTE_INDEX_BITS) {
		entry = (uint64_t *)mmu_map_pfn(spte_pfn(spte)) + (va >> shift) % SPTE_ENTRIES;
		spte = *entry;
	}
	return entry;
}

static unsigned errors_on_the_way(uint64_t va, unsigned invariant)
{
	struct mmu_audit a;

	mmu_audit_way(&g->v, GVA(va), &a);
	assert_true(a.pages > 0);
	if (a.errors)
		assert_int_equal(a.invariant, invariant);
	return a.errors;
}

static void wrong_entry_is_on_its_way(void **state)
{
	uint64_t *spte, old;

	start_audit(state);
	spte = leaf(V(3));
	old = *spte;
	assert_int_equal(errors_on_the_way(V(3), 0), 0);
	*spte = old & ~UINT64_C(1);
	assert_true(errors_on_the_way(V(3), 13) > 0);
	assert_int_equal(errors_on_the_way(V(4), 0), 0);
	*spte = old;
	assert_int_equal(errors_on_the_way(0x200000, 0), 0);
	assert_int_equal(errors_on_the_way(UINT64_C(1) << 40, 0), 0);
	end();
}

/* ---- vtlb ---- */

static void vtlb_audit_notices(void **state)
{
	struct vtlb_table *pd, *pt;
	struct vtlb *t;

	start_audit(state);
	t = g->v.priv;
	pd = vtlb_child_of(t, vtlb_child_of(t, t->top->page.spt[0])->page.spt[0]);
	pt = vtlb_child_of(t, pd->page.spt[0]);
	assert_int_equal(pt->level, 1);
	WRONG(pt->nr_present, 7, 16, "a count is wrong");
	WRONG(pt->nr_global, 3, 16, "a count is wrong");
	WRONG(pt->lo, 1, 7, "outside lo..hi");
	WRONG(pt->hi, 6, 7, "outside lo..hi");
	WRONG(pt->is_local, false, 2, "overlook");
	WRONG(pt->parent, t->top, 7, "disagree");
	WRONG(pt->parent_index, 1, 7, "disagree");
	WRONG(pd->level, 3, 7, "disagree");
	WRONG(pt->page.spt[2], pt->page.spt[2] & ~P, 13, "not-present");
	WRONG(t->pool.nr_free, t->pool.nr_free - 1, 16, "pool");
	end();
}

/* ---- xi: entries ---- */

static struct xi *xi(void)
{
	return g->mmu.priv;
}

/* The spages on the way to address 0, by level. */
static struct xi_spage *table(unsigned level)
{
	struct xi_spage *s = ((struct xi_vcpu *)g->v.priv)->root[0];

	while (s->key.role.level > level)
		s = xi_child(xi(), s, 0);
	return s;
}

static void xi_audit_notices_wrong_leaves(void **state)
{
	struct xi_spage *pt, *pd;
	struct xi_frame *large;

	start_audit(state);
	pt = table(1);
	pd = table(2);
	large = &xi()->frame[(DATA + 0x400000) >> 12]; /* a frame that a large leaf maps */
	WRONG(pt->page.spt[2], pt->page.spt[2] & ~P, 13, "not-present");
	WRONG(pt->page.spt[2], pt->page.spt[2] + V(1), 1, "not the guest's");
	WRONG(pt->page.spt[2], pt->page.spt[2] & ~A, 1, "without A");
	WRONG(pt->page.spt[2], pt->page.spt[2] | G, 1, "with G");
	WRONG(pt->page.spt[2], pt->page.spt[2] & ~D, 1, "without D");
	WRONG(pt->link[2].head, XI_HEAD_REGION | 3, 7, "in no list");
	WRONG(pd->link[1].head, pd->link[1].head & ~XI_HEAD_KIND, 7, "in no list");
	WRONG(large->tables, pt->index + 1, 3, "large leaf over a protected table");
	fake_map((DATA >> 12) + 3, 1, fake_pfn((DATA >> 12) + 3), P2M_ROM, false);
	audit_names(1, "to ROM");
	fake_map((DATA >> 12) + 3, 1, 0, P2M_NONE, false);
	audit_names(1, "not the guest's");
	fake_map((DATA >> 12) + 3, 1, fake_pfn((DATA >> 12) + 3), P2M_RAM, false);
	end();
}

/* The list that an entry is in is another kind's, and it is linked there. */
static void xi_audit_notices_another_list(void **state)
{
	struct xi_spage *pt, *pd;
	struct xi_link *l;

	start_audit(state);
	pt = table(1);
	pd = table(2);
	l = &pt->link[2];
	assert_int_equal(l->prev, 0);
	assert_int_equal(xi()->region[5].rmap, 0);
	xi()->region[5].rmap = xi_entry_nr(pt, 2);
	WRONG(l->head, XI_HEAD_REGION | 5, 8, "another's list");
	xi()->region[5].rmap = 0;
	l = &pd->link[0];
	assert_int_equal(xi()->frame[pt->index].rmap, 0);
	xi()->frame[pt->index].rmap = xi_entry_nr(pd, 0);
	WRONG(l->head, XI_HEAD_FRAME | pt->index, 7, "a table entry in another's list");
	xi()->frame[pt->index].rmap = 0;
	end();
}

static void xi_audit_notices_w_to_tables(void **state)
{
	struct xi_spage *pt;
	unsigned i = T3 >> 12;

	start_audit(state);
	cpu_reaches(&g->v, V(i), RD, T3);
	pt = table(1);
	assert_int_equal(pt->page.spt[i] & W, 0);
	WRONG(pt->page.spt[i], pt->page.spt[i] | W | D, 3, "protected table");
	end();
}

static void xi_audit_notices_what_the_guest_has_no_more(void **state)
{
	struct xi_spage *pt;

	start_audit(state);
	pt = table(1);
	/* Behind the engine's back. */
	fake_write64(T1 + 8 * 2, 0);
	audit_names(2, "a leaf that the guest's table has no more");
	fake_write64(T1 + 8 * 2, (DATA + V(9)) | ALL);
	audit_names(2, "a leaf that the guest's table has no more");
	fake_write64(T1 + 8 * 2, (DATA + V(2)) | P | A | W | D);
	audit_names(1, "more rights");
	fake_write64(T1 + 8 * 2, (DATA + V(2)) | ALL | NX);
	audit_names(1, "more rights");
	fake_write64(T1 + 8 * 2, (DATA + V(2)) | ALL);
	fake_write64(T2, T1 | (ALL & ~P));
	audit_names(2, "a table entry that the guest has no more");
	fake_write64(T2, T1B | ALL);
	audit_names(4, "another key");
	fake_write64(T2, T1 | (ALL & ~W));
	audit_names(4, "another key");
	fake_write64(T2, T1 | ALL);
	assert_non_null(pt);
	end();
}

static void xi_audit_notices_a_dirty_log_that_is_not_exact(void **state)
{
	struct xi_spage *pt;

	start_audit(state);
	assert_int_equal(mmu_dirty_start(&g->mmu), 0);
	cpu_reaches(&g->v, V(2), RD, DATA + V(2));
	pt = table(1);
	WRONG(pt->page.spt[2], pt->page.spt[2] | W | D, 19, "dirty log");
	mmu_dirty_stop(&g->mmu);
	end();
}

/* ---- xi: spages ---- */

static void xi_audit_notices_wrong_counts(void **state)
{
	struct xi_region *region;
	struct xi_spage *pt;

	start_audit(state);
	pt = table(1);
	region = &xi()->region[T1 >> 21];
	WRONG(pt->nr_present, pt->nr_present - 1, 16, "a count of entries");
	WRONG(pt->nr_local, pt->nr_local + 1, 16, "a count of entries");
	WRONG(pt->roots, 1, 16, "a count of roots");
	WRONG(table(4)->roots, 1, 16, "a count of roots");
	WRONG(pt->used[0], pt->used[0] & ~UINT64_C(1), 7, "marked as used");
	WRONG(pt->used[7], 1, 7, "marked as used");
	WRONG(region->nr_tables, 0, 16, "a region's count");
	WRONG(xi()->nr_oos, 1, 16, "tables out of sync");
	WRONG(xi()->nr_limbo, 1, 16, "pool");
	WRONG(xi()->pool.nr_free, 1, 16, "pool");
	end();
}

static void xi_audit_notices_wrong_states(void **state)
{
	struct xi_frame *frame;
	struct xi_spage *pt;

	start_audit(state);
	pt = table(1);
	frame = &xi()->frame[T1 >> 12];
	WRONG(pt->state, XI_DYING, 5, "");
	WRONG(table(3)->oos, true, 18, "above level 1");
	WRONG(frame->tables, 0, 4, "not found by its key");
	WRONG(table(2)->page.spt[0], table(1)->page.pfn.v << 12, 13, "not-present");
	WRONG(table(2)->page.spt[0], (table(3)->page.pfn.v << 12) | ALL, 5, "a table that is none");
	end();
}

/* Two shadows of one frame, of which one is out of sync. */
static void xi_audit_notices_half_a_sync(void **state)
{
	struct mmu_config c = config_of(state);
	struct xi_spage *pt;

	start_tables(&c);
	fake_write64(T2 + 8, T1 | P | U | A);
	run_tables();
	cpu_reaches(&g->v, V(1), RD, DATA + V(1));
	cpu_reaches(&g->v, 0x200000 + V(1), RD, DATA + V(1));
	pt = table(1);
	if (pt == xi_page(xi(), xi()->frame[T1 >> 12].tables - 1))
		pt = xi_child(xi(), table(2), 1);
	WRONG(pt->oos, true, 3, "in sync and not");
	end();
}

static void xi_audit_notices_two_of_one_key(void **state)
{
	struct mmu_config c = config_of(state);
	struct xi_key key;
	struct xi_spage *other;

	start_tables(&c);
	fake_write64(T2 + 8, T1 | P | U | A);
	run_tables();
	cpu_reaches(&g->v, V(1), RD, DATA + V(1));
	cpu_reaches(&g->v, 0x200000 + V(1), RD, DATA + V(1));
	other = xi_child(xi(), table(2), 1);
	key = table(1)->key;
	WRONG(other->key, key, 4, "");
	end();
}

int main(void)
{
	static char vtlb[] = "vtlb", xi_name[] = "xi";
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_prestate(wrong_entry_is_on_its_way, vtlb),
		cmocka_unit_test_prestate(wrong_entry_is_on_its_way, xi_name),
		cmocka_unit_test_prestate(vtlb_audit_notices, vtlb),
		cmocka_unit_test_prestate(xi_audit_notices_wrong_leaves, xi_name),
		cmocka_unit_test_prestate(xi_audit_notices_another_list, xi_name),
		cmocka_unit_test_prestate(xi_audit_notices_w_to_tables, xi_name),
		cmocka_unit_test_prestate(xi_audit_notices_what_the_guest_has_no_more, xi_name),
		cmocka_unit_test_prestate(xi_audit_notices_a_dirty_log_that_is_not_exact, xi_name),
		cmocka_unit_test_prestate(xi_audit_notices_wrong_counts, xi_name),
		cmocka_unit_test_prestate(xi_audit_notices_wrong_states, xi_name),
		cmocka_unit_test_prestate(xi_audit_notices_half_a_sync, xi_name),
		cmocka_unit_test_prestate(xi_audit_notices_two_of_one_key, xi_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

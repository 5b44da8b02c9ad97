/* SPDX-License-Identifier: MIT */
/*
 * Looking at the tables of the engine `vtlb`: the audit recounts what vtlb_set_entry()
 * counted (I7, I16). Under mmu_lock.
 */
#include "mmu/vtlb_tables.h"

static void audit_entry(const struct vtlb *t, const struct vtlb_table *s, unsigned i,
			struct mmu_audit *out) MMU_LOCKED
{
	uint64_t e = s->page.spt[i];
	const struct vtlb_table *child;

	out->entries++;
	if (!(e & PTE_P))
		mmu_audit_failed(out, 13, "bits in a not-present entry", ~UINT64_C(0), i, e);
	if (i < s->lo || i > s->hi)
		mmu_audit_failed(out, 7, "an entry outside lo..hi", ~UINT64_C(0), i, e);
	if (vtlb_is_leaf(s->level, e)) {
		if (!(e & SPTE_GLOBAL) && !s->is_local)
			mmu_audit_failed(out, 2, "a flush would overlook this entry", ~UINT64_C(0),
					 i, e);
		return;
	}
	child = vtlb_child_of(t, e);
	if (child->parent != s || child->parent_index != i || child->level + 1 != s->level)
		mmu_audit_failed(out, 7, "an entry and its table disagree", ~UINT64_C(0), i, e);
}

static void audit_table(const struct vtlb *t, const struct vtlb_table *s,
			struct mmu_audit *out) MMU_LOCKED
{
	unsigned present = 0, global = 0;

	out->pages++;
	for (unsigned i = 0; i < SPTE_ENTRIES; i++) {
		uint64_t e = s->page.spt[i];

		if (!e)
			continue;
		present++;
		global += (e & SPTE_GLOBAL) && vtlb_is_leaf(s->level, e);
		audit_entry(t, s, i, out);
	}
	if (present != s->nr_present || global != s->nr_global)
		mmu_audit_failed(out, 16, "a count is wrong", ~UINT64_C(0), present, global);
}

void vtlb_audit_tables(struct vtlb *t, struct mmu_audit *out)
{
	struct mmu_list *lists[] = { &t->local, &t->quiet };
	unsigned used = 0;

	for (unsigned l = 0; l < 2; l++) {
		for (struct mmu_list *n = lists[l]->next; n != lists[l]; n = n->next) {
			audit_table(t, list_entry(n, struct vtlb_table, node), out);
			used++;
		}
	}
	if (used + t->pool.nr_free != t->pool.nr_pages)
		mmu_audit_failed(out, 16, "pages of the pool are missing", ~UINT64_C(0), used,
				 t->pool.nr_free);
}

void vtlb_audit_way(const struct vtlb *t, const struct vtlb_table *s, gva_t va,
		    struct mmu_audit *out)
{
	while (s) {
		unsigned i = spte_index(va, vtlb_level_shift(s->level));
		uint64_t e = s->page.spt[i];

		out->pages++;
		if (e)
			audit_entry(t, s, i, out);
		s = e && !vtlb_is_leaf(s->level, e) ? vtlb_child_of(t, e) : NULL;
	}
}

static void sum_up_table(const struct vtlb_table *s, struct mmu_summary *out) MMU_LOCKED
{
	out->pages[s->level]++;
	for (unsigned i = s->lo; i <= s->hi && i < SPTE_ENTRIES; i++) {
		uint64_t e = s->page.spt[i];

		if (!e || !vtlb_is_leaf(s->level, e))
			continue;
		out->leaves++;
		out->writable += (e & PTE_W) != 0;
		out->large += s->level > 1;
		out->global += (e & SPTE_GLOBAL) != 0;
	}
}

void vtlb_sum_up(struct vtlb *t, struct mmu_summary *out)
{
	struct mmu_list *lists[] = { &t->local, &t->quiet };

	out->pool += t->pool.nr_pages;
	out->unused += t->pool.nr_free;
	for (unsigned l = 0; l < 2; l++)
		for (struct mmu_list *n = lists[l]->next; n != lists[l]; n = n->next)
			sum_up_table(list_entry(n, struct vtlb_table, node), out);
}

/* SPDX-License-Identifier: MIT */
/*
 * Entries and tables of the engine `vtlb` (mmu/vtlb_tables.h).
 *
 * Guarded by mmu_lock. Keeps: I7: vtlb_set_entry() is the one place that counts; I14: what
 * is dropped is bounded by the pool.
 */
#include "mmu/guard.h"
#include "mmu/vtlb_tables.h"

static void set_empty(struct vtlb_table *s) MMU_LOCKED
{
	s->lo = SPTE_ENTRIES;
	s->hi = 0;
	s->nr_present = s->nr_global = 0;
	s->has_pieces = false;
}

/* Zero all entries; children are the caller's business. */
static void clear_table(struct vtlb_table *s) MMU_LOCKED
{
	for (unsigned i = s->lo; i <= s->hi; i++)
		if (GUARD(I13_CLEAR))
			__atomic_store_n(&s->page.spt[i], 0, __ATOMIC_RELAXED);
	set_empty(s);
}

static void make_quiet(struct vtlb *t, struct vtlb_table *s) MMU_LOCKED
{
	s->is_local = false;
	list_move(&t->quiet, &s->node);
}

void vtlb_make_local(struct vtlb *t, struct vtlb_table *s)
{
	s->is_local = true;
	list_move(&t->local, &s->node);
}

struct vtlb_table *vtlb_take_table(struct vtlb *t, unsigned level)
{
	struct vtlb_table *s = (struct vtlb_table *)mmu_pool_take(&t->pool);

	s->level = level;
	s->parent = NULL;
	s->is_local = false;
	set_empty(s);
	list_add(&t->quiet, &s->node);
	return s;
}

/* `s` is empty and no entry leads to it any more. */
static void put_table(struct vtlb *t, struct vtlb_table *s) MMU_LOCKED
{
	t->recent = NULL;
	list_del(&s->node);
	mmu_pool_put(&t->pool, &s->page);
}

struct vtlb_table *vtlb_add_table(struct vtlb *t, struct vtlb_table *parent, unsigned i)
{
	struct vtlb_table *s = vtlb_take_table(t, parent->level - 1);

	s->parent = parent;
	s->parent_index = i;
	vtlb_set_entry(parent, i, 0, pfn_to_hpa(s->page.pfn).v | SPTE_TABLE);
	return s;
}

void vtlb_zap_entry(struct vtlb *t, struct vtlb_table *s, unsigned i)
{
	uint64_t old = s->page.spt[i];
	struct vtlb_table *child;

	if (!old)
		return;
	vtlb_set_entry(s, i, old, 0);
	if (vtlb_is_leaf(s->level, old))
		return;
	child = vtlb_child_of(t, old);
	if (child->level > 1)
		for (unsigned j = child->lo; j <= child->hi; j++)
			vtlb_zap_entry(t, child, j);
	clear_table(child);
	put_table(t, child);
}

/* An empty table goes back to the pool, and so do parents that it leaves empty. */
static void release_if_empty(struct vtlb *t, struct vtlb_table *s) MMU_LOCKED
{
	while (!s->nr_present) {
		struct vtlb_table *parent = s->parent;

		set_empty(s);
		if (!parent)
			return;
		vtlb_set_entry(parent, s->parent_index, parent->page.spt[s->parent_index], 0);
		put_table(t, s);
		s = parent;
	}
}

void vtlb_drop_all(struct vtlb *t)
{
	struct mmu_list *lists[] = { &t->local, &t->quiet };

	for (unsigned l = 0; l < 2; l++) {
		struct mmu_list *n = lists[l]->next, *next;

		for (; n != lists[l]; n = next) {
			struct vtlb_table *s = list_entry(n, struct vtlb_table, node);

			next = n->next;
			clear_table(s);
			if (s->parent)
				put_table(t, s);
			else if (s->is_local)
				make_quiet(t, s);
		}
	}
}

void vtlb_drop_local(struct vtlb *t)
{
	while (!list_empty(&t->local)) {
		struct vtlb_table *s = list_entry(t->local.next, struct vtlb_table, node);

		make_quiet(t, s);
		if (s->level == 1 && !s->nr_global) {
			clear_table(s);
		} else {
			for (unsigned i = s->lo; i <= s->hi; i++) {
				uint64_t e = s->page.spt[i];

				if (e && vtlb_is_leaf(s->level, e) &&
				    (!(e & SPTE_GLOBAL) && GUARD(I2_DROP_LOCAL)))
					vtlb_set_entry(s, i, e, 0);
			}
		}
		release_if_empty(t, s);
	}
}

/* SPDX-License-Identifier: MIT */
/*
 * Entries and the lists that they are in. All under mmu_lock.
 *
 * Keeps: I7: an entry is present exactly while it is linked and counted, and xi_set() undoes
 * the old before it does the new; I8: the reverse map, whose key is stored with the entry;
 * I13: what is not present is 0.
 */
#include "mmu/xi.h"

uint32_t *xi_head(struct xi *x, uint64_t head)
{
	uint64_t nr = head & ~XI_HEAD_KIND;

	if ((head & XI_HEAD_KIND) == XI_HEAD_FRAME)
		return &x->frame[nr].rmap;
	if ((head & XI_HEAD_KIND) == XI_HEAD_REGION)
		return &x->region[nr].rmap;
	return &xi_page(x, (uint32_t)nr)->parents;
}

static struct xi_link *link_of(const struct xi *x, uint32_t nr)
{
	return &xi_entry_page(x, nr)->link[xi_entry_index(nr)];
}

static void add(struct xi *x, struct xi_spage *s, unsigned i, uint64_t head) MMU_LOCKED
{
	struct xi_link *l = &s->link[i];
	uint32_t *first = xi_head(x, head), nr = xi_entry_nr(s, i);

	l->head = head;
	l->prev = 0;
	l->next = *first;
	if (l->next)
		link_of(x, l->next)->prev = nr;
	*first = nr;
}

static void del(struct xi *x, struct xi_spage *s, unsigned i) MMU_LOCKED
{
	const struct xi_link *l = &s->link[i];

	if (l->next)
		link_of(x, l->next)->prev = l->prev;
	if (l->prev)
		link_of(x, l->prev)->next = l->next;
	else
		*xi_head(x, l->head) = l->next;
}

static void undo(struct xi *x, struct xi_spage *s, unsigned i, uint64_t old) MMU_LOCKED
{
	if (GUARD(I7_UNLINK))
		del(x, s, i);
	s->used[i / 64] &= ~BIT(i % 64);
	s->nr_present--;
	s->nr_local -= xi_is_local(s, old);
	xi_note_stale(x, s);
}

void xi_set(struct xi *x, struct xi_spage *s, unsigned i, uint64_t spte, uint64_t head)
{
	uint64_t old = s->page.spt[i];

	if (old && spte && s->link[i].head == head) {
		xi_change(x, s, i, spte);
		return;
	}
	x->nr_changes++;
	if (old)
		undo(x, s, i, old);
	__atomic_store_n(&s->page.spt[i], spte, __ATOMIC_RELAXED);
	if (!spte)
		return;
	add(x, s, i, head);
	s->used[i / 64] |= BIT(i % 64);
	s->nr_present++;
	s->nr_local += xi_is_local(s, spte);
}

void xi_forbid_write(struct xi *x, struct xi_spage *s, unsigned i)
{
	uint64_t old = s->page.spt[i];

	if (!(old & PTE_W))
		return;
	x->nr_changes++;
	__atomic_store_n(&s->page.spt[i], old & ~(PTE_W | PTE_D), __ATOMIC_RELAXED);
	x->stale = x->everybody;
}

/* SPDX-License-Identifier: MIT */
/*
 * Comparing tables that are out of sync at flush points, for the engine `xi`.
 *
 * What is looked for is an entry from which a present shadow entry was made and which has
 * changed since. An absent one needs no look: its next use faults and walks (I2). A table may
 * be compared and stay OOS: that is a moment, valid for the flush at hand.
 */
#include "mmu/xi_leaf.h"

#define CALM 4 /* flushes in a row without a change after which a table is protected again */
#define CALM_AT_ONCE 8

#define BLOCK 8u /* words of the guest's table that are compared at once: a cache line */

/* Without asking whether it is the end: three instructions a word. */
static always_inline bool differs(const uint64_t *guest, const uint64_t *snap)
{
#pragma GCC unroll 8
	for (unsigned i = 0; i < BLOCK; i++)
		if (__atomic_load_n(&guest[i], __ATOMIC_RELAXED) != snap[i])
			return true;
	return false;
}

/* A word is `each` entries, one or two. */
static always_inline bool refresh_block(struct xi *x, struct mmu_vcpu *v, struct xi_spage *s,
					unsigned from, unsigned each) MMU_LOCKED
{
	const uint64_t *guest = (const void *)s->guest;
	unsigned changed = 0;

	for (unsigned k = from; k < from + BLOCK; k++) {
		if (__atomic_load_n(&guest[k], __ATOMIC_RELAXED) == s->snap[k])
			continue;
		for (unsigned i = k * each; i < (k + 1) * each; i++)
			changed += xi_renew_leaf(x, s, i, false);
	}
	if (v)
		v->stats.count[MMU_CNT_SYNC_ENTRY] += changed;
	return changed;
}

/* Blocks with a present entry are compared; `each`: entries a word. */
static always_inline bool sync_blocks(struct xi *x, struct mmu_vcpu *v, struct xi_spage *s,
				      unsigned each) MMU_LOCKED
{
	const uint64_t *guest = (const void *)s->guest, *snap = s->snap;
	const uint64_t block = BIT(BLOCK * each) - 1; /* bits of a block's entries */
	bool changed = false;

	for (unsigned i = 0; i < SPTE_ENTRIES; i += 64) {
		uint64_t used = s->used[i / 64];

		while (used) {
			unsigned bit = (unsigned)__builtin_ctzll(used) & ~(BLOCK * each - 1);
			unsigned k = (i + bit) / each;

			used &= ~(block << bit);
			if (unlikely(differs(guest + k, snap + k)))
				changed |= refresh_block(x, v, s, k, each);
		}
	}
	return changed;
}

bool xi_sync(struct xi *x, struct mmu_vcpu *v, struct xi_spage *s)
{
	xi_count(v, MMU_CNT_SYNC_TABLE);
	if (unlikely(s->key.role.mode == PAGING_2LEVEL))
		return sync_blocks(x, v, s, sizeof(uint64_t) / sizeof(uint32_t));
	return sync_blocks(x, v, s, 1);
}

/* Does a way lead from `top` to `s`? Where several lead up from below its level, yes. */
static bool is_below(const struct xi *x, const struct xi_spage *s,
		     const struct xi_spage *top) MMU_LOCKED
{
	while (s != top) {
		if (s->key.role.level >= top->key.role.level || !s->parents)
			return false;
		if (xi_entry_next(x, s->parents))
			return true;
		s = xi_entry_page(x, s->parents);
	}
	return true;
}

void xi_sync_below(struct xi *x, struct mmu_vcpu *v, const struct xi_spage *top)
{
	for (struct mmu_list *n = x->oos.next; n != &x->oos; n = n->next) {
		struct xi_spage *s = list_entry(n, struct xi_spage, oos_node);

		if (is_below(x, s, top))
			xi_sync(x, v, s);
	}
}

static bool is_one_of(struct xi_spage *const roots[XI_ROOTS], const struct xi_spage *s) MMU_LOCKED
{
	for (unsigned i = 0; i < XI_ROOTS; i++)
		if (roots[i] == s)
			return true;
	return false;
}

static bool leads_to(const struct xi *x, const struct xi_spage *root, unsigned i,
		     const struct xi_spage *s) MMU_LOCKED
{
	uint64_t e = root->page.spt[i];

	return e && !spte_is_large(e) && xi_child(x, root, i) == s;
}

/*
 * Could one who had these roots get to `s`? Where several ways lead up they do so from the same
 * entry of several roots, in all systems that share a part of their address spaces. If
 * that is not so: no, and the table is compared.
 */
static bool was_reached(const struct xi *x, struct xi_spage *const roots[XI_ROOTS],
			const struct xi_spage *s) MMU_LOCKED
{
	for (;;) {
		unsigned level = s->key.role.level, i;

		if (level > 1 && is_one_of(roots, s))
			return true;
		if (!s->parents)
			return false;
		i = xi_entry_index(s->parents);
		if (!xi_entry_next(x, s->parents)) {
			s = xi_entry_page(x, s->parents);
			continue;
		}
		for (unsigned r = 0; r < XI_ROOTS; r++)
			if (roots[r] && roots[r]->key.role.level == level + 1 &&
			    leads_to(x, roots[r], i, s))
				return true;
		return false;
	}
}

/* Can `v` get to `s` from where it stands? Where several ways lead up, yes. */
static bool reaches(const struct xi *x, const struct mmu_vcpu *v,
		    const struct xi_spage *s) MMU_LOCKED
{
	for (;;) {
		if (s->roots && is_one_of(((const struct xi_vcpu *)v->priv)->root, s))
			return true;
		if (!s->parents)
			return false;
		if (xi_entry_next(x, s->parents))
			return true;
		s = xi_entry_page(x, s->parents);
	}
}

/* A table with global entries only may stay as it is if `v` could have used them before: they
 * survive the load of CR3 then. */
static bool is_covered(const struct xi *x, const struct mmu_vcpu *v, const struct xi_spage *s,
		       bool all, struct xi_spage *const old[XI_ROOTS]) MMU_LOCKED
{
	if (!all && !s->nr_local && xi_has(x, MMU_OPT_GLOBAL) &&
	    (was_reached(x, old, s) || !GUARD(I2_GLOBAL)))
		return false;
	return !xi_has(x, MMU_OPT_REACH) || reaches(x, v, s);
}

void xi_sync_for_flush(struct xi *x, struct mmu_vcpu *v, bool all,
		       struct xi_spage *const old[XI_ROOTS])
{
	uint64_t calm[CALM_AT_ONCE];
	unsigned nr_calm = 0;

	for (struct mmu_list *n = x->oos.next; n != &x->oos; n = n->next) {
		struct xi_spage *s = list_entry(n, struct xi_spage, oos_node);

		if (!is_covered(x, v, s, all, old))
			continue;
		if (xi_sync(x, v, s))
			s->calm = 0;
		else if (++s->calm >= CALM && nr_calm < CALM_AT_ONCE)
			calm[nr_calm++] = s->key.gfn;
	}
	for (unsigned i = 0; i < nr_calm; i++)
		if (x->frame[calm[i]].tables && !xi_is_protected(x, calm[i]))
			xi_resync(x, v, calm[i]);
}

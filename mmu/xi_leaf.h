/* SPDX-License-Identifier: MIT */
/*
 * Leaves of the engine `xi` from guest entries, inline: a flush may make hundreds at once. All
 * under mmu_lock. Keeps what xi_entry.c says.
 */
#ifndef MMU_XI_LEAF_H
#define MMU_XI_LEAF_H

#include "mmu/xi.h"

static inline unsigned xi_perm_of(union xi_role r)
{
	return (r.wp ? PERM_WP : 0) | (r.smep ? PERM_SMEP : 0) | (r.smap ? PERM_SMAP : 0);
}

/* A leaf to `gfn`, made without an access; 0 where there is no memory. `old`: the leaf that there
 * is for the same frame, or 0. One that is writable says all that would have to be looked up. */
static always_inline uint64_t xi_make_leaf(struct xi *x, const struct xi_spage *s, uint64_t rights,
					   uint64_t gpte, uint64_t gfn, uint64_t old) MMU_LOCKED
{
	uint64_t frame = old & PTE_ADDR, spte;
	bool writable = old & PTE_W;

	if (!writable) {
		struct p2m_entry to = mmu_p2m_lookup(x->mmu, GFN(gfn));

		if (unlikely(to.kind == P2M_NONE))
			return 0;
		frame = pfn_to_hpa(to.pfn).v;
		writable = to.kind == P2M_RAM && (!xi_is_protected(x, gfn) || !GUARD(I3_NO_W)) &&
			   mmu_dirty_allows(x->mmu, GFN(gfn), 0);
	}
	if (!spte_leaf(xi_perm_of(s->key.role), rights, gpte, PTE_G, 0, writable, &spte))
		return 0;
	return spte | frame;
}

/* The leaf for guest entry `gpte` of a table at level 1; 0 where there is none to make without an
 * access. */
static always_inline uint64_t xi_leaf_of(struct xi *x, const struct xi_spage *s, uint64_t gpte,
					 uint64_t old) MMU_LOCKED
{
	if (!(gpte & PTE_P) || (!(gpte & PTE_A) && GUARD(I1_NEEDS_A)) ||
	    ((gpte & s->masks->rsvd[1][0]) && GUARD(I9_LEAF_RSVD)))
		return 0;
	return xi_make_leaf(x, s, xi_rights_below(s, gpte), gpte, xi_leaf_gfn(gpte), old);
}

/* See xi_refresh_leaf(). */
static always_inline bool xi_renew_leaf(struct xi *x, struct xi_spage *s, unsigned i,
					bool fill) MMU_LOCKED
{
	uint64_t gpte = xi_guest_entry(s, i), old = s->page.spt[i], head, spte;
	bool same;

	xi_note_snap(s, i, gpte);
	if (!old && !fill)
		return false;
	head = XI_HEAD_FRAME | xi_leaf_gfn(gpte);
	same = old && s->link[i].head == head;
	spte = xi_leaf_of(x, s, gpte, same ? old : 0);
	if (spte == old)
		return false;
	if (likely(same && spte))
		xi_change(x, s, i, spte);
	else
		xi_set(x, s, i, spte, head);
	return true;
}

#endif

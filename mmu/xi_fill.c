/* SPDX-License-Identifier: MIT */
/*
 * Faults that the guest's tables allow: the engine `xi` makes the way down and the leaf.
 *
 * The walk that found the translation ran without the lock, so what it read is looked at
 * again here: tables are in step (I18), so a shadow table entry that is there says what the
 * guest's says now; where one is made, and for the leaf, the guest's own entry is read again.
 *
 * Keeps: I1; I2: what is linked is in step first; I6: spages are reserved before the way down
 * begins, and nothing on it is let go; I11: a neighbour is filled only if the guest has A.
 */
#include "mmu/xi_leaf.h"

#define WINDOW 8u /* entries: a cache line of guest entries */
#define MAX_WINDOW 64u

struct fill {
	struct xi *x;
	struct mmu_vcpu *v;
	gva_t va;
	unsigned access;
	const struct mmu_walk *w;
	struct p2m_entry to;
	bool linked; /* a table entry was missing on the way: that was the fault */
};

/* ---- the way down ---- */

/* The key of what entry `i` of `s` leads to on this way. */
static struct xi_key next_key(const struct fill *f, const struct xi_spage *s, unsigned i)
{
	const struct mmu_walk *w = f->w;
	unsigned level = s->key.role.level;

	if (s->key.role.direct || level <= w->level)
		return xi_direct_key(s->key.role, level - 1, w->gfn.v, w->rights,
				     w->gpte[w->level]);
	return xi_child_key(s, i, w->gpte[level]);
}

/* All pieces of a large page that fit into one table: what the guest says of them is known.
 * The one at hand is yet to come, with what its access is allowed. */
static void fill_whole(struct xi *x, struct xi_spage *s, uint64_t but) MMU_LOCKED
{
	for (unsigned i = 0; i < SPTE_ENTRIES && s->key.gfn + i < x->mmu->config.frames; i++) {
		uint64_t spte = s->key.gfn + i != but ? xi_direct_leaf(x, s, i) : 0;

		if (spte)
			xi_set(x, s, i, spte, XI_HEAD_FRAME | (s->key.gfn + i));
	}
}

static struct xi_spage *make(const struct fill *f, const struct xi_key *k) MMU_LOCKED
{
	struct xi_spage *s = xi_new(f->x, f->v, k);

	if (!s)
		return NULL;
	xi_count(f->v, MMU_CNT_NEW_TABLE);
	if (k->role.direct && k->role.level == 1 && xi_has(f->x, MMU_OPT_SPLIT))
		fill_whole(f->x, s, f->w->gfn.v);
	return s;
}

/* `child` is there already and gets another way to it, by `s`: first all below it is brought
 * in step. False: the one or the other was a loose table, and is no more. */
static bool bring_in_step(const struct fill *f, const struct xi_spage *s,
			  const struct xi_spage *child) MMU_LOCKED
{
	if (child->key.role.direct || !GUARD(I2_NEW_PATH))
		return true;
	xi_tighten(f->x);
	if (s->state != XI_LIVE || child->state != XI_LIVE)
		return false;
	xi_sync_below(f->x, f->v, child);
	return true;
}

/* Entry `i` of `s` is to be a large leaf, or to lead to a table that may have some. Where small pages
 * were, no processor may know them any more: one that fetches by both sizes at once may hang
 * (CVE-2018-12207, "iTLB multihit"). */
static void make_way(const struct fill *f, struct xi_spage *s, unsigned i) MMU_LOCKED
{
	if (s->page.spt[i])
		xi_set(f->x, s, i, 0, 0);
	if (GUARD(I17_PIECES))
		xi_settle(f->x, f->v);
}

/* Make entry `i` of `s` lead where the walk went. NULL: the guest's entry has changed, or the
 * table there is no memory any more. */
static struct xi_spage *link_child(struct fill *f, struct xi_spage *s, unsigned i,
				   const struct xi_key *k) MMU_LOCKED
{
	struct xi_spage *child;

	if (!s->key.role.direct && GUARD(I2_CURRENT_TABLE) &&
	    !xi_is_still(s, xi_guest_entry(s, i), f->w->gpte[s->key.role.level]))
		return NULL;
	child = xi_find(f->x, k);
	if (child && !bring_in_step(f, s, child))
		return NULL;
	if (!child)
		child = make(f, k);
	if (!child)
		return NULL;
	if (child->nr_present && child->key.role.level > 1)
		make_way(f, s, i);
	f->linked = true;
	xi_set(f->x, s, i, pfn_to_hpa(child->page.pfn).v | SPTE_TABLE, XI_HEAD_PAGE | child->index);
	return child;
}

/*
 * The table at `target` on the way to f->va, made where it is not there. MMU_FIXED with *leaf;
 * MMU_RETRY: what the walk saw is no longer so. (A table that is no memory, but was when the
 * walk read it: the p2m is about to tell. What reads as all ones leads to no memory.)
 */
static enum mmu_result way_down(struct fill *f, unsigned target, struct xi_spage **leaf) MMU_LOCKED
{
	struct xi_spage *s = xi_root_for(f->x, f->v, f->va);

	if (!s)
		return MMU_RETRY;
	while (s->key.role.level > target) {
		unsigned i = spte_index(f->va, xi_level_shift(s->key.role.level));
		uint64_t e = s->page.spt[i];
		struct xi_key k = next_key(f, s, i);
		struct xi_spage *child = e && !spte_is_large(e) ? xi_child(f->x, s, i) : NULL;

		s->writes = 0;
		if (!child || !xi_same_key(&child->key, &k)) {
			if (k.gfn >= f->x->mmu->config.frames)
				return MMU_RETRY;
			child = link_child(f, s, i, &k);
		}
		if (!child)
			return MMU_RETRY;
		s = child;
	}
	*leaf = s;
	return MMU_FIXED;
}

/* The table of level 1 where the shadow's own way to f->va ends; NULL: it ends above. */
static struct xi_spage *walk_shadow(const struct fill *f) MMU_LOCKED
{
	struct xi_spage *s = xi_way_down(f->x, xi_root_for(f->x, f->v, f->va), f->va);

	if (!s || s->key.role.level > 1)
		return NULL;
	xi_remember(f->x, f->v, s, f->va);
	return s;
}

/*
 * The usual case: the way is there and ends in the guest table that the walk ended in. No
 * key above it need be compared, since the shadow's way is the guest's way now. NULL: not so.
 */
static inline struct xi_spage *known_way(const struct fill *f) MMU_LOCKED
{
	const struct mmu_walk *w = f->w;
	struct xi_spage *s = xi_recent(f->x, f->v, f->va);

	if (!s)
		s = walk_shadow(f);
	if (!s || w->level > 1 || s->key.role.direct || s->key.gfn != w->table[1].v >> PAGE_SHIFT ||
	    xi_rights_below(s, w->gpte[1]) != w->rights)
		return NULL;
	return s;
}

/* ---- the leaf ---- */

static bool fits_large(const struct fill *f) MMU_LOCKED
{
	const struct xi_region *r = &f->x->region[f->w->gfn.v / SPTE_ENTRIES];

	return f->w->page_shift >= PAGE_SHIFT_2M && f->to.large && xi_has(f->x, MMU_OPT_LARGE) &&
	       !mmu_dirty_is_on(f->x->mmu) && !r->nr_tables && !r->split;
}

/*
 * The entry was there and allowed what was refused: the processor was behind a change of ours.
 * Or it is a supervisor access to a user page under SMAP that AC would excuse, but an implicit
 * one (a descriptor load), which AC does not excuse (SDM Vol. 3A 4.6.1): it is refused again
 * while no entry anywhere has changed.
 */
static cold enum mmu_result refused(const struct fill *f, struct mmu_fault *fault) MMU_LOCKED
{
	struct xi_vcpu *t = f->v->priv;
	bool again = t->refused.v == f->va.v && t->refused_at == f->x->nr_changes;

	f->v->stats.count[MMU_CNT_SPURIOUS]++;
	mmu_hw_flush_page(f->v, f->va);
	t->refused = f->va;
	t->refused_at = f->x->nr_changes;
	if (!again || !mmu_is_implicit(f->v, f->w, f->access))
		return MMU_FIXED;
	fault->error_code = (f->access & f->v->pg.pfec) | MMU_PFEC_P;
	return MMU_INJECT;
}

static void fill_neighbour(const struct fill *f, struct xi_spage *s, unsigned j,
			   uint64_t gpte) MMU_LOCKED
{
	uint64_t spte = xi_leaf_of(f->x, s, gpte, 0);

	if (!spte)
		return;
	xi_note_snap(s, j, gpte);
	xi_set(f->x, s, j, spte, XI_HEAD_FRAME | xi_leaf_gfn(gpte));
	f->v->stats.count[MMU_CNT_WINDOW]++;
}

static inline bool is_used(uint64_t gpte)
{
	return (gpte & (PTE_P | PTE_A)) == (PTE_P | PTE_A);
}

static always_inline void fill_range(const struct fill *f, struct xi_spage *s, unsigned from,
				     unsigned end, unsigned entry_bytes) MMU_LOCKED
{
	const uint8_t *g = s->guest + from * entry_bytes;
	const uint64_t *spt = s->page.spt;

	for (unsigned j = from; j < end; j++, g += entry_bytes) {
		uint64_t gpte = entry_bytes == sizeof(uint32_t)
					? __atomic_load_n((const uint32_t *)(const void *)g,
							  __ATOMIC_RELAXED)
					: __atomic_load_n((const uint64_t *)(const void *)g,
							  __ATOMIC_RELAXED);

		if (unlikely(is_used(gpte) && !spt[j]))
			fill_neighbour(f, s, j, gpte);
	}
}

/* Neighbours of entry `i` that the guest has used: the cache line around it, or more behind it
 * if the latest ones were all used. No A bit is set for them, nothing goes out of sync. */
static void fill_window(const struct fill *f, struct xi_spage *s, unsigned i) MMU_LOCKED
{
	unsigned n = WINDOW, from = i & ~(WINDOW - 1), end;

	if (i == s->window_end) {
		n = s->window < MAX_WINDOW / 2 ? s->window * 2 : MAX_WINDOW;
		from = i;
	}
	end = from + n < SPTE_ENTRIES ? from + n : SPTE_ENTRIES;
	s->window = n;
	s->window_end = end;
	if (unlikely(s->key.role.mode == PAGING_2LEVEL))
		fill_range(f, s, from, end, sizeof(uint32_t));
	else
		fill_range(f, s, from, end, sizeof(uint64_t));
}

static enum mmu_result install(const struct fill *f, struct xi_spage *s, uint64_t spte,
			       struct mmu_fault *fault) MMU_LOCKED
{
	unsigned level = s->key.role.level, i = spte_index(f->va, xi_level_shift(level));
	uint64_t old = s->page.spt[i], head = XI_HEAD_FRAME | f->w->gfn.v;

	if (!s->key.role.direct && GUARD(I2_CURRENT)) {
		/* Read once: the guest may write it at any time, and what is noted must be
		 * what was compared. */
		uint64_t now = xi_guest_entry(s, i);

		if (!xi_is_still(s, now, f->w->gpte[level]))
			return MMU_RETRY;
		if (level == 1)
			xi_note_snap(s, i, now);
	}
	if (level > 1) {
		spte |= (pfn_to_hpa(f->to.pfn).v & ~(BIT(PAGE_SHIFT_2M) - 1)) | PTE_PS;
		head = XI_HEAD_REGION | f->w->gfn.v / SPTE_ENTRIES;
		if (!spte_is_large(old))
			make_way(f, s, i);
	} else {
		spte |= pfn_to_hpa(f->to.pfn).v;
	}
	if (unlikely(old)) {
		if (old == spte)
			return f->linked ? MMU_FIXED : refused(f, fault);
		mmu_hw_flush_page(f->v, f->va);
	}
	xi_set(f->x, s, i, spte, head);
	if (level > 1)
		f->v->stats.count[MMU_CNT_LARGE_FILL]++;
	else if (!s->key.role.direct && xi_has(f->x, MMU_OPT_WINDOW))
		fill_window(f, s, i);
	return MMU_FIXED;
}

/* What the guest calls global is noted whether CR4.PGE is on or not: a flush asks for that. */
static bool make_leaf(const struct fill *f, bool writable, uint64_t *spte)
{
	const struct mmu_walk *w = f->w;

	return spte_leaf(f->v->pg.perm, w->rights, w->gpte[w->level], PTE_G, f->access, writable,
			 spte);
}

static enum mmu_result fill_locked(struct fill *f, struct mmu_fault *fault) MMU_LOCKED
{
	struct xi *x = f->x;
	uint64_t gfn = f->w->gfn.v, spte;
	bool writes = f->access & MMU_ACC_WRITE, writable;
	struct xi_spage *s;

	f->to = mmu_p2m_lookup(x->mmu, f->w->gfn);
	if (unlikely(mmu_is_mmio(f->to.kind, f->access)))
		return MMU_MMIO;
	xi_reserve(x, f->v);
	if (unlikely(writes && xi_is_protected(x, gfn)) && !xi_unsync(x, f->v, gfn))
		return MMU_EMULATE;

	s = known_way(f);
	if (unlikely(!s)) {
		enum mmu_result r = way_down(f, fits_large(f) ? XI_TOP_PAE : 1, &s);

		/* What was made on the way may be a table inside the page. */
		if (r == MMU_FIXED && s->key.role.level > 1 && !fits_large(f))
			r = way_down(f, 1, &s);
		if (r != MMU_FIXED)
			return r;
	}
	/* Only now: a table that was made on the way may be the frame itself. */
	writable = f->to.kind == P2M_RAM && !xi_is_protected(x, gfn);
	if (unlikely(writes && !writable))
		return MMU_RETRY;
	writable = mmu_dirty_allows(x->mmu, f->w->gfn, f->access) && writable;
	if (unlikely(!make_leaf(f, writable, &spte)))
		return MMU_EMULATE;
	if (unlikely((f->w->rights & PTE_U) && !(spte & PTE_U)))
		f->v->stats.count[MMU_CNT_WP_TRICK]++;
	return install(f, s, spte, fault);
}

enum mmu_result xi_fill(struct mmu_vcpu *v, gva_t va, unsigned access, const struct mmu_walk *w,
			struct mmu_fault *fault)
{
	struct fill f = { .x = xi_of(v->mmu), .v = v, .va = va, .access = access, .w = w };
	enum mmu_result r = MMU_RETRY;

	fault->gpa = mmu_walk_gpa(w, va);
	mmu_lock_noted(v);
	if (likely(!walk_is_stale(v)))
		r = fill_locked(&f, fault);
	mmu_unlock(v->mmu);
	return r;
}

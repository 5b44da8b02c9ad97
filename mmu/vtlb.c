/* SPDX-License-Identifier: MIT */
/*
 * The engine `vtlb`: the simplest right thing. Each vCPU has one set of shadow tables,
 * filled by faults and dropped at flushes, as a TLB is; entries that the guest calls global
 * stay at a CR3 load. Guest tables are not tracked at all.
 *
 * A set has a root for long mode, of four levels or five, and four PAE page directories, of which
 * the guest's mode uses one or the other; these never go away. Every other table is reachable by
 * exactly one entry of its parent.
 *
 * Guarded by mmu_lock: all of struct vtlb. Only the vCPU's own CPU adds to it; a change of
 * the p2m drops from it on any CPU.
 *
 * Keeps: I1 by spte.h; I2 as nothing is kept that could be out of sync; I6: tables for the
 * longest path are free before a fill begins; I7 and I14 in vtlb_tables.c; I10: PDPTEs never
 * change; I13; I17: whoever drops an entry or a table tells the hardware before the lock is
 * let go.
 */
#include "mmu/engine.h"
#include "mmu/errno.h"
#include "mmu/guard.h"
#include "mmu/vtlb_tables.h"

#define DEFAULT_POOL 1024
#define PD_LEVEL 2
#define LONGEST_PATH (MMU_MAX_LEVELS - 1) /* tables that one fill may add */
#define FIXED_TABLES (1 + PAE_PDPTES)
#define MIN_POOL (FIXED_TABLES + LONGEST_PATH)

static struct vtlb_table *top_table(const struct mmu_vcpu *v, const struct vtlb *t,
				    gva_t va) MMU_LOCKED
{
	return v->hw.long_mode ? t->top : t->pd[(va.v >> PAE_PDPTE_SHIFT) % PAE_PDPTES];
}

/* ---- finding ---- */

static void remember(struct vtlb *t, struct vtlb_table *s, gva_t va) MMU_LOCKED
{
	t->recent = s;
	t->recent_2m = va.v >> PAGE_SHIFT_2M;
}

static struct vtlb_table *recent_table(const struct vtlb *t, gva_t va) MMU_LOCKED
{
	return t->recent && t->recent_2m == va.v >> PAGE_SHIFT_2M ? t->recent : NULL;
}

/*
 * Is entry `i` of `s` part of a guest page that has entries besides those for one address?
 * A 4 MiB page (2-level guests only) covers two entries, and either may have the mark.
 */
static inline bool in_pieces(const struct mmu_vcpu *v, const struct vtlb_table *s,
			     unsigned i) MMU_LOCKED
{
	uint64_t e;

	if (likely(!s->has_pieces))
		return false;
	e = s->page.spt[i];
	if (v->pg.mode == PAGING_2LEVEL && s->level == PD_LEVEL)
		e |= s->page.spt[i ^ 1];
	return e & SPTE_SPLIT;
}

/* The table whose entry for `va` is a leaf or empty; or with `stop_at_pieces` the first on
 * the path where it is in_pieces(). */
static always_inline struct vtlb_table *leaf_table(const struct mmu_vcpu *v, struct vtlb *t,
						   gva_t va, bool stop_at_pieces) MMU_LOCKED
{
	struct vtlb_table *s = recent_table(t, va);
	bool pieces = false;

	if (s)
		return s;
	s = top_table(v, t, va);
	for (unsigned shift = vtlb_level_shift(s->level); s->level > 1; shift -= SPTE_INDEX_BITS) {
		unsigned i = spte_index(va, shift);
		uint64_t e = s->page.spt[i];

		if (!e || spte_is_large(e) || (stop_at_pieces && in_pieces(v, s, i)))
			return s;
		pieces |= s->has_pieces;
		s = vtlb_child_of(t, e);
	}
	if (!pieces)
		remember(t, s, va);
	return s;
}

/* ---- faults ---- */

/*
 * Is the pool too small for the tables that a leaf for `va` may still need? Not the longest
 * path: a leaf that is there already must stay, or an access that it refuses would make it
 * anew for ever (see refused()).
 */
static bool pool_is_short(const struct mmu_vcpu *v, struct vtlb *t, gva_t va) MMU_LOCKED
{
	return t->pool.nr_free < leaf_table(v, t, va, false)->level - 1u;
}

/* The pool ran out: begin again. The tables in use come back by faults. */
static cold void recycle(struct mmu_vcpu *v, struct vtlb *t) MMU_LOCKED
{
	uint64_t start = mmu_clock();

	vtlb_drop_all(t);
	if (GUARD(I17_RECYCLE))
		mmu_hw_flush(v);
	mmu_op_ended_locked(v, MMU_OP_RECLAIM, start);
}

static void note_pieces(struct vtlb *t, struct vtlb_table *s) MMU_LOCKED
{
	s->has_pieces = true;
	t->recent = NULL;
}

/*
 * The table at `level` on the path to `va`, made where it is not there. Entries that a
 * guest page of 2^page_shift bytes covers whole are marked for INVLPG.
 */
static struct vtlb_table *table_at(struct mmu_vcpu *v, struct vtlb *t, gva_t va, unsigned level,
				   unsigned page_shift) MMU_LOCKED
{
	struct vtlb_table *s = top_table(v, t, va);
	unsigned shift = vtlb_level_shift(s->level);
	bool pieces = false;

	for (; s->level > level; shift -= SPTE_INDEX_BITS) {
		unsigned i = spte_index(va, shift);
		uint64_t e = s->page.spt[i];
		struct vtlb_table *child;

		if (likely(e && !spte_is_large(e))) {
			child = vtlb_child_of(t, e);
		} else {
			if (e) {
				vtlb_set_entry(s, i, e, 0);
				mmu_hw_flush_page(v, va);
			}
			child = vtlb_add_table(t, s, i);
		}
		if (unlikely(page_shift >= shift) && GUARD(I18_PIECES)) {
			s->page.spt[i] |= SPTE_SPLIT;
			note_pieces(t, s);
		}
		pieces |= s->has_pieces;
		s = child;
	}
	if (level == 1 && !pieces)
		remember(t, s, va);
	return s;
}

/*
 * The table that will hold a 2 MiB leaf for `va`. Where a table of small pages is in the
 * way and in use, that one: the large page is then filled in small pieces.
 */
static struct vtlb_table *table_for_large(struct mmu_vcpu *v, struct vtlb *t, gva_t va,
					  unsigned page_shift) MMU_LOCKED
{
	struct vtlb_table *pd = table_at(v, t, va, PD_LEVEL, page_shift);
	unsigned i = spte_index(va, PAGE_SHIFT_2M);
	uint64_t e = pd->page.spt[i];

	if (!e || spte_is_large(e))
		return pd;
	if (vtlb_child_of(t, e)->nr_present)
		return table_at(v, t, va, PD_LEVEL - 1, page_shift);
	vtlb_zap_entry(t, pd, i);
	if (GUARD(I17_MERGE))
		mmu_hw_flush_page(v, va);
	return pd;
}

/* Drop the entry that maps `va`; false if there is none. */
static bool drop_leaf(struct vtlb_table *s, gva_t va) MMU_LOCKED
{
	unsigned i = spte_index(va, vtlb_level_shift(s->level));
	uint64_t old = s->page.spt[i];

	if (!old)
		return false;
	vtlb_set_entry(s, i, old, 0);
	return true;
}

/* Put the leaf in; false: it was there. The hardware is told unless nothing was. */
static bool install(struct mmu_vcpu *v, struct vtlb *t, struct vtlb_table *s, gva_t va,
		    uint64_t spte) MMU_LOCKED
{
	unsigned i = spte_index(va, vtlb_level_shift(s->level));
	uint64_t old = s->page.spt[i];

	if (unlikely(old)) {
		if (old == spte)
			return false;
		mmu_hw_flush_page(v, va);
	}
	vtlb_set_entry(s, i, old, spte);
	if (!(spte & SPTE_GLOBAL) && !s->is_local && GUARD(I2_LOCAL_LIST))
		vtlb_make_local(t, s);
	return true;
}

/*
 * The entry was there and allowed what was refused. The guest may have been behind a change
 * of ours; but a supervisor access to a user page under SMAP that AC excuses was an
 * implicit one (a descriptor load), which AC does not excuse (SDM Vol. 3A 4.6.1).
 */
static cold enum mmu_result refused(struct mmu_vcpu *v, struct vtlb_table *s, gva_t va,
				    unsigned access, const struct mmu_walk *w,
				    struct mmu_fault *fault) MMU_LOCKED
{
	v->stats.count[MMU_CNT_SPURIOUS]++;
	mmu_hw_flush_page(v, va);
	if (!mmu_is_implicit(v, w, access))
		return MMU_FIXED;
	drop_leaf(s, va);
	fault->error_code = (access & v->pg.pfec) | MMU_PFEC_P;
	return MMU_INJECT;
}

static enum mmu_result fill_locked(struct mmu_vcpu *v, struct vtlb *t, gva_t va, unsigned access,
				   const struct mmu_walk *w, struct mmu_fault *fault) MMU_LOCKED
{
	struct p2m_entry to = mmu_p2m_lookup(v->mmu, w->gfn);
	bool writable = to.kind == P2M_RAM && mmu_dirty_allows(v->mmu, w->gfn, access);
	struct vtlb_table *s;
	uint64_t spte;

	if (unlikely(mmu_is_mmio(to.kind, access)))
		return MMU_MMIO;
	if (unlikely(!spte_make(&v->pg, w, access, writable, &spte)))
		return MMU_EMULATE;
	if (unlikely(t->pool.nr_free < LONGEST_PATH) && pool_is_short(v, t, va) &&
	    GUARD(I6_RESERVE))
		recycle(v, t);

	if (w->page_shift > PAGE_SHIFT && (to.large || !GUARD(I1_LARGE)) &&
	    !(mmu_dirty_is_on(v->mmu) && GUARD(I19_SPLIT)))
		s = table_for_large(v, t, va, w->page_shift);
	else if (w->page_shift > PAGE_SHIFT || !(s = recent_table(t, va)))
		s = table_at(v, t, va, 1, w->page_shift);
	if (likely(s->level == 1)) {
		spte |= pfn_to_hpa(to.pfn).v;
	} else {
		spte |= (pfn_to_hpa(to.pfn).v & ~(BIT(PAGE_SHIFT_2M) - 1)) | PTE_PS;
		if (w->page_shift > PAGE_SHIFT_2M && GUARD(I18_PIECES_LARGE)) {
			spte |= SPTE_SPLIT;
			note_pieces(t, s);
		}
		v->stats.count[MMU_CNT_LARGE_FILL]++;
	}
	if (unlikely((w->rights & PTE_U) && !(spte & PTE_U)))
		v->stats.count[MMU_CNT_WP_TRICK]++;
	if (unlikely(!install(v, t, s, va, spte)))
		return refused(v, s, va, access, w, fault);
	return MMU_FIXED;
}

static enum mmu_result vtlb_fill(struct mmu_vcpu *v, gva_t va, unsigned access,
				 const struct mmu_walk *w, struct mmu_fault *fault)
{
	enum mmu_result r = MMU_RETRY;

	fault->gpa = mmu_walk_gpa(w, va);
	mmu_lock_noted(v);
	if (likely(!walk_is_stale(v)) || !GUARD(I6_FILL_STALE))
		r = fill_locked(v, v->priv, va, access, w, fault);
	mmu_unlock(v->mmu);
	return r;
}

/* ---- dropping ---- */

static void vtlb_forget(struct mmu_vcpu *v, gva_t va)
{
	mmu_lock_noted(v);
	if (GUARD(I2_FORGET) && drop_leaf(leaf_table(v, v->priv, va, false), va))
		mmu_hw_flush_page(v, va);
	mmu_unlock(v->mmu);
}

/* Drop all that belongs to the large guest page at entry `i`, and what else is down there. */
static cold void drop_pieces(struct mmu_vcpu *v, struct vtlb_table *s, unsigned i) MMU_LOCKED
{
	vtlb_zap_entry(v->priv, s, i);
	if (v->pg.mode == PAGING_2LEVEL && GUARD(I18_BOTH_HALVES))
		vtlb_zap_entry(v->priv, s, i ^ 1);
	if (GUARD(I17_PIECES))
		mmu_hw_flush(v);
}

static void vtlb_invlpg(struct mmu_vcpu *v, gva_t va)
{
	struct vtlb_table *s;

	mmu_lock_noted(v);
	s = leaf_table(v, v->priv, va, true);
	if (unlikely(s->level > 1 && in_pieces(v, s, spte_index(va, vtlb_level_shift(s->level))))) {
		drop_pieces(v, s, spte_index(va, vtlb_level_shift(s->level)));
	} else {
		if (GUARD(I2_INVLPG))
			drop_leaf(s, va);
		if (GUARD(I17_INVLPG))
			mmu_hw_flush_page(v, va);
	}
	mmu_unlock(v->mmu);
}

/* The tables are empty. */
static void set_root(struct mmu_vcpu *v) MMU_LOCKED
{
	struct vtlb *t = v->priv;

	if (v->hw.long_mode)
		t->top->level = v->hw.levels;
	v->hw.root = pfn_to_hpa(v->hw.long_mode ? t->top->page.pfn : t->pae_root);
}

static void vtlb_flush(struct mmu_vcpu *v, enum mmu_flush what)
{
	mmu_lock_noted(v);
	if (likely(what == MMU_FLUSH_LOCAL))
		vtlb_drop_local(v->priv);
	else
		vtlb_drop_all(v->priv);
	if (what == MMU_FLUSH_MODE)
		set_root(v);
	if (GUARD(I17_FLUSH))
		mmu_hw_flush(v);
	mmu_unlock(v->mmu);
}

static void vtlb_guest_wrote(struct mmu *m, gpa_t gpa, unsigned len) MMU_LOCKED
{
	/* A TLB does not look at writes to tables. */
	(void)m;
	(void)gpa;
	(void)len;
}

static void vtlb_set_ad(struct mmu *m, gfn_t gfn, unsigned bytes) MMU_LOCKED
{
	(void)m; /* nor at A and D bits */
	(void)gfn;
	(void)bytes;
}

static bool vtlb_unshadow(struct mmu_vcpu *v, gfn_t gfn) MMU_LOCKED
{
	/* No table is tracked, so none is in the way. */
	(void)v;
	(void)gfn;
	return false;
}

static void drop_all_of_all(struct mmu *m) MMU_LOCKED
{
	for (unsigned i = 0; i < m->nr_vcpus; i++)
		vtlb_drop_all(m->vcpus[i]->priv);
}

static void vtlb_p2m_changed(struct mmu *m, gfn_t gfn, uint64_t n) MMU_LOCKED
{
	(void)gfn;
	(void)n;
	if (GUARD(I1_P2M))
		drop_all_of_all(m);
}

static void vtlb_dirty_protect(struct mmu *m, const uint64_t *frames) MMU_LOCKED
{
	(void)frames;
	if (GUARD(I19_PROTECT))
		drop_all_of_all(m);
}

/* ---- looking at it ---- */

static void vtlb_audit(struct mmu *m, struct mmu_audit *out) MMU_LOCKED
{
	for (unsigned i = 0; i < m->nr_vcpus; i++)
		vtlb_audit_tables(m->vcpus[i]->priv, out);
}

static void audit_way(struct mmu_vcpu *v, gva_t va, struct mmu_audit *out) MMU_LOCKED
{
	vtlb_audit_way(v->priv, top_table(v, v->priv, va), va, out);
}

static void vtlb_summary(struct mmu *m, struct mmu_summary *out) MMU_LOCKED
{
	for (unsigned i = 0; i < m->nr_vcpus; i++)
		vtlb_sum_up(m->vcpus[i]->priv, out);
	out->roots = m->nr_vcpus;
}

/* ---- life ---- */

static unsigned pool_pages(const struct mmu *m)
{
	return m->config.pool_pages ? m->config.pool_pages : DEFAULT_POOL;
}

static int vtlb_init(struct mmu *m)
{
	m->priv = NULL;
	return pool_pages(m) < MIN_POOL ? -EINVAL : 0;
}

static void vtlb_fini(struct mmu *m)
{
	(void)m;
}

static void vtlb_vcpu_fini(struct mmu_vcpu *v)
{
	struct vtlb *t = v->priv;

	if (t->has_pae_root)
		mmu_page_free(v->mmu, t->pae_root);
	mmu_pool_fini(&t->pool, v->mmu);
	mmu_mem_free(t, sizeof(*t));
	v->priv = NULL;
}

static void make_fixed_tables(struct mmu_vcpu *v, struct vtlb *t) MMU_NO_LOCK_YET
{
	uint64_t *pdpte = mmu_map_pfn(t->pae_root);

	list_init(&t->local);
	list_init(&t->quiet);
	t->top = vtlb_take_table(t, MMU_MAX_LEVELS);
	for (unsigned i = 0; i < PAE_PDPTES; i++) {
		t->pd[i] = vtlb_take_table(t, PD_LEVEL);
		pdpte[i] = pfn_to_hpa(t->pd[i]->page.pfn).v | SPTE_PDPTE;
	}
	set_root(v);
}

static int vtlb_vcpu_init(struct mmu_vcpu *v)
{
	struct vtlb *t = mmu_mem_alloc(sizeof(*t));
	int err;

	if (!t)
		return -ENOMEM;
	v->priv = t;
	err = mmu_pool_init(&t->pool, v->mmu, pool_pages(v->mmu), sizeof(struct vtlb_table));
	if (!err) {
		err = mmu_page_alloc(v->mmu, true, &t->pae_root);
		t->has_pae_root = !err;
	}
	if (err) {
		vtlb_vcpu_fini(v);
		return err;
	}
	make_fixed_tables(v, t);
	return 0;
}

static void vtlb_pool_use(const struct mmu_vcpu *v, unsigned *pages, unsigned *unused)
{
	const struct vtlb *t = v->priv;

	*pages = t->pool.nr_pages;
	*unused = t->pool.nr_free;
}

const struct mmu_engine mmu_engine_vtlb = {
	.name = "vtlb",
	.init = vtlb_init,
	.fini = vtlb_fini,
	.vcpu_init = vtlb_vcpu_init,
	.vcpu_fini = vtlb_vcpu_fini,
	.fill = vtlb_fill,
	.forget = vtlb_forget,
	.invlpg = vtlb_invlpg,
	.flush = vtlb_flush,
	.pool_use = vtlb_pool_use,
	.guest_wrote = vtlb_guest_wrote,
	.set_ad = vtlb_set_ad,
	.unshadow = vtlb_unshadow,
	.p2m_changed = vtlb_p2m_changed,
	.dirty_protect = vtlb_dirty_protect,
	.audit = vtlb_audit,
	.audit_way = audit_way,
	.summary = vtlb_summary,
};

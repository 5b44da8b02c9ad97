/* SPDX-License-Identifier: MIT */
/*
 * The engine `xi` (mmu/xi.h tells how it works): flushes, and its life.
 *
 * Keeps: I2: an address whose #PF goes to the guest is brought in step first; I17: every
 * guest flush also flushes the hardware.
 */
#include "mmu/errno.h"
#include "mmu/xi.h"

#define DEFAULT_POOL 1024
#define MAX_DEFAULT_POOL 65536
#define POOL_SHARE 64 /* ..., and one spage for so many guest frames */

/* ---- flushes ---- */

/* The spage on the way to `va` whose entry is a leaf or empty. NULL: not even the root. */
static struct xi_spage *leaf_table(struct xi *x, struct mmu_vcpu *v, gva_t va) MMU_LOCKED
{
	const struct xi_vcpu *t = v->priv;
	struct xi_spage *s = xi_recent(x, v, va);

	return s ? s : xi_way_down(x, t->root[xi_root_nr(v, va)], va);
}

/* Bring the leaf for `va` in step, if its table may be out of it. True: it was not. */
static bool refresh(struct xi *x, struct xi_spage *s, gva_t va, bool fill) MMU_LOCKED
{
	return s && s->oos && xi_refresh_leaf(x, s, spte_index(va, PAGE_SHIFT), fill);
}

/* A flush: what was let go or let loose before it is past. */
static void end_looseness(struct xi *x) MMU_LOCKED
{
	x->let_go = XI_NO_FRAME;
	if (unlikely(x->mmu->is_behind) && GUARD(I2_LOOSE))
		xi_tighten(x);
}

static void xi_forget(struct mmu_vcpu *v, gva_t va)
{
	struct xi *x = xi_of(v->mmu);
	bool changed;

	mmu_lock_noted(v);
	xi_tighten(x);
	changed = GUARD(I2_FORGET) && refresh(x, leaf_table(x, v, va), va, false);
	/* An entry that went earlier may be known to the hardware still. */
	if (changed || (x->stale & 1u << v->id))
		mmu_hw_flush_page(v, va);
	mmu_unlock(v->mmu);
}

/*
 * Tables above level 1 are in step, so one leaf at most is not. But the hardware may hold
 * pieces of a large page that the guest has replaced: a table entry has changed then (wide).
 */
static void xi_invlpg(struct mmu_vcpu *v, gva_t va)
{
	struct xi *x = xi_of(v->mmu);

	mmu_lock_noted(v);
	end_looseness(x);
	if (GUARD(I2_INVLPG))
		refresh(x, leaf_table(x, v, va), va, xi_has(x, MMU_OPT_PREFILL));
	if (unlikely(x->mmu->wide & 1u << v->id) && GUARD(I18_WIDE))
		xi_flush_hw(x, v);
	else
		mmu_hw_flush_page(v, va);
	mmu_unlock(v->mmu);
}

static void xi_flush(struct mmu_vcpu *v, enum mmu_flush what)
{
	struct xi *x = xi_of(v->mmu);
	struct xi_vcpu *t = v->priv;
	struct xi_spage *old[XI_ROOTS];

	mmu_lock_noted(v);
	end_looseness(x);
	xi_reserve(x, v);
	__builtin_memcpy(old, t->root, sizeof(old));
	if (what != MMU_FLUSH_LOCAL)
		xi_set_role(x, v);
	xi_set_roots(x, v);
	if (GUARD(I2_SYNC))
		xi_sync_for_flush(x, v, what != MMU_FLUSH_LOCAL || !v->pg.global, old);
	if (GUARD(I17_FLUSH))
		xi_flush_hw(x, v);
	mmu_unlock(v->mmu);
}

/* ---- what others did ---- */

static void xi_guest_wrote(struct mmu *m, gpa_t gpa, unsigned len) MMU_LOCKED
{
	if (GUARD(I19_SEEN))
		xi_table_written(xi_of(m), gpa_to_gfn(gpa).v, gpa.v & ~PAGE_MASK, len);
}

static void xi_set_ad(struct mmu *m, gfn_t gfn, unsigned bytes) MMU_LOCKED
{
	xi_zap_other_size(xi_of(m), gfn.v, bytes);
}

static bool xi_unshadow(struct mmu_vcpu *v, gfn_t gfn) MMU_LOCKED
{
	struct xi *x = xi_of(v->mmu);

	return gfn.v < v->mmu->config.frames && xi_let_go(x, v, gfn.v);
}

static void xi_p2m_changed(struct mmu *m, gfn_t gfn, uint64_t n) MMU_LOCKED
{
	(void)gfn;
	(void)n;
	xi_tighten(xi_of(m));
	xi_zap_all(xi_of(m));
}

/* All of a spage, whatever it maps; large leaves go. */
static void forbid_page(struct xi *x, struct xi_spage *s) MMU_LOCKED
{
	xi_for_each_used(i, s) {
		if (s->key.role.level == 1)
			xi_forbid_write(x, s, i);
		else if (spte_is_large(s->page.spt[i]))
			xi_set(x, s, i, 0, 0);
	}
}

/* No leaf is large while the log is on: whoever turns it on asks for all. */
static void xi_dirty_protect(struct mmu *m, const uint64_t *frames) MMU_LOCKED
{
	struct xi *x = xi_of(m);

	for (struct mmu_list *n = x->lru.next; !frames && n != &x->lru; n = n->next)
		forbid_page(x, list_entry(n, struct xi_spage, lru));
	for (uint64_t word = 0; frames && word < m->dirty.words; word++)
		for (uint64_t bits = frames[word]; bits; bits &= bits - 1)
			xi_forbid_frame(x, word * 64 + (unsigned)__builtin_ctzll(bits));
}

/* ---- life ---- */

static size_t frames_bytes(const struct xi *x)
{
	return x->mmu->config.frames * sizeof(*x->frame);
}

static size_t regions_bytes(const struct xi *x)
{
	return x->nr_regions * sizeof(*x->region);
}

/* What can not be reclaimed, the roots that vCPUs have; a path, and room for another, or the next
 * fill would reclaim that of the one before, and an access that takes two never end. */
static unsigned least_pool(unsigned vcpus)
{
	return vcpus * XI_ROOTS + 2 * XI_LONGEST_PATH;
}

static unsigned pool_pages(const struct mmu *m)
{
	uint64_t share = m->config.frames / POOL_SHARE;

	if (m->config.pool_pages)
		return m->config.pool_pages;
	if (share > MAX_DEFAULT_POOL)
		return MAX_DEFAULT_POOL;
	return share > DEFAULT_POOL ? (unsigned)share : DEFAULT_POOL;
}

static size_t links_bytes(const struct xi *x)
{
	return pool_pages(x->mmu) * SPTE_ENTRIES * sizeof(*x->links);
}

static size_t snaps_bytes(const struct xi *x)
{
	return pool_pages(x->mmu) * SPTE_ENTRIES * sizeof(*x->snaps);
}

static void free_mem(void *p, size_t bytes)
{
	if (p)
		mmu_mem_free(p, bytes);
}

static void xi_fini(struct mmu *m) MMU_NO_LOCK_YET
{
	struct xi *x = xi_of(m);

	mmu_pool_fini(&x->pool, m);
	free_mem(x->links, links_bytes(x));
	free_mem(x->snaps, snaps_bytes(x));
	free_mem(x->frame, frames_bytes(x));
	free_mem(x->region, regions_bytes(x));
	mmu_mem_free(x, sizeof(*x));
	m->priv = NULL;
}

static bool make_pages(struct xi *x) MMU_NO_LOCK_YET
{
	if (mmu_pool_init(&x->pool, x->mmu, pool_pages(x->mmu), sizeof(struct xi_spage)))
		return false;
	for (unsigned i = 0; i < x->pool.nr_pages; i++) {
		struct xi_spage *s = xi_page(x, i);

		s->index = i;
		s->link = x->links + i * SPTE_ENTRIES;
		s->snap = x->snaps + i * SPTE_ENTRIES;
	}
	return true;
}

static void make_masks(struct xi *x)
{
	for (unsigned mode = PAGING_2LEVEL; mode < NR_PAGING_MODES; mode++)
		for (unsigned i = 0; i < 4; i++) {
			struct pt_features f = { .maxphyaddr = x->mmu->config.maxphyaddr,
						 .has_1g = x->mmu->config.has_1g,
						 .nxe = i & 2,
						 .pse = i & 1 };

			mmu_format_masks(mmu_format_of(mode), &f, &x->masks[mode][i / 2][i % 2]);
		}
}

static int xi_init(struct mmu *m) MMU_NO_LOCK_YET
{
	struct xi *x;

	if (pool_pages(m) < least_pool(1))
		return -EINVAL;
	x = mmu_mem_alloc(sizeof(*x));
	if (!x)
		return -ENOMEM;
	m->priv = x;
	x->mmu = m;
	x->options = ~m->config.without;
	x->max_oos = pool_pages(m) / XI_OOS_SHARE;
	if (x->max_oos > XI_MAX_OOS)
		x->max_oos = XI_MAX_OOS;
	x->nr_regions = (m->config.frames + SPTE_ENTRIES - 1) / SPTE_ENTRIES;
	x->frame = mmu_mem_alloc(frames_bytes(x));
	x->region = mmu_mem_alloc(regions_bytes(x));
	x->links = mmu_mem_alloc(links_bytes(x));
	x->snaps = mmu_mem_alloc(snaps_bytes(x));
	x->let_go = x->loose[0] = x->loose[1] = XI_NO_FRAME;
	list_init(&x->lru);
	list_init(&x->oos);
	make_masks(x);
	if (!x->frame || !x->region || !x->links || !x->snaps || !make_pages(x)) {
		xi_fini(m);
		return -ENOMEM;
	}
	return 0;
}

static void free_vcpu_pages(struct mmu_vcpu *v, struct xi_vcpu *t)
{
	if (t->has_pages > 0)
		mmu_page_free(v->mmu, t->pdpt);
	if (t->has_pages > 1)
		mmu_page_free(v->mmu, t->nothing);
	mmu_mem_free(t, sizeof(*t));
	v->priv = NULL;
}

static void xi_vcpu_fini(struct mmu_vcpu *v)
{
	struct xi *x = xi_of(v->mmu);
	struct xi_vcpu *t = v->priv;

	mmu_lock(v->mmu);
	for (unsigned i = 0; i < XI_ROOTS; i++)
		if (t->root[i])
			xi_put_root(x, t->root[i]);
	x->everybody &= ~(1u << v->id);
	x->nr_vcpus--;
	x->stale &= x->everybody;
	x->mmu->wide &= x->everybody;
	mmu_unlock(v->mmu);
	free_vcpu_pages(v, t);
}

static bool has_room_for_vcpu(const struct xi *x) MMU_NO_LOCK_YET
{
	return x->pool.nr_pages >= least_pool(x->nr_vcpus + 1);
}

static int xi_vcpu_init(struct mmu_vcpu *v)
{
	struct xi *x = xi_of(v->mmu);
	struct xi_vcpu *t;

	if (!has_room_for_vcpu(x))
		return -ENOMEM;
	t = mmu_mem_alloc(sizeof(*t));
	if (!t)
		return -ENOMEM;
	if (!mmu_page_alloc(v->mmu, true, &t->pdpt))
		t->has_pages = 1;
	if (t->has_pages && !mmu_page_alloc(v->mmu, false, &t->nothing))
		t->has_pages = 2;
	if (t->has_pages < 2) {
		free_vcpu_pages(v, t);
		return -ENOMEM;
	}
	t->pdpte = mmu_map_pfn(t->pdpt);
	v->priv = t;
	mmu_lock(v->mmu);
	x->everybody |= 1u << v->id;
	x->nr_vcpus++;
	xi_tighten(x);
	xi_reserve(x, v);
	xi_set_role(x, v);
	xi_set_roots(x, v);
	mmu_unlock(v->mmu);
	return 0;
}

static void xi_pool_use(const struct mmu_vcpu *v, unsigned *pages, unsigned *unused) MMU_SNAPSHOT
{
	const struct xi *x = xi_of(v->mmu);

	*pages = x->pool.nr_pages;
	*unused = x->pool.nr_free + x->nr_limbo;
}

const struct mmu_engine mmu_engine_xi = {
	.name = "xi",
	.init = xi_init,
	.fini = xi_fini,
	.vcpu_init = xi_vcpu_init,
	.vcpu_fini = xi_vcpu_fini,
	.fill = xi_fill,
	.forget = xi_forget,
	.invlpg = xi_invlpg,
	.flush = xi_flush,
	.pool_use = xi_pool_use,
	.guest_wrote = xi_guest_wrote,
	.set_ad = xi_set_ad,
	.unshadow = xi_unshadow,
	.p2m_changed = xi_p2m_changed,
	.dirty_protect = xi_dirty_protect,
	.audit = xi_audit,
	.audit_way = xi_audit_way,
	.summary = xi_summary,
};

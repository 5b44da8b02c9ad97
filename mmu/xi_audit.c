/* SPDX-License-Identifier: MIT */
/*
 * The audit of the engine `xi` (I16): everything that can be told from the guest's tables as
 * they are, and every count recounted; and what key `s` shows. Under mmu_lock.
 */
#include "mmu/xi_leaf.h"

struct audit {
	struct xi *x;
	struct mmu_audit *out;
};

static void failed(const struct audit *a, unsigned invariant, const char *what,
		   const struct xi_spage *s, unsigned i)
{
	mmu_audit_failed(a->out, invariant, what, s->key.gfn, i,
			 i < SPTE_ENTRIES ? s->page.spt[i] : s->key.role.word);
}

/* ---- lists ---- */

static bool is_linked(struct xi *x, const struct xi_spage *s, unsigned i) MMU_LOCKED
{
	const struct xi_link *l = &s->link[i];
	uint32_t nr = xi_entry_nr(s, i);

	if (!l->prev)
		return *xi_head(x, l->head) == nr;
	return xi_entry_next(x, l->prev) == nr;
}

/* Is `s` where its key says that it is found, and nothing else there that has its key? */
static bool is_found(struct xi *x, const struct xi_spage *s) MMU_LOCKED
{
	uint64_t gfn = s->key.gfn;
	uint32_t n = s->key.role.direct ? x->region[gfn / SPTE_ENTRIES].direct
					: x->frame[gfn].tables;
	unsigned same = 0;
	bool found = false;

	for (; n; n = xi_page(x, n - 1)->next_same) {
		same += xi_same_key(&xi_page(x, n - 1)->key, &s->key);
		found |= xi_page(x, n - 1) == s;
	}
	return found && same == 1;
}

/* ---- entries ---- */

static bool has_protected(struct xi *x, uint64_t region) MMU_LOCKED
{
	uint64_t gfn = region * SPTE_ENTRIES, end = gfn + SPTE_ENTRIES;

	while (gfn < end && gfn < x->mmu->config.frames && !xi_is_protected(x, gfn))
		gfn++;
	return gfn < end && gfn < x->mmu->config.frames;
}

static void audit_leaf(const struct audit *a, const struct xi_spage *s, unsigned i) MMU_LOCKED
{
	struct xi *x = a->x;
	uint64_t e = s->page.spt[i], head = s->link[i].head, nr = head & ~XI_HEAD_KIND;
	bool large = s->key.role.level > 1;
	uint64_t gfn = large ? nr * SPTE_ENTRIES : nr;
	struct p2m_entry to = mmu_p2m_lookup(x->mmu, GFN(gfn));

	if ((head & XI_HEAD_KIND) != (large ? XI_HEAD_REGION : XI_HEAD_FRAME))
		failed(a, 8, "a leaf in another's list", s, i);
	if (to.kind == P2M_NONE || to.pfn.v != spte_pfn(e).v)
		failed(a, 1, "a leaf maps what is not the guest's", s, i);
	if (!(e & PTE_A) || (e & PTE_G))
		failed(a, 1, "a leaf without A, or with G", s, i);
	if (large && has_protected(x, nr))
		failed(a, 3, "a large leaf over a protected table", s, i);
	if (!(e & PTE_W))
		return;
	if (to.kind != P2M_RAM || !(e & PTE_D))
		failed(a, 1, "a writable leaf to ROM, or without D", s, i);
	if (!large && xi_is_protected(x, gfn))
		failed(a, 3, "a writable leaf to a protected table", s, i);
	if (mmu_dirty_is_on(x->mmu) && (large || !mmu_dirty_allows(x->mmu, GFN(gfn), 0)))
		failed(a, 19, "a writable leaf to a frame that the dirty log has not noted", s, i);
}

/* A table in step says what the guest's table says now; one that is not, what it said when
 * the entry was made. A leaf may have fewer rights (W) or those of the WP = 0 trick. */
static void audit_source(const struct audit *a, const struct xi_spage *s, unsigned i) MMU_LOCKED
{
	uint64_t e = s->page.spt[i], gpte = xi_guest_entry(s, i), want;
	const uint64_t fixed = PTE_P | PTE_ADDR | PTE_A | SPTE_GLOBAL;

	if (s->oos || s->rom || xi_is_loose(a->x, s->key.gfn))
		return;
	if (s->key.role.level > 1) {
		if (!(gpte & PTE_P) || !(gpte & PTE_A))
			failed(a, 2, "a table entry that the guest has no more", s, i);
		return;
	}
	want = xi_leaf_of(a->x, s, gpte, 0);
	if (!want || ((want ^ e) & fixed))
		failed(a, 2, "a leaf that the guest's table has no more", s, i);
	if (s->key.role.wp && ((e & ~want & (PTE_W | PTE_U)) || (want & ~e & PTE_NX)))
		failed(a, 1, "a leaf with more rights than the guest's table", s, i);
}

static void audit_child(const struct audit *a, const struct xi_spage *s, unsigned i) MMU_LOCKED
{
	const struct xi_spage *child = xi_child(a->x, s, i);

	if (child->page.pfn.v != spte_pfn(s->page.spt[i]).v || child->state != XI_LIVE ||
	    child->key.role.level + 1 != s->key.role.level)
		failed(a, 5, "an entry leads to a table that is none", s, i);
	if ((s->link[i].head & XI_HEAD_KIND) != XI_HEAD_PAGE)
		failed(a, 7, "a table entry in another's list", s, i);
	if (!child->key.role.direct && !s->key.role.direct && !s->rom &&
	    !xi_is_loose(a->x, s->key.gfn)) {
		struct xi_key want = xi_child_key(s, i, xi_guest_entry(s, i));

		if (!xi_same_key(&want, &child->key))
			failed(a, 4, "an entry leads to a table with another key", s, i);
	}
}

static void audit_entry(const struct audit *a, const struct xi_spage *s, unsigned i) MMU_LOCKED
{
	uint64_t e = s->page.spt[i];

	a->out->entries++;
	if (!(e & PTE_P))
		failed(a, 13, "bits in a not-present entry", s, i);
	if (!is_linked(a->x, s, i))
		failed(a, 7, "an entry in no list", s, i);
	if (xi_is_leaf(s, e))
		audit_leaf(a, s, i);
	else
		audit_child(a, s, i);
	if (!s->key.role.direct)
		audit_source(a, s, i);
}

/* ---- spages ---- */

static void audit_counts(const struct audit *a, const struct xi_spage *s) MMU_LOCKED
{
	unsigned present = 0, local = 0, roots = 0;

	for (unsigned i = 0; i < SPTE_ENTRIES; i++) {
		uint64_t e = s->page.spt[i];

		present += e != 0;
		if (!e != !(s->used[i / 64] & BIT(i % 64)))
			failed(a, 7, "an entry that is not marked as used, or none that is", s, i);
		local += e && xi_is_leaf(s, e) && !(e & SPTE_GLOBAL);
	}
	for (unsigned i = 0; i < a->x->mmu->nr_vcpus; i++) {
		const struct xi_vcpu *t = a->x->mmu->vcpus[i]->priv;

		for (unsigned r = 0; r < XI_ROOTS; r++)
			roots += t->root[r] == s;
	}
	if (present != s->nr_present || local != s->nr_local)
		failed(a, 16, "a count of entries is wrong", s, SPTE_ENTRIES);
	if (roots != s->roots)
		failed(a, 16, "a count of roots is wrong", s, SPTE_ENTRIES);
}

static void audit_live(const struct audit *a, const struct xi_spage *s) MMU_LOCKED
{
	struct xi *x = a->x;

	if (!is_found(x, s))
		failed(a, 4, "a table is not found by its key, or two have it", s, SPTE_ENTRIES);
	if (s->key.role.direct)
		return;
	if (s->oos && s->key.role.level > 1)
		failed(a, 18, "a table above level 1 is out of sync", s, SPTE_ENTRIES);
	if (!xi_is_loose(x, s->key.gfn) && s->oos == xi_is_protected(x, s->key.gfn))
		failed(a, 3, "tables of one frame, in sync and not", s, SPTE_ENTRIES);
	if (!x->region[s->key.gfn / SPTE_ENTRIES].nr_tables)
		failed(a, 16, "a region's count of tables is wrong", s, SPTE_ENTRIES);
}

static void audit_state(const struct audit *a, const struct xi_spage *s) MMU_LOCKED
{
	a->out->pages++;
	if (s->state == XI_LIVE)
		audit_live(a, s);
	else if (s->nr_present || s->parents)
		failed(a, 5, "a table that is going has entries or is led to", s, SPTE_ENTRIES);
}

static void audit_page(const struct audit *a, const struct xi_spage *s) MMU_LOCKED
{
	audit_state(a, s);
	audit_counts(a, s);
	for (unsigned i = 0; i < SPTE_ENTRIES; i++)
		if (s->page.spt[i])
			audit_entry(a, s, i);
}

void xi_audit(struct mmu *m, struct mmu_audit *out) MMU_LOCKED
{
	struct audit a = { .x = xi_of(m), .out = out };
	struct xi *x = a.x;
	unsigned used = 0, oos = 0;

	for (unsigned i = 0; i < x->pool.nr_pages; i++) {
		const struct xi_spage *s = xi_page(x, i);

		if (s->state == XI_FREE)
			continue;
		used++;
		oos += s->oos;
		audit_page(&a, s);
	}
	if (used + x->nr_limbo + x->pool.nr_free != x->pool.nr_pages)
		mmu_audit_failed(out, 16, "pages of the pool are missing", ~UINT64_C(0), used,
				 x->pool.nr_free);
	if (oos != x->nr_oos)
		mmu_audit_failed(out, 16, "the count of tables out of sync is wrong", ~UINT64_C(0),
				 oos, x->nr_oos);
}

void xi_audit_way(struct mmu_vcpu *v, gva_t va, struct mmu_audit *out) MMU_LOCKED
{
	struct audit a = { .x = xi_of(v->mmu), .out = out };
	const struct xi_spage *s = ((const struct xi_vcpu *)v->priv)->root[xi_root_nr(v, va)];

	while (s) {
		unsigned i = spte_index(va, xi_level_shift(s->key.role.level));
		uint64_t e = s->page.spt[i];

		audit_state(&a, s);
		if (e)
			audit_entry(&a, s, i);
		s = e && !xi_is_leaf(s, e) ? xi_child(a.x, s, i) : NULL;
	}
}

/* ---- key s ---- */

static void sum_up(const struct xi_spage *s, struct mmu_summary *out) MMU_LOCKED
{
	out->pages[s->key.role.level]++;
	out->direct += s->key.role.direct;
	out->oos += s->oos;
	out->roots += s->roots != 0;
	xi_for_each_used(i, s) {
		uint64_t e = s->page.spt[i];

		if (!xi_is_leaf(s, e))
			continue;
		out->leaves++;
		out->writable += (e & PTE_W) != 0;
		out->large += s->key.role.level > 1;
		out->global += (e & SPTE_GLOBAL) != 0;
	}
}

void xi_summary(struct mmu *m, struct mmu_summary *out) MMU_LOCKED
{
	const struct xi *x = xi_of(m);

	out->pool = x->pool.nr_pages;
	out->unused = x->pool.nr_free + x->nr_limbo;
	for (unsigned i = 0; i < x->pool.nr_pages; i++)
		if (xi_page(x, i)->state != XI_FREE)
			sum_up(xi_page(x, i), out);
	for (uint64_t r = 0; r < x->nr_regions; r++)
		out->tracked += x->region[r].nr_tables;
}

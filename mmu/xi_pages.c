/* SPDX-License-Identifier: MIT */
/*
 * Shadow pages of the engine `xi` from birth to death. All under mmu_lock.
 *
 * Keeps: I4: xi_find() compares the whole key; I5: a DYING spage has no entries and gets
 * none; I6: who fills reserves first, and roots are never taken; I14: what one call lets go is
 * bounded by the pool; I17: a freed spage waits in limbo until no processor can walk it.
 */
#include "mmu/xi.h"

#define RECLAIM_BATCH 16 /* spages let go at once when the pool is empty */

static uint32_t *list_of(struct xi *x, const struct xi_key *k) MMU_LOCKED
{
	return k->role.direct ? &x->region[k->gfn / SPTE_ENTRIES].direct : &x->frame[k->gfn].tables;
}

struct xi_spage *xi_find(struct xi *x, const struct xi_key *key)
{
	uint32_t n = *list_of(x, key);

	while (n) {
		struct xi_spage *s = xi_page(x, n - 1);

		if (s->key.gfn == key->gfn &&
		    (s->key.role.word == key->role.word || !GUARD(I4_KEY))) {
			list_move(&x->lru, &s->lru);
			return s;
		}
		n = s->next_same;
	}
	return NULL;
}

static void join_list(struct xi *x, struct xi_spage *s) MMU_LOCKED
{
	uint32_t *first = list_of(x, &s->key);

	if (!s->key.role.direct && !*first) {
		struct xi_region *r = &x->region[s->key.gfn / SPTE_ENTRIES];

		r->nr_tables++;
		r->split = true;
	}
	s->next_same = *first;
	*first = s->index + 1;
}

static void leave_list(struct xi *x, struct xi_spage *s) MMU_LOCKED
{
	uint32_t *first = list_of(x, &s->key), *n = first;

	while (*n != s->index + 1)
		n = &xi_page(x, *n - 1)->next_same;
	*n = s->next_same;
	if (s->key.role.direct)
		x->region[s->key.gfn / SPTE_ENTRIES].split = false;
	else if (!*first)
		x->region[s->key.gfn / SPTE_ENTRIES].nr_tables--;
}

/* Where the guest entries are that `s` shadows, and what they may hold. */
static void find_guest_table(struct xi *x, struct xi_spage *s, struct p2m_entry e) MMU_LOCKED
{
	union xi_role r = s->key.role;
	unsigned per_quadrant = r.level == 1 ? SPTE_ENTRIES : SPTE_ENTRIES / 2;

	s->guest = mmu_map_pfn(e.pfn);
	if (r.mode == PAGING_2LEVEL)
		s->guest += r.quadrant * per_quadrant * sizeof(uint32_t);
	s->rom = e.kind == P2M_ROM;
	s->masks = &x->masks[r.mode][r.nxe][r.pse];
}

struct xi_spage *xi_new(struct xi *x, struct mmu_vcpu *v, const struct xi_key *key)
{
	struct p2m_entry e = { .kind = P2M_NONE };
	struct xi_spage *s;

	if (!key->role.direct) {
		e = mmu_p2m_lookup(x->mmu, GFN(key->gfn));
		if (e.kind == P2M_NONE)
			return NULL;
	}
	s = (struct xi_spage *)mmu_pool_take(&x->pool);
	s->key = *key;
	s->rights_and = (key->role.w ? PTE_W : 0) | (key->role.u ? PTE_U : 0) | PTE_NX;
	s->rights_or = key->role.nx ? PTE_NX : 0;
	s->state = XI_LIVE;
	s->parents = 0;
	s->roots = 0;
	s->nr_present = s->nr_local = 0;
	s->window_end = SPTE_ENTRIES;
	s->calm = s->writes = 0;
	s->oos = s->torn = false;
	list_add(&x->lru, &s->lru);
	if (!key->role.direct) {
		xi_track(x, v, s);
		find_guest_table(x, s, e);
	}
	join_list(x, s);
	return s;
}

static void free_page(struct xi *x, struct xi_spage *s) MMU_LOCKED
{
	s->state = XI_FREE;
	s->page.next_free = x->limbo;
	x->limbo = &s->page;
	x->nr_limbo++;
	/* A processor may hold the way to it even where no entry of it was present. */
	x->stale = x->mmu->wide = x->everybody;
}

static void drop_parents(struct xi *x, struct xi_spage *s) MMU_LOCKED
{
	while (s->parents)
		xi_set(x, xi_entry_page(x, s->parents), xi_entry_index(s->parents), 0, 0);
}

static void drop_entries(struct xi *x, struct xi_spage *s, bool deep) MMU_LOCKED
{
	xi_for_each_used(i, s) {
		uint64_t old = s->page.spt[i];
		struct xi_spage *child;

		child = deep && !xi_is_leaf(s, old) ? xi_child(x, s, i) : NULL;
		xi_set(x, s, i, 0, 0);
		if (child && xi_is_orphan(child))
			xi_zap(x, child, true);
	}
}

/* Frame `gfn` is no table any more: give W back where nothing but its protection took it, so
 * that its next life begins without a fault. Pieces of large pages need no look at the guest. */
static void unprotect(struct xi *x, uint64_t gfn) MMU_LOCKED
{
	for (uint32_t n = x->frame[gfn].rmap; n; n = xi_entry_next(x, n)) {
		struct xi_spage *s = xi_entry_page(x, n);
		unsigned i = xi_entry_index(n);
		uint64_t spte;

		if (!s->key.role.direct || (s->page.spt[i] & PTE_W))
			continue;
		spte = xi_direct_leaf(x, s, i);
		if (!(spte & PTE_W))
			continue;
		x->nr_changes++;
		__atomic_store_n(&s->page.spt[i], spte, __ATOMIC_RELAXED);
	}
}

void xi_zap(struct xi *x, struct xi_spage *s, bool deep)
{
	x->nr_zaps++;
	s->state = XI_DYING;
	list_del(&s->lru);
	leave_list(x, s);
	if (s->oos) {
		s->oos = false;
		x->nr_oos--;
		list_del(&s->oos_node);
	}
	drop_parents(x, s);
	drop_entries(x, s, deep);
	if (!s->key.role.direct && !x->frame[s->key.gfn].tables && xi_has(x, MMU_OPT_PREFILL))
		unprotect(x, s->key.gfn);
	if (!s->roots)
		free_page(x, s);
}

void xi_zap_frame(struct xi *x, uint64_t gfn, bool deep)
{
	struct xi_spage *s;

	while ((s = xi_first_table(x, gfn)))
		xi_zap(x, s, deep);
}

void xi_zap_orphans(struct xi *x, uint64_t gfn)
{
	struct xi_spage *next;

	for (struct xi_spage *s = xi_first_table(x, gfn); s; s = next) {
		next = xi_next_table(x, s);
		if (xi_is_orphan(s))
			xi_zap(x, s, false);
	}
}

void xi_zap_all(struct xi *x)
{
	while (!list_empty(&x->lru))
		xi_zap(x, list_entry(x->lru.next, struct xi_spage, lru), false);
}

void xi_get_root(struct xi_spage *s)
{
	s->roots++;
}

void xi_put_root(struct xi *x, struct xi_spage *s)
{
	if (--s->roots == 0 && s->state == XI_DYING)
		free_page(x, s);
}

static void leave_limbo(struct xi *x) MMU_LOCKED
{
	while (x->limbo) {
		struct mmu_spage *s = x->limbo;

		x->limbo = s->next_free;
		mmu_pool_put(&x->pool, s);
	}
	x->nr_limbo = 0;
}

static void know_nothing_of(struct xi *x, unsigned vcpus) MMU_LOCKED
{
	x->stale &= ~vcpus;
	x->mmu->wide &= ~vcpus;
	if (unlikely(x->limbo) && (!x->stale || !GUARD(I17_LIMBO)))
		leave_limbo(x);
}

void xi_flush_hw(struct xi *x, struct mmu_vcpu *v)
{
	mmu_hw_flush(v);
	know_nothing_of(x, 1u << v->id);
}

void xi_settle(struct xi *x, struct mmu_vcpu *v)
{
	unsigned own = v ? 1u << v->id : 0;

	if (!x->stale)
		return;
	if (x->stale & own)
		mmu_hw_flush(v);
	if (x->stale & ~own) {
		mmu_shootdown(x->mmu, v);
		xi_count(v, MMU_CNT_SHOOTDOWN);
	}
	know_nothing_of(x, ~0u);
}

/* The least recently linked that no vCPU has as root. */
static struct xi_spage *oldest(struct xi *x) MMU_LOCKED
{
	struct mmu_list *n = x->lru.prev;

	while (n != &x->lru && list_entry(n, struct xi_spage, lru)->roots)
		n = n->prev;
	return n == &x->lru ? NULL : list_entry(n, struct xi_spage, lru);
}

static cold void reclaim(struct xi *x, struct mmu_vcpu *v) MMU_LOCKED
{
	uint64_t start = mmu_clock();

	while (x->pool.nr_free + x->nr_limbo < XI_LONGEST_PATH + RECLAIM_BATCH) {
		struct xi_spage *s = oldest(x);

		if (!s)
			break;
		xi_zap(x, s, false);
	}
	xi_settle(x, v);
	mmu_op_ended_locked(v, MMU_OP_RECLAIM, start);
}

void xi_reserve(struct xi *x, struct mmu_vcpu *v)
{
	if (unlikely(x->pool.nr_free < XI_LONGEST_PATH) && GUARD(I6_RESERVE))
		reclaim(x, v);
}

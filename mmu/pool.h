/* SPDX-License-Identifier: MIT */
/*
 * A fixed pool of shadow pages, filled at creation and never grown: nothing on the fault
 * path can fail for lack of memory. A page is handed out all zero and comes back all zero,
 * so that nobody clears 512 entries to use three.
 *
 * Guarded by mmu_lock; which page a frame belongs to never changes and needs none.
 */
#ifndef MMU_POOL_H
#define MMU_POOL_H

#include "mmu/platform.h"
#include "mmu/types.h"

/* One shadow page; the engine's own structure begins with it. */
struct mmu_spage {
	uint64_t *spt; /* its 512 entries */
	pfn_t pfn;
	struct mmu_spage *next_free;
};

struct mmu_pool {
	struct mmu_spage *free;
	unsigned nr_free, nr_pages;
	/* Which page has frame f: open hashing, at most half full, set at creation. */
	struct mmu_spage **by_pfn;
	unsigned hash_bits;
	uint8_t *items; /* of the engine's structures, one a page */
	size_t items_bytes;
	size_t item_bytes;
};

/*
 * Fill a zeroed `p` with `nr_pages` > 0 pages, each described by `item_bytes` that begin
 * with a struct mmu_spage. 0 or -ENOMEM; mmu_pool_fini() is due either way.
 */
must_check int mmu_pool_init(struct mmu_pool *p, struct mmu *m, unsigned nr_pages,
			     size_t item_bytes);
void mmu_pool_fini(struct mmu_pool *p, struct mmu *m);

/* The caller has seen that nr_free > 0. */
static inline struct mmu_spage *mmu_pool_take(struct mmu_pool *p)
{
	struct mmu_spage *s = p->free;

	p->free = s->next_free;
	p->nr_free--;
	return s;
}

/* `s` is all zero, and the processor will have forgotten it before the guest runs (I17). */
static inline void mmu_pool_put(struct mmu_pool *p, struct mmu_spage *s)
{
	s->next_free = p->free;
	p->free = s;
	p->nr_free++;
}

/* Fibonacci hashing (Knuth, The Art of Computer Programming 6.4): frames come in runs, which
 * must not lie upon each other in the table. */
static inline uint64_t mmu_pool_slot(const struct mmu_pool *p, pfn_t pfn)
{
	return (pfn.v * UINT64_C(0x9e3779b97f4a7c15)) >> (64 - p->hash_bits);
}

/* The page of `pfn`, which is one of the pool's. */
static inline struct mmu_spage *mmu_pool_find(const struct mmu_pool *p, pfn_t pfn)
{
	uint64_t slot = mmu_pool_slot(p, pfn), mask = (UINT64_C(1) << p->hash_bits) - 1;

	while (p->by_pfn[slot]->pfn.v != pfn.v)
		slot = (slot + 1) & mask;
	return p->by_pfn[slot];
}

#endif

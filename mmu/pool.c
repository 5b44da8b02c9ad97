/* SPDX-License-Identifier: MIT */
/* Making and undoing a pool of shadow pages. Runs before and after its guest does: no lock. */
#include "mmu/errno.h"
#include "mmu/pool.h"

static struct mmu_spage *item(const struct mmu_pool *p, unsigned i)
{
	return (struct mmu_spage *)(void *)(p->items + i * p->item_bytes);
}

static size_t hash_bytes(const struct mmu_pool *p)
{
	return (UINT64_C(1) << p->hash_bits) * sizeof(struct mmu_spage *);
}

static int add_page(struct mmu_pool *p, struct mmu *m)
{
	struct mmu_spage *s = item(p, p->nr_pages);
	uint64_t slot, mask = (UINT64_C(1) << p->hash_bits) - 1;
	int err = mmu_page_alloc(m, false, &s->pfn);

	if (err)
		return err;
	p->nr_pages++;
	s->spt = mmu_map_pfn(s->pfn);
	for (slot = mmu_pool_slot(p, s->pfn); p->by_pfn[slot]; slot = (slot + 1) & mask)
		;
	p->by_pfn[slot] = s;
	mmu_pool_put(p, s);
	return 0;
}

int mmu_pool_init(struct mmu_pool *p, struct mmu *m, unsigned nr_pages, size_t item_bytes)
{
	p->hash_bits = 1;
	while (UINT64_C(1) << p->hash_bits < 2ul * nr_pages)
		p->hash_bits++;
	p->item_bytes = item_bytes;
	p->items = mmu_mem_alloc(nr_pages * item_bytes);
	p->by_pfn = mmu_mem_alloc(hash_bytes(p));
	p->items_bytes = nr_pages * item_bytes;
	if (!p->items || !p->by_pfn)
		return -ENOMEM;
	for (unsigned i = 0; i < nr_pages; i++) {
		int err = add_page(p, m);

		if (err)
			return err;
	}
	return 0;
}

void mmu_pool_fini(struct mmu_pool *p, struct mmu *m)
{
	for (unsigned i = 0; i < p->nr_pages; i++)
		mmu_page_free(m, item(p, i)->pfn);
	if (p->by_pfn)
		mmu_mem_free(p->by_pfn, hash_bytes(p));
	if (p->items)
		mmu_mem_free(p->items, p->items_bytes);
	*p = (struct mmu_pool){ .free = NULL };
}

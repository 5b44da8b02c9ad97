/* SPDX-License-Identifier: MIT */
/*
 * Host physical memory (hv/page.h): two buddy allocators, one below 4 GiB and one above,
 * so that PAGE_BELOW_4G is found at once and other requests leave the scarce part alone.
 * `lock` guards both.
 */
#include "hv/page.h"

#include "hv/buddy.h"
#include "hv/errno.h"
#include "hv/page_init.h"
#include "hv/paging.h"
#include "hv/print.h"
#include "hv/spinlock.h"
#include "hv/string.h"

_Static_assert(PAGE_MAX_ORDER == BUDDY_MAX_ORDER, "one largest block");

#define FRAMES_4G (UINT64_C(1) << (32 - PAGE_SHIFT))

static struct spinlock lock;
static struct buddy low, high;
static uint64_t total; /* frames managed; constant after page_init */

static int alloc_locked(unsigned order, unsigned flags, uint64_t *frame)
{
	int err = -ENOMEM;

	spin_lock(&lock);
	if (!(flags & PAGE_BELOW_4G))
		err = buddy_alloc(&high, order, frame);
	if (err)
		err = buddy_alloc(&low, order, frame);
	spin_unlock(&lock);
	return err;
}

/* By eight bytes: a CPU without ERMS, or an emulator, makes no more of a step than what it is. */
void page_clear(pfn_t pfn, unsigned order)
{
	void *p = pfn_to_ptr(pfn);
	uint64_t n = (PAGE_SIZE << order) / 8;

	__asm__ volatile("rep stosq" : "+D"(p), "+c"(n) : "a"(UINT64_C(0)) : "memory");
}

int page_alloc(unsigned order, unsigned flags, pfn_t *pfn)
{
	uint64_t frame;
	int err = alloc_locked(order, flags, &frame);

	if (err)
		return err;
	*pfn = PFN(frame);
	if (flags & PAGE_ZERO)
		page_clear(*pfn, order);
	return 0;
}

void page_free(pfn_t pfn, unsigned order)
{
	struct buddy *b = pfn.v < FRAMES_4G ? &low : &high;
	bool ok;

	spin_lock(&lock);
	ok = buddy_free(b, pfn.v, order);
	spin_unlock(&lock);
	if (!ok)
		panic("page_free: frame %#lx order %u is not allocated", pfn.v, order);
}

uint64_t pages_free(void)
{
	return low.nr_free + high.nr_free;
}

uint64_t pages_total(void)
{
	return total;
}

hpa_t ptr_to_hpa(const void *p)
{
	uint64_t va = (uint64_t)p;

	if (va >= IMAGE_VMA)
		return HPA(va - IMAGE_VMA);
	BUG_ON(va < DIRECT_MAP_BASE || va - DIRECT_MAP_BASE >= DIRECT_MAP_BYTES);
	return HPA(va - DIRECT_MAP_BASE);
}

/* Smallest order whose block holds `bytes`. */
static unsigned order_of(size_t bytes)
{
	unsigned order = 0;

	while (order <= PAGE_MAX_ORDER && (PAGE_SIZE << order) < bytes)
		order++;
	return order;
}

void *mem_alloc(size_t bytes)
{
	pfn_t pfn;

	if (page_alloc(order_of(bytes), PAGE_ZERO, &pfn))
		return NULL;
	return pfn_to_ptr(pfn);
}

void mem_free(void *p, size_t bytes)
{
	if (p)
		page_free(hpa_to_pfn(ptr_to_hpa(p)), order_of(bytes));
}

/* Set `b` up for the frames from `base` to below `end`. */
static void zone_init(struct buddy *b, struct memmap *m, uint64_t base, uint64_t end)
{
	uint64_t nr = end > base ? end - base : 0;
	struct buddy_frame *frame = NULL;
	hpa_t mem;

	if (nr) {
		if (memmap_take(m, nr * sizeof(*frame), UINT64_MAX, &mem))
			panic("no memory for the page allocator's own data");
		frame = hpa_to_ptr(mem);
		memset(frame, 0, nr * sizeof(*frame));
	}
	buddy_init(b, frame, base, nr);
}

void page_init(struct memmap *m)
{
	uint64_t end = m->free.nr ? m->free.r[m->free.nr - 1].end >> PAGE_SHIFT : 0;
	unsigned i;

	zone_init(&high, m, FRAMES_4G, MAX(end, FRAMES_4G));
	zone_init(&low, m, 0, MIN(end, FRAMES_4G));
	for (i = 0; i < m->free.nr; i++) {
		uint64_t from = m->free.r[i].start >> PAGE_SHIFT;
		uint64_t to = m->free.r[i].end >> PAGE_SHIFT;

		if (from < FRAMES_4G)
			buddy_add(&low, from, MIN(to, FRAMES_4G));
		if (to > FRAMES_4G)
			buddy_add(&high, MAX(from, FRAMES_4G), to);
	}
	m->free.nr = 0;
	total = pages_free();
}

/* SPDX-License-Identifier: MIT */
/*
 * Host physical memory: a buddy allocator over the RAM that the loader reported, less
 * xihv's image, the modules and the first MiB. One lock inside.
 */
#ifndef HV_PAGE_H
#define HV_PAGE_H

#include "hv/compiler.h"

#define PAGE_MAX_ORDER 18 /* 1 GiB */
#define PAGE_ORDER_2M 9

enum page_flags {
	PAGE_ZERO = 1 << 0, /* zeroed */
	PAGE_BELOW_4G = 1 << 1, /* whole block below 4 GiB */
};

/* 2^order pages, naturally aligned. 0 or -ENOMEM. */
must_check int page_alloc(unsigned order, unsigned flags, pfn_t *pfn);
void page_free(pfn_t pfn, unsigned order);

/* Zero 2^order pages. */
void page_clear(pfn_t pfn, unsigned order);

/* Pages free now / managed in all. */
uint64_t pages_free(void);
uint64_t pages_total(void);

/* Direct map: every managed frame, and the modules, at DIRECT_MAP_BASE + hpa. */
#define DIRECT_MAP_BASE UINT64_C(0xffff800000000000)

static inline void *hpa_to_ptr(hpa_t a)
{
	return (void *)(DIRECT_MAP_BASE + a.v);
}

static inline void *pfn_to_ptr(pfn_t f)
{
	return hpa_to_ptr(pfn_to_hpa(f));
}

/* Of a direct-map or image address. */
hpa_t ptr_to_hpa(const void *p);

/* Zeroed memory by the page (rounded up to a power of two pages); NULL when none. */
void *mem_alloc(size_t bytes);
void mem_free(void *p, size_t bytes);

/* Map device registers uncached, kept for good. NULL when the window is full. */
void *mmio_map(hpa_t base, size_t bytes);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * The buddy allocator over frame numbers (Knowlton 1965): blocks of 2^order frames,
 * naturally aligned; a freed block joins its buddy while that is free too. It never
 * touches the frames themselves. The owner locks (hv/page.c).
 */
#ifndef HV_BUDDY_H
#define HV_BUDDY_H

#include "hv/compiler.h"

#define BUDDY_MAX_ORDER 18
#define BUDDY_NONE UINT32_MAX

/* One a frame; meaningful for the first frame of a block. */
struct buddy_frame {
	uint32_t next, prev; /* in the free list of its order; BUDDY_NONE ends it */
	uint8_t order;
	uint8_t free; /* first frame of a free block */
};

struct buddy {
	struct buddy_frame *frame; /* owner's memory, zeroed */
	uint64_t base; /* number of frame[0], a multiple of 2^BUDDY_MAX_ORDER */
	uint32_t nr; /* frames described */
	uint32_t head[BUDDY_MAX_ORDER + 1];
	uint64_t nr_free;
};

/* Nothing is free at first. `nr` < BUDDY_NONE. */
void buddy_init(struct buddy *b, struct buddy_frame *frame, uint64_t base, uint32_t nr);

/* Put frames start..end-1 in, which must lie inside base..base+nr-1. */
void buddy_add(struct buddy *b, uint64_t start, uint64_t end);

/* First frame of a block of 2^order frames. 0 or -ENOMEM. */
must_check int buddy_alloc(struct buddy *b, unsigned order, uint64_t *frame);

/* False, nothing done: `frame` is not aligned for `order`, lies outside, or (part of it
 * that can be told) is free already. */
must_check bool buddy_free(struct buddy *b, uint64_t frame, unsigned order);

#endif

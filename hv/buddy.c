/* SPDX-License-Identifier: MIT */
/*
 * The buddy allocator (hv/buddy.h). The caller locks.
 *
 * 1. A frame with `free` set is the first one of a free block of its `order`, and is in
 *    the list head[order]; no other frame of that block has `free` set.
 * 2. No two buddies of one order are both free: they are joined.
 * 3. nr_free is the number of frames in all lists.
 */
#include "hv/buddy.h"

#include "hv/errno.h"

static void list_add(struct buddy *b, uint32_t i, unsigned order)
{
	struct buddy_frame *f = &b->frame[i];

	f->order = order;
	f->free = true;
	f->prev = BUDDY_NONE;
	f->next = b->head[order];
	if (f->next != BUDDY_NONE)
		b->frame[f->next].prev = i;
	b->head[order] = i;
}

static void list_remove(struct buddy *b, uint32_t i)
{
	struct buddy_frame *f = &b->frame[i];

	if (f->prev == BUDDY_NONE)
		b->head[f->order] = f->next;
	else
		b->frame[f->prev].next = f->next;
	if (f->next != BUDDY_NONE)
		b->frame[f->next].prev = f->prev;
	f->free = false;
}

void buddy_init(struct buddy *b, struct buddy_frame *frame, uint64_t base, uint32_t nr)
{
	unsigned order;

	b->frame = frame;
	b->base = base;
	b->nr = nr;
	b->nr_free = 0;
	for (order = 0; order <= BUDDY_MAX_ORDER; order++)
		b->head[order] = BUDDY_NONE;
}

/* Put a block in, joined with its buddies as far as they go. */
static void insert(struct buddy *b, uint32_t i, unsigned order)
{
	b->nr_free += UINT64_C(1) << order;
	for (; order < BUDDY_MAX_ORDER; order++) {
		uint64_t size = UINT64_C(1) << order;
		uint64_t buddy = i ^ size;

		if (buddy + size > b->nr || !b->frame[buddy].free || b->frame[buddy].order != order)
			break;
		list_remove(b, buddy);
		i &= ~(uint32_t)size;
	}
	list_add(b, i, order);
}

void buddy_add(struct buddy *b, uint64_t start, uint64_t end)
{
	uint64_t i = start - b->base;
	uint64_t stop = end - b->base;

	while (i < stop) {
		unsigned order = 0;

		while (order < BUDDY_MAX_ORDER && !(i & ((UINT64_C(2) << order) - 1)) &&
		       i + (UINT64_C(2) << order) <= stop)
			order++;
		insert(b, i, order);
		i += UINT64_C(1) << order;
	}
}

int buddy_alloc(struct buddy *b, unsigned order, uint64_t *frame)
{
	unsigned from = order;
	uint32_t i;

	while (from <= BUDDY_MAX_ORDER && b->head[from] == BUDDY_NONE)
		from++;
	if (from > BUDDY_MAX_ORDER)
		return -ENOMEM;
	i = b->head[from];
	list_remove(b, i);
	/* The lower half is kept, so that small blocks gather at low addresses. */
	while (from > order) {
		from--;
		list_add(b, i + (UINT32_C(1) << from), from);
	}
	b->frame[i].order = order;
	b->nr_free -= UINT64_C(1) << order;
	*frame = b->base + i;
	return 0;
}

/* Some free block holds frame `i`. */
static bool is_free(const struct buddy *b, uint32_t i)
{
	unsigned order;

	for (order = 0; order <= BUDDY_MAX_ORDER; order++) {
		uint32_t head = i & ~((UINT32_C(1) << order) - 1);

		if (b->frame[head].free && b->frame[head].order >= order)
			return true;
	}
	return false;
}

bool buddy_free(struct buddy *b, uint64_t frame, unsigned order)
{
	uint64_t i = frame - b->base;
	uint64_t size;

	if (order > BUDDY_MAX_ORDER)
		return false;
	size = UINT64_C(1) << order;
	if (frame < b->base || i + size > b->nr || (i & (size - 1)) || is_free(b, i))
		return false;
	insert(b, i, order);
	return true;
}

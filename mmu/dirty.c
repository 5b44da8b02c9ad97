/* SPDX-License-Identifier: MIT */
/*
 * Log-dirty: which guest frames were written since the latest collect. An engine makes a leaf
 * writable only for a frame that is noted (mmu_dirty_allows), so the first write to any
 * other comes to us; host writes note their frame in mmu_guest_update().
 *
 * Exact: a collect takes the notes, forbids writes to what they name and waits until no
 * processor can still write, all under mmu_lock. A write before that is in the notes handed
 * out, and whoever copies the frames does so later; one after it faults and is noted anew.
 *
 * Guarded by mmu_lock: struct mmu_dirty.
 */
#include "mmu/errno.h"
#include "mmu/guard.h"
#include "mmu/record.h"

static size_t bytes(const struct mmu_dirty *d)
{
	return d->words * sizeof(uint64_t);
}

static void free_bitmaps(struct mmu_dirty *d)
{
	if (d->bitmap)
		mmu_mem_free(d->bitmap, bytes(d));
	if (d->spare)
		mmu_mem_free(d->spare, bytes(d));
	*d = (struct mmu_dirty){ .words = 0 };
}

static void forbid_writes(struct mmu *m, const uint64_t *frames) MMU_LOCKED
{
	m->engine->dirty_protect(m, frames);
	if (GUARD(I19_SHOOTDOWN))
		mmu_shootdown(m, NULL);
}

int mmu_dirty_start(struct mmu *m)
{
	struct mmu_dirty d = { .words = (m->config.frames + 63) / 64 };

	d.bitmap = mmu_mem_alloc(bytes(&d));
	d.spare = mmu_mem_alloc(bytes(&d));
	if (!d.bitmap || !d.spare) {
		free_bitmaps(&d);
		return -ENOMEM;
	}
	mmu_lock(m);
	if (m->dirty.bitmap) {
		mmu_unlock(m);
		free_bitmaps(&d);
		return -EBUSY;
	}
	m->dirty = d;
	forbid_writes(m, NULL);
	if (mmu_recorded(m))
		mmu_rec_dirty(m, MMU_REC_DIRTY_START, 0);
	mmu_unlock(m);
	return 0;
}

/* Take the notes out of `from`, which is all zero then. */
static uint64_t take(uint64_t *from, uint64_t words, uint64_t *to)
{
	uint64_t n = 0;

	for (uint64_t i = 0; i < words; i++) {
		if (to)
			to[i] = from[i];
		for (; from[i]; from[i] &= from[i] - 1)
			n++;
	}
	return n;
}

uint64_t mmu_dirty_collect(struct mmu *m, uint64_t *bitmap)
{
	struct mmu_dirty *d = &m->dirty;
	uint64_t n = 0;

	mmu_lock(m);
	if (d->bitmap) {
		uint64_t *taken = d->bitmap;

		d->bitmap = d->spare;
		d->spare = taken;
		forbid_writes(m, taken);
		n = take(taken, d->words, bitmap);
		if (mmu_recorded(m))
			mmu_rec_dirty(m, MMU_REC_DIRTY_COLLECT, n);
	}
	mmu_unlock(m);
	return n;
}

void mmu_dirty_stop(struct mmu *m)
{
	struct mmu_dirty d;

	mmu_lock(m);
	d = m->dirty;
	m->dirty = (struct mmu_dirty){ .words = 0 };
	if (mmu_recorded(m))
		mmu_rec_dirty(m, MMU_REC_DIRTY_STOP, 0);
	mmu_unlock(m);
	free_bitmaps(&d);
}

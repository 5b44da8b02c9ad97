/* SPDX-License-Identifier: MIT */
/* See record_ring.h. */
#include "mmu/record_ring.h"

#define WORD_BYTES ((unsigned)sizeof(uint64_t))
#define PIECE_FRAMES 512u /* of 2 MiB (p2m_entry.large) */

union head {
	struct mmu_record record;
	uint64_t word;
};

/* ---- rings ---- */

static uint64_t *at(const struct mmu_rec_ring *r, uint64_t pos)
{
	return &r->word[pos & (r->recorder->ring_words - 1)];
}

static void drop_oldest(struct mmu_rec_ring *r)
{
	const union head h = { .word = *at(r, r->tail) };

	r->tail += MMU_REC_HEAD_WORDS + h.record.words;
}

void mmu_rec_put(struct mmu_rec_ring *r, enum mmu_rec kind, unsigned arg, const uint64_t *word,
		 unsigned words)
{
	struct mmu_recorder *rec = r->recorder;
	union head h = { .record = { (uint8_t)kind, (uint8_t)r->nr, (uint8_t)arg, (uint8_t)words,
				     rec->seq++ } };

	while (r->head + MMU_REC_HEAD_WORDS + words - r->tail > rec->ring_words)
		drop_oldest(r);
	*at(r, r->head++) = h.word;
	for (unsigned i = 0; i < words; i++)
		*at(r, r->head++) = word[i];
}

static void put_state(struct mmu_rec_ring *r) MMU_LOCKED
{
	const struct mmu_regs *s = &r->regs;
	const uint64_t word[] = { s->cr0,      s->cr3,	    s->cr4,	 s->efer,
				  r->pdpte[0], r->pdpte[1], r->pdpte[2], r->pdpte[3] };

	mmu_rec_put(r, MMU_REC_STATE, 0, word, sizeof(word) / sizeof(word[0]));
}

/* A replay writes latched PDPTEs to where CR3 points. If that is memory no more it can not. */
static void touch_pdpt(struct mmu_rec_ring *r) MMU_LOCKED
{
	uint64_t gfn = gpa_to_gfn(GPA(r->regs.cr3 & CR3_PAE_PDPT)).v;

	if (mmu_mode_of(&r->regs) == PAGING_PAE && !mmu_rec_touch(r, gfn))
		mmu_rec_put(r, MMU_REC_LOST, 0, NULL, 0);
}

void mmu_rec_key_frame(struct mmu_recorder *rec)
{
	const uint64_t frames = 0;

	for (unsigned i = 0; i < MMU_REC_CACHE; i++)
		rec->known[i].mask = 0;
	for (unsigned i = 0; i < rec->nr_vcpus; i++)
		put_state(&rec->ring[i]); /* numbers in a row: nothing comes between */
	for (unsigned i = 0; i < rec->nr_vcpus; i++)
		touch_pdpt(&rec->ring[i]);
	if (rec->mmu->dirty.bitmap)
		mmu_rec_put(&rec->ring[0], MMU_REC_DIRTY, MMU_REC_DIRTY_START, &frames, 1);
	for (unsigned i = 0; i < rec->nr_vcpus; i++)
		rec->ring[i].key = rec->ring[i].head;
}

void mmu_rec_end_call(struct mmu_rec_ring *r)
{
	if (r->head - r->key > r->recorder->ring_words / 2)
		mmu_rec_key_frame(r->recorder);
}

/* ---- the memory map ---- */

static bool alike(struct mmu *m, uint64_t gfn, const struct p2m_entry *e)
{
	struct p2m_entry other;

	if (gfn >= m->config.frames)
		return false;
	other = mmu_p2m_lookup(m, GFN(gfn));
	return other.kind == e->kind && other.large == e->large;
}

/* The longest range around `gfn` that is the same: in whole pieces where they are large. */
static struct mmu_rec_range range_around(struct mmu *m, uint64_t gfn, const struct p2m_entry *e)
{
	uint64_t step = e->large ? PIECE_FRAMES : 1, from = gfn / step * step, to = from + step;

	while (from && alike(m, from - step, e))
		from -= step;
	while (alike(m, to, e))
		to += step;
	return (struct mmu_rec_range){ from, to - from, e->kind, e->large };
}

bool mmu_rec_touch(struct mmu_rec_ring *r, uint64_t gfn)
{
	struct mmu_recorder *rec = r->recorder;
	struct p2m_entry e;

	for (unsigned i = 0; i < rec->nr_ranges; i++)
		if (gfn - rec->range[i].gfn < rec->range[i].n)
			return true;
	e = mmu_p2m_lookup(rec->mmu, GFN(gfn));
	if (e.kind == P2M_NONE)
		return false;
	if (rec->nr_ranges < MMU_REC_RANGES)
		rec->range[rec->nr_ranges++] = range_around(rec->mmu, gfn, &e);
	else
		mmu_rec_put(r, MMU_REC_LOST, 0, NULL, 0);
	return true;
}

/* ---- what a replay knows ---- */

static struct mmu_rec_known *known(struct mmu_recorder *rec, uint64_t gpa)
{
	/* Tables are used at the same few indices: the frame's number spreads them. */
	uint64_t word = gpa / WORD_BYTES;

	return &rec->known[(word ^ (gpa >> PAGE_SHIFT) * 0x9e5u) % MMU_REC_CACHE];
}

static uint64_t mask_of(gpa_t at, unsigned bytes)
{
	unsigned shift = at.v % WORD_BYTES * 8;

	return bytes == WORD_BYTES ? ~UINT64_C(0) : (BIT(bytes * 8) - 1) << shift;
}

void mmu_rec_learn(struct mmu_recorder *rec, gpa_t at, unsigned bytes, uint64_t value)
{
	uint64_t gpa = at.v & ~(uint64_t)(WORD_BYTES - 1), mask = mask_of(at, bytes);
	struct mmu_rec_known *k = known(rec, gpa);

	if (k->gpa != gpa)
		*k = (struct mmu_rec_known){ .gpa = gpa };
	k->value = (k->value & ~mask) | value << at.v % WORD_BYTES * 8;
	k->mask |= mask;
}

void mmu_rec_unlearn(struct mmu_recorder *rec, gpa_t at, unsigned len)
{
	for (uint64_t gpa = at.v & ~(uint64_t)(WORD_BYTES - 1); gpa < at.v + len;
	     gpa += WORD_BYTES) {
		struct mmu_rec_known *k = known(rec, gpa);

		if (k->gpa == gpa)
			k->mask = 0;
	}
}

static bool is_known(struct mmu_recorder *rec, gpa_t at, unsigned bytes, uint64_t value)
{
	uint64_t gpa = at.v & ~(uint64_t)(WORD_BYTES - 1), mask = mask_of(at, bytes);
	const struct mmu_rec_known *k = known(rec, gpa);

	return k->gpa == gpa && (k->mask & mask) == mask &&
	       (k->value & mask) == value << at.v % WORD_BYTES * 8;
}

void mmu_rec_entry(struct mmu_rec_ring *r, gpa_t at, unsigned bytes, uint64_t value)
{
	const uint64_t word[] = { at.v, value };

	if (is_known(r->recorder, at, bytes, value) || !mmu_rec_touch(r, gpa_to_gfn(at).v))
		return;
	mmu_rec_put(r, MMU_REC_TABLE, bytes, word, 2);
	mmu_rec_learn(r->recorder, at, bytes, value);
}

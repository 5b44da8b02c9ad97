/* SPDX-License-Identifier: MIT */
/* Hooks of the flight recorder (record.h): what calls did, as records. */
#include "mmu/record_ring.h"

#define PDPTE_BYTES 8u

/* Under the lock it may have ended meanwhile: NULL. */
static struct mmu_rec_ring *begin(struct mmu_vcpu *v) MMU_TAKES
{
	mmu_lock(v->mmu);
	return v->rec;
}

static void end(struct mmu_vcpu *v, struct mmu_rec_ring *r) MMU_DROPS
{
	if (r)
		mmu_rec_end_call(r);
	mmu_unlock(v->mmu);
}

/* ---- registers ---- */

static void put_fresh(struct mmu_rec_ring *r) MMU_LOCKED
{
	for (unsigned i = 0; i < PAE_PDPTES; i++)
		mmu_rec_entry(r, GPA(r->fresh_at + i * PDPTE_BYTES), PDPTE_BYTES, r->fresh[i]);
}

/* The registers are `regs` now, or were to be. */
static void put_regs(struct mmu_rec_ring *r, enum mmu_rec kind, const struct mmu_regs *regs,
		     bool refused) MMU_LOCKED
{
	const uint64_t word[] = { regs->cr0, regs->cr3, regs->cr4, regs->efer };

	if (r->has_fresh)
		put_fresh(r);
	if (kind == MMU_REC_CR3)
		mmu_rec_put(r, kind, refused, &regs->cr3, 1);
	else
		mmu_rec_put(r, kind, refused, word, sizeof(word) / sizeof(word[0]));
	for (unsigned i = 0; i < PAE_PDPTES && r->has_fresh && !refused; i++)
		r->pdpte[i] = r->fresh[i];
	if (!refused)
		r->regs = *regs;
	r->has_fresh = false;
}

cold void mmu_rec_regs(struct mmu_vcpu *v, const struct mmu_regs *regs, bool refused)
{
	struct mmu_rec_ring *r = begin(v);

	if (r)
		put_regs(r, MMU_REC_REGS, regs, refused);
	end(v, r);
}

cold void mmu_rec_cr3(struct mmu_vcpu *v, uint64_t cr3, bool refused)
{
	struct mmu_rec_ring *r = begin(v);
	struct mmu_regs regs = v->regs;

	regs.cr3 = cr3;
	if (r)
		put_regs(r, MMU_REC_CR3, &regs, refused);
	end(v, r);
}

cold void mmu_rec_pdptes(struct mmu_vcpu *v, uint64_t at, const uint64_t *pdpte)
{
	struct mmu_rec_ring *r = begin(v);

	if (r) {
		r->has_fresh = true;
		r->fresh_at = at;
		for (unsigned i = 0; i < PAE_PDPTES; i++)
			r->fresh[i] = pdpte[i];
	}
	mmu_unlock(v->mmu);
}

/* ---- walks and flushes ---- */

static void put_entries(const struct mmu_vcpu *v, struct mmu_rec_ring *r, gva_t va,
			const struct mmu_walk *w) MMU_LOCKED
{
	const struct pt_format *f = mmu_format_of(v->pg.mode);

	for (unsigned level = f ? f->levels : 0; level && level >= w->level; level--)
		mmu_rec_entry(r, mmu_walk_gpte_gpa(f, w, va, level), f->entry_bytes,
			      w->gpte[level]);
}

static uint64_t outcome(enum mmu_rec kind, enum mmu_result result, const struct mmu_fault *fault)
{
	switch (result) {
	case MMU_INJECT:
		return fault->error_code;
	case MMU_MMIO:
	case MMU_EMULATE:
		return fault->gpa.v;
	default:
		return result == MMU_FIXED && kind == MMU_REC_TRANSLATE ? fault->gpa.v : 0;
	}
}

cold void mmu_rec_walk(struct mmu_vcpu *v, enum mmu_rec kind, gva_t va, unsigned access,
		       enum mmu_result result, const struct mmu_fault *fault,
		       const struct mmu_walk *w)
{
	const uint64_t word[] = { va.v, access, outcome(kind, result, fault) };
	struct mmu_rec_ring *r = begin(v);

	if (r) {
		if (result != MMU_RETRY) /* else what it read may mean nothing */
			put_entries(v, r, va, w);
		if (result != MMU_RETRY && result != MMU_INJECT)
			mmu_rec_touch(r, w->gfn.v);
		mmu_rec_put(r, kind, result, word, sizeof(word) / sizeof(word[0]));
	}
	end(v, r);
}

void mmu_rec_set_ad(struct mmu_vcpu *v, gpa_t at, unsigned bytes, uint64_t old, uint64_t new)
{
	mmu_rec_entry(v->rec, at, bytes, old);
	mmu_rec_learn(v->rec->recorder, at, bytes, new); /* a replay sets them itself */
}

static void put_call(struct mmu_vcpu *v, enum mmu_rec kind, unsigned arg, const uint64_t *word,
		     unsigned words) MMU_UNLOCKED
{
	struct mmu_rec_ring *r = begin(v);

	if (r)
		mmu_rec_put(r, kind, arg, word, words);
	end(v, r);
}

cold void mmu_rec_invlpg(struct mmu_vcpu *v, gva_t va)
{
	put_call(v, MMU_REC_INVLPG, 0, &va.v, 1);
}

cold void mmu_rec_flush(struct mmu_vcpu *v, bool global)
{
	put_call(v, MMU_REC_FLUSH, global, NULL, 0);
}

/* ---- what others did ---- */

static void put_update(struct mmu_rec_ring *r, gpa_t gpa, unsigned len,
		       const uint8_t *host) MMU_LOCKED
{
	uint64_t word[MMU_REC_MAX_WORDS] = { gpa.v };

	for (unsigned i = 0; i < len; i++)
		word[1 + i / 8] |= (uint64_t)host[i] << i % 8 * 8;
	mmu_rec_put(r, MMU_REC_UPDATE, len, word, 1 + (len + 7) / 8);
}

cold void mmu_rec_update(struct mmu *m, gpa_t gpa, unsigned len, const void *host)
{
	struct mmu_rec_ring *r = &m->rec->ring[0];
	const uint8_t *bytes = host;

	mmu_rec_touch(r, gpa_to_gfn(gpa).v);
	mmu_rec_unlearn(m->rec, gpa, len);
	for (unsigned i = 0, n; i < len; i += n) {
		n = len - i < MMU_REC_MAX_BYTES ? len - i : MMU_REC_MAX_BYTES;
		put_update(r, GPA(gpa.v + i), n, bytes + i);
	}
	mmu_rec_end_call(r);
}

cold void mmu_rec_unshadow(struct mmu_vcpu *v, gpa_t gpa, bool done)
{
	mmu_rec_touch(v->rec, gpa_to_gfn(gpa).v);
	mmu_rec_put(v->rec, MMU_REC_UNSHADOW, done, &gpa.v, 1);
	mmu_rec_end_call(v->rec);
}

cold void mmu_rec_dirty(struct mmu *m, enum mmu_rec_dirty what, uint64_t frames)
{
	mmu_rec_put(&m->rec->ring[0], MMU_REC_DIRTY, what, &frames, 1);
	mmu_rec_end_call(&m->rec->ring[0]);
}

cold void mmu_rec_p2m_changed(struct mmu *m)
{
	struct mmu_recorder *rec = m->rec;

	rec->nr_ranges = 0;
	for (unsigned i = 0; i < rec->nr_vcpus; i++)
		rec->ring[i].tail = rec->ring[i].head;
	mmu_rec_key_frame(rec);
}

/* SPDX-License-Identifier: MIT */
/*
 * The flight recorder: the library's calls and the guest entries that they read, in the format of
 * stream.h, a ring for each vCPU.
 *
 * Off, it is one test of a pointer in each call. On, all of it is under mmu_lock: one
 * cache for the machine knows what a replay has in its memory, and only what differs is
 * recorded. At the start, and whenever a ring is half full of new records, every ring gets a MMU_REC_STATE (a
 * key frame) and the cache is emptied, so that a replay can begin there. The memory map does
 * not change during a recording (a change begins it anew), so a dump puts it before all records.
 */
#ifndef MMU_RECORD_H
#define MMU_RECORD_H

#include "mmu/engine.h"
#include "mmu/stream.h"

/* Do hooks have to be called for it? What they find under the lock counts. */
static inline bool mmu_vcpu_recorded(const struct mmu_vcpu *v)
{
	return unlikely(__atomic_load_n(&v->rec, __ATOMIC_RELAXED) != NULL);
}

static inline bool mmu_recorded(const struct mmu *m)
{
	return unlikely(__atomic_load_n(&m->rec, __ATOMIC_RELAXED) != NULL);
}

/* Hooks, one for each kind of call, when it has returned; without mmu_lock. */
void mmu_rec_regs(struct mmu_vcpu *v, const struct mmu_regs *regs, bool refused) MMU_UNLOCKED;
void mmu_rec_cr3(struct mmu_vcpu *v, uint64_t cr3, bool refused) MMU_UNLOCKED;
void mmu_rec_invlpg(struct mmu_vcpu *v, gva_t va) MMU_UNLOCKED;
void mmu_rec_flush(struct mmu_vcpu *v, bool global) MMU_UNLOCKED;

/* MMU_REC_FAULT or MMU_REC_TRANSLATE; `w` is its walk. */
void mmu_rec_walk(struct mmu_vcpu *v, enum mmu_rec kind, gva_t va, unsigned access,
		  enum mmu_result result, const struct mmu_fault *fault,
		  const struct mmu_walk *w) MMU_UNLOCKED;

/* PDPTEs were read at `at`, for a call that has not returned. */
void mmu_rec_pdptes(struct mmu_vcpu *v, uint64_t at, const uint64_t *pdpte) MMU_UNLOCKED;

/* With mmu_lock, under which the recorder is on. `old` was in an entry before A or D was set;
 * guest memory at `host` was written. */
void mmu_rec_set_ad(struct mmu_vcpu *v, gpa_t at, unsigned bytes, uint64_t old,
		    uint64_t new) MMU_LOCKED;
void mmu_rec_update(struct mmu *m, gpa_t gpa, unsigned len, const void *host) MMU_LOCKED;
void mmu_rec_unshadow(struct mmu_vcpu *v, gpa_t gpa, bool done) MMU_LOCKED;
void mmu_rec_dirty(struct mmu *m, enum mmu_rec_dirty what, uint64_t frames) MMU_LOCKED;
void mmu_rec_p2m_changed(struct mmu *m) MMU_LOCKED;

#endif

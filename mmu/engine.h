/* SPDX-License-Identifier: MIT */
/*
 * A shadow engine: the part of the MMU that decides what is kept in shadow tables and for
 * how long. Everything that follows from the manual alone (walks, permissions, when to
 * flush) is done before an engine is asked.
 */
#ifndef MMU_ENGINE_H
#define MMU_ENGINE_H

#include "mmu/guard.h"
#include "mmu/mmu.h"
#include "mmu/perm.h"
#include "mmu/platform.h"
#include "mmu/walk.h"

/* What the guest's act obliges a vCPU to forget. Each includes the ones before it. */
enum mmu_flush {
	MMU_FLUSH_LOCAL, /* CR3 was loaded: all but what the guest marked global */
	MMU_FLUSH_ALL, /* everything; v->pg may have changed, its mode not */
	MMU_FLUSH_MODE, /* v->pg.mode has changed */
};

/*
 * Called on the CPU that runs or holds the vCPU, without mmu_lock, unless it says otherwise.
 * v->regs, v->pdpte, v->pg and v->hw but for its root are already the new ones.
 */
struct mmu_engine {
	const char *name;

	/* The per-VM part (m->priv). m->config has been checked. 0; or -EINVAL, -ENOMEM and
	 * nothing is left. */
	int (*init)(struct mmu *m);
	void (*fini)(struct mmu *m);

	/* The vCPU's part (v->priv) and v->hw.root, in v->pg.mode. 0; or -ENOMEM and nothing is
	 * left. */
	int (*vcpu_init)(struct mmu_vcpu *v);
	void (*vcpu_fini)(struct mmu_vcpu *v);

	/*
	 * The guest's tables allow `access` at `va` and `w` says by which entries: make it
	 * possible. Checks under mmu_lock that `w` still holds. MMU_FIXED, MMU_RETRY; MMU_MMIO,
	 * MMU_EMULATE with fault->gpa; MMU_INJECT with fault->error_code.
	 */
	enum mmu_result (*fill)(struct mmu_vcpu *v, gva_t va, unsigned access,
				const struct mmu_walk *w, struct mmu_fault *fault);

	/* A #PF is about to be injected: drop what is cached for `va` itself (I2). */
	void (*forget)(struct mmu_vcpu *v, gva_t va);

	/* INVLPG: the whole guest page around `va`, large or not, and always the hardware (I17). */
	void (*invlpg)(struct mmu_vcpu *v, gva_t va);

	void (*flush)(struct mmu_vcpu *v, enum mmu_flush what);

	/* See mmu_pool_use(). */
	void (*pool_use)(const struct mmu_vcpu *v, unsigned *pages, unsigned *unused);

	/* `len` bytes of guest memory at `gpa`, in one page, were written by us (I19). Any CPU,
	 * mmu_lock held. */
	void (*guest_wrote)(struct mmu *m, gpa_t gpa, unsigned len) MMU_GUARDED;

	/* A walk set A or D in an entry of `bytes` bytes in frame `gfn`. To a table of the other
	 * size they may be bits of an address. Any CPU, mmu_lock held. */
	void (*set_ad)(struct mmu *m, gfn_t gfn, unsigned bytes) MMU_GUARDED;

	/* See mmu_unshadow(). mmu_lock held. */
	bool (*unshadow)(struct mmu_vcpu *v, gfn_t gfn) MMU_GUARDED;

	/* `n` frames from `gfn` changed. Any CPU, mmu_lock held; a shootdown of all vCPUs
	 * follows before it is let go. */
	void (*p2m_changed)(struct mmu *m, gfn_t gfn, uint64_t n) MMU_GUARDED;

	/* No entry may be writable for a frame whose bit is set in `frames` (of m->dirty.words
	 * words), or for any (NULL), and none may be large from now on. As p2m_changed. */
	void (*dirty_protect)(struct mmu *m, const uint64_t *frames) MMU_GUARDED;

	/* The engine's part of mmu_audit(), mmu_audit_way() and mmu_summary(). mmu_lock held. */
	void (*audit)(struct mmu *m, struct mmu_audit *out) MMU_GUARDED;
	void (*audit_way)(struct mmu_vcpu *v, gva_t va, struct mmu_audit *out) MMU_GUARDED;
	void (*summary)(struct mmu *m, struct mmu_summary *out) MMU_GUARDED;
};

/* A violation, found by an audit. */
void mmu_audit_failed(struct mmu_audit *a, unsigned invariant, const char *what, uint64_t gfn,
		      uint64_t index, uint64_t value);

/*
 * May a leaf for `gfn`, made for `access`, be writable as far as the dirty log goes? Notes a
 * write. mmu_lock held.
 */
static inline bool mmu_dirty_allows(struct mmu *m, gfn_t gfn, unsigned access) MMU_LOCKED
{
	uint64_t *word;

	if (likely(!m->dirty.bitmap))
		return true;
	word = &m->dirty.bitmap[gfn.v / 64];
	if (access & MMU_ACC_WRITE)
		*word |= BIT(gfn.v % 64);
	return (*word >> gfn.v % 64 & 1) || !GUARD(I19_ALLOWS);
}

/* We write to `gfn` ourselves. mmu_lock held. */
static inline void mmu_dirty_mark(struct mmu *m, gfn_t gfn) MMU_LOCKED
{
	if (unlikely(m->dirty.bitmap))
		m->dirty.bitmap[gfn.v / 64] |= BIT(gfn.v % 64);
}

extern const struct mmu_engine mmu_engine_xi, mmu_engine_vtlb;

/* The access goes to a device model: there is no memory, or ROM that is written. */
static inline bool mmu_is_mmio(enum p2m_kind kind, unsigned access)
{
	return kind == P2M_NONE || (kind == P2M_ROM && (access & MMU_ACC_WRITE));
}

/* Where in guest-physical memory the walk ended. */
static inline gpa_t mmu_walk_gpa(const struct mmu_walk *w, gva_t va)
{
	return GPA(gfn_to_gpa(w->gfn).v | (va.v & ~PAGE_MASK));
}

/* A supervisor access to a user page that SMAP forbids and AC excuses: if the processor refused
 * it all the same, it was an implicit one (SDM Vol. 3A 4.6.1). */
static inline bool mmu_is_implicit(const struct mmu_vcpu *v, const struct mmu_walk *w,
				   unsigned access)
{
	return !(access & (MMU_ACC_USER | MMU_ACC_FETCH)) && (access & MMU_ACC_AC) &&
	       (w->rights & PTE_U) && (v->pg.perm & PERM_SMAP);
}

/* mmu_lock, noted for the sampling profile. */
static inline void mmu_lock_noted(struct mmu_vcpu *v) MMU_TAKES
{
	v->lock_start = mmu_clock();
	mmu_lock(v->mmu);
}

/*
 * An operation that began at `start` ends now. The lock was let go a few instructions ago,
 * so that is when it was: one clock reading is saved. (A lock for A and D bits, which few
 * walks need, is not noted.)
 */
static inline void mmu_op_ended(struct mmu_vcpu *v, enum mmu_op op, uint64_t start)
{
	struct mmu_last_op *last = &v->last[op];
	uint64_t end = mmu_clock();

	last->start = start;
	last->end = end;
	last->lock_start = v->lock_start;
	v->lock_start = 0;
	mmu_op_record(&v->stats.op[op], end - start);
}

/* The same for an operation inside another one, all of it under mmu_lock. */
static inline void mmu_op_ended_locked(struct mmu_vcpu *v, enum mmu_op op, uint64_t start)
{
	uint64_t end = mmu_clock();

	v->last[op] = (struct mmu_last_op){ start, end, start };
	mmu_op_record(&v->stats.op[op], end - start);
}

/* `len` bytes at `gpa`, in one page, have been written by us. mmu_lock held. */
static inline void mmu_guest_written(struct mmu *m, gpa_t gpa, unsigned len) MMU_LOCKED
{
	if (GUARD(I19_MARK))
		mmu_dirty_mark(m, gpa_to_gfn(gpa));
	m->engine->guest_wrote(m, gpa, len);
}

#endif

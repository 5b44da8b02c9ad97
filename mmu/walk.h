/* SPDX-License-Identifier: MIT */
/*
 * Walks of the guest's own page tables. One body (walk_body.h) and one constant format
 * make a walker; adding a format is one small file and one line in mmu_walk_guest().
 *
 * No lock: what a walk reads may change under it, as it may under a processor's walk. Each
 * entry is read once. Only setting A and D bits takes mmu_lock, inside.
 */
#ifndef MMU_WALK_H
#define MMU_WALK_H

#include "mmu/format.h"
#include "mmu/mmu.h"
#include "mmu/platform.h"
#include "mmu/util.h"

enum walk_status {
	WALK_OK,
	WALK_FAULT, /* error_code says why */
	WALK_RETRY, /* an entry or the p2m changed under the walk */
};

/* What a walk found. Entries from the top down to `level` are valid. */
struct mmu_walk {
	uint64_t gpte[MMU_MAX_LEVELS + 1]; /* as last seen in memory, with A and D that we set */
	gpa_t table[MMU_MAX_LEVELS + 1]; /* the table that each lies in; mmu_walk_gpte_gpa() */
	uint64_t rights; /* WALK_OK: as perm_denies() wants them */
	gfn_t gfn; /* WALK_OK: frame of the 4 KiB page accessed */
	unsigned level; /* of the leaf, or where the walk ended */
	unsigned page_shift; /* WALK_OK: size of the guest page, log2 bytes */
	uint32_t error_code; /* WALK_FAULT */
};

/*
 * Translate `va` for `access` (enum mmu_access). A bits, and D of the leaf for a write, are
 * set once the access is known to be allowed (I11). Address bits that the format does not
 * use are ignored: canonical form is the caller's to check.
 */
must_check enum walk_status mmu_walk_off(struct mmu_vcpu *v, gva_t va, unsigned access,
					 struct mmu_walk *w);
must_check enum walk_status mmu_walk_2level(struct mmu_vcpu *v, gva_t va, unsigned access,
					    struct mmu_walk *w);
must_check enum walk_status mmu_walk_pae(struct mmu_vcpu *v, gva_t va, unsigned access,
					 struct mmu_walk *w);
must_check enum walk_status mmu_walk_4level(struct mmu_vcpu *v, gva_t va, unsigned access,
					    struct mmu_walk *w);
must_check enum walk_status mmu_walk_5level(struct mmu_vcpu *v, gva_t va, unsigned access,
					    struct mmu_walk *w);

/* By the guest's mode. Direct calls: the fault path has no indirect one to spare. */
static inline enum walk_status mmu_walk_guest(struct mmu_vcpu *v, gva_t va, unsigned access,
					      struct mmu_walk *w)
{
	if (likely(v->pg.mode == PAGING_4LEVEL))
		return mmu_walk_4level(v, va, access, w);
	if (v->pg.mode == PAGING_PAE)
		return mmu_walk_pae(v, va, access, w);
	if (v->pg.mode == PAGING_2LEVEL)
		return mmu_walk_2level(v, va, access, w);
	if (v->pg.mode == PAGING_5LEVEL)
		return mmu_walk_5level(v, va, access, w);
	return mmu_walk_off(v, va, access, w);
}

/*
 * Set A in the entries that `w` went through, and D in its leaf for a write, each by
 * compare-exchange on the value read. WALK_OK, or WALK_RETRY: one had changed.
 */
must_check enum walk_status mmu_walk_set_ad(struct mmu_vcpu *v, const struct pt_format *f, gva_t va,
					    unsigned access, struct mmu_walk *w);

/* Slow half of walk_table(). */
const uint8_t *mmu_walk_table_miss(struct mmu_vcpu *v, uint64_t table);
void mmu_walk_cache_reset(struct mmu_vcpu *v);

static inline uint64_t walk_p2m_gen(const struct mmu_vcpu *v)
{
	return __atomic_load_n(&v->mmu->p2m_gen, __ATOMIC_ACQUIRE);
}

/* The p2m moved on since the latest walk began: what that walk read means nothing. */
static inline bool walk_is_stale(const struct mmu_vcpu *v)
{
	return v->tables.gen != walk_p2m_gen(v);
}

/* Every walk begins with this. */
static inline void walk_begin(struct mmu_vcpu *v)
{
	if (unlikely(walk_is_stale(v)))
		mmu_walk_cache_reset(v);
}

/*
 * Host address of the guest table at `table` (page aligned), to read. What is no memory
 * reads as all ones, like a bus that nobody answers: the walk then ends in a reserved-bit
 * fault or at a page that is none either, and never in a host fault.
 */
static inline const uint8_t *walk_table(struct mmu_vcpu *v, uint64_t table)
{
	/* Scaled by hand: the compiler needs twice the instructions, four times a walk. */
	size_t offset =
		(table / (PAGE_SIZE / sizeof(struct mmu_table_ref))) % sizeof(v->tables.ref);
	const struct mmu_table_ref *ref = (const void *)((const uint8_t *)v->tables.ref + offset);

	_Static_assert(sizeof(*ref) == 16, "what lies below the entry's index in `offset` is 0");
	if (likely(ref->gpa == table))
		return ref->host;
	return mmu_walk_table_miss(v, table);
}

/* Where in guest memory the entry at `level` lies. */
static inline gpa_t mmu_walk_gpte_gpa(const struct pt_format *f, const struct mmu_walk *w, gva_t va,
				      unsigned level)
{
	uint64_t index = (va.v >> pt_shift(f, level)) & (BIT(f->index_bits) - 1);

	return GPA(w->table[level].v + index * f->entry_bytes);
}

#endif

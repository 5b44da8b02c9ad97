/* SPDX-License-Identifier: MIT */
/*
 * The guest's paging mode and everything that follows from its registers, worked out once
 * when they change so that a walk only tests bits.
 */
#ifndef MMU_PAGING_H
#define MMU_PAGING_H

#include "mmu/types.h"

#define MMU_MAX_LEVELS 5

/* Intel SDM Vol. 3A 4.1.1. */
enum mmu_paging_mode {
	PAGING_OFF,
	PAGING_2LEVEL,
	PAGING_PAE,
	PAGING_4LEVEL, /* from here on in IA-32e mode */
	PAGING_5LEVEL,
	NR_PAGING_MODES
};

static inline bool mmu_mode_is_long(enum mmu_paging_mode mode)
{
	return mode >= PAGING_4LEVEL;
}

/* What a walk tests in an entry, by level (1: page table). */
struct pt_masks {
	/* 0 in an entry that is nothing but a present table or, at level 1, page: one test
	 * for the usual case. The others tell what it was. */
	uint64_t odd[MMU_MAX_LEVELS + 1];
	uint64_t ps[MMU_MAX_LEVELS + 1]; /* PTE_PS where it makes a large page, else 0 */
	uint64_t rsvd[MMU_MAX_LEVELS + 1]
		     [2]; /* must be 0: [0] of a table or page, [1] of a large page */
};

struct mmu_paging {
	enum mmu_paging_mode mode;
	unsigned perm; /* enum perm_mode */
	unsigned pfec; /* access bits that an error code of this guest shows */
	uint64_t root; /* gpa of the top table; PAE starts from the latched PDPTEs instead */
	uint64_t global; /* PTE_G while CR4.PGE is on, else 0 */
	struct pt_masks masks;
};

/*
 * Where guest tables lie in the host: saves the p2m lookup of each level of each walk.
 * Direct mapped by gfn; dropped as a whole when the p2m's generation moves on.
 * Only the CPU that runs the vCPU touches it.
 */
#define MMU_TABLE_CACHE 64

struct mmu_table_ref {
	uint64_t gpa; /* of the table; MMU_NO_TABLE: empty */
	const uint8_t *host;
};

#define MMU_NO_TABLE (~UINT64_C(0))

struct mmu_table_cache {
	uint64_t gen; /* struct mmu.p2m_gen for which it holds */
	struct mmu_table_ref ref[MMU_TABLE_CACHE];
};

struct mmu_vcpu;
struct mmu_regs;

/* Work out v->pg and v->hw, but for its root, from v->regs; or only what follows from CR3. */
void mmu_paging_derive(struct mmu_vcpu *v);
void mmu_paging_set_root(struct mmu_vcpu *v);

/* The mode that these registers select. */
enum mmu_paging_mode mmu_mode_of(const struct mmu_regs *r);

/*
 * Read the four PDPTEs at `cr3` into pdpte[] (Intel SDM Vol. 3A 4.4.1).
 * 0, or -EINVAL with pdpte[] unchanged: a present one has a reserved bit set.
 */
must_check int mmu_load_pdptes(struct mmu_vcpu *v, uint64_t cr3, uint64_t pdpte[]);

#endif

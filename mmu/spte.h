/* SPDX-License-Identifier: MIT */
/*
 * Shadow entries. All shadow formats, 4-level and 5-level for a guest in long mode and PAE for
 * any other, have 64-bit entries with these bits. The processor runs with CR0.WP = 1 and
 * EFER.NXE = 1 always, with the guest's own CR4.SMEP and CR4.SMAP while the guest's paging
 * is on, and with both off while it is off.
 *
 * The hardware's G bit stays clear: every flush that we ask for must reach every entry, so
 * it could gain nothing, and would hide a flush that forgets globals. What the guest calls
 * global is remembered in a bit that the processor ignores.
 *
 * Keeps I1 and I13. Pure functions: no lock.
 */
#ifndef MMU_SPTE_H
#define MMU_SPTE_H

#include "mmu/guard.h"
#include "mmu/perm.h"
#include "mmu/walk.h"

/* Bits 11:9 are ignored at every level of all formats (SDM Vol. 3A 4.4.2, 4.5.4). */
#define SPTE_GLOBAL BIT(9) /* leaf: the guest's entry is global */
#define SPTE_SPLIT BIT(10) /* here or below are pieces of a guest page larger than what maps them */

/* A table: rights are the leaves' to give. */
#define SPTE_TABLE (PTE_P | PTE_W | PTE_U | PTE_A)
/* A PAE PDPTE: all the other low bits are reserved (SDM Vol. 3A table 4-8). */
#define SPTE_PDPTE PTE_P

#define SPTE_INDEX_BITS 9
#define SPTE_ENTRIES (1u << SPTE_INDEX_BITS)

static inline unsigned spte_index(gva_t va, unsigned shift)
{
	return (va.v >> shift) % SPTE_ENTRIES;
}

/* Tables never have PS, and at level 1, where the bit is PAT, we never set it. */
static inline bool spte_is_large(uint64_t spte)
{
	return spte & PTE_PS;
}

static inline pfn_t spte_pfn(uint64_t spte)
{
	return PFN((spte & PTE_ADDR) >> PAGE_SHIFT);
}

/*
 * CR0.WP = 0 and a page that is read-only: a supervisor may write it all the same, which
 * the processor's WP = 1 does not allow. A supervisor page simply becomes writable. A user
 * page is in one of two states: U=1 W=0, or after a supervisor write U=0 W=1, where a user
 * access faults and brings it back. There SMEP must be stood in for by NX. SMAP can not be:
 * false, emulate the write.
 */
static inline bool spte_wp_off(unsigned perm, unsigned access, uint64_t *spte)
{
	if (!(*spte & PTE_U)) {
		*spte |= PTE_W;
		return true;
	}
	if ((access & MMU_ACC_USER) || !(access & MMU_ACC_WRITE))
		return true;
	if ((perm & PERM_SMAP) && GUARD(I1_WP_SMAP))
		return false;
	*spte = (*spte & ~PTE_U) | PTE_W | (perm & PERM_SMEP && GUARD(I1_WP_SMEP) ? PTE_NX : 0);
	return true;
}

/*
 * A leaf without address and PS, from the rights of all levels together and the guest's own
 * leaf entry; `global` is the bit that makes that global. `writable` is false where the host
 * does not want writes (ROM, a protected table). W only with the guest's D (I1), so that the
 * first write comes to us. A and D are set: the processor has no need to write our tables.
 * False: no entry can express it, emulate the access.
 */
static inline bool spte_leaf(unsigned perm, uint64_t rights, uint64_t gpte, uint64_t global,
			     unsigned access, bool writable, uint64_t *spte)
{
	uint64_t s = rights | PTE_P | PTE_A;

	if (unlikely(!(s & PTE_W) && !(perm & PERM_WP)) && !spte_wp_off(perm, access, &s))
		return false;
	if ((!(gpte & PTE_D) && GUARD(I1_W_NEEDS_D)) || (!writable && GUARD(I1_WRITABLE)))
		s &= ~PTE_W;
	s |= (s & PTE_W) * (PTE_D / PTE_W); /* no branches: half of all would be taken wrong */
	s |= (gpte & (GUARD(I2_PGE) ? global : PTE_G)) * (SPTE_GLOBAL / PTE_G);
	*spte = s;
	return true;
}

/* The leaf for what the walk `w` found. */
static inline bool spte_make(const struct mmu_paging *pg, const struct mmu_walk *w, unsigned access,
			     bool writable, uint64_t *spte)
{
	return spte_leaf(pg->perm, w->rights, w->gpte[w->level], pg->global, access, writable,
			 spte);
}

#endif

/* SPDX-License-Identifier: MIT */
/*
 * What an access may do to a page, and the error code when it may not
 * (Intel SDM Vol. 3A 4.6 and 4.7).
 */
#ifndef MMU_PERM_H
#define MMU_PERM_H

#include "mmu/mmu.h"
#include "mmu/pte.h"

/* The guest's settings that permissions depend on. */
enum perm_mode {
	PERM_WP = 1 << 0,
	PERM_SMEP = 1 << 1,
	PERM_SMAP = 1 << 2,
};

/* Settings of a guest with these registers, and the access bits that its error codes show. */
unsigned mmu_perm_mode(const struct mmu_regs *r);
unsigned mmu_perm_pfec_mask(const struct mmu_regs *r);

/*
 * `rights`: PTE_W and PTE_U if set at every level, PTE_NX if set at any (never with
 * EFER.NXE = 0: there the bit is reserved). True: `access` (enum mmu_access) faults.
 */
static inline bool perm_denies(unsigned mode, uint64_t rights, unsigned access)
{
	if (access & MMU_ACC_USER) {
		if (!(rights & PTE_U))
			return true;
		if ((access & MMU_ACC_WRITE) && !(rights & PTE_W))
			return true;
	} else {
		if ((access & MMU_ACC_WRITE) && !(rights & PTE_W) && (mode & PERM_WP))
			return true;
		if ((rights & PTE_U) && (mode & (PERM_SMEP | PERM_SMAP))) {
			if (access & MMU_ACC_FETCH) {
				if (mode & PERM_SMEP)
					return true;
			} else if ((mode & PERM_SMAP) && !(access & MMU_ACC_AC)) {
				return true;
			}
		}
	}
	return (access & MMU_ACC_FETCH) && (rights & PTE_NX);
}

#endif

/* SPDX-License-Identifier: MIT */
/* The guest's registers in the words of the permission checks. Pure functions: no lock. */
#include "mmu/guard.h"
#include "mmu/perm.h"

/* With paging off every page is writable and there are no user pages (SDM Vol. 3A 4.1). */
unsigned mmu_perm_mode(const struct mmu_regs *r)
{
	if (!(r->cr0 & CR0_PG))
		return PERM_WP;
	return (r->cr0 & CR0_WP ? PERM_WP : 0) | (r->cr4 & CR4_SMEP ? PERM_SMEP : 0) |
	       (r->cr4 & CR4_SMAP ? PERM_SMAP : 0);
}

/*
 * W and U are always told. I only where the guest could ask for it: SMEP, or NXE with PAE
 * (SDM Vol. 3A 4.7). The processor below us always has NXE on and tells more.
 */
unsigned mmu_perm_pfec_mask(const struct mmu_regs *r)
{
	bool fetch = (r->cr4 & CR4_SMEP) || ((r->cr4 & CR4_PAE) && (r->efer & EFER_NXE));

	return MMU_PFEC_W | MMU_PFEC_U | (fetch || !GUARD(I2_PFEC_I) ? MMU_PFEC_I : 0);
}

/* SPDX-License-Identifier: MIT */
/* Reserved bits of each table format (I9). Pure functions: no lock. */
#include "mmu/format.h"
#include "mmu/guard.h"
#include "mmu/pte.h"

#define PSE36_MAX_WIDTH 40 /* Intel SDM Vol. 3A 4.3: M = min(40, MAXPHYADDR) */
#define PSE36_RSVD_TOP 21
#define PSE36_RSVD_BASE 19 /* reserved bits start at M - 19 */
#define LEVEL_1G 3

static uint64_t large_rsvd(const struct pt_format *f, const struct pt_features *x, unsigned level)
{
	unsigned m = x->maxphyaddr < PSE36_MAX_WIDTH ? x->maxphyaddr : PSE36_MAX_WIDTH;

	if (f->pse36)
		return bits(PSE36_RSVD_TOP, m - PSE36_RSVD_BASE);
	return bits(pt_shift(f, level) - 1, PTE_LARGE_RSVD_LOW);
}

static bool large_allowed(const struct pt_format *f, const struct pt_features *x, unsigned level)
{
	if (!(f->large_levels & BIT(level)))
		return false;
	if (f->ps_needs_pse)
		return x->pse;
	return level != LEVEL_1G || x->has_1g;
}

void mmu_format_masks(const struct pt_format *f, const struct pt_features *x, struct pt_masks *out)
{
	bool wide = f->entry_bytes == sizeof(uint64_t);
	uint64_t common = 0;

	if (f->rsvd_top)
		common = bits(f->rsvd_top, x->maxphyaddr);
	if (wide && !x->nxe)
		common |= PTE_NX;

	for (unsigned level = 1; level <= f->levels; level++) {
		bool large = large_allowed(f, x, level);

		out->ps[level] = large ? PTE_PS : 0;
		out->rsvd[level][0] = GUARD(I9_RSVD) ? common : 0;
		/* Where it makes no large page PS must be 0; only the 32-bit format
		 * ignores it, and in a page table the bit is PAT. */
		if (wide && level > 1 && !large)
			out->rsvd[level][0] |= PTE_PS;
		out->odd[level] = out->rsvd[level][0] | out->ps[level];
		out->rsvd[level][1] = large && GUARD(I9_LARGE) ? common | large_rsvd(f, x, level)
							       : 0;
	}
}

uint64_t mmu_pdpte_rsvd(unsigned maxphyaddr)
{
	return bits(2, 1) | bits(8, 5) | bits(63, maxphyaddr);
}

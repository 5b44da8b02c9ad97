/* SPDX-License-Identifier: MIT */
/* From the guest's registers to what walks and permission checks use. No lock: only the CPU
 * that runs the vCPU is here. */
#include "mmu/errno.h"
#include "mmu/guard.h"
#include "mmu/perm.h"
#include "mmu/record.h"
#include "mmu/walk.h"

#define CR3_2LEVEL_ROOT UINT64_C(0xfffff000)

enum mmu_paging_mode mmu_mode_of(const struct mmu_regs *r)
{
	if (!(r->cr0 & CR0_PG))
		return PAGING_OFF;
	if (r->efer & EFER_LME)
		return r->cr4 & CR4_LA57 ? PAGING_5LEVEL : PAGING_4LEVEL;
	return r->cr4 & CR4_PAE ? PAGING_PAE : PAGING_2LEVEL;
}

static const struct pt_format *const formats[NR_PAGING_MODES] = {
	[PAGING_2LEVEL] = &mmu_format_2level,
	[PAGING_PAE] = &mmu_format_pae,
	[PAGING_4LEVEL] = &mmu_format_4level,
	[PAGING_5LEVEL] = &mmu_format_5level,
};

const struct pt_format *mmu_format_of(enum mmu_paging_mode mode)
{
	return formats[mode];
}

void mmu_paging_set_root(struct mmu_vcpu *v)
{
	v->pg.root = v->regs.cr3 & (v->pg.mode == PAGING_2LEVEL ? CR3_2LEVEL_ROOT : PTE_ADDR);
}

void mmu_paging_derive(struct mmu_vcpu *v)
{
	const struct mmu_config *c = &v->mmu->config;
	const struct mmu_regs *r = &v->regs;
	struct mmu_paging *pg = &v->pg;
	struct pt_features x = {
		.maxphyaddr = c->maxphyaddr,
		.has_1g = c->has_1g,
		.pse = r->cr4 & CR4_PSE,
		.nxe = r->efer & EFER_NXE,
	};

	pg->mode = mmu_mode_of(r);
	v->hw.long_mode = mmu_mode_is_long(pg->mode);
	v->hw.levels = v->hw.long_mode ? formats[pg->mode]->levels : PAE_LEVELS;
	pg->perm = mmu_perm_mode(r);
	pg->pfec = mmu_perm_pfec_mask(r);
	pg->global = r->cr4 & CR4_PGE ? PTE_G : 0;
	mmu_paging_set_root(v);
	if (formats[pg->mode])
		mmu_format_masks(formats[pg->mode], &x, &pg->masks);
}

int mmu_load_pdptes(struct mmu_vcpu *v, uint64_t cr3, uint64_t pdpte[])
{
	uint64_t at = cr3 & CR3_PAE_PDPT, rsvd = mmu_pdpte_rsvd(v->mmu->config.maxphyaddr);
	uint64_t fresh[PAE_PDPTES];
	const uint64_t *table;

	/* Where the p2m changed meanwhile, the frame may be somebody else's already. */
	do {
		walk_begin(v);
		table = (const void *)(walk_table(v, at & PAGE_MASK) + (at & ~PAGE_MASK));
		for (unsigned i = 0; i < PAE_PDPTES; i++)
			fresh[i] = __atomic_load_n(&table[i], __ATOMIC_RELAXED);
	} while (unlikely(walk_is_stale(v)) && GUARD(I10_STALE));
	if (mmu_vcpu_recorded(v))
		mmu_rec_pdptes(v, at, fresh);
	for (unsigned i = 0; i < PAE_PDPTES; i++)
		if ((fresh[i] & PTE_P) && (fresh[i] & rsvd) && GUARD(I9_PDPTE))
			return -EINVAL;
	for (unsigned i = 0; i < PAE_PDPTES; i++)
		pdpte[i] = fresh[i];
	return 0;
}

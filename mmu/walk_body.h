/* SPDX-License-Identifier: MIT */
/*
 * The walk itself, for every format: included by walk2.c to walk5.c, each of which
 * gives it a constant format that the compiler folds in. Order of the checks: at each level
 * P, then reserved bits; permissions last and over all levels (Intel SDM Vol. 3A 4.6, 4.7).
 */
#ifndef MMU_WALK_BODY_H
#define MMU_WALK_BODY_H

#include "mmu/guard.h"
#include "mmu/perm.h"
#include "mmu/walk.h"

static always_inline uint64_t walk_read(const struct pt_format *f, const uint8_t *p)
{
	if (f->entry_bytes == sizeof(uint64_t))
		return __atomic_load_n((const uint64_t *)(const void *)p, __ATOMIC_RELAXED);
	return __atomic_load_n((const uint32_t *)(const void *)p, __ATOMIC_RELAXED);
}

static always_inline enum walk_status walk_fault(const struct mmu_paging *pg, struct mmu_walk *w,
						 unsigned level, unsigned access, uint32_t why)
{
	w->level = level;
	w->error_code = (access & pg->pfec) | why;
	return WALK_FAULT;
}

/* The leaf at `level` was found; `all` is the AND of all entries, `any` their OR. */
static always_inline enum walk_status walk_leaf(struct mmu_vcpu *v, const struct pt_format *f,
						gva_t va, unsigned access, struct mmu_walk *w,
						unsigned level, uint64_t all, uint64_t any)
{
	uint64_t gpte = w->gpte[level], size = BIT(pt_shift(f, level));
	uint64_t base = level > 1 ? mmu_large_base(f, gpte, size) : gpte & PTE_ADDR;

	w->level = level;
	w->page_shift = pt_shift(f, level);
	w->gfn = GFN((base | (va.v & (size - 1))) >> PAGE_SHIFT);
	w->rights = (all & (PTE_W | PTE_U)) | (any & PTE_NX);
	if (unlikely(perm_denies(v->pg.perm, w->rights, access)) && GUARD(I1_DENY))
		return walk_fault(&v->pg, w, level, access, MMU_PFEC_P);
	if (unlikely(!(all & PTE_A) || ((access & MMU_ACC_WRITE) && !(gpte & PTE_D))))
		return mmu_walk_set_ad(v, f, va, access, w);
	return WALK_OK;
}

static always_inline enum walk_status walk_body(struct mmu_vcpu *v, const struct pt_format *f,
						gva_t va, unsigned access, struct mmu_walk *w)
{
	const struct mmu_paging *pg = &v->pg;
	uint64_t table = pg->root, all = ~UINT64_C(0), any = 0;

	walk_begin(v);
	if (f->latched_top) {
		table = v->pdpte[(va.v >> PAE_PDPTE_SHIFT) % PAE_PDPTES];
		if (unlikely(!(table & PTE_P)))
			return walk_fault(pg, w, f->levels + 1, access, 0);
		table &= PTE_ADDR;
	}

#pragma GCC unroll 5
	for (unsigned level = f->levels; level >= 1; level--) {
		uint64_t index = (va.v >> pt_shift(f, level)) & (BIT(f->index_bits) - 1);
		uint64_t gpte = walk_read(f, walk_table(v, table) + index * f->entry_bytes);
		bool large = false;

		w->table[level] = GPA(table);
		w->gpte[level] = gpte;
		if (!(gpte & PTE_P))
			return walk_fault(pg, w, level, access, 0);
		if (unlikely(gpte & pg->masks.odd[level])) {
			large = (f->large_levels & BIT(level)) && (gpte & pg->masks.ps[level]);
			if (gpte & pg->masks.rsvd[level][large])
				return walk_fault(pg, w, level, access, MMU_PFEC_P | MMU_PFEC_RSVD);
		}
		all &= gpte;
		any |= gpte;
		if (level == 1 || large)
			return walk_leaf(v, f, va, access, w, level, all, any);
		table = gpte & PTE_ADDR;
	}
	__builtin_unreachable(); /* level 1 has returned */
}

#endif

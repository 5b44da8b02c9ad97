/* SPDX-License-Identifier: MIT */
/* The walker of a guest with paging off: linear addresses are physical ones of 32 bits. */
#include "mmu/pte.h"
#include "mmu/walk.h"

enum walk_status mmu_walk_off(struct mmu_vcpu *v, gva_t va, unsigned access, struct mmu_walk *w)
{
	(void)access;
	walk_begin(v);
	w->level = 1;
	/* Nothing is lost by calling all of it 2 MiB pages: they nest in every p2m. */
	w->page_shift = PAGE_SHIFT_2M;
	w->gpte[1] = PTE_P | PTE_W | PTE_A | PTE_D;
	w->gfn = GFN((uint32_t)va.v >> PAGE_SHIFT);
	w->rights = PTE_W | PTE_U;
	return WALK_OK;
}

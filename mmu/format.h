/* SPDX-License-Identifier: MIT */
/*
 * The page-table formats of the architecture as constants: one walker body serves all of
 * them (walk_body.h).
 */
#ifndef MMU_FORMAT_H
#define MMU_FORMAT_H

#include "mmu/paging.h"
#include "mmu/pte.h"

struct pt_format {
	const char *name;
	uint8_t levels; /* tables that a walk reads from memory; level 1 maps 4 KiB pages */
	uint8_t entry_bytes;
	uint8_t index_bits; /* of the address, each level */
	uint8_t large_levels; /* bit n: level n may hold a large page */
	uint8_t rsvd_top; /* reserved address bits go from the guest's width up to this; 0: none */
	bool latched_top; /* the walk starts from v->pdpte[], above `levels` */
	bool ps_needs_pse; /* PS counts only while CR4.PSE is on, and is ignored otherwise */
	bool pse36; /* a large page has address bits 39:32 in bits 20:13 */
};

/* Defined where each is walked, so that the compiler folds them into that walker. */
extern const struct pt_format mmu_format_2level; /* walk2.c */
extern const struct pt_format mmu_format_pae; /* walk3.c */
extern const struct pt_format mmu_format_4level; /* walk4.c */
extern const struct pt_format mmu_format_5level; /* walk5.c */

/* What of the guest decides about reserved bits. */
struct pt_features {
	unsigned maxphyaddr; /* bits */
	bool has_1g, pse, nxe;
};

/* Lowest address bit that indexes the table at `level`: a large page there has 2^this bytes. */
static inline unsigned pt_shift(const struct pt_format *f, unsigned level)
{
	return PAGE_SHIFT + (level - 1) * f->index_bits;
}

/* PSE-36: bits 20:13 of the entry are bits 39:32 of the address (SDM Vol. 3A table 4-4). */
#define PSE36_LOW UINT64_C(0xffc00000)
#define PSE36_HIGH bits(20, 13)
#define PSE36_SHIFT (32 - 13)

/* Where the large page of `size` bytes begins that `gpte` maps. */
static always_inline uint64_t mmu_large_base(const struct pt_format *f, uint64_t gpte,
					     uint64_t size)
{
	if (f->pse36)
		return (gpte & PSE36_LOW) | ((gpte & PSE36_HIGH) << PSE36_SHIFT);
	return gpte & PTE_ADDR & ~(size - 1);
}

/* Reserved bits and large pages (Intel SDM Vol. 3A 4.3 table 4-4, 4.4.2, 4.5). */
void mmu_format_masks(const struct pt_format *f, const struct pt_features *x, struct pt_masks *out);

/* The format of the guest's tables in a mode; NULL with paging off. */
const struct pt_format *mmu_format_of(enum mmu_paging_mode mode);

/* Reserved bits of a present PDPTE (Intel SDM Vol. 3A table 4-8). */
uint64_t mmu_pdpte_rsvd(unsigned maxphyaddr);

#endif

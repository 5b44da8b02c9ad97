/* SPDX-License-Identifier: MIT */
/* PAE paging (Intel SDM Vol. 3A 4.4): two tables below four latched registers (I10). */
#include "mmu/walk_body.h"

const struct pt_format mmu_format_pae = {
	.name = "PAE",
	.levels = 2,
	.entry_bytes = 8,
	.index_bits = 9,
	.large_levels = BIT(2),
	.rsvd_top = 62,
	.latched_top = true,
};

enum walk_status mmu_walk_pae(struct mmu_vcpu *v, gva_t va, unsigned access, struct mmu_walk *w)
{
	return walk_body(v, &mmu_format_pae, va, access, w);
}

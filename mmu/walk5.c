/* SPDX-License-Identifier: MIT */
/* 5-level paging (Intel SDM Vol. 3A 4.5): CR4.LA57. */
#include "mmu/walk_body.h"

const struct pt_format mmu_format_5level = {
	.name = "5-level",
	.levels = 5,
	.entry_bytes = 8,
	.index_bits = 9,
	.large_levels = BIT(2) | BIT(3),
	.rsvd_top = 51,
};

enum walk_status mmu_walk_5level(struct mmu_vcpu *v, gva_t va, unsigned access, struct mmu_walk *w)
{
	return walk_body(v, &mmu_format_5level, va, access, w);
}

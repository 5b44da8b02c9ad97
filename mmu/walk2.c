/* SPDX-License-Identifier: MIT */
/* 32-bit paging (Intel SDM Vol. 3A 4.3), with PSE-36. */
#include "mmu/walk_body.h"

const struct pt_format mmu_format_2level = {
	.name = "2-level",
	.levels = 2,
	.entry_bytes = 4,
	.index_bits = 10,
	.large_levels = BIT(2),
	.ps_needs_pse = true,
	.pse36 = true,
};

enum walk_status mmu_walk_2level(struct mmu_vcpu *v, gva_t va, unsigned access, struct mmu_walk *w)
{
	return walk_body(v, &mmu_format_2level, va, access, w);
}

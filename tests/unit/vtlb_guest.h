/* SPDX-License-Identifier: MIT */
/* A 4-level guest on the engine vtlb, page by page. */
#ifndef TESTS_UNIT_VTLB_GUEST_H
#define TESTS_UNIT_VTLB_GUEST_H

#include "mmu/engine.h"
#include "tests/unit/mmu_guest.h"

#define V(page) ((uint64_t)(page) << 12)

static inline void map4(unsigned page, uint64_t gpa, uint64_t bits)
{
	fake_write64(T1 + 8 * page, gpa | bits);
}

static inline void start_4level(uint64_t cr4, uint64_t efer)
{
	guest_start(0, 40, true);
	tables_4level();
	mode_4level(cr4, efer);
}

#endif

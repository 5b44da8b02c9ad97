/* SPDX-License-Identifier: MIT */
/*
 * Mutants: the library with one of its GUARDs (mmu/guard.h) out of order. Put before all else
 * that is compiled of mmu/, so that its GUARD is this one. mutants.h is made of the names in mmu/.
 */
#ifndef TESTS_MUTATE_MUTANT_H
#define TESTS_MUTATE_MUTANT_H

#define MUTANT(name) MUTANT_##name,
enum mutant {
	MUTANT_NONE,
#include "mutants.h"
};
#undef MUTANT

extern enum mutant mmu_mutant;

#define GUARD(name) (mmu_mutant != MUTANT_##name)

#endif

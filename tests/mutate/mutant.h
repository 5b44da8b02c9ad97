/* SPDX-License-Identifier: MIT */
/*
 * Mutants: the library with one of its GUARDs (mmu/guard.h) out of order, in one file. Put before
 * all else that is compiled of mmu/, so that its GUARD is this one. mutants.h is made of the
 * names in mmu/.
 */
#ifndef TESTS_MUTATE_MUTANT_H
#define TESTS_MUTATE_MUTANT_H

#include <string.h>

#define MUTANT(name) MUTANT_##name,
enum mutant {
	MUTANT_NONE,
#include "mutants.h"
};
#undef MUTANT

extern enum mutant mmu_mutant;
extern const char *mmu_mutant_file;

#define GUARD(name) (mmu_mutant != MUTANT_##name || !strstr(__FILE__, mmu_mutant_file))

#endif

/* SPDX-License-Identifier: MIT */
/* Which mutant this process is: MMU_MUTANT in its environment, read before main(). */
#include "tests/mutate/mutant.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum mutant mmu_mutant;

#define MUTANT(name) #name,
static const char *const names[] = {
	"NONE",
#include "mutants.h"
};
#undef MUTANT

static void __attribute__((constructor)) choose(void)
{
	const char *name = getenv("MMU_MUTANT");

	for (unsigned i = 0; name && i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(names[i], name) != 0)
			continue;
		mmu_mutant = (enum mutant)i;
		return;
	}
	if (!name)
		return;
	fprintf(stderr, "no such mutant: %s\n", name);
	exit(2);
}

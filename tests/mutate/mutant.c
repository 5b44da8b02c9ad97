/* SPDX-License-Identifier: MIT */
/* Which mutant this process is: MMU_MUTANT=NAME[:FILE] in its environment, read before main(). */
#include "tests/mutate/mutant.h"

#include <stdio.h>
#include <stdlib.h>

enum mutant mmu_mutant;
const char *mmu_mutant_file = "";

#define MUTANT(name) #name,
static const char *const names[] = {
	"NONE",
#include "mutants.h"
};
#undef MUTANT

static void __attribute__((constructor)) choose(void)
{
	const char *mutant = getenv("MMU_MUTANT");
	size_t len = mutant ? strcspn(mutant, ":") : 0;

	for (unsigned i = 0; mutant && i < sizeof(names) / sizeof(names[0]); i++) {
		if (strlen(names[i]) != len || strncmp(names[i], mutant, len) != 0)
			continue;
		mmu_mutant = (enum mutant)i;
		if (mutant[len])
			mmu_mutant_file = mutant + len + 1;
		return;
	}
	if (!mutant)
		return;
	fprintf(stderr, "no such mutant: %s\n", mutant);
	exit(2);
}

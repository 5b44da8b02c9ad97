/* SPDX-License-Identifier: MIT */
/* See known.h. */
#include "known.h"

#include "paging.h"

#define ERROR_P 1u
#define ERROR_RSVD 8u
#define LEVEL_1G 3u

static bool rsvd_without_p(struct rules_outcome *want, const struct rules_walk *seen)
{
	(void)seen;
	if (want->allowed || !(want->error & ERROR_RSVD))
		return false;
	want->error &= ~ERROR_P;
	return true;
}

static bool denied_1g_sets_a(struct rules_outcome *want, const struct rules_walk *seen)
{
	uint64_t *entry = &want->after.entry[LEVEL_1G];

	if (want->allowed || want->level != LEVEL_1G ||
	    (*entry & (PTE_P | PTE_PS | PTE_A)) != (PTE_P | PTE_PS) ||
	    seen->entry[LEVEL_1G] != (*entry | PTE_A))
		return false;
	*entry |= PTE_A;
	return true;
}

static struct {
	const char *name;
	bool (*apply)(struct rules_outcome *want, const struct rules_walk *seen);
	unsigned met;
} faults[] = {
	{ "reserved-bit error code without P", rsvd_without_p, 0 },
	{ "a denied access sets A of a 1 GiB page", denied_1g_sets_a, 0 },
};
#define NR_FAULTS (sizeof(faults) / sizeof(faults[0]))

bool known_faults(struct rules_outcome *want, const struct rules_walk *seen)
{
	bool any = false;

	if (!on_bare_tcg())
		return false;
	for (unsigned i = 0; i < NR_FAULTS; i++) {
		if (faults[i].apply(want, seen)) {
			faults[i].met++;
			any = true;
		}
	}
	return any;
}

static unsigned drops_nothing_met;

bool known_fault_drops_nothing(void)
{
	if (!on_bare_tcg())
		return false;
	drops_nothing_met++;
	return true;
}

static void say_difference(const char *name, unsigned met)
{
	if (met)
		say("access: expected difference: %s: %u\n", name, met);
}

void known_say(void)
{
	for (unsigned i = 0; i < NR_FAULTS; i++)
		say_difference(faults[i].name, faults[i].met);
	say_difference("a page fault leaves what is cached for its address", drops_nothing_met);
}

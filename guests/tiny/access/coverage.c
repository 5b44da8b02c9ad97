/* SPDX-License-Identifier: MIT */
/* See coverage.h. */
#include "coverage.h"

/* Flags come in groups: an entry of each level, the registers, the access, the change. */
enum { FLAG_P, FLAG_W, FLAG_U, FLAG_XD, FLAG_A, FLAG_D, FLAG_RESERVED, NR_ENTRY_FLAGS };
enum { FLAG_WP, FLAG_NXE, FLAG_SMEP, FLAG_SMAP, NR_REGISTER_FLAGS };
enum { FLAG_USER, FLAG_WRITE, FLAG_FETCH, FLAG_AC, NR_ACCESS_FLAGS };
#define NR_CHANGE_FLAGS 7

#define REGISTERS (RULES_MAX_LEVELS * NR_ENTRY_FLAGS)
#define ACCESS (REGISTERS + NR_REGISTER_FLAGS)
#define CHANGE (ACCESS + NR_ACCESS_FLAGS)
#define NR_FLAGS (CHANGE + NR_CHANGE_FLAGS)
_Static_assert(NR_FLAGS <= 64, "flags are bits of a word");

/* met[f][v][w]: flags that had value `w` when flag `f` had value `v`. */
static uint64_t met[NR_FLAGS][2][2];

void coverage_reset(void)
{
	memset(met, 0, sizeof(met));
}

static uint64_t flag(unsigned n, bool is_set)
{
	return (uint64_t)is_set << n;
}

static uint64_t entry_flags(const struct path *p, unsigned level, uint64_t entry)
{
	unsigned at = (level - 1) * NR_ENTRY_FLAGS;

	return flag(at + FLAG_P, entry & PTE_P) | flag(at + FLAG_W, entry & PTE_W) |
	       flag(at + FLAG_U, entry & PTE_U) | flag(at + FLAG_XD, entry & PTE_NX) |
	       flag(at + FLAG_A, entry & PTE_A) | flag(at + FLAG_D, entry & PTE_D) |
	       flag(at + FLAG_RESERVED, p->state[level] == STATE_RESERVED);
}

void coverage_note(const struct path *p, unsigned change, const struct rules_access *access,
		   const struct rules_walk *walk, const struct rules_setting *s)
{
	uint64_t flags = flag(CHANGE + change, true);

	for (unsigned level = 1; level <= field.levels; level++)
		flags |= entry_flags(p, level, walk->entry[level]);
	flags |= flag(REGISTERS + FLAG_WP, s->wp) | flag(REGISTERS + FLAG_NXE, s->nxe) |
		 flag(REGISTERS + FLAG_SMEP, s->smep) | flag(REGISTERS + FLAG_SMAP, s->smap);
	flags |= flag(ACCESS + FLAG_USER, access->user) | flag(ACCESS + FLAG_AC, access->ac) |
		 flag(ACCESS + FLAG_WRITE, access->kind == RULES_WRITE) |
		 flag(ACCESS + FLAG_FETCH, access->kind == RULES_FETCH);
	for (unsigned f = 0; f < NR_FLAGS; f++) {
		uint64_t *by_value = met[f][flags >> f & 1];

		by_value[0] |= ~flags;
		by_value[1] |= flags;
	}
}

static unsigned group_of(unsigned flag)
{
	return flag < REGISTERS ? flag / NR_ENTRY_FLAGS
	       : flag < ACCESS	? REGISTERS
	       : flag < CHANGE	? ACCESS
				: CHANGE;
}

/* A flag that never changes (a level or a bit that the format has not) says nothing. */
static bool varies(unsigned f)
{
	return met[f][0][0] && met[f][1][1];
}

/* An entry below one that ends the walk has a state of its own: only paths that reach it
 * are asked for. */
static bool excludes(unsigned f, unsigned g)
{
	unsigned flag_f = f % NR_ENTRY_FLAGS, flag_g = g % NR_ENTRY_FLAGS;

	if (group_of(f) == group_of(g))
		return true;
	if (f >= REGISTERS || g >= REGISTERS)
		return false;
	return flag_f == FLAG_P || flag_f == FLAG_RESERVED || flag_g == FLAG_P ||
	       flag_g == FLAG_RESERVED;
}

void coverage_check(const char *mode)
{
	unsigned pairs = 0, missing = 0;

	for (unsigned f = 0; f < NR_FLAGS; f++) {
		for (unsigned g = 0; g < f; g++) {
			if (!varies(f) || !varies(g) || excludes(f, g))
				continue;
			for (unsigned vw = 0; vw < 4; vw++, pairs++)
				missing += !(met[f][vw & 1][vw >> 1] >> g & 1);
		}
	}
	check(!missing, "access: %s: %u of %u pairs of flags were met", mode, pairs - missing,
	      pairs);
}

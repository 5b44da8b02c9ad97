/* SPDX-License-Identifier: MIT */
/* See paths.h. */
#include "paths.h"

#define RIGHTS_2LEVEL 4u /* no XD in 32-bit entries */
#define RIGHTS_64BIT 8u
#define PTE_PAT (1ull << 7) /* level 1 */
#define PTE_PAT_LARGE (1ull << 12)
#define PTE_AVAILABLE (7ull << 9)
#define PTE_HIGH_IGNORED (0x7ffull << 52) /* 4-level and 5-level: bits 62:52 */
#define MAX_NARROW 2 /* levels of five: what each does alone the paths of four levels show */

struct path paths[MAX_PATHS];
static unsigned nr_paths;

/* ---- the list ---- */

static void add(const struct path *p)
{
	if (nr_paths == MAX_PATHS) {
		say("FAIL too many paths\n");
		finish(EXIT_FAIL);
	}
	paths[nr_paths++] = *p;
}

static bool has_reserved_bits(const struct path *p, unsigned level)
{
	return field.format != RULES_2LEVEL || (level > 1 && level == p->leaf);
}

/*
 * The walk ends at `level`. There are few such paths high up and many below: these come as
 * often as it takes for a share of all paths to hold some, each time with other noise.
 */
static void add_end(struct path p, unsigned level, unsigned state)
{
	unsigned times = level > 1 ? 1u << (2 * level - 3) : 1;

	p.state[level] = (uint8_t)state;
	while (times--)
		add(&p);
}

/* Are more levels than MAX_NARROW of five narrower than all rights? */
static bool is_left_out(const struct path *p, unsigned level)
{
	unsigned narrow = 0;

	for (unsigned l = level; l <= field.levels; l++)
		narrow += p->state[l] != (STATE_W | STATE_U);
	return field.format == RULES_5LEVEL && narrow > MAX_NARROW;
}

static void add_from(struct path p, unsigned level)
{
	unsigned rights = field.format == RULES_2LEVEL ? RIGHTS_2LEVEL : RIGHTS_64BIT;

	for (unsigned state = 0; state < rights; state++) {
		p.state[level] = (uint8_t)state;
		if (is_left_out(&p, level))
			continue;
		if (level == p.leaf)
			add(&p);
		else
			add_from(p, level - 1);
	}
	add_end(p, level, STATE_ABSENT);
	if (has_reserved_bits(&p, level))
		add_end(p, level, STATE_RESERVED);
}

unsigned paths_make(void)
{
	unsigned largest = field.format >= RULES_4LEVEL ? 3 : 2;

	nr_paths = 0;
	for (unsigned leaf = 1; leaf <= largest; leaf++)
		add_from((struct path){ .leaf = (uint8_t)leaf }, field.levels);
	return nr_paths;
}

/* ---- noise ---- */

static uint32_t noise_state;

static uint32_t scramble(uint32_t x)
{
	x ^= x >> 16;
	x *= 0x7feb352du;
	x ^= x >> 15;
	x *= 0x846ca68bu;
	return x ^ x >> 16;
}

void noise_seed(uint32_t seed)
{
	noise_state = scramble(seed + 1);
}

uint32_t noise(uint32_t below)
{
	noise_state = noise_state * 1664525u + 1013904223u;
	return (noise_state >> 16) % below;
}

static uint64_t noise64(void)
{
	return (uint64_t)noise(65536) << 48 | (uint64_t)noise(65536) << 32 | noise(65536) << 16 |
	       noise(65536);
}

/* ---- entries ---- */

static uint64_t large_base(unsigned level, uint32_t frame)
{
	unsigned shift = 12 + (level - 1) * (field.format == RULES_2LEVEL ? 10 : 9);

	return frame & ~((1u << shift) - 1);
}

/* Where an entry at `level` leads, and PS: a leaf, or what only looks like one. */
static uint64_t target(unsigned level, unsigned leaf, const struct rules_setting *s, uint32_t frame)
{
	uint64_t ps = level > 1 && level == leaf ? PTE_PS : 0;

	if (rules_is_leaf(s, level, ps))
		return large_base(level, frame) | ps;
	return field_table_below(level) | ps;
}

static uint64_t rights(unsigned state)
{
	return PTE_P | (state & STATE_W ? PTE_W : 0) | (state & STATE_U ? PTE_U : 0) |
	       (state & STATE_XD ? PTE_NX : 0);
}

/* Bits that no walk looks at. */
static uint64_t ignored(unsigned level, const struct rules_setting *s, uint64_t entry)
{
	uint64_t may = PTE_A | PTE_D | PTE_AVAILABLE;

	if (field.format >= RULES_4LEVEL)
		may |= PTE_HIGH_IGNORED;
	if (rules_is_leaf(s, level, entry))
		may |= PTE_G | (level == 1 ? PTE_PAT : PTE_PAT_LARGE);
	return noise64() & may;
}

static uint64_t one_of(uint64_t mask)
{
	unsigned n = 0;

	for (uint64_t m = mask; m; m &= m - 1)
		n++;
	for (n = noise(n); n; n--)
		mask &= mask - 1;
	return mask & -mask;
}

static uint64_t entry(const struct path *p, unsigned level, const struct rules_setting *s,
		      uint32_t frame)
{
	unsigned state = level < p->leaf ? STATE_W | STATE_U : p->state[level];
	uint64_t e = target(level, p->leaf, s, frame), reserved;

	e |= rights(state < STATE_ABSENT ? state : noise(RIGHTS_2LEVEL));
	e |= ignored(level, s, e);
	reserved = rules_reserved(s, level, e);
	if (state == STATE_ABSENT)
		e = (noise(2) ? e : noise64()) & ~PTE_P;
	if (state == STATE_RESERVED && reserved)
		e |= one_of(reserved);
	return field.format == RULES_2LEVEL ? (uint32_t)e : e;
}

void path_entries(const struct path *p, const struct rules_setting *s, uint32_t frame,
		  uint32_t slow, struct rules_walk *out)
{
	uint32_t fast = noise(65536);

	*out = (struct rules_walk){ { 0 } };
	for (unsigned level = 1; level <= field.levels; level++) {
		noise_seed((level == 1 ? fast << 3 : slow << 3) + level);
		out->entry[level] = entry(p, level, s, frame);
	}
	noise_seed(fast);
}

void path_open(unsigned leaf, const struct rules_setting *s, uint32_t frame, struct rules_walk *out)
{
	*out = (struct rules_walk){ { 0 } };
	for (unsigned level = 1; level <= field.levels; level++)
		out->entry[level] = target(level, leaf, s, frame) | PTE_P | PTE_W | PTE_U;
}

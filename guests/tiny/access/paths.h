/* SPDX-License-Identifier: MIT */
/*
 * All the ways that a walk can take in a format: where its leaf is, and for each level down
 * to it the rights, or that the entry ends the walk.
 */
#ifndef TINY_ACCESS_PATHS_H
#define TINY_ACCESS_PATHS_H

#include "field.h"

/* State of an entry: bits of its rights, or why it ends the walk. */
#define STATE_W 1u
#define STATE_U 2u
#define STATE_XD 4u
#define STATE_ABSENT 8u
#define STATE_RESERVED 9u /* some reserved bit is set, where the entry has any */

struct path {
	uint8_t leaf; /* level of the entry that maps a page; PS is set if it is above 1 */
	uint8_t state[RULES_MAX_LEVELS + 1]; /* by level; below what ends the walk: 0 */
};

#define MAX_PATHS 8448

extern struct path paths[MAX_PATHS];

/* Fill paths[] for the field's format, ordered by the upper levels' states; how many. */
unsigned paths_make(void);

/* A repeatable sequence of numbers, begun anew for each case. */
void noise_seed(uint32_t seed);
uint32_t noise(uint32_t below);

/*
 * Entries that take this path to `frame`. What does not matter to the walk (A, D, G of the
 * leaf, PAT, ignored bits, all but P of an absent entry) is noise; above level 1 it changes
 * with `slow` only, so that most steps have few entries to write.
 */
void path_entries(const struct path *p, const struct rules_setting *s, uint32_t frame,
		  uint32_t slow, struct rules_walk *out);

/* A path that permits everything, with its leaf at `leaf`; nothing in it is noise. */
void path_open(unsigned leaf, const struct rules_setting *s, uint32_t frame,
	       struct rules_walk *out);

#endif

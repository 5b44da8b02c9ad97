/* SPDX-License-Identifier: MIT */
/*
 * The walks that a processor could have made in some time: at each level any entry that the
 * table held then. A walk takes time, and paging-structure caches remember entries, so the
 * levels need not have been as they were at one moment.
 */
#ifndef TESTS_MODEL_PATHS_H
#define TESTS_MODEL_PATHS_H

#include "tests/model/ref.h"
#include "tests/model/world.h"

struct path_step {
	uint64_t gpa, value; /* of the entry */
	unsigned level;
};

struct path {
	struct path_step step[REF_MAX_LEVELS]; /* from the top down */
	unsigned depth;
	enum ref_kind end; /* REF_PAGE, REF_ABSENT or REF_RESERVED */
	/* of REF_PAGE: */
	uint64_t gpa; /* of the address itself */
	unsigned shift; /* of the page */
	struct ref_rights rights;
	bool global; /* G; whether it counts is CR4.PGE's to say */
	bool accessed, dirty; /* A in all entries, D in the leaf, where these can be written */
};

/* From where a walk begins. */
struct path_root {
	uint64_t cr3, pdpte[4];
};

/* With the tables as they are. */
void path_now(const struct ref_cpu *c, const struct path_root *r, uint64_t va, struct path *p);

/*
 * Call `found` with each walk of the time (since, until] until it returns true. True: it did,
 * or there were more entries than the models remember, where nothing can be said.
 */
bool path_any(const struct ref_cpu *c, const struct path_root *r, uint64_t va, uint64_t since,
	      uint64_t until, bool (*found)(const struct path *p, void *arg), void *arg);

#endif

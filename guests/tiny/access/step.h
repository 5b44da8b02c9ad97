/* SPDX-License-Identifier: MIT */
/*
 * One step of a case: entries are written, what the manual demands is flushed, an access is
 * made, and everything that it did is compared with rules.h.
 */
#ifndef TINY_ACCESS_STEP_H
#define TINY_ACCESS_STEP_H

#include "field.h"

enum step_flush {
	FLUSH_NONE, /* nothing can be cached that matters, or `before` says what */
	FLUSH_INVLPG,
	FLUSH_INVLPG_INSIDE, /* of another address of the large page that is cached */
	FLUSH_CR3, /* nothing cached is global */
	NR_FLUSHES
};

struct step {
	const char *name;
	enum step_flush flush;
	uint32_t inside; /* FLUSH_INVLPG_INSIDE: bytes from the address */
	const struct rules_walk *walk; /* to write first; NULL: the entries stay as they are */
	const struct rules_walk *before; /* FLUSH_NONE: these may still be cached; or NULL */
	struct rules_access access;
};

/* The registers of all steps that follow. CR0, CR4 and EFER are loaded, all is flushed. */
void step_set_registers(const struct rules_setting *s, bool pge);

/* True: as it must be. Counted as one check, a failure described. */
bool step_run(const struct step *step);

/* The access of the latest step, when it was first tried, faulted: nothing is cached now. */
bool step_faulted(void);

/* All that is cached for the address is forgotten, global or not. */
void step_forget(void);

#endif

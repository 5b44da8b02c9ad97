/* SPDX-License-Identifier: MIT */
/*
 * What a vCPU may use. Its past is cut into epochs: one begins wherever its paging-structure
 * caches are emptied or its root changes, and for one address at its page faults. A translation is made within one epoch, of entries
 * that the tables held in it, and lives until something drops it: INVLPG or a fault of its page, a
 * load of CR3 if it is not global, a full flush (Intel SDM Vol. 3A 4.10).
 */
#ifndef TESTS_MODEL_ALLOWED_H
#define TESTS_MODEL_ALLOWED_H

#include "tests/model/paths.h"

/* What began an epoch. */
enum epoch_kind {
	EPOCH_LATCH, /* PDPTEs were loaded, and nothing was dropped */
	EPOCH_PAGE, /* INVLPG */
	EPOCH_FAULT, /* a page fault: drops its own page's translations and the tables on its way */
	EPOCH_LOCAL, /* all but global translations were dropped */
	EPOCH_ALL,
};

struct epoch {
	enum epoch_kind kind;
	uint64_t since; /* until the next one's */
	uint64_t va; /* EPOCH_PAGE, EPOCH_FAULT */
	struct path_root root;
};

#define NR_EPOCHS 256

struct allowed {
	struct ref_cpu cpu;
	struct path_root root;
	struct epoch epoch[NR_EPOCHS]; /* a ring */
	unsigned newest, nr; /* nr: back to the last full flush, at most */
};

void allowed_init(struct allowed *a, unsigned maxphyaddr, bool has_1g);

/* An epoch begins; a->cpu and a->root are the new ones, `since` the time when the act began. */
void allowed_begin(struct allowed *a, enum epoch_kind kind, uint64_t since, uint64_t va);

/* Before how many more epochs must there be a full flush? */
unsigned allowed_room(const struct allowed *a);

/*
 * May the vCPU have a translation of `va` to byte `offset` of `frame` that lets through every
 * access in `set` (REF_SET)? The accesses that it may not; 0: it may.
 */
unsigned allowed_refuses(const struct allowed *a, uint64_t va, unsigned set, unsigned frame,
			 unsigned offset);

/* What a walk of the guest's tables at some time after `since` could have said. */
struct allowed_outcome {
	enum mmu_result result; /* MMU_FIXED: there is memory; MMU_MMIO; MMU_INJECT */
	uint64_t gpa; /* of the first two */
	uint32_t error_code;
};

bool allowed_walk(const struct allowed *a, uint64_t va, unsigned access, uint64_t since,
		  const struct allowed_outcome *o);

#endif

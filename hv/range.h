/* SPDX-License-Identifier: MIT */
/* Sets of address ranges, for the memory map at boot. Plain data, no lock. */
#ifndef HV_RANGE_H
#define HV_RANGE_H

#include "hv/compiler.h"

#define RANGE_SET_MAX 256

struct range {
	uint64_t start, end; /* end: first byte behind it */
};

/* Sorted, disjoint, none empty; neighbours are joined. */
struct range_set {
	struct range r[RANGE_SET_MAX];
	unsigned nr;
};

/* Put start..end in, or take it out. 0, or -ENOSPC: the set is full, nothing changed
 * (taking out can split a range). An empty range changes nothing. */
must_check int range_add(struct range_set *s, uint64_t start, uint64_t end);
must_check int range_remove(struct range_set *s, uint64_t start, uint64_t end);

#endif

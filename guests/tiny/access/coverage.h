/* SPDX-License-Identifier: MIT */
/*
 * Which pairs of flags have come together: a set that is a share of all cases is only as
 * good as that.
 */
#ifndef TINY_ACCESS_COVERAGE_H
#define TINY_ACCESS_COVERAGE_H

#include "paths.h"

void coverage_reset(void);

/* A case with these choices is about to run. */
void coverage_note(const struct path *p, unsigned change, const struct rules_access *access,
		   const struct rules_walk *walk, const struct rules_setting *s);

/* A check: each flag was met with each other one in all four combinations, but for those
 * of one entry or one choice, which exclude each other. */
void coverage_check(const char *mode);

#endif

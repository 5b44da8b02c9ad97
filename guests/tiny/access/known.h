/* SPDX-License-Identifier: MIT */
/* What QEMU's processor does wrong where nothing else is between it and us. */
#ifndef TINY_ACCESS_KNOWN_H
#define TINY_ACCESS_KNOWN_H

#include "rules.h"

/*
 * An access did not come to `want`, and left the entries as `seen`: change `want` to what
 * QEMU 7.2 makes of it by faults that have a name here, each counted. False: none applies.
 * Always so under a hypervisor: what that gives its guest must be right.
 */
bool known_faults(struct rules_outcome *want, const struct rules_walk *seen);

/* The same for: a page fault leaves what is cached for its address. Flush it then. */
bool known_fault_drops_nothing(void);

void known_say(void);

#endif

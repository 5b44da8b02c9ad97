/* SPDX-License-Identifier: MIT */
/*
 * Watching the library's own writes to guest memory: nothing but A bits of entries that it
 * had reason to walk, and D of a leaf that a permitted write goes through (I11).
 */
#ifndef TESTS_MODEL_WATCH_H
#define TESTS_MODEL_WATCH_H

struct vcpu;

/* v is about to run in the library: note which frames its write may reach. */
void watch_attempt(struct vcpu *v);

/* v stops running in the library, for now or for good. */
void watch_library(struct vcpu *v);

/* No guest memory is other than it should be. */
void watch_audit(void);

#endif

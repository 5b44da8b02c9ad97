/* SPDX-License-Identifier: MIT */
/* What the dirty log must say, kept beside the library's. */
#ifndef TESTS_MODEL_DIRTY_H
#define TESTS_MODEL_DIRTY_H

#include <stdbool.h>
#include <stdint.h>

void dirty_reset(void);

/* The frame at `gfn` has been written; or somebody tried to, and may yet. */
void dirty_wrote(uint64_t gfn);
void dirty_tried(uint64_t gfn);

/* Around mmu_dirty_start(), mmu_dirty_collect(), mmu_dirty_stop(). What is written between
 * the two calls may be in this collect or in the next. One at a time. */
bool dirty_is_on(void);
void dirty_starting(void);
void dirty_started(bool on);
bool dirty_collecting(void); /* false: another one is under way */
void dirty_collected(const uint64_t *bitmap, uint64_t words, uint64_t n);
void dirty_stopping(void);

#endif

/* SPDX-License-Identifier: MIT */
/* Between the files of the world: frames of guest memory, the past (memory.c), the host (host.c). */
#ifndef TESTS_MODEL_MEMORY_H
#define TESTS_MODEL_MEMORY_H

#include "tests/model/world.h"

/* Something that was: `value` until just before `end`. */
struct past {
	uint64_t value, end;
	uint32_t next; /* the one before it; 0: none is remembered */
};

/* Put `value`, which is past from `end` on, before the list `next`; its new head. */
uint32_t past_add(uint32_t next, uint64_t value, uint64_t end);
void past_end(uint32_t i); /* it ends now */
const struct past *past_get(uint32_t i); /* NULL for 0 */
/* Forget what ended before. */
void past_cut(uint32_t *head, uint64_t before);

/* As many frames as the largest world so far needs. */
void memory_size(unsigned frames);
void memory_reset(void);
void *memory_at(unsigned frame);
unsigned memory_frame(const void *host); /* that it lies in; or NO_FRAME */
void memory_held(unsigned frame, unsigned offset, unsigned bytes, uint64_t since, uint64_t until,
		 struct held *h);
bool memory_steady(unsigned frame, unsigned offset, unsigned bytes, uint64_t since,
		   uint64_t *value);
void memory_forget(uint64_t before);

/* The host uses the frame for something else: other words where there were some. */
void memory_poison(unsigned frame);

/* Give back what the library did not. */
void host_reset(void);

#endif

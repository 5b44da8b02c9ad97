/* SPDX-License-Identifier: MIT */
/* Coroutines: each runs until it gives way, and goes on where it did. x86-64, System V ABI. */
#ifndef TESTS_MODEL_CO_H
#define TESTS_MODEL_CO_H

#include <stddef.h>

struct co {
	void *sp; /* while it does not run */
	void *stack;
	size_t stack_bytes;
	void (*body)(void *arg);
	void *arg;
	void *asan; /* the sanitizer's */
};

/* Give `c` a stack (once) and a body, which never returns: it begins at the first co_run(). */
void co_init(struct co *c, void (*body)(void *arg), void *arg);

/* From the one who schedules: run `c` until it gives way. */
void co_run(struct co *c);

/* From inside of `c`: back to co_run(). */
void co_give_way(struct co *c);

/* From inside: back to co_run(), and never again here. */
_Noreturn void co_leave(struct co *c);

#endif

/* SPDX-License-Identifier: MIT */
/* A difference between the library and the models ends the run. */
#ifndef TESTS_MODEL_FAIL_H
#define TESTS_MODEL_FAIL_H

#include "mmu/types.h"

#define FAIL_TEXT 512

/*
 * `kind` is a constant sentence that says which rule fell: two failures with the same one
 * are the same failure to the shrinker. The rest are details as for printf.
 */
_Noreturn void model_fail(const char *kind, const char *details, ...)
	__attribute__((format(printf, 2, 3)));

#define MODEL_CHECK(true_for_all, kind, ...)              \
	do {                                              \
		if (__builtin_expect(!(true_for_all), 0)) \
			model_fail(kind, __VA_ARGS__);    \
	} while (0)

/* printf's notation of the types that the models use most. */
#define LLX(x) ((unsigned long long)(x))

#endif

/* SPDX-License-Identifier: MIT */
/* From a stream that fails to a small one that fails in the same way. */
#ifndef TESTS_MODEL_SHRINK_H
#define TESTS_MODEL_SHRINK_H

#include "tests/model/run.h"

/* Shrink in place; the new length. `r` is of the stream as it is, and as it is then. */
size_t shrink(uint8_t *bytes, size_t len, const struct run_options *o, struct run_result *r);

/* A stream has failed: write it to PATH, shrink it, write it to PATH.small, print all. */
void shrink_and_tell(const uint8_t *bytes, size_t len, const struct run_options *o,
		     const char *path);

#endif

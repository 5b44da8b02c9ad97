/* SPDX-License-Identifier: MIT */
/* Streams out of a random number: steps that have something to do with each other. */
#ifndef TESTS_MODEL_GEN_H
#define TESTS_MODEL_GEN_H

#include <stddef.h>
#include <stdint.h>

#define GEN_STEPS 1000u

/* The stream number `n` of `seed`; as many bytes as GEN_STEPS need. */
size_t gen_stream(uint64_t seed, uint64_t n, uint8_t *bytes);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * What the fuzzers share: the input as a stream of numbers. A stream that has ended gives
 * zeros, so that every input means something and a shorter one means less.
 *
 * What must hold is said by assert(): a fuzzer that cannot fail tests nothing.
 */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>

struct input {
	const uint8_t *p;
	size_t left;
};

static inline uint64_t take(struct input *in, unsigned bytes)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < bytes && in->left; i++, in->left--)
		v |= (uint64_t)*in->p++ << (8 * i);
	return v;
}

/* libFuzzer calls these two. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

#endif

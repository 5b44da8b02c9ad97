/* SPDX-License-Identifier: MIT */
/*
 * The shadow MMU under its models (tests/model): the input is a stream as tests/model/step.h has
 * it. What must hold is the models' to say: each access, fault and dirty log that the manual
 * and shadow.md do not permit ends the run. MMU_ENGINE pins the engine.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/model/gen.h"
#include "tests/model/shrink.h"
#include "tests/model/step.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);

static uint64_t operations;
static struct timespec started;
static struct run_options options;

static void tell(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	printf("fuzz: %llu operations in %lld s\n", LLX(operations),
	       (long long)(now.tv_sec - started.tv_sec));
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	clock_gettime(CLOCK_MONOTONIC, &started);
	options = run_default_options();
	atexit(tell);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct run_result r;

	if (!run_stream(data, size, &options, &r)) {
		shrink_and_tell(data, size, &options, "build/fuzz/fuzz_mmu-found");
		abort();
	}
	operations += r.steps;
	return 0;
}

/* ---- mutation by whole steps ---- */

static uint8_t *step_at(uint8_t *data, size_t n)
{
	return data + HEAD_BYTES + n * STEP_BYTES;
}

/* Steps that belong together, out of the generator, put in at step `at` of `n`. */
static size_t insert_steps(uint8_t *data, size_t n, size_t max, size_t at, unsigned seed)
{
	static uint8_t theme[HEAD_BYTES + GEN_STEPS * STEP_BYTES];
	size_t more = 1 + seed % 16;

	if (n + more > max)
		return n;
	gen_stream(seed, seed >> 8, theme);
	memmove(step_at(data, at + more), step_at(data, at), (n - at) * STEP_BYTES);
	memcpy(step_at(data, at), theme + HEAD_BYTES, more * STEP_BYTES);
	return n + more;
}

static size_t copy_step(uint8_t *data, size_t n, size_t max, size_t from, size_t at)
{
	uint8_t step[STEP_BYTES];

	if (n == max)
		return n;
	memcpy(step, step_at(data, from), STEP_BYTES);
	memmove(step_at(data, at + 1), step_at(data, at), (n - at) * STEP_BYTES);
	memcpy(step_at(data, at), step, STEP_BYTES);
	return n + 1;
}

static size_t drop_step(uint8_t *data, size_t n, size_t at)
{
	memmove(step_at(data, at), step_at(data, at + 1), (n - at - 1) * STEP_BYTES);
	return n - 1;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
	size_t max = max_size < HEAD_BYTES ? 0 : (max_size - HEAD_BYTES) / STEP_BYTES, n, at;

	if (size < HEAD_BYTES + STEP_BYTES || !max)
		return LLVMFuzzerMutate(data, size, max_size);
	n = (size - HEAD_BYTES) / STEP_BYTES;
	at = (seed >> 4) % n;
	switch (seed % 8) {
	case 0:
		LLVMFuzzerMutate(data, HEAD_BYTES, HEAD_BYTES);
		break;
	case 1:
		n = drop_step(data, n, at);
		break;
	case 2:
	case 3:
		n = insert_steps(data, n, max, at, seed >> 3);
		break;
	case 4:
		n = copy_step(data, n, max, (seed >> 16) % n, at);
		break;
	default:
		LLVMFuzzerMutate(step_at(data, at), STEP_BYTES, STEP_BYTES);
		break;
	}
	return HEAD_BYTES + n * STEP_BYTES;
}

/* SPDX-License-Identifier: MIT */
/* A stream from beginning to end. */
#ifndef TESTS_MODEL_RUN_H
#define TESTS_MODEL_RUN_H

#include <stdio.h>

#include "tests/model/fail.h"
#include "tests/model/ref.h"

struct run_options {
	const char *engine; /* NULL: the stream chooses */
	unsigned audit_every; /* a full audit after so many steps; 0: at the end only */
	FILE *trace; /* steps are printed as they are made; NULL: not */
	FILE *record; /* the flight recorder is on and dumped here at the end; NULL: not */
	size_t record_bytes; /* of its rings */
	bool no_leave; /* each library call runs to its end before another vCPU does */
};

struct run_result {
	const char *kind; /* of the failure; NULL: none */
	char text[FAIL_TEXT]; /* its details */
	size_t bytes; /* of the stream, up to the step that failed */
	uint64_t steps;
	uint64_t in_mode[NR_REF_MODES]; /* of them, when they were done, of a stream */
};

/* run_options from the environment: MMU_ENGINE. */
struct run_options run_default_options(void);

/* Run `body` until it returns or something fails. False: it failed. */
bool run_guarded(void (*body)(void *arg), void *arg, struct run_result *r);

/* Deterministic; leaves nothing behind. False: it failed. */
bool run_stream(const uint8_t *bytes, size_t len, const struct run_options *o,
		struct run_result *r);

/* From now on a crash in a run, or one that does not end, is a failure of its stream. */
void run_catch_crashes(void);

/* The name of the engine that a stream with this byte runs on. */
const char *run_engine(const struct run_options *o, unsigned choice);

/* Print the stream as steps. */
void run_print(const uint8_t *bytes, size_t len, const struct run_options *o, FILE *f);

#endif

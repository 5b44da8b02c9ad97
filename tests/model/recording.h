/* SPDX-License-Identifier: MIT */
/* Recordings of real guests (mmu/stream.h), through the models and any engine. */
#ifndef TESTS_MODEL_RECORDING_H
#define TESTS_MODEL_RECORDING_H

#include "tests/model/run.h"

/* Is it one? As bytes or as text, perhaps with a console's other lines around it. */
bool recording_is(const uint8_t *bytes, size_t len);

/* Replay it. r->steps: records. o->trace: they are printed. False: a difference. */
bool recording_run(const uint8_t *bytes, size_t len, const struct run_options *o,
		   struct run_result *r);

#endif

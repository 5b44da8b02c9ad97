/* SPDX-License-Identifier: MIT */
/*
 * record [OPS [SEED]]: random streams with the flight recorder on, each dumped at its end as
 * text and replayed from that. Rings are small, so that replays begin at a key frame in their
 * middle. Exit status 1 if a stream fails or its replay tells a difference: the dump is kept.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/model/gen.h"
#include "tests/model/recording.h"
#include "tests/model/step.h"

#define DEFAULT_OPS 100000u
#define FOUND "build/model/found-recording"

static char *text;
static size_t text_len;

static bool run(const uint8_t *bytes, size_t len, uint64_t n, struct run_result *r)
{
	struct run_options o = run_default_options();
	FILE *f = open_memstream(&text, &text_len);
	bool good;

	if (!f)
		abort();
	o.record = f;
	o.record_bytes = MMU_RECORD_LEAST << n % 6;
	o.no_leave = true;
	good = run_stream(bytes, len, &o, r);
	fclose(f);
	return good;
}

static bool replay(struct run_result *r)
{
	struct run_options o = run_default_options();

	return recording_run((const uint8_t *)text, text_len, &o, r);
}

static void keep(void)
{
	FILE *f = fopen(FOUND, "wb");

	if (!f || fwrite(text, 1, text_len, f) != text_len || fclose(f))
		perror(FOUND);
}

int main(int argc, char **argv)
{
	static uint8_t bytes[HEAD_BYTES + GEN_STEPS * STEP_BYTES];
	uint64_t ops = argc > 1 ? strtoull(argv[1], NULL, 0) : DEFAULT_OPS;
	uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 0) : 1, done = 0, records = 0;

	run_catch_crashes();
	for (uint64_t n = 0; done < ops; n++) {
		size_t len = gen_stream(seed, n, bytes);
		struct run_result r;

		if (!run(bytes, len, n, &r)) {
			printf("stream %llu: %s\n  %s\n", LLX(n), r.kind, r.text);
			return 1;
		}
		done += r.steps;
		if (!replay(&r)) {
			keep();
			printf("stream %llu, its recording " FOUND ": %s\n  %s\n", LLX(n), r.kind,
			       r.text);
			return 1;
		}
		records += r.steps;
		free(text);
	}
	printf("record: %llu operations, %llu records replayed, no difference\n", LLX(done),
	       LLX(records));
	return 0;
}

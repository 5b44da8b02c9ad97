/* SPDX-License-Identifier: MIT */
/*
 * replay [--shrink] FILE...: run streams or recordings (mmu/stream.h) and print them as readable
 * steps. --shrink: make what fails
 * smaller first, into FILE.small. MMU_ENGINE names the engine. Exit status 1 if one failed.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/model/recording.h"
#include "tests/model/shrink.h"

#define MAX_BYTES (1u << 24)

static bool replay(const char *path, bool small)
{
	static uint8_t bytes[MAX_BYTES];
	struct run_options o = run_default_options();
	FILE *f = fopen(path, "rb");
	struct run_result r;
	bool is_recording;
	size_t len;

	if (!f) {
		perror(path);
		return false;
	}
	len = fread(bytes, 1, sizeof(bytes), f);
	fclose(f);
	o.trace = small ? NULL : stdout;
	is_recording = recording_is(bytes, len);
	if (is_recording ? recording_run(bytes, len, &o, &r) : run_stream(bytes, len, &o, &r)) {
		printf("%s: %llu steps, no difference\n", path, LLX(r.steps));
		return true;
	}
	if (small && !is_recording)
		shrink_and_tell(bytes, len, &o, path);
	else
		printf("%s: %s\n  %s\n", path, r.kind, r.text);
	return false;
}

int main(int argc, char **argv)
{
	bool small = argc > 1 && !strcmp(argv[1], "--shrink"), good = true;

	run_catch_crashes();
	for (int i = 1 + small; i < argc; i++)
		good = replay(argv[i], small) && good;
	return !good;
}

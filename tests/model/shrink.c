/* SPDX-License-Identifier: MIT */
/* See shrink.h. Steps are taken out in ever smaller chunks, then operands are made 0. */
#include "tests/model/shrink.h"

#include <stdlib.h>
#include <string.h>

#include "tests/model/step.h"

#define MAX_RUNS 20000u
#define MAX_PATH 512

struct attempt {
	const struct run_options *o;
	struct run_result *r; /* the best so far */
	uint8_t *best, *next; /* as long as the first stream */
	size_t len;
	unsigned runs;
};

/* Does a->next, `len` bytes, fail like the best? Then it is the best. */
static bool still_fails(struct attempt *a, size_t len)
{
	struct run_result r;

	if (++a->runs > MAX_RUNS || run_stream(a->next, len, a->o, &r) ||
	    strcmp(r.kind, a->r->kind) != 0)
		return false;
	*a->r = r;
	a->len = r.bytes > HEAD_BYTES && r.bytes < len ? r.bytes : len;
	memcpy(a->best, a->next, a->len);
	return true;
}

static bool drop_chunks(struct attempt *a, size_t chunk)
{
	bool any = false;

	for (size_t at = HEAD_BYTES; at < a->len;) {
		size_t n = at + chunk < a->len ? chunk : a->len - at;

		memcpy(a->next, a->best, at);
		memcpy(a->next + at, a->best + at + n, a->len - at - n);
		if (still_fails(a, a->len - n))
			any = true;
		else
			at += chunk;
	}
	return any;
}

static bool drop_steps(struct attempt *a)
{
	size_t steps = a->len / STEP_BYTES + 1;
	bool any = false;

	for (size_t chunk = steps / 2; chunk; chunk /= 2)
		any = drop_chunks(a, chunk * STEP_BYTES) || any;
	return any;
}

/* Bits of a byte that make a step simpler when they are 0. */
static bool clear_bits(struct attempt *a)
{
	static const uint8_t masks[] = { 0xff, 0xfc, 0xf0, 0x0f };
	bool any = false;

	for (size_t i = 0; i < a->len; i++) {
		bool is_kind = i >= HEAD_BYTES && i % STEP_BYTES == 0;

		for (unsigned m = 0; m < sizeof(masks) && !is_kind; m++) {
			if (i >= a->len || !(a->best[i] & masks[m]))
				continue;
			memcpy(a->next, a->best, a->len);
			a->next[i] &= ~masks[m];
			any = still_fails(a, a->len) || any;
		}
	}
	return any;
}

size_t shrink(uint8_t *bytes, size_t len, const struct run_options *o, struct run_result *r)
{
	struct attempt a = { o, r, bytes, malloc(len), len, 0 };

	if (!a.next)
		abort();
	if (r->bytes > HEAD_BYTES && r->bytes < len)
		a.len = r->bytes;
	for (bool smaller = true; smaller && a.runs < MAX_RUNS;) {
		smaller = drop_steps(&a);
		smaller = clear_bits(&a) || smaller;
	}
	free(a.next);
	return a.len;
}

static void write_file(const char *path, const uint8_t *bytes, size_t len)
{
	FILE *f = fopen(path, "wb");

	if (!f || fwrite(bytes, 1, len, f) != len || fclose(f))
		perror(path);
}

void shrink_and_tell(const uint8_t *bytes, size_t len, const struct run_options *o,
		     const char *path)
{
	struct run_options quiet = *o;
	uint8_t *copy = malloc(len + 1);
	char small[MAX_PATH];
	struct run_result r;

	quiet.trace = NULL;
	if (!copy)
		abort();
	memcpy(copy, bytes, len);
	write_file(path, bytes, len);
	if (run_stream(copy, len, &quiet, &r)) {
		printf("%s: does not fail when it is run again\n", path);
		free(copy);
		return;
	}
	len = shrink(copy, len, &quiet, &r);
	snprintf(small, sizeof(small), "%s.small", path);
	write_file(small, copy, len);
	run_print(copy, len, &quiet, stdout);
	printf("%s: %s\n  %s\n", small, r.kind, r.text);
	free(copy);
}

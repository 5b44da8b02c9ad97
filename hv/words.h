/* SPDX-License-Identifier: MIT */
/*
 * Lines of words as loaders hand them on, cut up and reported on: what hv_config_parse and
 * guest_config_parse share. Nothing is copied; words point into their line.
 */
#ifndef HV_WORDS_H
#define HV_WORDS_H

#include "hv/compiler.h"

struct word {
	const char *s; /* not NUL-terminated */
	unsigned len; /* bytes; 0: the line has ended */
};

/* A line with the name by which the user knows it, for messages. */
struct words {
	const char *what; /* "module 2", "command line" */
	const char *text;
	const char *next; /* what is still to be read */
	unsigned mistakes; /* reported so far */
};

/* Room for a quoted line in a message, NUL and "..." included. */
#define WORDS_QUOTE_MAX 160

void words_start(struct words *l, const char *what, const char *text);

/* Take the next word off the line, or only look at it. */
struct word words_next(struct words *l);
struct word words_peek(const struct words *l);

/* The word is exactly `s`; begins with `s`, *rest then is what follows. */
bool word_is(struct word w, const char *s);
bool word_starts(struct word w, const char *s, struct word *rest);

/* Copy with a NUL; false, nothing copied, if `size` bytes are too few. */
bool word_copy(struct word w, char *buf, size_t size);

/* A number: decimal, or hexadecimal behind 0x. False: no number, or beyond 64 bits. */
must_check bool word_number(struct word w, uint64_t *val);

/* A number of bytes with K, M, G or T (powers of 1024, either case) or nothing behind it. */
must_check bool word_size(struct word w, uint64_t *bytes);

/* `xihv: WHAT "LINE": word "WORD": expected EXPECTED`, and one mistake more. */
void words_expected(struct words *l, struct word w, const char *expected);

/* `xihv: WHAT "LINE": REASON`, and one mistake more. */
void words_mistake(struct words *l, const char *fmt, ...) printf_like(2, 3);

#endif

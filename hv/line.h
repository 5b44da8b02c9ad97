/* SPDX-License-Identifier: MIT */
/*
 * A line that is put together piece by piece and printed in one call of printk, so that no
 * other CPU's text gets between its pieces.
 */
#ifndef HV_LINE_H
#define HV_LINE_H

#include "hv/compiler.h"

#define LINE_BYTES 256

struct line {
	char text[LINE_BYTES];
	size_t len;
};

/* What does not fit is cut off. */
void line_add(struct line *l, const char *fmt, ...) printf_like(2, 3);

/* "n/10" with one decimal, "n/100" with two, and `unit` behind; right-aligned in `width`. */
void line_add_tenths(struct line *l, int width, uint64_t n, const char *unit);
void line_add_hundredths(struct line *l, int width, uint64_t n);

/* Print it with a line end, and begin a new one. */
void line_print(struct line *l);

#endif

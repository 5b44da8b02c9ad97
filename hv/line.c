/* SPDX-License-Identifier: MIT */
/* Lines made of pieces (hv/line.h). The data is the caller's: no lock. */
#include "hv/line.h"

#include "hv/print.h"

void line_add(struct line *l, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(l->text + l->len, sizeof(l->text) - l->len, fmt, ap);
	va_end(ap);
	l->len = MIN(l->len + (size_t)n, sizeof(l->text) - 1);
}

void line_add_tenths(struct line *l, int width, uint64_t n, const char *unit)
{
	char text[32];

	snprintf(text, sizeof(text), "%lu.%lu%s", (n / 10), (n % 10), unit);
	line_add(l, "%*s", width, text);
}

void line_add_hundredths(struct line *l, int width, uint64_t n)
{
	char text[32];

	snprintf(text, sizeof(text), "%lu.%02lu", (n / 100), (n % 100));
	line_add(l, "%*s", width, text);
}

void line_print(struct line *l)
{
	printk("%.*s\n", (int)l->len, l->text);
	l->len = 0;
	l->text[0] = '\0';
}

/* SPDX-License-Identifier: MIT */
/*
 * Lines of words, their numbers and the messages about them. No data of its own, no lock.
 *
 * A line comes from whoever wrote the boot menu: it may hold any bytes, so what is quoted
 * on the console is cut to a length and stripped of control characters.
 */
#include "hv/words.h"

#include "hv/print.h"
#include "hv/string.h"

#define WORD_QUOTE_MAX 64
#define REASON_MAX 120

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

void words_start(struct words *l, const char *what, const char *text)
{
	*l = (struct words){ .what = what, .text = text, .next = text };
}

struct word words_peek(const struct words *l)
{
	struct word w = { .s = l->next };

	while (is_space(*w.s))
		w.s++;
	while (w.s[w.len] && !is_space(w.s[w.len]))
		w.len++;
	return w;
}

struct word words_next(struct words *l)
{
	struct word w = words_peek(l);

	l->next = w.s + w.len;
	return w;
}

bool word_starts(struct word w, const char *s, struct word *rest)
{
	size_t n = strlen(s);

	if (w.len < n || memcmp(w.s, s, n) != 0)
		return false;
	*rest = (struct word){ .s = w.s + n, .len = w.len - (unsigned)n };
	return true;
}

bool word_is(struct word w, const char *s)
{
	struct word rest;

	return word_starts(w, s, &rest) && rest.len == 0;
}

bool word_copy(struct word w, char *buf, size_t size)
{
	if (w.len >= size)
		return false;
	memcpy(buf, w.s, w.len);
	buf[w.len] = '\0';
	return true;
}

static int digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

bool word_number(struct word w, uint64_t *val)
{
	uint64_t base = 10, n = 0;
	struct word rest;

	if (word_starts(w, "0x", &rest)) {
		base = 16;
		w = rest;
	}
	if (w.len == 0)
		return false;
	for (unsigned i = 0; i < w.len; i++) {
		int d = digit_value(w.s[i]);

		if (d < 0 || (uint64_t)d >= base)
			return false;
		if (__builtin_mul_overflow(n, base, &n) ||
		    __builtin_add_overflow(n, (uint64_t)d, &n))
			return false;
	}
	*val = n;
	return true;
}

bool word_size(struct word w, uint64_t *bytes)
{
	static const char units[] = "kKmMgGtT";
	uint64_t unit = 1;

	if (w.len > 0 && w.s[w.len - 1] != '\0') {
		const char *u = strchr(units, w.s[w.len - 1]);

		if (u) {
			unit <<= 10 * ((u - units) / 2 + 1);
			w.len--;
		}
	}
	return word_number(w, bytes) && !__builtin_mul_overflow(*bytes, unit, bytes);
}

/* Up to size-1 bytes of `s`; "..." tells that something was left out. */
static const char *quote(char *buf, unsigned size, const char *s, size_t len)
{
	bool cut = len >= size;
	size_t n = cut ? size - 4 : len;

	for (size_t i = 0; i < n; i++)
		buf[i] = s[i] >= ' ' && s[i] <= '~' ? s[i] : '?';
	if (cut)
		memcpy(buf + n, "...", 4);
	else
		buf[n] = '\0';
	return buf;
}

/* A guest's own command line is none of our business: quote what stands before it. */
static size_t described_length(const char *text)
{
	for (const char *p = text; *p; p++)
		if (is_space(p[0]) && p[1] == '-' && p[2] == '-' && (is_space(p[3]) || !p[3]))
			return (size_t)(p - text);
	return strlen(text);
}

void words_expected(struct words *l, struct word w, const char *expected)
{
	char line[WORDS_QUOTE_MAX], word[WORD_QUOTE_MAX];

	l->mistakes++;
	quote(line, sizeof(line), l->text, described_length(l->text));
	if (w.len)
		printk("xihv: %s \"%s\": word \"%s\": expected %s\n", l->what, line,
		       quote(word, sizeof(word), w.s, w.len), expected);
	else
		printk("xihv: %s \"%s\": at its end: expected %s\n", l->what, line, expected);
}

void words_mistake(struct words *l, const char *fmt, ...)
{
	char line[WORDS_QUOTE_MAX], reason[REASON_MAX];
	va_list ap;

	l->mistakes++;
	va_start(ap, fmt);
	vsnprintf(reason, sizeof(reason), fmt, ap);
	va_end(ap);
	quote(line, sizeof(line), l->text, described_length(l->text));
	printk("xihv: %s \"%s\": %s\n", l->what, line, reason);
}

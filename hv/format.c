/* SPDX-License-Identifier: MIT */
/*
 * printf formatting as in C11 7.21.6.1 without floating point. No data, no lock: works in
 * any context. A conversion that it does not know is printed as it stands.
 */
#include "hv/format.h"

#include <stdbool.h>
#include <stdint.h>

#include "hv/compiler.h"
#include "hv/string.h"

/* 64 bits in octal are 22 digits; one more for the sign is kept apart. */
#define DIGITS_MAX 24

struct spec {
	bool left, zero, plus, space, alt;
	int width, precision; /* precision -1: none given */
	int length; /* bytes of the argument's type */
	char conv;
};

struct state {
	struct format_out *out;
	int total;
};

static void put(struct state *s, const char *text, size_t n)
{
	if (n)
		s->out->put(s->out, text, n);
	s->total += n;
}

static void fill(struct state *s, char c, int n)
{
	while (n-- > 0)
		put(s, &c, 1);
}

/* Text with its padding; `prefix` (sign, 0x) stays in front of zeros. */
static void put_field(struct state *s, const struct spec *sp, const char *prefix, int zeros,
		      const char *text, int n)
{
	int prefix_len = strlen(prefix);
	int pad = sp->width - prefix_len - MAX(zeros, 0) - n;

	if (!sp->left)
		fill(s, ' ', pad);
	put(s, prefix, prefix_len);
	fill(s, '0', zeros);
	put(s, text, n);
	if (sp->left)
		fill(s, ' ', pad);
}

static const char *parse_flags(const char *f, struct spec *sp)
{
	for (;; f++) {
		switch (*f) {
		case '-':
			sp->left = true;
			break;
		case '0':
			sp->zero = true;
			break;
		case '+':
			sp->plus = true;
			break;
		case ' ':
			sp->space = true;
			break;
		case '#':
			sp->alt = true;
			break;
		default:
			return f;
		}
	}
}

static const char *parse_number(const char *f, int *n)
{
	for (*n = 0; *f >= '0' && *f <= '9'; f++)
		*n = *n * 10 + (*f - '0');
	return f;
}

static const char *parse_length(const char *f, struct spec *sp)
{
	sp->length = sizeof(int);
	if (f[0] == 'h') {
		sp->length = f[1] == 'h' ? sizeof(char) : sizeof(short);
		return f + (f[1] == 'h' ? 2 : 1);
	}
	if (f[0] == 'l' || f[0] == 'z') {
		sp->length = sizeof(long);
		return f + (f[0] == 'l' && f[1] == 'l' ? 2 : 1);
	}
	return f;
}

/* The digits of `v`, right-aligned in buf; returns their number. */
static int digits(char buf[DIGITS_MAX], uint64_t v, unsigned base, bool upper)
{
	const char *set = upper ? "0123456789ABCDEF" : "0123456789abcdef";
	int n = 0;

	for (; v; v /= base)
		buf[DIGITS_MAX - ++n] = set[v % base];
	return n;
}

static void put_integer(struct state *s, const struct spec *sp, uint64_t v, unsigned base,
			const char *prefix)
{
	char buf[DIGITS_MAX];
	int n = digits(buf, v, base, sp->conv == 'X');
	int zeros = (sp->precision < 0 ? 1 : sp->precision) - n;

	if (base == 8 && sp->alt && zeros <= 0)
		zeros = 1;
	if (sp->zero && !sp->left && sp->precision < 0)
		zeros = MAX(zeros, sp->width - (int)strlen(prefix) - n);
	put_field(s, sp, prefix, zeros, buf + DIGITS_MAX - n, n);
}

static void put_signed(struct state *s, const struct spec *sp, int64_t v)
{
	const char *sign = v < 0 ? "-" : sp->plus ? "+" : sp->space ? " " : "";

	put_integer(s, sp, v < 0 ? -(uint64_t)v : (uint64_t)v, 10, sign);
}

static void put_string(struct state *s, const struct spec *sp, const char *text)
{
	int n = 0;

	if (!text)
		text = "(null)";
	while ((sp->precision < 0 || n < sp->precision) && text[n])
		n++;
	put_field(s, sp, "", 0, text, n);
}

/* va_list may be an array type, so it travels inside a struct. */
struct args {
	va_list ap;
};

static uint64_t next_unsigned(struct args *a, int length)
{
	if (length == sizeof(long))
		return va_arg(a->ap, unsigned long);
	if (length == sizeof(short))
		return (unsigned short)va_arg(a->ap, int);
	if (length == sizeof(char))
		return (unsigned char)va_arg(a->ap, int);
	return va_arg(a->ap, unsigned);
}

static int64_t next_signed(struct args *a, int length)
{
	if (length == sizeof(long))
		return va_arg(a->ap, long);
	if (length == sizeof(short))
		return (short)va_arg(a->ap, int);
	if (length == sizeof(char))
		return (signed char)va_arg(a->ap, int);
	return va_arg(a->ap, int);
}

static void put_hex(struct state *s, const struct spec *sp, uint64_t v)
{
	const char *prefix = sp->conv == 'X' ? "0X" : "0x";

	put_integer(s, sp, v, 16, sp->alt && v ? prefix : "");
}

/* False: no such conversion. */
static bool convert(struct state *s, const struct spec *sp, struct args *a)
{
	char c;

	switch (sp->conv) {
	case 'd':
	case 'i':
		put_signed(s, sp, next_signed(a, sp->length));
		return true;
	case 'u':
		put_integer(s, sp, next_unsigned(a, sp->length), 10, "");
		return true;
	case 'o':
		put_integer(s, sp, next_unsigned(a, sp->length), 8, "");
		return true;
	case 'x':
	case 'X':
		put_hex(s, sp, next_unsigned(a, sp->length));
		return true;
	case 'p':
		put_integer(s, sp, (uintptr_t)va_arg(a->ap, void *), 16, "0x");
		return true;
	case 'c':
		c = (char)va_arg(a->ap, int);
		put_field(s, sp, "", 0, &c, 1);
		return true;
	case 's':
		put_string(s, sp, va_arg(a->ap, const char *));
		return true;
	case '%':
		put(s, "%", 1);
		return true;
	default:
		return false;
	}
}

/* Width or precision: a number or "*". */
static const char *parse_count(const char *f, struct args *a, int *n)
{
	if (*f != '*')
		return parse_number(f, n);
	*n = va_arg(a->ap, int);
	return f + 1;
}

static const char *parse_spec(const char *f, struct spec *sp, struct args *a)
{
	*sp = (struct spec){ .precision = -1 };
	f = parse_flags(f, sp);
	f = parse_count(f, a, &sp->width);
	if (sp->width < 0) {
		sp->left = true;
		sp->width = -sp->width;
	}
	if (*f == '.')
		f = parse_count(f + 1, a, &sp->precision);
	f = parse_length(f, sp);
	sp->conv = *f;
	return *f ? f + 1 : f;
}

int format_text(struct format_out *out, const char *fmt, va_list ap)
{
	struct state s = { .out = out };
	struct args a;

	va_copy(a.ap, ap);
	while (*fmt) {
		const char *end = fmt;
		struct spec sp;

		while (*end && *end != '%')
			end++;
		put(&s, fmt, end - fmt);
		if (!*end)
			break;
		fmt = parse_spec(end + 1, &sp, &a);
		if (!convert(&s, &sp, &a))
			put(&s, end, fmt - end);
	}
	va_end(a.ap);
	return s.total;
}

/* SPDX-License-Identifier: MIT */
/* The formatter against the C library's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "hv/compiler.h"
#include "hv/format.h"

struct text {
	struct format_out out;
	char buf[512];
	size_t len;
};

static void text_put(struct format_out *out, const char *s, size_t n)
{
	struct text *t = container_of(out, struct text, out);

	assert_true(t->len + n < sizeof(t->buf));
	memcpy(t->buf + t->len, s, n);
	t->len += n;
	t->buf[t->len] = 0;
}

static void printf_like(1, 2) same(const char *fmt, ...)
{
	struct text t = { .out.put = text_put };
	char want[512];
	va_list ap;
	int n, m;

	va_start(ap, fmt);
	n = vsnprintf(want, sizeof(want), fmt, ap);
	va_end(ap);
	va_start(ap, fmt);
	m = format_text(&t.out, fmt, ap);
	va_end(ap);
	assert_string_equal(t.buf, want);
	assert_int_equal(n, m);
}

static void integers(void **state)
{
	static const int64_t v[] = { 0,
				     1,
				     -1,
				     9,
				     10,
				     255,
				     -128,
				     32767,
				     INT32_MAX,
				     INT32_MIN,
				     INT64_MAX,
				     INT64_MIN,
				     0x123456789abcdef };
	unsigned i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(v); i++) {
		same("%d %i %u %x %X %o", (int)v[i], (int)v[i], (unsigned)v[i], (unsigned)v[i],
		     (unsigned)v[i], (unsigned)v[i]);
		same("%ld %lu %lx %lo", (long)v[i], (unsigned long)v[i], (unsigned long)v[i],
		     (unsigned long)v[i]);
		same("%lld %llu %zu %zx", (long long)v[i], (unsigned long long)v[i], (size_t)v[i],
		     (size_t)v[i]);
		same("%hd %hu %hhd %hhu %hhx", (short)v[i], (unsigned short)v[i], (signed char)v[i],
		     (unsigned char)v[i], (unsigned char)v[i]);
		same("%5d|%-5d|%05d|%+d|% d|%+05d", (int)v[i], (int)v[i], (int)v[i], (int)v[i],
		     (int)v[i], (int)v[i]);
		same("%#x|%#18lx|%#018lx|%-#18lx|%#o", (unsigned)v[i], (unsigned long)v[i],
		     (unsigned long)v[i], (unsigned long)v[i], (unsigned)v[i]);
		same("%.0d|%.3d|%8.3d|%-8.3d|%.20ld", (int)v[i], (int)v[i], (int)v[i], (int)v[i],
		     (long)v[i]);
		same("%*d|%-*d|%.*d", 7, (int)v[i], 7, (int)v[i], 4, (int)v[i]);
		same("%*d", -7, (int)v[i]);
	}
}

static void texts(void **state)
{
	(void)state;
	same("plain");
	same("100%%");
	same("%s|%10s|%-10s|%.2s|%10.2s|%.*s", "abc", "abc", "abc", "abc", "abc", 1, "abc");
	same("%c|%3c|%-3c|", 'a', 'b', 'c');
	same("%p", (void *)0x1234);
	same("%s%s", "", "x");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(integers),
		cmocka_unit_test(texts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

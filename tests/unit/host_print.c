/* SPDX-License-Identifier: MIT */
/*
 * hv/print.h for host tests: printk collects in a buffer that a test can look at, panic
 * ends the test program. snprintf and vsnprintf are libc's.
 *
 * No lock: the tests have one thread.
 */
#include "tests/unit/host_print.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char host_printk_buf[HOST_PRINTK_BYTES];
static size_t used;
static void (*sink)(const char *text, size_t n);

void host_printk_clear(void)
{
	used = 0;
	host_printk_buf[0] = '\0';
}

void print_set_sink(void (*fn)(const char *text, size_t n))
{
	sink = fn;
}

/* When the buffer is full the oldest half goes: a fuzzed parser may print for ever. */
static void capture(const char *s, size_t n)
{
	if (n >= HOST_PRINTK_BYTES / 2) {
		s += n - (HOST_PRINTK_BYTES / 2 - 1);
		n = HOST_PRINTK_BYTES / 2 - 1;
	}
	if (used + n >= HOST_PRINTK_BYTES) {
		memmove(host_printk_buf, host_printk_buf + used / 2, used - used / 2);
		used -= used / 2;
	}
	memcpy(host_printk_buf + used, s, n);
	used += n;
	host_printk_buf[used] = '\0';
}

void vprintk(const char *fmt, va_list ap)
{
	static char text[HOST_PRINTK_BYTES / 4];
	int n = vsnprintf(text, sizeof(text), fmt, ap);

	if (n < 0)
		abort();
	if ((size_t)n >= sizeof(text))
		n = sizeof(text) - 1;
	capture(text, (size_t)n);
	if (sink)
		sink(text, (size_t)n);
}

void printk(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vprintk(fmt, ap);
	va_end(ap);
}

_Noreturn void panic(const char *fmt, ...)
{
	va_list ap;

	fputs("panic: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputs("\n", stderr);
	abort();
}

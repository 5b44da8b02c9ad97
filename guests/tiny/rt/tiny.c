/* SPDX-License-Identifier: MIT */
/* The runtime: console, verdict, boot information. One processor, no locks. */
#include "tiny.h"

#include <stdarg.h>

/* National Semiconductor PC16550D at the first PC serial port. */
#define COM1 0x3f8
#define UART_LCR 3
#define UART_LSR 5
#define LCR_8N1 0x03
#define LCR_DLAB 0x80
#define LSR_THRE 0x20
#define DIVISOR_115200 1

#define DEBUG_EXIT_PORT 0xf4

uint32_t boot_magic;
const struct mb_info *boot_info;

static unsigned nr_checks, nr_failed;

void run(uint32_t magic, const struct mb_info *info);

size_t strlen(const char *s)
{
	size_t n = 0;

	while (s[n])
		n++;
	return n;
}

int strcmp(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	return (unsigned char)*a - (unsigned char)*b;
}

void *memcpy(void *dst, const void *src, size_t n)
{
	char *d = dst;
	const char *s = src;

	while (n--)
		*d++ = *s++;
	return dst;
}

void *memset(void *dst, int c, size_t n)
{
	char *d = dst;

	while (n--)
		*d++ = (char)c;
	return dst;
}

static void serial_init(void)
{
	outb(COM1 + UART_LCR, LCR_DLAB | LCR_8N1);
	outb(COM1, DIVISOR_115200);
	outb(COM1 + 1, 0);
	outb(COM1 + UART_LCR, LCR_8N1);
}

static void put_char(char c)
{
	if (c == '\n')
		put_char('\r');
	while (!(inb(COM1 + UART_LSR) & LSR_THRE))
		;
	outb(COM1, (uint8_t)c);
}

static void put_string(const char *s)
{
	while (*s)
		put_char(*s++);
}

/* Divide *v by a small base and return the remainder, without libgcc's 64-bit division. */
static uint32_t divide(uint64_t *v, uint32_t base)
{
	uint32_t high = (uint32_t)(*v >> 32), low = (uint32_t)*v, rest;
	uint32_t high_quotient = high / base;

	__asm__("divl %4" : "=a"(low), "=d"(rest) : "a"(low), "d"(high % base), "r"(base));
	*v = (uint64_t)high_quotient << 32 | low;
	return rest;
}

static void put_number(uint64_t v, uint32_t base)
{
	char buf[24];
	unsigned n = sizeof(buf);

	buf[--n] = '\0';
	do
		buf[--n] = "0123456789abcdef"[divide(&v, base)];
	while (v);
	put_string(buf + n);
}

static void vsay(const char *fmt, va_list ap)
{
	for (; *fmt; fmt++) {
		if (*fmt != '%') {
			put_char(*fmt);
			continue;
		}
		switch (*++fmt) {
		case 's':
			put_string(va_arg(ap, const char *));
			break;
		case 'u':
			put_number(va_arg(ap, uint32_t), 10);
			break;
		case 'x':
			put_number(va_arg(ap, uint32_t), 16);
			break;
		case 'U':
			put_number(va_arg(ap, uint64_t), 10);
			break;
		case 'X':
			put_number(va_arg(ap, uint64_t), 16);
			break;
		default:
			put_char(*fmt);
		}
	}
}

void say(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsay(fmt, ap);
	va_end(ap);
}

void check(bool ok, const char *fmt, ...)
{
	va_list ap;

	nr_checks++;
	nr_failed += !ok;
	say(ok ? "ok " : "FAIL ");
	va_start(ap, fmt);
	vsay(fmt, ap);
	va_end(ap);
	say("\n");
}

bool check_quietly(bool ok)
{
	nr_checks++;
	nr_failed += !ok;
	return ok;
}

unsigned checks_so_far(void)
{
	return nr_checks;
}

int checks_done(const char *guest)
{
	say("%s: %u checks, %u failed\n", guest, nr_checks, nr_failed);
	return (int)nr_failed;
}

void finish(unsigned code)
{
	outb(DEBUG_EXIT_PORT, (uint8_t)code);
	for (;;)
		__asm__ volatile("cli; hlt");
}

bool asked_for(const char *word)
{
	const char *line = boot_info->flags & 4 ? (const char *)boot_info->cmdline : "";
	size_t n = strlen(word);

	for (const char *p = line; *p; p++) {
		size_t i = 0;

		if (p > line && p[-1] != ' ')
			continue;
		while (i < n && p[i] == word[i])
			i++;
		if (i == n && (p[n] == ' ' || p[n] == '\0'))
			return true;
	}
	return false;
}

bool on_bare_tcg(void)
{
	struct cpuid c;

	if (!(cpuid(1, 0).c & 1u << 31))
		return false;
	c = cpuid(0x40000000, 0);
	return c.b == 0x54474354; /* "TCGTCGTCGTCG" */
}

void run(uint32_t magic, const struct mb_info *info)
{
	boot_magic = magic;
	boot_info = info;
	serial_init();
	finish(main() == 0 ? EXIT_PASS : EXIT_FAIL);
}

static unsigned length_of_match(const char *p, const char *key)
{
	unsigned n = 0;

	while (key[n] && p[n] == key[n])
		n++;
	return key[n] ? 0 : n;
}

uint64_t asked_number(const char *key, uint64_t otherwise)
{
	const char *p = (const char *)boot_info->cmdline;
	uint64_t value = 0;

	if (!(boot_info->flags & 4))
		return otherwise;
	while (*p && !length_of_match(p, key))
		p++;
	if (!*p)
		return otherwise;
	for (p += length_of_match(p, key); *p >= '0' && *p <= '9'; p++)
		value = value * 10 + (uint64_t)(*p - '0');
	return value;
}

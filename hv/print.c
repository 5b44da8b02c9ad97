/* SPDX-License-Identifier: MIT */
/*
 * printk and snprintf over the formatter. Until the UART is up the text waits in a small
 * log; until the console sets its sink it goes to the UART. Without a lock: the boot CPU alone
 * prints before the sink is there.
 */
#include "hv/print.h"

#include "drivers/host/uart.h"
#include "hv/format.h"
#include "hv/spinlock.h"
#include "hv/string.h"

#define LOG_BYTES 8192
#define PIECE_BYTES 128 /* gathered on the stack, so that a sink sees few pieces */

/* For a panic before the boot line was read. */
#define FALLBACK_PORT 0x3f8
#define FALLBACK_BAUD 115200

static void (*sink)(const char *text, size_t n);
static struct spinlock lock; /* one printk at a time: pieces of a line stay together */
static bool uart_up;
static char log[LOG_BYTES]; /* text from before the UART was up */
static size_t log_len;

struct buffer_out {
	struct format_out out;
	char *buf;
	size_t size, len; /* len: of the whole text */
};

static void buffer_put(struct format_out *out, const char *text, size_t n)
{
	struct buffer_out *b = container_of(out, struct buffer_out, out);

	if (b->size && b->len < b->size - 1)
		memcpy(b->buf + b->len, text, MIN(n, b->size - 1 - b->len));
	b->len += n;
}

int vsnprintf(char *buf, size_t n, const char *fmt, va_list ap)
{
	struct buffer_out b = { .out.put = buffer_put, .buf = buf, .size = n };
	int len = format_text(&b.out, fmt, ap);

	if (n)
		buf[MIN(b.len, n - 1)] = 0;
	return len;
}

int snprintf(char *buf, size_t n, const char *fmt, ...)
{
	va_list ap;
	int len;

	va_start(ap, fmt);
	len = vsnprintf(buf, n, fmt, ap);
	va_end(ap);
	return len;
}

static void uart_write(const char *text, size_t n)
{
	for (; n; n--, text++) {
		if (*text == '\n')
			uart_tx('\r');
		uart_tx(*text);
	}
}

static void emit(const char *text, size_t n)
{
	if (sink) {
		sink(text, n);
		return;
	}
	if (uart_up) {
		uart_write(text, n);
		return;
	}
	n = MIN(n, LOG_BYTES - log_len);
	memcpy(log + log_len, text, n);
	log_len += n;
}

struct piece_out {
	struct format_out out;
	char buf[PIECE_BYTES];
	size_t len;
};

static void piece_flush(struct piece_out *p)
{
	if (p->len)
		emit(p->buf, p->len);
	p->len = 0;
}

static void piece_put(struct format_out *out, const char *text, size_t n)
{
	struct piece_out *p = container_of(out, struct piece_out, out);

	if (n > PIECE_BYTES - p->len)
		piece_flush(p);
	if (n > PIECE_BYTES) {
		emit(text, n);
		return;
	}
	memcpy(p->buf + p->len, text, n);
	p->len += n;
}

void vprintk(const char *fmt, va_list ap)
{
	struct piece_out p = { .out.put = piece_put, .len = 0 };
	bool locked = sink && spin_lock_or_give_up(&lock);

	format_text(&p.out, fmt, ap);
	piece_flush(&p);
	if (locked)
		spin_unlock(&lock);
}

void printk(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vprintk(fmt, ap);
	va_end(ap);
}

void print_set_sink(void (*fn)(const char *text, size_t n))
{
	sink = fn;
}

void print_uart_ready(void)
{
	uart_up = true;
	uart_write(log, log_len);
	log_len = 0;
}

void print_to_uart_only(void)
{
	sink = NULL;
	if (!uart_up && uart_init(FALLBACK_PORT, FALLBACK_BAUD))
		print_uart_ready();
	uart_poll_only();
}

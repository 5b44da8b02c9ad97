/* SPDX-License-Identifier: MIT */
/*
 * Formatted output. Conversions: %d %i %u %x %X %o %c %s %p %% with flags "-0 +#", width,
 * precision ("*" too) and lengths hh h l ll z; no floating point.
 */
#ifndef HV_PRINT_H
#define HV_PRINT_H

#include <stdarg.h>
#include <stddef.h>

#include "hv/compiler.h"

/* As in C: returns the length the whole text would have; always NUL-terminates if n > 0. */
int vsnprintf(char *buf, size_t n, const char *fmt, va_list ap);
int snprintf(char *buf, size_t n, const char *fmt, ...) printf_like(3, 4);

/* A line (or part of one) on the hypervisor's console. Callable from anywhere, also
 * before the console is up; never blocks on a lock held by an interrupted CPU. */
void printk(const char *fmt, ...) printf_like(1, 2);
void vprintk(const char *fmt, va_list ap);

/*
 * From now on printk hands its text (pieces of lines, '\n' for a new line) to `sink`, from any
 * context; the console multiplexer sets it. Until then, and after NULL, printk writes to the
 * UART itself.
 */
void print_set_sink(void (*sink)(const char *text, size_t n));

/* The UART is up (uart_init): what was printed until now goes out, and so does the rest. */
void print_uart_ready(void);

/* The machine is about to stop: from now on only the polled UART counts. */
void print_to_uart_only(void);

/* An invariant of ours fell: message, registers, backtrace, then the machine stops
 * (never reached by anything that a guest, a boot line or a module can do). */
_Noreturn void panic(const char *fmt, ...) printf_like(1, 2);

#define BUG_ON(cond)                                                          \
	do {                                                                  \
		if (unlikely(cond))                                           \
			panic("BUG: %s at %s:%d", #cond, __FILE__, __LINE__); \
	} while (0)

#endif

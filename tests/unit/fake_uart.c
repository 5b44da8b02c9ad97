/* SPDX-License-Identifier: MIT */
/*
 * A UART, a clock and timers for tests of the console. No lock: one thread.
 */
#include "tests/unit/fake_uart.h"

#include <stdlib.h>
#include <string.h>

#include "drivers/host/uart.h"
#include "hv/timer.h"

char fake_wire[FAKE_WIRE_BYTES];
unsigned fake_room = ~0u;
unsigned fake_forced;
uint64_t fake_now = NSEC_PER_SEC;

static size_t sent;
static char typed[FAKE_WIRE_BYTES];
static size_t typed_head, typed_tail;
static struct timer *armed;

void fake_wire_clear(void)
{
	sent = 0;
	fake_wire[0] = '\0';
	fake_forced = 0;
}

void fake_type(const char *s)
{
	if (typed_head == typed_tail)
		typed_head = typed_tail = 0;
	while (*s) {
		if (typed_tail == sizeof(typed))
			abort();
		typed[typed_tail++] = *s++;
	}
}

void fake_pass(uint64_t ns)
{
	fake_now += ns;
	if (armed && armed->deadline <= fake_now) {
		struct timer *t = armed;

		armed = NULL;
		t->armed = false;
		t->fn(t);
	}
}

unsigned uart_tx_room(void)
{
	return fake_room;
}

void uart_tx(uint8_t c)
{
	if (sent + 1 >= sizeof(fake_wire))
		abort();
	fake_wire[sent++] = (char)c;
	fake_wire[sent] = '\0';
	if (!fake_room)
		fake_forced++;
	else if (fake_room != ~0u)
		fake_room--;
}

bool uart_rx(uint8_t *c)
{
	if (typed_head == typed_tail)
		return false;
	*c = (uint8_t)typed[typed_head++];
	return true;
}

bool uart_work(void)
{
	return typed_head != typed_tail;
}

void uart_flush(void)
{
}

uint64_t clock_ns(void)
{
	return fake_now;
}

uint64_t tsc_to_ns(uint64_t ticks)
{
	return ticks;
}

void timer_init(struct timer *t, void (*fn)(struct timer *t))
{
	memset(t, 0, sizeof(*t));
	t->fn = fn;
}

void timer_set(struct timer *t, uint64_t deadline)
{
	if (armed && armed != t)
		abort(); /* more than one timer: this fake is too simple */
	t->deadline = deadline;
	t->armed = true;
	armed = t;
}

void timer_cancel(struct timer *t)
{
	t->armed = false;
	if (armed == t)
		armed = NULL;
}

/* The boot CPU is the only one, and awake. */
void sched_wake_boot_cpu(void)
{
}

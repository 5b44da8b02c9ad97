/* SPDX-License-Identifier: MIT */
/*
 * The console multiplexer: one physical serial line, one port for the hypervisor and one
 * for each guest (stats.md, "Console"). Bytes are never lost: a guest whose output has no
 * room is told so and called back.
 *
 * One port at a time holds the input. A guest that holds it writes straight through; of the
 * others, and of the hypervisor, whole lines are shown with a "(name) " before them.
 *
 * All calls are from the run loop or exit handlers (interrupts off); a lock inside, which is
 * never held while a callback runs, so that a device may call with its VM's lock held.
 */
#ifndef HV_CONSOLE_H
#define HV_CONSOLE_H

#include "hv/compiler.h"

#define CONSOLE_RX_BYTES 4096 /* a guest's input queue, a power of two; holds a paste */
#define CONSOLE_LINE_BYTES 512 /* longest prefixed line before it is broken */

/* A guest's end. Embedded in struct vm; the owner fills the first four (the callbacks may be
 * NULL while there is no UART), the rest is the multiplexer's, under its lock. */
struct console_port {
	const char *name; /* the guest's; shorter than 20 characters */
	void *owner; /* argument of the callbacks: the guest's UART */
	void (*input_ready)(void *owner); /* bytes have come: console_getc gives them */
	void (*output_ready)(void *owner); /* there is room again */
	struct console_port *next;
	uint8_t rx[CONSOLE_RX_BYTES];
	unsigned rx_head, rx_tail; /* free running: next to take, next to fill */
	uint64_t rx_dropped; /* typed while the queue was full (the terminal got a BEL) */
	char line[CONSOLE_LINE_BYTES]; /* output since the latest line end */
	unsigned line_len;
	unsigned line_shown; /* so much of it has been on the wire */
	uint64_t line_time; /* clock_ns() of its latest byte */
	bool line_cr; /* a CR has come; what follows decides what it meant */
	bool line_done; /* complete, waits for the wire */
	bool had_turn; /* has shown a line since the holder could */
	bool wants_room; /* a byte was refused: output_ready is owed */
};

/* Take over the line from early printk. The UART is up. */
void console_init(void);

/* Add a guest's port at the end of the turn (the very first one gets the input) or take it
 * off: what is left of its line is shown, the input moves on. A guest that goes and comes
 * back under the same name gets the input back if nobody moved it meanwhile. */
void console_add(struct console_port *p);
void console_remove(struct console_port *p);

/* Guest side: false if there is no room (output_ready will be called) or no byte. */
bool console_putc(struct console_port *p, uint8_t c);
bool console_getc(struct console_port *p, uint8_t *c);

/* Run loop: move received bytes to who holds the input, run hypervisor keys, call back
 * guests that wait for room, print lines kept too long. */
void console_poll(void);

/* True when console_poll has something to do. */
bool console_work(void);

/* Everything, unfinished lines too, onto the wire, and wait for it (before power-off). */
void console_flush(void);

/* Show or hide the output of guests that don't hold the input; returns what now holds. */
bool console_toggle_background(void);

#endif

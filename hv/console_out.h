/* SPDX-License-Identifier: MIT */
/*
 * The two halves of the console multiplexer share this: hv/console.c has the ports, the input
 * and the bookkeeping of guests' lines; hv/console_out.c decides what goes onto the wire next.
 * Nobody else includes it.
 */
#ifndef HV_CONSOLE_OUT_H
#define HV_CONSOLE_OUT_H

#include "hv/console.h"
#include "hv/spinlock.h"

struct console {
	/* Guards all here, `work` apart, and the multiplexer's part of each port. */
	struct spinlock lock;
	struct console_port hypervisor;
	struct console_port *ports; /* guests, in the order of their turn */
	struct console_port *holder; /* who has the input; never NULL */
	struct console_port *served; /* the guest that showed a line last */
	bool holder_turn; /* the holder is being called back: nobody goes before it */
	bool show_background;
	bool work; /* atomic: console_poll has something to do */
};

extern struct console console;

/* Polling is the boot CPU's, which is woken for it if it sleeps. Any CPU. */
void console_ask_for_poll(void);

/* All that follow: the lock is held. */

/*
 * Send what may go. True: nothing is under way, the holder's next byte may follow at once.
 * `force`: what only waits for the end of another's line goes too, and a full ring is
 * waited for.
 */
bool console_pump(bool force);

/* True if `out` is empty: nobody is in the middle of a line. */
bool console_out_idle(void);

/* May `p`, whose text has waited since `since`, write, or is somebody's line open? */
bool console_may_write(const struct console_port *p, uint64_t since);

/* Show what has not been shown of the line of `p`, finished or not. console_pump() said true. */
void console_show_line(struct console_port *p, bool force);

/* One raw byte of the holder's. There is room, and console_pump() said true. */
void console_pass(struct console_port *p, uint8_t c);

/* If the line on the wire is of `p`, which goes away, end it. */
void console_end_open_line(const struct console_port *p);

/* Text of the hypervisor's: as printk wrote it (with prefixes where they are due), and a
 * line that gets none, begins at a line's start and may go at once. */
void console_log(const char *s, size_t n);
void console_announce(const char *line);

/* The hypervisor's text that may go but has not; all of it, unfinished lines too, may go. */
bool console_log_waits(void);
void console_log_release(void);

#endif

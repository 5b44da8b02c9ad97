/* SPDX-License-Identifier: MIT */
/*
 * The console multiplexer's way out (hv/console_out.h).
 *
 * Everything but the bytes of the guest that holds the input goes through one buffer, `out`,
 * which is filled with one piece (a line) at a time and emptied into the UART's ring as that
 * has room. While something is in it nobody else writes: so lines are never mixed.
 *
 *     hypervisor --log--+
 *     guest -----line---+--> out --> UART ring --> wire
 *     guest -----line---+             ^
 *     guest that holds the input -----+  (byte by byte)
 *
 * An unfinished line of the holder's is respected: others wait until it ends, but only while
 * it grows (QUIET_NS) and not for ever (HOLD_NS), because a shell's prompt never ends.
 *
 * console.lock guards all data here.
 */
#include "hv/console_out.h"

#include "drivers/host/uart.h"
#include "hv/sched.h"
#include "hv/timer.h"

#define ESC 0x1b
#define DEL 0x7f

#define QUIET_NS (50 * NSEC_PER_MSEC) /* an open line that did not grow for so long */
#define HOLD_NS (500 * NSEC_PER_MSEC) /* longest that a line waits for another's end */

#define LOG_BYTES 16384 /* a power of two */
#define PREFIX_BYTES 32 /* "\r\n(name) " and the line's end */
#define OUT_BYTES (CONSOLE_LINE_BYTES + PREFIX_BYTES)

/* The wire. open_by: whose line has no end yet; NULL: the cursor is at a line's start. */
static char out[OUT_BYTES];
static unsigned out_len, out_pos;
static const struct console_port *open_by;
static uint64_t open_time; /* clock_ns() at which it grew */

/* The hypervisor's text, "\n" ended; free-running indices. What lies before log_ready may go:
 * all of it while the hypervisor holds the input, else whole lines. */
static char log_text[LOG_BYTES];
static unsigned log_head, log_ready, log_tail;
static uint64_t log_time; /* clock_ns() since which it waits */
static bool log_line_start = true;

void console_ask_for_poll(void)
{
	__atomic_store_n(&console.work, true, __ATOMIC_SEQ_CST);
	sched_wake_boot_cpu();
}

/* --- composing `out` --------------------------------------------------------------- */

static void out_byte(char c)
{
	if (out_len < OUT_BYTES)
		out[out_len++] = c;
}

static void out_string(const char *s)
{
	while (*s)
		out_byte(*s++);
}

static void out_begin(const struct console_port *p)
{
	out_len = out_pos = 0;
	if (open_by && open_by != p)
		out_string("\r\n");
}

static void out_end(const struct console_port *leaves_open)
{
	open_by = leaves_open;
	open_time = clock_ns();
}

/* False: the ring is full before all was sent. */
static bool out_send(bool force)
{
	while (out_pos < out_len) {
		if (!force && !uart_tx_room())
			return false;
		uart_tx((uint8_t)out[out_pos++]);
	}
	return true;
}

/*
 * Terminal control of a guest in the background must not reach the terminal: it would act
 * on the holder's screen, and a report request (ESC [ 6 n, which shells send) would be
 * answered into the holder's input. Control sequences as in ECMA-48 5.4.
 */
static const char *skip_escape(const char *s, const char *end)
{
	if (s < end && *s == '[') {
		s++;
		while (s < end && (*s < 0x40 || *s > 0x7e))
			s++;
	}
	return s < end ? s + 1 : s;
}

/* Where we are in a character of UTF-8. */
struct utf8 {
	unsigned due; /* bytes */
	uint8_t least; /* of the next one */
};

/* Take a byte above ASCII: is it a control? These are 0x80 to 0x9f (C1; 0x9b is ESC [), and U+0080 to
 * U+009f, however many bytes they are written with; but not these bytes inside of other characters. */
static bool takes_c1(struct utf8 *u, uint8_t c)
{
	if (c >= 0xc0) {
		u->due = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : c >= 0xc2;
		u->least = c == 0xc2 || c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80;
		return false;
	}
	if (u->due && c >= u->least) {
		u->due--;
		u->least = 0x80;
		return false;
	}
	u->due = 0;
	return c < 0xa0;
}

static void out_filtered(const char *s, const char *end)
{
	struct utf8 u = { 0 };

	while (s < end) {
		uint8_t c = (uint8_t)*s++;

		if (c >= 0x80) {
			if (!takes_c1(&u, c))
				out_byte((char)c);
			continue;
		}
		u.due = 0;
		if (c == ESC)
			s = skip_escape(s, end);
		else if (c == '\t' || (c >= ' ' && c != DEL))
			out_byte((char)c);
	}
}

/* The part of a background guest's line that has not been shown. */
static void compose_line(struct console_port *p)
{
	out_begin(p);
	out_byte('(');
	out_string(p->name);
	out_string(") ");
	out_filtered(p->line + p->line_shown, p->line + p->line_len);
	out_string("\r\n");
	out_end(NULL);
	if (p->line_done) {
		p->line_done = false;
		p->line_len = 0;
	}
	p->line_shown = p->line_len;
	p->had_turn = true;
	console.served = p;
	if (p->wants_room)
		console_ask_for_poll();
}

/* A guest has just got the input: its unfinished line (a prompt). Terminal control was acted
 * on when it was new, so only text is shown, from the latest return to the line's start. */
static void compose_prompt(struct console_port *p)
{
	const char *start = p->line + p->line_shown, *end = p->line + p->line_len;

	for (const char *s = start; s < end; s++)
		if (*s == '\r')
			start = s + 1;
	out_begin(p);
	out_filtered(start, end);
	p->line_shown = p->line_len;
	out_end(p);
}

/* One line of the hypervisor's, or what there is of it. */
static void compose_log(void)
{
	char c = 0;

	out_begin(&console.hypervisor);
	while (log_head != log_ready && c != '\n' && out_len < OUT_BYTES - 2) {
		c = log_text[log_head++ % LOG_BYTES];
		out_string(c == '\n' ? "\r" : "");
		out_byte(c);
	}
	log_time = clock_ns();
	out_end(c == '\n' ? NULL : &console.hypervisor);
}

/* --- whose turn it is -------------------------------------------------------------- */

bool console_may_write(const struct console_port *p, uint64_t since)
{
	uint64_t now = clock_ns();

	if (!open_by || open_by == p || open_by != console.holder)
		return true;
	return now - open_time >= QUIET_NS || now - since >= HOLD_NS;
}

static struct console_port *find_turn(bool force)
{
	struct console_port *first = console.served && console.served->next ? console.served->next
									    : console.ports;
	struct console_port *p = first;

	if (!p)
		return NULL;
	do {
		if (p->line_done && !p->had_turn && (force || console_may_write(p, p->line_time)))
			return p;
		p = p->next ? p->next : console.ports;
	} while (p != first);
	return NULL;
}

static void new_round(void)
{
	for (struct console_port *p = console.ports; p; p = p->next)
		p->had_turn = false;
}

/* It can write as soon as nobody else does. A line of its own that was done when it got the
 * input has to go first, in its turn like all others'. */
static bool holder_waits(void)
{
	return (console.holder->wants_room || console.holder_turn) && !console.holder->line_done;
}

/* Round robin by lines; a holder who was refused is one of them: the others get one line
 * each, then it may write one. */
static struct console_port *next_turn(bool force)
{
	struct console_port *p = find_turn(force);

	if (p || (holder_waits() && !force))
		return p;
	new_round();
	return find_turn(force);
}

/* Fill `out`, which is empty. False: nothing may go now. */
static bool compose_next(bool force)
{
	struct console_port *p;

	if (log_head != log_ready && (force || console_may_write(&console.hypervisor, log_time))) {
		compose_log();
		return true;
	}
	if (console.holder->line_shown < console.holder->line_len && !console.holder->line_done) {
		compose_prompt(console.holder);
		return true;
	}
	p = next_turn(force);
	if (!p)
		return false;
	compose_line(p);
	return true;
}

bool console_pump(bool force)
{
	while (out_send(force))
		if (!compose_next(force))
			return true;
	return false;
}

/* --- what the other half calls ------------------------------------------------------ */

bool console_out_idle(void)
{
	return out_pos == out_len;
}

void console_show_line(struct console_port *p, bool force)
{
	compose_line(p);
	out_send(force);
}

void console_pass(struct console_port *p, uint8_t c)
{
	if (!open_by) {
		new_round();
		console.holder_turn = false;
	}
	uart_tx(c);
	if (c == '\n')
		open_by = NULL;
	else if (c != '\r')
		open_by = p;
	open_time = clock_ns();
}

void console_end_open_line(const struct console_port *p)
{
	if (open_by != p)
		return;
	out_begin(NULL);
	out_end(NULL);
	out_send(true);
}

/* --- the hypervisor's text --------------------------------------------------------- */

static void log_byte(char c)
{
	if (log_tail - log_head == LOG_BYTES) {
		log_ready = log_tail;
		console_pump(true);
	}
	log_text[log_tail++ % LOG_BYTES] = c;
}

static void log_string(const char *s)
{
	while (*s)
		log_byte(*s++);
}

static void log_commit(void)
{
	if (log_ready == log_head)
		log_time = clock_ns();
	log_ready = log_tail;
}

void console_log(const char *s, size_t n)
{
	while (n--) {
		if (log_line_start && console.holder != &console.hypervisor) {
			log_byte('(');
			log_string(console.hypervisor.name);
			log_string(") ");
		}
		log_line_start = *s == '\n';
		log_byte(*s++);
		if (log_line_start || console.holder == &console.hypervisor)
			log_commit();
	}
}

void console_announce(const char *line)
{
	if (!log_line_start)
		log_byte('\n');
	log_line_start = true;
	log_string(line);
	log_commit();
}

bool console_log_waits(void)
{
	return log_head != log_ready;
}

void console_log_release(void)
{
	log_commit();
}

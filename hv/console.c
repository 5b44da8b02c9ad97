/* SPDX-License-Identifier: MIT */
/*
 * The console multiplexer: ports, input, guests' lines. What goes onto the wire, and when, is
 * decided in hv/console_out.c.
 *
 * Ctrl-A: the first and the second of a row go to the guest at once, like any other byte, so
 * nothing is ever held back and nothing can get lost; only the third is the multiplexer's.
 *
 * console.lock guards all data here (console.work apart) and the multiplexer's fields of every port.
 */
#include "hv/console.h"

#include "drivers/host/uart.h"
#include "hv/console_out.h"
#include "hv/keys.h"
#include "hv/print.h"
#include "hv/string.h"
#include "hv/timer.h"

#define CTRL_A 0x01
#define BEL 0x07
#define CTRL_A_TIMES 3 /* in a row: the input moves on */

#define POLL_NS (50 * NSEC_PER_MSEC) /* how often lines that wait are looked at */
#define KEEP_NS NSEC_PER_SEC /* an unfinished line in the background is shown after it */

#define NAME_BYTES 20
#define ANNOUNCEMENT_BYTES 80

struct console console = {
	.hypervisor = { .name = "xihv" },
	.holder = &console.hypervisor,
	.show_background = true,
};

static bool input_given; /* the first guest has got its due */
static char lost_name[NAME_BYTES]; /* guest that held the input when it went; "" none */
static unsigned ctrl_a; /* so many in a row */
static struct timer timer; /* looks again after lines that wait */

/* --- printk ------------------------------------------------------------------------- */

/* printk's sink. It and panic may interrupt the multiplexer itself, so they don't wait for ever:
 * without the lock the text goes out as it is, better mixed than lost. */
static void print_text(const char *s, size_t n)
{
	if (spin_lock_or_give_up(&console.lock)) {
		console_log(s, n);
		console_pump(false);
		if (console_log_waits() || !console_out_idle())
			console_ask_for_poll();
		spin_unlock(&console.lock);
		return;
	}
	while (n--) {
		if (*s == '\n')
			uart_tx('\r');
		uart_tx((uint8_t)*s++);
	}
}

/* --- who holds the input ----------------------------------------------------------- */

static struct console_port *next_holder(const struct console_port *p)
{
	struct console_port *next = p == &console.hypervisor ? console.ports : p->next;

	return next ? next : &console.hypervisor;
}

static void give_input(struct console_port *p)
{
	char text[ANNOUNCEMENT_BYTES];

	console.holder = p;
	lost_name[0] = '\0';
	if (p == &console.hypervisor) {
		console_announce(
			"*** input to the hypervisor (h for help, ^a^a^a for the next) ***\n");
	} else {
		snprintf(text, sizeof(text), "*** input to guest %s (^a^a^a for the next) ***\n",
			 p->name);
		console_announce(text);
		if (!p->line_done)
			p->line_shown = 0; /* its prompt is shown again */
	}
	console_pump(false);
}

static void queue_input(struct console_port *p, uint8_t c)
{
	if (p->rx_tail - p->rx_head == CONSOLE_RX_BYTES) {
		p->rx_dropped++;
		uart_tx(BEL);
		return;
	}
	p->rx[p->rx_tail++ % CONSOLE_RX_BYTES] = c;
}

static void input(uint8_t c)
{
	struct console_port *p;

	spin_lock(&console.lock);
	ctrl_a = c == CTRL_A ? ctrl_a + 1 : 0;
	p = console.holder;
	if (ctrl_a == CTRL_A_TIMES) {
		ctrl_a = 0;
		give_input(next_holder(p));
		p = NULL;
	} else if (p != &console.hypervisor) {
		queue_input(p, c);
	}
	spin_unlock(&console.lock);
	if (p == &console.hypervisor && c != CTRL_A)
		keys_press(c);
	else if (p && p->input_ready)
		p->input_ready(p->owner);
}

/* --- guests' output ---------------------------------------------------------------- */

static void forget_line(struct console_port *p)
{
	p->line_len = p->line_shown = 0;
	p->line_cr = false;
}

static bool holder_putc(struct console_port *p, uint8_t c)
{
	if (!console_pump(false) || p->line_done || !uart_tx_room())
		return false;
	console_pass(p, c);
	if (c == '\n') {
		forget_line(p);
		return true;
	}
	p->line[p->line_len++] = (char)c;
	if (p->line_len == CONSOLE_LINE_BYTES)
		p->line_len = 0;
	p->line_shown = p->line_len;
	return true;
}

static void end_line(struct console_port *p)
{
	/* All of it was shown already: as an unfinished line, or while it held the input. */
	bool shown = p->line_len && p->line_shown == p->line_len;

	p->line_cr = false;
	if (shown || !console.show_background) {
		forget_line(p);
		return;
	}
	p->line_done = true;
	p->line_time = clock_ns();
	console_pump(false);
	console_ask_for_poll();
}

/* A CR that no LF follows (a progress bar) ends a line too; at a line's start it is nothing. */
static bool background_putc(struct console_port *p, uint8_t c)
{
	if (p->line_cr && c != '\n' && c != '\r' && !p->line_done) {
		if (p->line_len)
			end_line(p);
		p->line_cr = false;
	}
	if (p->line_done)
		console_pump(false);
	if (p->line_done)
		return false;
	if (c == '\n') {
		end_line(p);
	} else if (c == '\r') {
		p->line_cr = true;
	} else {
		p->line[p->line_len++] = (char)c;
		p->line_time = clock_ns();
		if (p->line_len == CONSOLE_LINE_BYTES)
			end_line(p);
		else if (p->line_len == p->line_shown + 1)
			console_ask_for_poll(); /* which sets the timer that shows it if it stays so */
	}
	return true;
}

bool console_putc(struct console_port *p, uint8_t c)
{
	bool taken;

	spin_lock(&console.lock);
	taken = p == console.holder ? holder_putc(p, c) : background_putc(p, c);
	p->wants_room = !taken;
	spin_unlock(&console.lock);
	return taken;
}

bool console_getc(struct console_port *p, uint8_t *c)
{
	bool some;

	spin_lock(&console.lock);
	some = p->rx_head != p->rx_tail;
	if (some)
		*c = p->rx[p->rx_head++ % CONSOLE_RX_BYTES];
	spin_unlock(&console.lock);
	return some;
}

/* --- the run loop's side ----------------------------------------------------------- */

static bool has_room(const struct console_port *p)
{
	if (p->line_done)
		return false;
	return p != console.holder || (console_out_idle() && uart_tx_room());
}

static bool is_unfinished(const struct console_port *p)
{
	return p != console.holder && !p->line_done && p->line_len > p->line_shown &&
	       console.show_background;
}

static void show_kept_lines(void)
{
	for (struct console_port *p = console.ports; p; p = p->next) {
		if (!is_unfinished(p) || clock_ns() - p->line_time < KEEP_NS)
			continue;
		if (!console_may_write(p, p->line_time) || !console_pump(false))
			continue;
		console_show_line(p, false);
	}
}

static bool something_waits(void)
{
	if (console_log_waits())
		return true;
	for (struct console_port *p = console.ports; p; p = p->next)
		if (p->line_done || is_unfinished(p))
			return true;
	return false;
}

static void look_again(struct timer *t)
{
	(void)t;
	console_ask_for_poll();
}

/* Ports come and go on this CPU only. */
static void call_back(void)
{
	spin_lock(&console.lock);
	for (struct console_port *p = console.ports; p; p = p->next) {
		if (!p->wants_room || !has_room(p))
			continue;
		p->wants_room = false;
		console.holder_turn = p == console.holder;
		spin_unlock(&console.lock);
		if (p->output_ready)
			p->output_ready(p->owner);
		spin_lock(&console.lock);
		console.holder_turn = false;
	}
	spin_unlock(&console.lock);
}

void console_poll(void)
{
	uint8_t c;

	__atomic_store_n(&console.work, false, __ATOMIC_SEQ_CST);
	while (uart_rx(&c))
		input(c);
	spin_lock(&console.lock);
	console_pump(false);
	show_kept_lines();
	spin_unlock(&console.lock);
	call_back();
	spin_lock(&console.lock);
	console_pump(false); /* those who let the called back go first */
	if (something_waits() && !timer.armed)
		timer_set(&timer, clock_ns() + POLL_NS);
	spin_unlock(&console.lock);
}

static bool text_may_go(void)
{
	if (!console_out_idle())
		return uart_tx_room() > 0;
	for (const struct console_port *p = console.ports; p; p = p->next)
		if (p->wants_room && has_room(p))
			return true;
	return false;
}

bool console_work(void)
{
	bool some = __atomic_load_n(&console.work, __ATOMIC_SEQ_CST) || uart_work();

	if (some)
		return true;
	spin_lock(&console.lock);
	some = text_may_go();
	spin_unlock(&console.lock);
	return some;
}

void console_flush(void)
{
	if (spin_lock_or_give_up(&console.lock)) {
		console_log_release();
		console_pump(true);
		for (struct console_port *p = console.ports; p; p = p->next) {
			if (!is_unfinished(p))
				continue;
			console_show_line(p, true);
		}
		spin_unlock(&console.lock);
	}
	uart_flush();
}

bool console_toggle_background(void)
{
	bool now;

	spin_lock(&console.lock);
	now = console.show_background = !console.show_background;
	for (struct console_port *p = console.ports; p && !now; p = p->next)
		if (p->line_done) {
			p->line_done = false;
			forget_line(p);
			console_ask_for_poll(); /* it may wait for room */
		}
	spin_unlock(&console.lock);
	return now;
}

/* --- ports come and go ------------------------------------------------------------- */

void console_add(struct console_port *p)
{
	struct console_port **end = &console.ports;
	bool comes_back;

	spin_lock(&console.lock);
	p->next = NULL;
	p->rx_head = p->rx_tail = 0;
	p->rx_dropped = 0;
	p->line_done = p->had_turn = p->wants_room = false;
	forget_line(p);
	while (*end)
		end = &(*end)->next;
	*end = p;
	comes_back = strcmp(lost_name, p->name) == 0;
	if (!input_given || comes_back)
		give_input(p);
	input_given = true;
	console_ask_for_poll();
	spin_unlock(&console.lock);
}

static void keep_name(const struct console_port *p)
{
	size_t n = strlen(p->name);

	n = MIN(n, (size_t)NAME_BYTES - 1);
	memcpy(lost_name, p->name, n);
	lost_name[n] = '\0';
}

void console_remove(struct console_port *p)
{
	struct console_port **link = &console.ports;
	struct console_port *next;

	spin_lock(&console.lock);
	next = next_holder(p);
	console_pump(true);
	if (p->line_len > p->line_shown && console.show_background)
		console_show_line(p, true);
	console_end_open_line(p);
	while (*link && *link != p)
		link = &(*link)->next;
	if (*link)
		*link = p->next;
	if (console.served == p)
		console.served = NULL;
	if (console.holder == p) {
		give_input(next);
		keep_name(p);
	}
	console_ask_for_poll();
	spin_unlock(&console.lock);
}

void console_init(void)
{
	timer_init(&timer, look_again);
	print_set_sink(print_text);
}

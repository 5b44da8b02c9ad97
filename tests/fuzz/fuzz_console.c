// SPDX-License-Identifier: MIT
/*
 * The console multiplexer (hv/console.c, console_out.c): three guests that talk and listen, a
 * user who types, a wire that has little room, time that passes.
 *
 *  N1  Each byte typed goes to who holds the input, in order, but the third ^a in a row, which
 *      moves it on; guests that come and go take and leave it as console.h says.
 *  N2  A line on the wire holds the text of one guest, and of the one that its prefix names.
 *  N3  Terminal control gets to the wire from the guest that holds the input only.
 *  N4  Nothing that was taken from a guest that was never hidden gets lost, and with room and
 *      time all is taken.
 */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "hv/console.h"
#include "hv/keys.h"
#include "hv/print.h"
#include "hv/timer.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/fake_uart.h"

#define GUESTS 3
#define LETTERS 6 /* of each guest's own */
#define CTRL_A 1
#define ESC 0x1b
#define STREAM 8192
#define WIRE_ENOUGH (FAKE_WIRE_BYTES / 2)
#define LOG_ENOUGH 150 /* lines of the hypervisor's: more may fill its ring, and then are cut */
#define ROUNDS 400 /* until all is said, with room */

struct stream {
	char text[STREAM];
	unsigned len;
};

static struct guest {
	struct console_port port;
	bool there, hidden, escaped;
	struct stream heard, expected; /* N1 */
	char say[STREAM];
	unsigned said, to_say;
	unsigned letters; /* taken; N4 */
} guest[GUESTS];

static struct stream keys, keys_expected;
static const char *const names[GUESTS] = { "A", "B", "C" };

/* The model of N1: who holds the input, who lost it. -1: the hypervisor. */
static int order[GUESTS], nr_order, holder, lost;
static unsigned ctrl_a;
static unsigned escapes; /* taken from the holder; N3 */
static unsigned log_lines; /* of the hypervisor's, at most */
static bool shown;

static void add(struct stream *s, uint8_t c)
{
	if (s->len < STREAM)
		s->text[s->len++] = (char)c;
}

static bool same(const struct stream *a, const struct stream *b)
{
	return a->len == b->len && !memcmp(a->text, b->text, a->len);
}

void keys_press(uint8_t c)
{
	add(&keys, c);
}

static void on_input(void *owner)
{
	struct guest *g = owner;
	uint8_t c;

	while (console_getc(&g->port, &c))
		add(&g->heard, c);
}

static void on_room(void *owner)
{
	struct guest *g = owner;

	while (g->said < g->to_say) {
		char c = g->say[g->said];

		if (!console_putc(&g->port, (uint8_t)c))
			return;
		g->said++;
		g->letters += c >= 'a' && c <= 'z';
		escapes += c == ESC && holder == g - guest;
		g->escaped = g->escaped || c == ESC;
		g->hidden = g->hidden || !shown;
	}
}

/* --- the model ------------------------------------------------------------------------ */

static int next_holder(int of)
{
	int i = 0;

	if (of < 0)
		return nr_order ? order[0] : -1;
	while (order[i] != of)
		i++;
	return i + 1 < nr_order ? order[i + 1] : -1;
}

static void model_type(uint8_t c)
{
	ctrl_a = c == CTRL_A ? ctrl_a + 1 : 0;
	if (ctrl_a == 3) {
		ctrl_a = 0;
		lost = -1;
		holder = next_holder(holder);
	} else if (holder >= 0) {
		add(&guest[holder].expected, c);
	} else if (c != CTRL_A) {
		add(&keys_expected, c);
	}
}

static void model_remove(int n)
{
	int next = next_holder(n), i = 0;

	while (order[i] != n)
		i++;
	memmove(&order[i], &order[i + 1], sizeof(order[0]) * (unsigned)(--nr_order - i));
	if (holder == n) {
		holder = next;
		lost = n;
	}
}

static void model_add(int n)
{
	order[nr_order++] = n;
	if (lost == n) {
		holder = n;
		lost = -1;
	}
}

/* --- steps ---------------------------------------------------------------------------- */

static void type(uint8_t c)
{
	const char text[2] = { (char)(c ? c : 'z'), 0 };

	fake_type(text);
	model_type((uint8_t)text[0]);
	console_poll();
}

static void say(struct guest *g, struct input *in)
{
	unsigned n = (unsigned)take(in, 1) % 24;

	while (n-- && g->to_say < STREAM) {
		unsigned what = (unsigned)take(in, 1) % 16;
		char c = what < 11   ? (char)('a' + (g - guest) * LETTERS + (int)what % LETTERS)
			 : what < 13 ? '\n'
			 : what < 14 ? '\r'
			 : what < 15 ? ESC
				     : '[';

		g->say[g->to_say++] = c;
	}
	if (g->there)
		on_room(g);
}

static void come_or_go(int n)
{
	struct guest *g = &guest[n];

	g->there = !g->there;
	if (g->there) {
		memset(&g->port, 0, sizeof(g->port));
		g->port.name = names[n];
		g->port.owner = g;
		g->port.input_ready = on_input;
		g->port.output_ready = on_room;
		model_add(n);
		console_add(&g->port);
		on_room(g);
	} else {
		model_remove(n);
		console_remove(&g->port);
	}
}

static void toggle(void)
{
	shown = console_toggle_background();
	for (unsigned i = 0; i < GUESTS && !shown; i++)
		guest[i].hidden = true;
}

static void step(struct input *in)
{
	static const char text[] = "0123456789\n";
	unsigned op = (unsigned)take(in, 1), n = (op >> 3) % GUESTS;

	log_lines++;
	switch (op & 7) {
	case 0:
		type((uint8_t)take(in, 1));
		break;
	case 1:
		for (unsigned i = 0; i < 3; i++)
			type(CTRL_A);
		break;
	case 2:
	case 3:
		say(&guest[n], in);
		break;
	case 4:
		fake_room = op & 0x80 ? ~0u : op >> 3;
		break;
	case 5:
		fake_pass((uint64_t)(op >> 3) * 25 * NSEC_PER_MSEC);
		console_poll();
		break;
	case 6:
		come_or_go((int)n);
		break;
	default:
		if (op & 0x80)
			toggle();
		else
			printk("%s", text + n);
	}
}

/* --- the wire ------------------------------------------------------------------------- */

static int whose(char c)
{
	return c >= 'a' && c < 'a' + GUESTS * LETTERS ? (c - 'a') / LETTERS : -1;
}

/* N2; the hypervisor's own lines have letters of all kinds. */
static void check_line(const char *s, const char *end, unsigned letters[])
{
	int owner = -1;

	s += strspn(s, "\r"); /* the holder's own, which leave the cursor at the line's start */
	if (!strncmp(s, "*** input to ", 13) || !strncmp(s, "(xihv) ", 7))
		return;
	if (end - s >= 4 && s[0] == '(' && s[2] == ')' && s[1] >= 'A' && s[1] < 'A' + GUESTS) {
		owner = s[1] - 'A';
		s += 4;
	}
	for (; s < end; s++) {
		int w = whose(*s);

		if (w < 0)
			continue;
		assert(owner < 0 || w == owner);
		owner = w;
		letters[w]++;
	}
}

static void check_wire(void)
{
	unsigned letters[GUESTS] = { 0 }, escapes_shown = 0;
	const char *s = fake_wire, *end;

	for (; *s; s = *end ? end + 1 : end) {
		end = s + strcspn(s, "\n");
		check_line(s, end, letters);
	}
	for (s = fake_wire; *s; s++)
		escapes_shown += *s == ESC;
	assert(escapes_shown == escapes); /* N3 */
	for (unsigned i = 0; i < GUESTS; i++)
		assert(guest[i].hidden || guest[i].escaped ||
		       letters[i] >= guest[i].letters); /* N4 */
}

static void check_input(void)
{
	assert(same(&keys, &keys_expected));
	for (unsigned i = 0; i < GUESTS; i++)
		assert(same(&guest[i].heard, &guest[i].expected));
}

static bool all_said(void)
{
	for (unsigned i = 0; i < GUESTS; i++)
		if (guest[i].there && guest[i].said < guest[i].to_say)
			return false;
	return true;
}

/* N4: with room and time. */
static void finish(void)
{
	unsigned rounds = 0;

	fake_room = ~0u;
	while (!all_said()) {
		assert(rounds++ < ROUNDS);
		fake_pass(NSEC_PER_SEC);
		console_poll();
	}
	console_flush();
	for (unsigned i = 0; i < GUESTS; i++)
		if (guest[i].there)
			come_or_go((int)i);
	console_flush();
}

/* hv/console.c keeps its state: leave it as it was found. */
static void reset(void)
{
	if (!shown)
		toggle();
	type('x');
	for (unsigned i = 0; i < 3; i++)
		type(CTRL_A); /* with no guest: nobody has lost the input any more */
	fake_pass(NSEC_PER_SEC);
	console_poll();
	console_flush();
}

static void start(void)
{
	memset(guest, 0, sizeof(guest));
	keys.len = keys_expected.len = 0;
	nr_order = 0;
	holder = lost = -1;
	ctrl_a = escapes = log_lines = 0;
	shown = true;
	fake_room = ~0u;
	fake_wire_clear();
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	console_init();
	/* the very first guest is given the input; the model does not know it */
	start();
	come_or_go(0);
	holder = 0;
	come_or_go(0);
	reset();
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };

	start();
	while (in.left && strlen(fake_wire) < WIRE_ENOUGH && log_lines < LOG_ENOUGH) {
		step(&in);
		check_input();
	}
	finish();
	check_input();
	check_wire();
	reset();
	return 0;
}

/* SPDX-License-Identifier: MIT */
/*
 * The console multiplexer over a fake UART (stats.md, "Console").
 *
 * hv/console.c keeps its state in static variables, so each test leaves it as it found it:
 * no guests, input with the hypervisor, output of the background shown.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "hv/console.h"
#include "hv/keys.h"
#include "hv/print.h"
#include "hv/timer.h"
#include "tests/unit/fake_uart.h"

#define TO_A "*** input to guest a (^a^a^a for the next) ***\r\n"
#define TO_B "*** input to guest b (^a^a^a for the next) ***\r\n"
#define TO_HV "*** input to the hypervisor (h for help, ^a^a^a for the next) ***\r\n"

static char keys[64];
static unsigned nr_keys;

void keys_press(uint8_t c)
{
	keys[nr_keys++] = (char)c;
	keys[nr_keys] = '\0';
}

/* A guest: what it still wants to say, and what it was told. */
struct guest {
	struct console_port port;
	const char *say;
	char heard[8192];
	unsigned nr_heard;
};

static struct guest a, b;

static void guest_input(void *owner)
{
	struct guest *g = owner;
	uint8_t c;

	while (g->nr_heard < sizeof(g->heard) - 1 && console_getc(&g->port, &c))
		g->heard[g->nr_heard++] = (char)c;
	g->heard[g->nr_heard] = '\0';
}

static void guest_deaf(void *owner)
{
	(void)owner;
}

static void guest_output(void *owner)
{
	struct guest *g = owner;

	while (*g->say && console_putc(&g->port, (uint8_t)*g->say))
		g->say++;
}

static void say(struct guest *g, const char *text)
{
	g->say = text;
	guest_output(g);
}

static void guest_start(struct guest *g, const char *name)
{
	memset(g, 0, sizeof(*g));
	g->port.name = name;
	g->port.owner = g;
	g->port.input_ready = guest_input;
	g->port.output_ready = guest_output;
	g->say = "";
	console_add(&g->port);
}

static void type(const char *s)
{
	fake_type(s);
	console_poll();
}

static void input_to(const char *announcement)
{
	for (int i = 0; i < 4; i++) {
		fake_wire_clear();
		type("\x01\x01\x01");
		if (strstr(fake_wire, announcement))
			break;
	}
	assert_non_null(strstr(fake_wire, announcement));
	fake_wire_clear();
}

/* Two guests, the input with `a`, an empty wire. */
static int two_guests(void **state)
{
	(void)state;
	guest_start(&a, "a");
	guest_start(&b, "b");
	input_to(TO_A);
	a.nr_heard = b.nr_heard = nr_keys = 0;
	a.heard[0] = b.heard[0] = keys[0] = '\0';
	return 0;
}

static int no_guests(void **state)
{
	(void)state;
	fake_room = ~0u;
	console_poll();
	input_to(TO_HV);
	console_remove(&a.port);
	console_remove(&b.port);
	fake_pass(NSEC_PER_SEC);
	console_poll();
	fake_wire_clear();
	return 0;
}

/* First of all tests, with the console as it is at boot. */
static void first_guest_gets_the_input(void **state)
{
	(void)state;
	console_init();
	printk("booting %d\n", 1);
	assert_string_equal(fake_wire, "booting 1\r\n");
	type("h");
	assert_string_equal(keys, "h");
	fake_wire_clear();
	guest_start(&a, "a");
	assert_string_equal(fake_wire, TO_A);
	guest_start(&b, "b");
	assert_string_equal(fake_wire, TO_A);
	type("ls\r");
	assert_string_equal(a.heard, "ls\r");
	assert_string_equal(b.heard, "");
	no_guests(NULL);
}

static void three_ctrl_a_go_round(void **state)
{
	(void)state;
	type("\x01\x01\x01");
	assert_string_equal(fake_wire, TO_B);
	type("x");
	type("\x01\x01\x01");
	assert_string_equal(fake_wire, TO_B TO_HV);
	type("y");
	type("\x01\x01\x01");
	assert_string_equal(fake_wire, TO_B TO_HV TO_A);
	type("z");
	assert_string_equal(keys, "y");
	assert_string_equal(b.heard, "x\x01\x01");
	assert_string_equal(a.heard, "\x01\x01z");
}

static void fewer_ctrl_a_pass(void **state)
{
	(void)state;
	type("\x01");
	assert_string_equal(a.heard, "\x01"); /* at once: nothing is held back */
	type("b\x01\x01"
	     "c\x01");
	type("d");
	assert_string_equal(a.heard, "\x01"
				     "b\x01\x01"
				     "c\x01"
				     "d");
	assert_string_equal(fake_wire, "");
}

static void six_ctrl_a_are_two_moves(void **state)
{
	(void)state;
	type("\x01\x01\x01\x01\x01\x01");
	assert_string_equal(fake_wire, TO_B TO_HV);
	type("\x01\x01k");
	assert_string_equal(keys, "k"); /* ^a is no command */
}

static void holder_writes_through(void **state)
{
	(void)state;
	say(&a, "/ # ");
	assert_string_equal(fake_wire, "/ # ");
	say(&a, "\x1b[6nls\r\nfile\n");
	assert_string_equal(fake_wire, "/ # \x1b[6nls\r\nfile\n"); /* raw, no \r of ours */
}

static void background_comes_by_lines(void **state)
{
	(void)state;
	say(&b, "one");
	assert_string_equal(fake_wire, "");
	say(&b, " line\r\ntwo\n\n");
	assert_string_equal(fake_wire, "(b) one line\r\n(b) two\r\n(b) \r\n");
}

static void lines_are_not_mixed(void **state)
{
	(void)state;
	say(&a, "first ha");
	say(&b, "other\n");
	printk("hypervisor\n");
	assert_string_equal(fake_wire, "first ha");
	say(&a, "lf\r\n");
	console_poll();
	assert_string_equal(fake_wire, "first half\r\n(xihv) hypervisor\r\n(b) other\r\n");
}

static void a_prompt_does_not_stop_others(void **state)
{
	(void)state;
	say(&a, "/ # ");
	printk("hypervisor\n");
	say(&b, "other\n");
	console_poll();
	assert_string_equal(fake_wire, "/ # ");
	assert_false(console_work());
	fake_pass(50 * NSEC_PER_MSEC);
	assert_true(console_work());
	console_poll();
	assert_string_equal(fake_wire, "/ # \r\n(xihv) hypervisor\r\n(b) other\r\n");
}

static void a_line_that_grows_for_ever_does_not_stop_others(void **state)
{
	(void)state;
	say(&a, ".");
	say(&b, "other\n");
	for (int i = 0; i < 30; i++) {
		fake_pass(20 * NSEC_PER_MSEC);
		console_poll();
		say(&a, ".");
	}
	assert_non_null(strstr(fake_wire, ".\r\n(b) other\r\n."));
}

static void an_unfinished_line_is_shown_after_a_second(void **state)
{
	(void)state;
	say(&b, "login: ");
	for (int i = 0; i < 19; i++) {
		console_poll();
		fake_pass(50 * NSEC_PER_MSEC);
	}
	console_poll();
	assert_string_equal(fake_wire, "");
	fake_pass(50 * NSEC_PER_MSEC);
	console_poll();
	assert_string_equal(fake_wire, "(b) login: \r\n");
	fake_pass(NSEC_PER_SEC);
	console_poll();
	assert_false(console_work());
	say(&b, "\r\nnext\r\n"); /* the end of what was shown is no line */
	assert_string_equal(fake_wire, "(b) login: \r\n(b) next\r\n");
}

static void the_prompt_comes_back_with_the_input(void **state)
{
	(void)state;
	say(&b, "boot\r\n/ # l\r\x1b[1m/ #\x1b[m \x1b[6n");
	console_poll();
	fake_wire_clear();
	type("\x01\x01\x01");
	assert_string_equal(fake_wire, TO_B "/ # ");
	fake_wire_clear();
	say(&b, "ls");
	type("\x01\x01\x01");
	assert_string_equal(fake_wire, "ls\r\n" TO_HV);
	say(&b, " -l\r\n");
	assert_string_equal(fake_wire, "ls\r\n" TO_HV "(b)  -l\r\n");
}

static void background_sends_no_terminal_control(void **state)
{
	(void)state;
	say(&b, "\x1b[6n\x1b[1;31mred\x1b[m\tx\x07\x1b"
		"cy\r\n");
	assert_string_equal(fake_wire, "(b) red\txy\r\n");
}

/* Also of one byte, and as UTF-8, also longer than it need be; other text comes through. */
static void background_sends_no_c1_controls(void **state)
{
	(void)state;
	say(&b, "\x9b"
		"6n\xc2\x9b"
		"6n\xe0\x82\x9b\xf0\x80\x82\x9b.\r\n");
	assert_null(strpbrk(fake_wire, "\x80\x82\x9b"));
	fake_wire_clear();
	say(&b, "gr\xc3\x9f \xe2\x80\x9c\xf0\x9f\x90\xa7\xe2\x80\x9d \xc2\xa0 caf\xe9 \xa7\r\n");
	assert_string_equal(fake_wire,
			    "(b) gr\xc3\x9f \xe2\x80\x9c\xf0\x9f\x90\xa7\xe2\x80\x9d \xc2\xa0 "
			    "caf\xe9 \xa7\r\n");
}

static void a_progress_bar_is_lines(void **state)
{
	(void)state;
	say(&b, "\r10%\r20%\r\n");
	assert_string_equal(fake_wire, "(b) 10%\r\n(b) 20%\r\n");
}

static void a_long_line_is_broken(void **state)
{
	char text[CONSOLE_LINE_BYTES + 11], *second;

	(void)state;
	memset(text, 'x', sizeof(text));
	text[CONSOLE_LINE_BYTES + 9] = '\n';
	text[CONSOLE_LINE_BYTES + 10] = '\0';
	say(&b, text);
	second = strstr(fake_wire + 1, "(b) ");
	assert_non_null(second);
	assert_int_equal(second - fake_wire, 4 + CONSOLE_LINE_BYTES + 2);
	assert_string_equal(second, "(b) xxxxxxxxx\r\n");
}

static void background_is_switched_off(void **state)
{
	(void)state;
	assert_false(console_toggle_background());
	say(&b, "unseen\n/ # ");
	printk("seen\n");
	fake_pass(2 * NSEC_PER_SEC);
	console_poll();
	assert_string_equal(fake_wire, "(xihv) seen\r\n");
	assert_true(console_toggle_background());
	say(&b, "x\n");
	assert_string_equal(fake_wire, "(xihv) seen\r\n(b) / # x\r\n");
}

static void no_room_refuses_and_calls_back(void **state)
{
	(void)state;
	fake_room = 3;
	say(&a, "12345\n");
	assert_string_equal(fake_wire, "123");
	assert_string_equal(a.say, "45\n");
	assert_false(console_work());
	fake_room = 100;
	assert_true(console_work());
	console_poll();
	assert_string_equal(fake_wire, "12345\n");
	assert_int_equal(fake_forced, 0);
}

static void a_line_cut_by_no_room_is_not_mixed(void **state)
{
	(void)state;
	fake_room = 6;
	say(&b, "other\nmore\n");
	assert_string_equal(fake_wire, "(b) ot");
	say(&a, "mine\n");
	printk("hv\n");
	assert_string_equal(fake_wire, "(b) ot");
	for (int i = 0; i < 100; i++) {
		fake_room = 2;
		if (console_work())
			console_poll();
	}
	assert_int_equal(fake_forced, 0);
	assert_int_equal(strncmp(fake_wire, "(b) other\r\n", 11), 0);
	assert_non_null(strstr(fake_wire, "\nmine\n"));
	assert_non_null(strstr(fake_wire, "\n(b) more\r\n"));
	assert_non_null(strstr(fake_wire, "\n(xihv) hv\r\n"));
	assert_int_equal(strlen(fake_wire), 11 + 5 + 10 + 11);
}

/* Both have more to say than the wire takes: each gets lines by turns. */
static void room_is_shared_by_turns(void **state)
{
	static char from_a[4001], from_b[4001];
	unsigned lines_a = 0, lines_b = 0;

	(void)state;
	for (int i = 0; i < 4000; i += 5) {
		memcpy(from_a + i, "aaaa\n", 5);
		memcpy(from_b + i, "bbbb\n", 5);
	}
	fake_room = 0;
	say(&a, from_a);
	say(&b, from_b);
	for (int i = 0; i < 200; i++) {
		fake_room = 10;
		console_poll();
	}
	for (char *p = fake_wire; (p = strchr(p, '\n')); p++) {
		lines_a += p[-1] == 'a';
		lines_b += p[-2] == 'b';
	}
	assert_in_range(lines_a, 100, 200);
	assert_in_range(lines_b, lines_a - 1, lines_a + 1);
	a.say = b.say = "";
	assert_int_equal(fake_forced, 0);
}

/* A guest that is refused because of its own line, which is still to be shown, gets the input:
 * the line goes, and then the guest may go on. */
static void a_done_line_goes_when_the_input_comes(void **state)
{
	(void)state;
	fake_room = 3;
	say(&b, "one\ntwo\nthree\n");
	assert_string_equal(b.say, "three\n");
	type("\x01\x01\x01");
	fake_room = ~0u;
	for (int i = 0; i < 4; i++) {
		fake_pass(NSEC_PER_SEC);
		console_poll();
	}
	assert_string_equal(b.say, "");
	assert_string_equal(fake_wire, "(b) one\r\n" TO_B "(b) two\r\nthree\n");
}

static void input_overflow_is_counted_and_heard(void **state)
{
	static char paste[CONSOLE_RX_BYTES + 3];

	(void)state;
	a.port.input_ready = guest_deaf;
	memset(paste, 'p', sizeof(paste) - 1);
	type(paste);
	assert_int_equal(a.port.rx_dropped, 2);
	assert_string_equal(fake_wire, "\x07\x07");
	type("\x01\x01\x01"); /* a guest that does not read cannot keep the input */
	assert_non_null(strstr(fake_wire, TO_B));
	guest_input(&a);
	assert_int_equal(a.nr_heard, CONSOLE_RX_BYTES);
}

static void a_removed_port_leaves_its_rest(void **state)
{
	(void)state;
	say(&b, "last words");
	console_remove(&b.port);
	assert_string_equal(fake_wire, "(b) last words\r\n");
	fake_wire_clear();
	say(&a, "Power down");
	console_remove(&a.port);
	assert_string_equal(fake_wire, "Power down\r\n" TO_HV);
	type("g");
	assert_string_equal(keys, "g");
	printk("bare\n"); /* the hypervisor holds the input: no prefix */
	assert_string_equal(fake_wire, "Power down\r\n" TO_HV "bare\r\n");
	guest_start(&a, "a");
	guest_start(&b, "b");
}

static void a_guest_that_comes_back_gets_the_input_back(void **state)
{
	(void)state;
	console_remove(&a.port);
	assert_string_equal(fake_wire, TO_B);
	guest_start(&a, "a");
	assert_string_equal(fake_wire, TO_B TO_A);
	console_remove(&a.port);
	input_to(TO_HV); /* the user moved it: it stays */
	guest_start(&a, "a");
	assert_string_equal(fake_wire, "");
}

static void long_hypervisor_text_is_not_lost(void **state)
{
	(void)state;
	say(&a, "open");
	fake_room = 0;
	for (int i = 0; i < 2000; i++)
		printk("line %04d\n", i);
	fake_room = ~0u;
	fake_pass(NSEC_PER_SEC);
	console_poll();
	assert_int_equal(strlen(fake_wire), 4 + 2 + 2000 * strlen("(xihv) line 0000\r\n"));
	assert_non_null(strstr(fake_wire, "(xihv) line 1999\r\n"));
}

static void pieces_of_hypervisor_lines_are_joined(void **state)
{
	(void)state;
	printk("one ");
	assert_string_equal(fake_wire, "");
	printk("line\n");
	assert_string_equal(fake_wire, "(xihv) one line\r\n");
}

static void flush_leaves_nothing(void **state)
{
	(void)state;
	say(&a, "/ # ");
	say(&b, "unfinished");
	printk("half");
	console_flush();
	assert_non_null(strstr(fake_wire, "(xihv) half"));
	assert_non_null(strstr(fake_wire, "\r\n(b) unfinished\r\n"));
	printk("\n");
}

#define guests_test(f) cmocka_unit_test_setup_teardown(f, two_guests, no_guests)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(first_guest_gets_the_input),
		guests_test(three_ctrl_a_go_round),
		guests_test(fewer_ctrl_a_pass),
		guests_test(six_ctrl_a_are_two_moves),
		guests_test(holder_writes_through),
		guests_test(background_comes_by_lines),
		guests_test(lines_are_not_mixed),
		guests_test(a_prompt_does_not_stop_others),
		guests_test(a_line_that_grows_for_ever_does_not_stop_others),
		guests_test(an_unfinished_line_is_shown_after_a_second),
		guests_test(the_prompt_comes_back_with_the_input),
		guests_test(background_sends_no_terminal_control),
		guests_test(background_sends_no_c1_controls),
		guests_test(a_progress_bar_is_lines),
		guests_test(a_long_line_is_broken),
		guests_test(background_is_switched_off),
		guests_test(no_room_refuses_and_calls_back),
		guests_test(a_line_cut_by_no_room_is_not_mixed),
		guests_test(room_is_shared_by_turns),
		guests_test(a_done_line_goes_when_the_input_comes),
		guests_test(input_overflow_is_counted_and_heard),
		guests_test(a_removed_port_leaves_its_rest),
		guests_test(a_guest_that_comes_back_gets_the_input_back),
		guests_test(long_hypervisor_text_is_not_lost),
		guests_test(pieces_of_hypervisor_lines_are_joined),
		guests_test(flush_leaves_nothing),
	};

	return cmocka_run_group_tests_name("console", tests, NULL, NULL);
}

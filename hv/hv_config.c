/* SPDX-License-Identifier: MIT */
/*
 * xihv's own command line. Called once at boot, before anything runs: no lock.
 */
#include "hv/guest_config.h"
#include "hv/string.h"
#include "hv/words.h"

/* Where a PC has its first two serial ports, and what the 16550's divisor divides. */
#define COM1_PORT 0x3f8
#define COM2_PORT 0x2f8
#define UART_PORTS 8
#define UART_MAX_BAUD 115200

static const char port_expected[] =
	"com1, com2, a port such as 0x3f8, or none; behind it perhaps ,115200";
static const char option_expected[] = "console=com1|com2|0xPORT|none[,BAUD] or idle=stay|poweroff";

/* A word up to its first comma; *rest is what follows the comma. */
static bool split_at_comma(struct word w, struct word *head, struct word *rest)
{
	for (unsigned i = 0; i < w.len; i++) {
		if (w.s[i] != ',')
			continue;
		*head = (struct word){ .s = w.s, .len = i };
		*rest = (struct word){ .s = w.s + i + 1, .len = w.len - i - 1 };
		return true;
	}
	*head = w;
	return false;
}

static bool parse_port(struct word w, uint16_t *port)
{
	struct word digits;
	uint64_t n;

	if (word_is(w, "none"))
		*port = 0;
	else if (word_is(w, "com1"))
		*port = COM1_PORT;
	else if (word_is(w, "com2"))
		*port = COM2_PORT;
	else if (word_starts(w, "0x", &digits) && word_number(w, &n) && n > 0 &&
		 n <= UINT16_MAX + 1 - UART_PORTS)
		*port = (uint16_t)n;
	else
		return false;
	return true;
}

static const char *parse_console(struct hv_config *c, struct word value)
{
	uint64_t baud = c->console_baud;
	struct word port, rate;

	if (split_at_comma(value, &port, &rate) &&
	    (!word_number(rate, &baud) || baud == 0 || baud > UART_MAX_BAUD ||
	     UART_MAX_BAUD % baud != 0))
		return "a rate that divides 115200, such as 115200 or 9600";
	if (!parse_port(port, &c->console_port))
		return port_expected;
	c->console_baud = (unsigned)baud;
	return NULL;
}

static const char *parse_idle(struct hv_config *c, struct word value)
{
	if (word_is(value, "stay"))
		c->idle = IDLE_STAY;
	else if (word_is(value, "poweroff"))
		c->idle = IDLE_POWEROFF;
	else
		return "stay or poweroff";
	return NULL;
}

/* Some loaders hand on the file's name, others don't; no option of ours lacks a '=' and
 * none has a '/' before it. */
static bool is_file_name(struct word w)
{
	for (unsigned i = 0; i < w.len; i++) {
		if (w.s[i] == '/')
			return true;
		if (w.s[i] == '=')
			return false;
	}
	return true;
}

static const char *parse_option(struct hv_config *c, struct word w)
{
	struct word value;

	if (word_starts(w, "console=", &value))
		return parse_console(c, value);
	if (word_starts(w, "idle=", &value))
		return parse_idle(c, value);
	return option_expected;
}

unsigned hv_config_parse(struct hv_config *c, const char *text)
{
	struct words l;

	*c = (struct hv_config){
		.console_port = COM1_PORT,
		.console_baud = UART_MAX_BAUD,
		.idle = IDLE_STAY,
	};
	words_start(&l, "command line", text);
	if (is_file_name(words_peek(&l)))
		words_next(&l);
	for (struct word w = words_next(&l); w.len; w = words_next(&l)) {
		const char *expected = parse_option(c, w);

		if (expected)
			words_expected(&l, w, expected);
	}
	return l.mistakes;
}

// SPDX-License-Identifier: MIT
/*
 * xihv's own command line (hv/hv_config.c) and the words that all lines are made of
 * (hv/words.h). The input is the line.
 *
 *  W1  The words are the line without its blanks; none holds a blank, none is empty.
 *  W2  Numbers and sizes are those that strtoull makes of them, or too large, or none.
 *  W3  What comes out is of use: a port with room for a UART, a rate that it can have.
 *  W4  Each mistake is one message with the line, and is skipped: a word more that is wrong
 *      changes nothing but their number.
 *  W5  The configuration, written down as a line, is read as the same.
 */
#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hv/guest_config.h"
#include "hv/words.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/host_print.h"

#define LINE_BYTES 1024
#define UART_PORTS 8
#define MAX_BAUD 115200

static unsigned messages;

static void hear(const char *text, size_t n)
{
	assert(!strncmp(text, "xihv: command line \"", 20) && text[n - 1] == '\n');
	for (size_t i = 0; i < n - 1; i++)
		assert(text[i] >= ' ' && text[i] <= '~');
	messages++;
}

/* What strtoull says of a number that is nothing but digits. */
static bool number(const char *s, uint64_t *val)
{
	bool hex = s[0] == '0' && s[1] == 'x';
	const char *digits = hex ? s + 2 : s;
	size_t len = strspn(digits, hex ? "0123456789abcdefABCDEF" : "0123456789");

	if (!len || digits[len])
		return false;
	errno = 0;
	*val = strtoull(digits, NULL, hex ? 16 : 10);
	return !errno;
}

static bool size(char *s, uint64_t *val)
{
	static const char units[] = "kmgt";
	size_t len = strlen(s);
	const char *unit = len ? strchr(units, tolower((unsigned char)s[len - 1])) : NULL;
	unsigned __int128 wide;

	if (unit)
		s[len - 1] = 0;
	if (!number(s, val))
		return false;
	wide = (unsigned __int128)*val << (unit ? 10 * (unit - units + 1) : 0);
	*val = (uint64_t)wide;
	return wide == *val;
}

static void check_word(struct word w)
{
	char text[LINE_BYTES];
	uint64_t got, wanted;
	bool ok;

	assert(word_copy(w, text, sizeof(text)) && !word_copy(w, text, w.len));
	assert(strlen(text) == w.len && word_is(w, text) && strcspn(text, " \t\r\n") == w.len);
	ok = number(text, &wanted);
	assert(word_number(w, &got) == ok && (!ok || got == wanted)); /* W2 */
	ok = size(text, &wanted);
	assert(word_size(w, &got) == ok && (!ok || got == wanted));
}

static void check_words(const char *text)
{
	const char *at = text;
	struct words l;

	words_start(&l, "command line", text);
	for (struct word w = words_next(&l); w.len; w = words_next(&l)) {
		at += strspn(at, " \t\r\n");
		assert(w.s == at); /* W1 */
		at += w.len;
		check_word(w);
	}
	assert(!at[strspn(at, " \t\r\n")]);
}

static unsigned parse(struct hv_config *c, const char *line)
{
	unsigned mistakes;

	messages = 0;
	memset(c, 0xee, sizeof(*c));
	mistakes = hv_config_parse(c, line);
	assert(mistakes == messages); /* W4 */
	return mistakes;
}

static void check_same(const struct hv_config *a, const struct hv_config *b)
{
	assert(a->console_port == b->console_port && a->console_baud == b->console_baud);
	assert(a->idle == b->idle);
}

static void check_config(const char *line)
{
	char text[LINE_BYTES];
	struct hv_config c, again;
	unsigned mistakes = parse(&c, line);

	assert(c.console_port <= 0x10000 - UART_PORTS); /* W3 */
	assert(c.console_baud && MAX_BAUD % c.console_baud == 0);
	assert(c.idle == IDLE_STAY || c.idle == IDLE_POWEROFF);
	snprintf(text, sizeof(text), "xihv.elf %s idle", line);
	assert(parse(&again, text) >= mistakes + 1);
	snprintf(text, sizeof(text), "%s x= idle", line);
	if (strspn(line, " \t\r\n") < strlen(line)) {
		assert(parse(&again, text) == mistakes + 2);
		check_same(&c, &again);
	}
	snprintf(text, sizeof(text), "console=0x%x,%u idle=%s", c.console_port, c.console_baud,
		 c.idle == IDLE_STAY ? "stay" : "poweroff");
	if (!c.console_port)
		snprintf(text, sizeof(text), "/xihv console=none,%u idle=%s", c.console_baud,
			 c.idle == IDLE_STAY ? "stay" : "poweroff");
	assert(parse(&again, text) == 0); /* W5 */
	check_same(&c, &again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char line[LINE_BYTES];

	if (len > sizeof(line) - 32)
		return 0;
	memcpy(line, data, len);
	line[len] = 0;
	print_set_sink(hear);
	check_words(line);
	check_config(line);
	return 0;
}

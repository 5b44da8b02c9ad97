/* SPDX-License-Identifier: MIT */
/*
 * The hypervisor's console: one key, one command (stats.md). hv/keys.c holds the table.
 */
#ifndef HV_KEYS_H
#define HV_KEYS_H

#include "hv/compiler.h"

struct console_key {
	char key;
	void (*fn)(char key);
	const char *help; /* one line */
};

/* A byte was typed while the hypervisor holds the input. Run loop only. */
void keys_press(uint8_t c);

#endif

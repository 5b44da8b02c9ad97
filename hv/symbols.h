/* SPDX-License-Identifier: MIT */
/* Names of our own functions, from the table that the Makefile links in. */
#ifndef HV_SYMBOLS_H
#define HV_SYMBOLS_H

#include <stdint.h>

/* Name of the function that holds `addr`, and how far in it is; NULL: not in our text. */
const char *symbol_name(uint64_t addr, uint64_t *offset);

#endif

/* SPDX-License-Identifier: MIT */
/* A UART, a clock and timers for tests of the console: hand-driven. */
#ifndef TESTS_UNIT_FAKE_UART_H
#define TESTS_UNIT_FAKE_UART_H

#include "hv/compiler.h"

#define FAKE_WIRE_BYTES 65536

extern char fake_wire[FAKE_WIRE_BYTES]; /* all that was sent, NUL-terminated */
extern unsigned fake_room; /* what uart_tx_room says; each byte sent takes one */
extern unsigned fake_forced; /* bytes that were sent without room */
extern uint64_t fake_now; /* clock_ns(); the TSC runs at 1 GHz, so ticks are nanoseconds */

void fake_wire_clear(void);
void fake_type(const char *s); /* bytes for uart_rx */

/* Let `ns` pass: a timer that is due meanwhile fires. */
void fake_pass(uint64_t ns);

#endif

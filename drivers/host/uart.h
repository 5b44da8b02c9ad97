/* SPDX-License-Identifier: MIT */
/*
 * The host's 16550 (National Semiconductor PC16550D). Two rings between the interrupt handler and
 * the console. Any CPU may call: one lock inside guards rings and chip, the handler takes it too.
 */
#ifndef DRIVERS_HOST_UART_H
#define DRIVERS_HOST_UART_H

#include "hv/compiler.h"

/* Program port `base` for `baud` 8N1, polled. False: there is no UART there. */
must_check bool uart_init(uint16_t base, unsigned baud);

/* From now on by interrupt (ISA IRQ 4 or 3 by base); before it, uart_tx polls. */
void uart_irq_enable(void);

/* Bytes that uart_tx takes without waiting. */
unsigned uart_tx_room(void);

/* Queue a byte; with no room it drains the ring by polling first, so nothing is lost. */
void uart_tx(uint8_t c);

/* Next received byte; false: none. */
bool uart_rx(uint8_t *c);

/* There are received bytes, or the transmit ring has fallen below half since the last
 * call of uart_tx_room. Cheap: looked at in the run loop. */
bool uart_work(void);

/* Until the last bit is out. */
void uart_flush(void);

/* For a panic: what is queued goes out now, and uart_tx polls from now on. */
void uart_poll_only(void);

#endif

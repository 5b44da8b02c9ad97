/* SPDX-License-Identifier: MIT */
/*
 * The guest's 16550 (National Semiconductor PC16550D data sheet, TL/C/8652), over the console
 * multiplexer.
 */
#ifndef DRIVERS_VIRT_VUART_H
#define DRIVERS_VIRT_VUART_H

#include "drivers/virt/irq_line.h"
#include "hv/console.h"
#include "hv/iobus.h"
#include "hv/spinlock.h"

#define VUART_COM1_PORT 0x3f8
#define VUART_COM1_IRQ 4
#define VUART_PORTS 8
#define VUART_FIFO 16

struct vuart_fifo {
	uint8_t byte[VUART_FIFO];
	unsigned head, len;
};

struct vuart {
	struct console_port *port;
	struct irq_line irq;
	struct spinlock *lock; /* the VM's, for the console's callbacks */
	struct vuart_fifo rx, tx;
	uint8_t ier, fcr, lcr, mcr, scratch;
	uint8_t lsr_errors; /* overrun, until LSR is read */
	uint8_t msr_delta; /* until MSR is read */
	uint16_t divisor;
	bool thre_pending; /* the THR-empty interrupt: set by its events, cleared by IIR or THR */
};

/* Takes over the callbacks of `port`. */
void vuart_init(struct vuart *u, struct console_port *port, struct irq_line irq,
		struct spinlock *lock);
void vuart_fini(struct vuart *u); /* the port stays usable; what comes is not looked at */
must_check int vuart_register(struct vuart *u, struct iobus *ports, uint16_t base);

#endif

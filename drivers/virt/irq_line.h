/* SPDX-License-Identifier: MIT */
/* The wire from a device to the interrupt controllers, as the device sees it. */
#ifndef DRIVERS_VIRT_IRQ_LINE_H
#define DRIVERS_VIRT_IRQ_LINE_H

#include "hv/compiler.h"

struct irq_line {
	void (*set)(void *arg, unsigned irq, bool level); /* the board's; true: asserted */
	void *arg;
	unsigned irq; /* ISA number */
};

static inline void irq_line_set(const struct irq_line *l, bool level)
{
	l->set(l->arg, l->irq, level);
}

#endif

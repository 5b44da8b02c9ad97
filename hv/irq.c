/* SPDX-License-Identifier: MIT */
/* Interrupt vectors of the host (hv/irq.h). The table is written at boot only. */
#include "hv/irq.h"

#include "drivers/host/lapic.h"
#include "hv/print.h"

static struct {
	void (*handler)(unsigned vector);
	void (*eoi)(unsigned vector);
} table[NR_VECTORS];

static uint64_t unclaimed;

void irq_register(unsigned vector, void (*handler)(unsigned vector), void (*eoi)(unsigned vector))
{
	BUG_ON(vector < NR_EXCEPTIONS || vector >= NR_VECTORS || table[vector].handler);
	table[vector].handler = handler;
	table[vector].eoi = eoi;
}

void irq_dispatch(unsigned vector)
{
	if (!table[vector].handler) {
		unclaimed++;
		return;
	}
	table[vector].handler(vector);
	if (table[vector].eoi)
		table[vector].eoi(vector);
}

void irq_postpone(unsigned vector)
{
	if (vector == VEC_SPURIOUS)
		return; /* it was for nothing, and has no EOI: raised again it would never end */
	if (table[vector].eoi)
		table[vector].eoi(vector);
	lapic_send_self(vector);
}

uint64_t irqs_unclaimed(void)
{
	return unclaimed;
}

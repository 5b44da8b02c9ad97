/* SPDX-License-Identifier: MIT */
/*
 * Interrupt vectors of the host: who answers which. Handlers run with interrupts off on the
 * interrupted stack, where no lock is held (hv/spinlock.h), and touch only rings and flags.
 */
#ifndef HV_IRQ_H
#define HV_IRQ_H

#include <stdint.h>

#include "hv/x86.h"

enum irq_vector {
	VEC_ISA_BASE = NR_EXCEPTIONS, /* ISA interrupts 0..15 */
	VEC_LAPIC_TIMER = 0xe0,
	VEC_LAPIC_ERROR = 0xe1,
	VEC_KICK = 0xf0, /* from another CPU: leave guest mode or HLT */
	VEC_SPURIOUS = 0xff, /* low four bits set, as old local APICs want it */
	NR_VECTORS = 256
};

/* `handler` is called for each interrupt with `vector`, then `eoi` unless NULL. Set up at
 * boot, before the source is unmasked. */
void irq_register(unsigned vector, void (*handler)(unsigned vector), void (*eoi)(unsigned vector));

/* From the entry code, for vectors behind the exceptions. */
void irq_dispatch(unsigned vector);

/* The same where no handler can run: the interrupt is ended and raised again, to come when they
 * are let in next. Asks nothing of GS. */
void irq_postpone(unsigned vector);

/* Interrupts that nobody had registered for, since boot. */
uint64_t irqs_unclaimed(void);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * The 8254 programmable interval timer (Intel 8254 data sheet, 231164) and port 0x61 (NMI
 * status and control), which gates its channel 2 and shows its output.
 */
#ifndef DRIVERS_VIRT_PIT_H
#define DRIVERS_VIRT_PIT_H

#include "drivers/virt/irq_line.h"
#include "hv/iobus.h"
#include "hv/spinlock.h"
#include "hv/timer.h"

#define PIT_PORT 0x40 /* 4 ports: counters 0-2, control word */
#define PORT61 0x61
#define PIT_HZ UINT64_C(1193182)

/* All times are in ticks of PIT_HZ since clock_ns() == 0. */
struct pit_channel {
	uint8_t mode; /* 0..5 */
	uint8_t access; /* control word RW field: 1 low, 2 high, 3 both */
	bool bcd;
	bool gate;
	bool loaded; /* a count was written since the control word */
	bool counting; /* loaded and, modes 1 and 5, triggered */
	bool write_high, read_high; /* the next byte of a two-byte access is the high one */
	bool status_latched;
	uint8_t low; /* first byte written */
	uint8_t status;
	uint8_t latched; /* bytes of `latch` still to be read */
	uint16_t latch;
	uint32_t count; /* 1..65536 (BCD: 10000): of the running cycle */
	uint32_t reload; /* written, counts from the next cycle or trigger on */
	uint64_t start; /* when this cycle began */
	uint64_t frozen; /* gate is low: ticks of the cycle that had passed */
};

struct pit {
	struct pit_channel channel[3];
	struct timer timer; /* the next rising edge of channel 0's OUT */
	uint64_t edge; /* tick for which it is set: channel 0's OUT rises */
	struct irq_line irq;
	struct spinlock *lock; /* the VM's, for the timer's callback */
	uint8_t port61; /* bits 0-3 as written */
};

void pit_init(struct pit *p, struct irq_line irq, struct spinlock *lock);
void pit_fini(struct pit *p);
must_check int pit_register(struct pit *p, struct iobus *ports);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * What connects a guest's APICs: interrupt messages from the IOAPIC, from other local APICs
 * (and, with PCI devices, MSIs) to local APICs, and EOI messages back. Guarded by the VM's
 * lock.
 */
#ifndef DRIVERS_VIRT_APIC_BUS_H
#define DRIVERS_VIRT_APIC_BUS_H

#include "drivers/virt/vlapic.h"
#include "hv/compiler.h"

#define APIC_BUS_MAX 8 /* local APICs */

struct apic_bus {
	struct vlapic *lapic[APIC_BUS_MAX]; /* by vCPU */
	unsigned nr;
	unsigned turn; /* lowest-priority ties go round */
	void (*eoi)(void *arg, uint8_t vector); /* a level-triggered one ended: the IOAPIC's */
	void *arg;
};

struct apic_msg {
	uint32_t dest; /* 8 bits unless x2 */
	bool logical; /* dest is a mask of logical IDs */
	bool x2; /* dest has the 32-bit format of x2APIC */
	bool level; /* trigger mode */
	enum apic_delivery mode;
	uint8_t vector;
};

/* Deliver to every destination (lowest priority: to one). How many accepted. */
unsigned apic_bus_send(struct apic_bus *b, const struct apic_msg *m);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * The I/O APIC: Intel 82093AA data sheet (290566), with the EOI register that came with version
 * 0x20 (Intel ICH, "EOIR").
 */
#ifndef DRIVERS_VIRT_IOAPIC_H
#define DRIVERS_VIRT_IOAPIC_H

#include "drivers/virt/apic_bus.h"
#include "hv/iobus.h"

#define IOAPIC_BASE UINT64_C(0xfec00000)
#define IOAPIC_SIZE UINT64_C(0x1000)
#define IOAPIC_PINS 24

struct ioapic {
	struct apic_bus *bus;
	uint64_t entry[IOAPIC_PINS]; /* redirection table */
	uint32_t lines; /* inputs that are asserted */
	uint32_t id; /* register: in bits 27:24 */
	uint8_t select;
};

/* All pins masked; EOI messages on `bus` come here. */
void ioapic_init(struct ioapic *io, struct apic_bus *bus, unsigned id);

/* Input `pin`; true is asserted, whatever the polarity is that the wire really has: the
 * polarity bit of the entry is stored and otherwise not looked at. */
void ioapic_set_pin(struct ioapic *io, unsigned pin, bool level);

must_check int ioapic_register(struct ioapic *io, struct iobus *mmio);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Interrupts of the host's ISA devices, however the machine routes them: by the IOAPICs
 * that the MADT names, or by the 8259 pair where there is no MADT.
 */
#ifndef DRIVERS_HOST_INTC_H
#define DRIVERS_HOST_INTC_H

#include "hv/compiler.h"

/* Silence the 8259s, find the IOAPICs, switch the boot CPU's local APIC on. After
 * acpi_init. */
void intc_init(void);

/* Route ISA interrupt `irq` to this CPU and unmask it; `handler` as in irq_register().
 * 0, -EINVAL, -ENODEV (no controller answers for it). */
must_check int isa_irq_enable(unsigned irq, void (*handler)(unsigned vector));

#endif

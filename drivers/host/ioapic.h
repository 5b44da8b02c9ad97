/* SPDX-License-Identifier: MIT */
/* The host's I/O APICs (Intel 82093AA data sheet). */
#ifndef DRIVERS_HOST_IOAPIC_H
#define DRIVERS_HOST_IOAPIC_H

#include "hv/compiler.h"

/* An IOAPIC at `addr` whose first input is global interrupt `gsi_base`; all its inputs are
 * masked. 0, -ENOMEM, -ENODEV (nothing answers), -ENOSPC. */
must_check int ioapic_add(hpa_t addr, uint32_t gsi_base);

/* Send global interrupt `gsi` as `vector` to the CPU with `apic_id`. 0, or -ENODEV: no
 * IOAPIC has that input. */
must_check int ioapic_route(uint32_t gsi, unsigned vector, bool level, bool active_low,
			    uint32_t apic_id);

#endif

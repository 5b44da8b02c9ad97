/* SPDX-License-Identifier: MIT */
/*
 * The calling CPU's local APIC (Intel SDM Vol. 3A ch. 10), in x2APIC mode where the CPU
 * has it: a register is then an MSR, which nests better than MMIO.
 */
#ifndef DRIVERS_HOST_LAPIC_H
#define DRIVERS_HOST_LAPIC_H

#include "hv/compiler.h"

/* Switch it on; sets this_cpu()->apic_id. `extint`: let the 8259s' interrupts through. */
void lapic_init(bool extint);
bool lapic_is_x2apic(void);

void lapic_eoi_vector(unsigned vector); /* end of interrupt, for irq_register() */

/* An NMI for the CPU with this local APIC, which may be the calling one. */
void lapic_send_nmi(uint32_t apic_id);

/* How often the APIC reported an error since boot. */
uint64_t lapic_errors(void);

/* Measure the timer against the TSC (unless it compares with the TSC itself). After
 * tsc_calibrate. `handler` is for VEC_LAPIC_TIMER. */
void lapic_timer_init(void (*handler)(unsigned vector));

/* One interrupt when the TSC reaches `tsc`, or somewhat earlier when that is further away
 * than the counter reaches. 0: none. */
void lapic_timer_arm(uint64_t tsc);

/* For the boot messages. */
const char *lapic_timer_name(void);

#endif

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

/* The same on every other CPU. */
void lapic_cpu_init(void);

/* One interrupt to the CPU with that APIC ID (10.6.1): fixed with `vector`, NMI, INIT, start-up
 * at `page`, which lies below 1 MiB. It may be the calling CPU itself: Bochs 2.7 ignores an NMI by
 * the self shorthand. Interrupts are off. */
void lapic_send_ipi(uint32_t apic_id, unsigned vector);
void lapic_send_self(unsigned vector); /* as lapic_send_ipi() to this CPU; asks nothing of GS */
void lapic_send_nmi(uint32_t apic_id);
void lapic_send_init(uint32_t apic_id);
void lapic_send_startup(uint32_t apic_id, hpa_t page);

void lapic_eoi_vector(unsigned vector); /* end of interrupt, for irq_register() */

/* How often the APIC reported an error since boot. */
uint64_t lapic_errors(void);

/* Measure the timer against the TSC (unless it compares with the TSC itself). After
 * tsc_calibrate. `handler` is for VEC_LAPIC_TIMER. */
void lapic_timer_init(void (*handler)(unsigned vector));
void lapic_timer_cpu_init(void); /* on every other CPU */

/* One interrupt when the TSC reaches `tsc`, or somewhat earlier when that is further away
 * than the counter reaches. */
void lapic_timer_arm(uint64_t tsc);

/* For the boot messages. */
const char *lapic_timer_name(void);

#endif

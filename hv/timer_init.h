/* SPDX-License-Identifier: MIT */
/* Bring-up of clock and timers; everybody else wants hv/timer.h. */
#ifndef HV_TIMER_INIT_H
#define HV_TIMER_INIT_H

/* Measure the TSC, read the wall clock, start the local APIC's timer. Boot CPU, after
 * intc_init. */
void time_init(void);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * The host CPUs together: starting them, nudging one, and holding all others still while the
 * boot CPU does what needs a quiet machine (keys, the life and death of guests).
 */
#ifndef HV_SMP_H
#define HV_SMP_H

#include "hv/percpu.h"

/* Start every CPU that the MADT names; each enters the run loop at once. One that does not come,
 * or cannot run guests, or whose TSC differs from the boot CPU's, is left out, with a message.
 * Boot CPU, after vendor_init; `low_page` as in struct memmap, 0: none. */
void smp_start(hpa_t low_page);

/* Make `cpu` leave guest mode or HLT; to itself it is nothing. Any context. */
void smp_kick(const struct percpu *cpu);

/* For who waits for what a kick brings about, in a loop: kick `cpu` again now and then, for one may
 * be lost (QEMU 7.2, svm/README.md). *next: 0 at first. */
void smp_kick_again(const struct percpu *cpu, uint64_t *next);

/*
 * All other CPUs put their vCPUs down and stand still until as many resumes have come as stops.
 * Nothing of any guest runs meanwhile. Boot CPU's run loop, with no lock held.
 */
void smp_stop_others(void);
void smp_resume_others(void);

/* Run loop: a stop has been asked for, and stand still as it says. */
bool smp_stop_wanted(void);
void smp_park(void);

/* For the end of the machine: they switch the virtualization extension off and halt for good
 * (smp_end_others: stopped before), or just halt wherever they are (panic). */
void smp_end_others(void);
void smp_halt_others(void);

#endif

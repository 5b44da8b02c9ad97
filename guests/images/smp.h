/* SPDX-License-Identifier: MIT */
/* Phases for several CPUs; with one they do nothing that could go wrong. */
#ifndef SMP_H
#define SMP_H

#include <stdint.h>

int smp_open(void); /* before all others: how many CPUs there are. -1: no memory */
unsigned smp_cpus(void);

/* Look at the TSC and the clock: neither may be behind what any process that was forked since
 * smp_open() has seen. fail() tells. */
void smp_look_at_time(void);

/* Like phase->run. A unit: one page taken away under the eyes of all CPUs; one look at each clock
 * on each CPU. */
void smp_run_shoot(unsigned units, uint64_t salt);
void smp_run_time(unsigned units, uint64_t salt);

#endif

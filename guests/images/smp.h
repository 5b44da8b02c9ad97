/* SPDX-License-Identifier: MIT */
/* Phases for several CPUs; with one they do nothing that could go wrong. */
#ifndef SMP_H
#define SMP_H

#include <stdint.h>

int smp_open(void); /* before all others: how many CPUs there are. -1: no memory */
unsigned smp_cpus(void);

/* Shootdowns so far: how often a CPU flushed its TLB because another asked it to by an interrupt. */
uint64_t smp_shootdowns(void);

/* Look at the TSC and the clock: neither may be behind what any process that was forked since
 * smp_open() has seen. fail() tells. */
void smp_look_at_time(void);

/*
 * Like phase->run. A unit of
 * shoot: one page is taken away under the eyes of all CPUs
 * flush, lock: each CPU takes a page of its own away; each asks for the state of the same pages,
 *   of which the kernel goes through a table under a spinlock. Nobody waits for anybody but in
 *   the kernel
 * time: one look at each clock on each CPU
 */
void smp_run_shoot(unsigned units, uint64_t salt);
void smp_run_flush(unsigned units, uint64_t salt);
void smp_run_lock(unsigned units, uint64_t salt);
void smp_run_time(unsigned units, uint64_t salt);

#endif

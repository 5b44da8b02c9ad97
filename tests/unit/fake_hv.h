/* SPDX-License-Identifier: MIT */
/*
 * The hypervisor as device models see it, on the host: a clock that stands still until a test
 * moves it, timers, a console, guest memory below 1 MiB, and counters of what was asked for.
 */
#ifndef TESTS_UNIT_FAKE_HV_H
#define TESTS_UNIT_FAKE_HV_H

#include "hv/vm.h"

#define FAKE_TSC_HZ UINT64_C(2000000000)
#define FAKE_WALL UINT64_C(1767225600) /* 2026-01-01 00:00:00 UTC, a Thursday */

extern uint64_t fake_ns; /* clock_ns() */
extern unsigned fake_kicks, fake_nmis, fake_resets, fake_poweroffs;
extern unsigned fake_timer_calls; /* callbacks run */
extern char fake_reason[128]; /* of the latest reset or power-off */
extern uint8_t fake_memory[0x100000]; /* guest RAM and ROM */

extern char fake_out[4096]; /* what guests printed */
extern unsigned fake_out_len, fake_out_room;

/* Everything as at the start; `this_cpu()` works afterwards, with no current vCPU. */
void fake_reset(void);
void fake_set_current(struct vcpu *v);

/* Move the clock on, timers firing on their way in order. */
void fake_advance(uint64_t ns);

/* Move the clock without letting timers run, then let those run that are due: the run loop
 * was away. */
void fake_sleep(uint64_t ns);

/* clock_ns() at which the earliest armed timer is due; 0: none. */
uint64_t fake_next_timer(void);

void fake_type(struct console_port *p, const char *text);
void fake_make_room(struct console_port *p, unsigned bytes);

/* Ports and MMIO through the bus, as an exit would do. */
uint64_t in(struct vm *vm, uint64_t port, unsigned size);
void out(struct vm *vm, uint64_t port, unsigned size, uint64_t val);
uint64_t mmio_in(struct vm *vm, uint64_t addr, unsigned size);
void mmio_out(struct vm *vm, uint64_t addr, unsigned size, uint64_t val);

/* An interrupt line that remembers. */
struct fake_line {
	bool level;
	unsigned rises;
};
struct irq_line;
struct irq_line fake_irq_line(struct fake_line *l);

/* The same numbers on every machine (xorshift64*). */
uint64_t fake_random(void);

/* Random accesses of all sizes to `len` bytes of a bus from `base`, time passing between. */
void fake_poke(struct iobus *b, uint64_t base, uint64_t len, unsigned rounds);

#endif

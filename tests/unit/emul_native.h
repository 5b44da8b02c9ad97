/* SPDX-License-Identifier: MIT */
/*
 * Run one instruction on the CPU of this host with given registers, and say what came of it.
 * Stands apart from hv/emul.h, whose register names <ucontext.h> has too.
 */
#ifndef TESTS_UNIT_EMUL_NATIVE_H
#define TESTS_UNIT_EMUL_NATIVE_H

#include <stdbool.h>
#include <stdint.h>

struct native_state {
	uint64_t gpr[16]; /* in encoding order */
	uint64_t rip, rflags;
	/* out: the exception that ended it; 3 is the breakpoint behind the instruction */
	unsigned vector;
	uint64_t error, cr2;
};

/* Take over the signals of CPU exceptions and make data segments usable from 32-bit code. */
void native_init(void);

/* Run at s->rip in 64- or 32-bit code until an exception comes; all code around the
 * instruction is expected to be INT3. */
void native_run(struct native_state *s, bool code32);

void native_set_gs_base(uint64_t base);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Run one instruction on this CPU with given registers and segments, and say what came of it.
 * Stands apart from hv/emul.h, whose register names <ucontext.h> has too. The tiny guest
 * `emul` has its own native_run().
 */
#ifndef TESTS_UNIT_EMUL_NATIVE_H
#define TESTS_UNIT_EMUL_NATIVE_H

#include <stdbool.h>
#include <stdint.h>

/* Assembly knows the offsets: emul_native.c, guests/tiny/emul/layout.inc. */
struct native_state {
	uint64_t gpr[16]; /* in encoding order */
	uint64_t rip, rflags;
	uint64_t fs_base, gs_base; /* 64-bit code only */
	uint64_t sel[6]; /* ES, CS, SS, DS, FS, GS; in and out */
	uint64_t code64;
	/* out: the exception that ended it; 3 is the breakpoint behind the instruction */
	uint64_t vector, error, cr2;
};

/* Run until an exception comes; all code around the instruction is expected to be INT3. */
void native_run(struct native_state *s);

/* Host only: take over the signals of CPU exceptions. */
void native_init(void);

/* Host only: a local descriptor (modify_ldt(2)); returns its selector. */
struct native_segment {
	uint32_t base, limit; /* limit as encoded */
	bool big, pages, read_only; /* read_only: of code, execute-only */
	enum { NATIVE_DATA, NATIVE_EXPAND_DOWN, NATIVE_CODE } kind;
};
uint16_t native_set_ldt(unsigned index, const struct native_segment *s);

/* Host only: ESP's upper half in code with a 16-bit stack segment, which IRET to it leaves. */
uint32_t native_esp_high(void);

#define NATIVE_CS64 0x33 /* Linux's selectors (arch/x86/include/asm/segment.h) */
#define NATIVE_DS 0x2b

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Exceptions and interrupts in 32-bit protected mode. The latest one is kept in `seen`; an
 * exception goes on at trap_resume if that is set, else it ends the guest as failed.
 */
#ifndef TINY_TRAPS_H
#define TINY_TRAPS_H

#include "tiny.h"

#define TRAP_VECTORS 64
#define FIRST_IRQ 32 /* vectors from here are counted and return */
#define VECTOR_NMI 2
#define NO_TRAP 0xffffffffu

struct trap_frame {
	uint32_t edi, esi, ebp, esp, ebx, edx, ecx, eax;
	uint32_t vector, error;
	uint32_t eip, cs, eflags;
};

/* The latest exception or interrupt. */
struct trap_seen {
	uint32_t vector; /* NO_TRAP: none since it was set so */
	uint32_t error, eip, eflags;
};

extern volatile struct trap_seen seen;
extern volatile uint32_t trap_resume;
extern volatile uint32_t irq_count[TRAP_VECTORS];

/* Called for vectors from FIRST_IRQ before they return (end-of-interrupt); may be NULL. */
extern void (*irq_hook)(uint32_t vector);

/* Called for NMIs, which return then; NULL: an NMI is an exception like others. */
extern void (*nmi_hook)(void);

/* GDT, TSS, IDT with all stubs. */
void traps_init(void);

/*
 * Run assembly text `insns` and give the vector it raised, or NO_TRAP. Operands may follow.
 * An instruction that faults is given up; TRAP_AT is its address for comparing with
 * seen.eip.
 */
#define TRY(insns, ...)                                                      \
	({                                                                   \
		seen.vector = NO_TRAP;                                       \
		__asm__ volatile("movl $9f, %c[resume]\n" insns "\n9:\n\t"   \
				 "movl $0, %c[resume]"                       \
				 :                                           \
				 : [resume] "i"(&trap_resume), ##__VA_ARGS__ \
				 : "memory", "cc", "eax", "ecx", "edx");     \
		seen.vector;                                                 \
	})

#endif

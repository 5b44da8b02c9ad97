/* SPDX-License-Identifier: MIT */
/*
 * Exceptions and interrupts of the hypervisor itself: descriptor tables, register dump,
 * backtrace by name, fix-ups for instructions that may fault (Intel SDM Vol. 3A ch. 6).
 */
#ifndef HV_TRAPS_H
#define HV_TRAPS_H

#include "hv/compiler.h"

/* Selectors of the GDT; SYSCALL's and SVM's host state rely on none of them. */
#define SEL_CODE64 0x08
#define SEL_DATA 0x10
#define SEL_TSS 0x18 /* 16 bytes (SDM Vol. 3A 7.2.3) */

/* What hv/traps_entry.asm leaves on the stack. */
struct trap_frame {
	uint64_t r15, r14, r13, r12, r11, r10, r9, r8;
	uint64_t rdi, rsi, rbp, rbx, rdx, rcx, rax;
	uint64_t vector, error;
	uint64_t rip, cs, rflags, rsp, ss; /* by the processor */
};

/* GDT, IDT and TSS of the boot CPU; every fault is reported from here on. */
void traps_init(void);

/* The same on every other CPU, all at once. */
void traps_cpu_init(void);

/* Stacks of their own for NMI, #DF and #MC. After page_init. */
void traps_stacks_init(void);

/* Read 8 bytes at any address; false when that faults. */
bool probe_read(uint64_t va, uint64_t *val);

/* Function names from `rip` down the chain of frames that starts at `rbp`. */
void backtrace(uint64_t rip, uint64_t rbp);

#endif

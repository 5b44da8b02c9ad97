/* SPDX-License-Identifier: MIT */
/* The tiny guests' own GDT, task state and IDT. */
#ifndef TINY_SEGMENTS_H
#define TINY_SEGMENTS_H

#include "tiny.h"

#define SEL_CODE32 0x08
#define SEL_DATA 0x10
#define SEL_CODE64 0x18
#define SEL_USER_CODE 0x23
#define SEL_USER_DATA 0x2b
#define SEL_NOT_PRESENT 0x40 /* a data segment with P = 0 */
#define SEL_USER_CODE64 0x4b

/* Load GDT and segments, and a task state (64-bit one if `long_mode`) with a stack of its
 * own for what comes from ring 3. */
void segments_load(bool long_mode);

/* A 32-bit interrupt gate; its DPL; P. Selector SEL_CODE32. */
void idt_set32(unsigned vector, void (*handler)(void), unsigned dpl);
void idt_clear_present32(unsigned vector);

/* A 64-bit interrupt gate, selector SEL_CODE64. */
void idt_set64(unsigned vector, void (*handler)(void), unsigned dpl);

/* Load the IDT of either kind. */
void idt_load32(void);
void idt_load64(void);

#endif

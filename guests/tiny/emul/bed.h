/* SPDX-License-Identifier: MIT */
/* The tiny guest `emul`: its parts. One processor, ring 0, no interrupts, no locks. */
#ifndef TINY_EMUL_BED_H
#define TINY_EMUL_BED_H

#include "tests/unit/emul_case.h"

/* Physical memory below 1 MiB, mapped one to one:
 *   0x29000..0x47fff  all that a stack segment of a bed reaches
 *   0x38000           data, three pages, the last one read-only; not mapped around them
 *   0x50000..0x5ffff  code: INT3 throughout */
#define DATA_AT 0x38000u
#define DATA_BYTES 0x3000u
#define CODE_AT 0x50000u
#define CODE_BYTES 0x10000u

/* BED_FORCED: 64-bit code, data in read-only user pages, CR0.WP=0, CR4.SMAP=1 and AC: the one
 * state that no page table of a hypervisor can stand in for, so that under xihv all writes go
 * through its emulator. */
enum bed_kind { BED_64, BED_32, BED_16, BED_REAL, BED_FORCED, NR_BEDS };
extern const char *const bed_name[NR_BEDS];

/* Descriptor tables, handlers, page tables; once. */
void bed_init(void);

/* `on_qemu`: bed_checks_segments() said no. */
void bed_make(struct emul_bed *bed, enum bed_kind kind, bool on_qemu);

/* Whether this processor faults beyond a segment's limit (QEMU's software CPU does not). */
bool bed_checks_segments(void);

/* Where native_run() runs from now on. */
void native_choose(enum bed_kind kind);

/* Ports that may hold anything: a UART's scratch register (with modem control and status
 * before it), the 8259's mask, what diagnostics write to. The emulator's operations with real
 * ports in place of the fake's. */
#define PORT_MODEM_CONTROL 0x3fc
#define PORT_MODEM_STATUS 0x3fe
#define PORT_SCRATCH 0x3ff
#define PORT_PIC_MASK 0x21
#define PORT_POST 0x80
uint64_t device_take(void); /* their content; set to what it was at first */
const struct emul_ops *device_ops(void);

static inline void outb(uint16_t port, uint8_t v)
{
	__asm__ volatile("outb %0, %1" : : "a"(v), "Nd"(port));
}

static inline uint8_t inb(uint16_t port)
{
	uint8_t v;

	__asm__ volatile("inb %1, %0" : "=a"(v) : "Nd"(port));
	return v;
}

#endif

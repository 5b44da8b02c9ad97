/* SPDX-License-Identifier: MIT */
/*
 * What a PC's firmware leaves behind in memory: ACPI and MP tables in the ROM, the BIOS data
 * area, code at the reset vector. All is written at VM creation; addresses are guest
 * physical. Each function returns false if it does not fit, which no configuration
 * brings about.
 */
#ifndef GUESTS_FIRMWARE_H
#define GUESTS_FIRMWARE_H

#include "hv/p2m.h"

struct vm;

/* Top of low RAM: extended BIOS data area, and in it the FACS, which must be writable. */
#define FIRMWARE_EBDA UINT64_C(0x9f000)
#define FIRMWARE_EBDA_SIZE (BOARD_LOW_RAM_END - FIRMWARE_EBDA)
#define FIRMWARE_FACS UINT64_C(0x9fc00)

/* In the ROM. Kernels look for _MP_ in the upper 64 KiB. */
#define FIRMWARE_RSDP BOARD_ROM_BASE
#define FIRMWARE_ACPI (BOARD_ROM_BASE + 0x40)
#define FIRMWARE_MP UINT64_C(0xf0000)

/* The MADT and the MP table name the IOAPIC by this; no local APIC has it. */
#define FIRMWARE_IOAPIC_ID 8

/* Interrupt input that the 8254 is wired to; the other ISA interrupts keep their number. */
#define FIRMWARE_TIMER_PIN 2

/* RSDP, RSDT, XSDT, FADT, MADT, FACS, and the given DSDT. */
must_check bool acpi_write(struct vm *vm, const void *dsdt, uint32_t dsdt_len);

/* Floating pointer and configuration table (MultiProcessor Specification 1.4). */
must_check bool mptable_write(struct vm *vm);

/* BIOS data areas and the reset vector. */
must_check bool bios_write(struct vm *vm);

/* Byte that makes the sum of `len` bytes at `p` zero, given that it is zero now. */
uint8_t table_checksum(const void *p, uint32_t len);

#endif

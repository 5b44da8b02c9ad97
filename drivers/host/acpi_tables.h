/* SPDX-License-Identifier: MIT */
/* Reading single ACPI tables: bytes in, struct acpi_info out; nothing else is touched. */
#ifndef DRIVERS_HOST_ACPI_TABLES_H
#define DRIVERS_HOST_ACPI_TABLES_H

#include "drivers/host/acpi.h"

#define ACPI_HEADER_BYTES 36

/* All bytes add up to 0. */
bool acpi_checksum_ok(const uint8_t *p, uint32_t len);

/* Little-endian, any alignment. */
uint64_t acpi_get(const uint8_t *p, unsigned bytes);

/* `table` holds `len` bytes, its header included; nothing behind them is read. */
void acpi_read_madt(struct acpi_info *a, const uint8_t *table, uint32_t len);
void acpi_read_fadt(struct acpi_info *a, const uint8_t *table, uint32_t len);

/* Search a DSDT or SSDT for \_S5; what it says replaces nothing that was found before. */
void acpi_read_s5(struct acpi_info *a, const uint8_t *table, uint32_t len);

#endif

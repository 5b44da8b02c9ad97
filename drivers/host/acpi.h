/* SPDX-License-Identifier: MIT */
/*
 * What xihv needs of the machine's ACPI tables (ACPI 6.4): how interrupts are routed, the
 * PM timer, how to power off and reset. Found once at boot; a machine without ACPI gives
 * an empty answer.
 */
#ifndef DRIVERS_HOST_ACPI_H
#define DRIVERS_HOST_ACPI_H

#include "boot/boot_info.h"
#include "hv/compiler.h"

#define ACPI_MAX_IOAPICS 8
#define ACPI_MAX_ROUTES 16
#define ACPI_MAX_CPUS 64

/* Generic address (5.2.3.2). */
enum acpi_space { ACPI_MEMORY = 0, ACPI_IO = 1 };

struct acpi_register {
	enum acpi_space space;
	uint64_t addr; /* 0: there is none */
};

/* Where ISA interrupt `isa_irq` arrives (5.2.12.5). */
struct acpi_irq_route {
	uint8_t isa_irq;
	bool level, active_low;
	uint32_t gsi;
};

struct acpi_info {
	/* MADT */
	struct {
		hpa_t addr;
		uint32_t gsi_base;
	} ioapic[ACPI_MAX_IOAPICS];
	unsigned nr_ioapics;
	struct acpi_irq_route route[ACPI_MAX_ROUTES]; /* those that differ from the default */
	unsigned nr_routes;
	uint32_t cpu_apic_id[ACPI_MAX_CPUS]; /* CPUs that may be started */
	unsigned nr_cpus;

	/* FADT */
	bool has_fadt;
	bool hw_reduced; /* no PM1 registers: sleep_control instead */
	uint16_t pm_timer_port; /* 0: none */
	uint16_t smi_port; /* write acpi_enable there to get the PM1 registers */
	uint8_t acpi_enable;
	struct acpi_register pm1a_control, pm1b_control, sleep_control, reset;
	uint8_t reset_value;
	hpa_t dsdt;

	/* \_S5 of the DSDT (7.4.2) */
	bool has_s5;
	uint8_t slp_typ_a, slp_typ_b;
};

/* Look for the tables and read them. After page_init. */
void acpi_init(const struct boot_info *bi);

const struct acpi_info *acpi_info(void);

#endif

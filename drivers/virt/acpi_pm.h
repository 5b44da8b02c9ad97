/* SPDX-License-Identifier: MIT */
/*
 * ACPI fixed hardware (ACPI 6.4, ch. 4.8): PM1a event and control, PM timer. The board is
 * always in ACPI mode (FADT.SMI_CMD is 0), so SCI_EN always reads as 1.
 */
#ifndef DRIVERS_VIRT_ACPI_PM_H
#define DRIVERS_VIRT_ACPI_PM_H

#include "drivers/virt/irq_line.h"
#include "hv/iobus.h"
#include "hv/spinlock.h"
#include "hv/timer.h"

#define ACPI_PM_BASE 0x600
#define ACPI_PM1_EVT 0x600 /* status 16 bits, enable 16 bits */
#define ACPI_PM1_EVT_LEN 4
#define ACPI_PM1_CNT 0x604
#define ACPI_PM1_CNT_LEN 2
#define ACPI_PM_TMR 0x608 /* 32 bits wide */
#define ACPI_PM_TMR_LEN 4
#define ACPI_PM_LEN 12
#define ACPI_PM_TMR_HZ UINT64_C(3579545)
#define ACPI_SCI_IRQ 9
#define ACPI_S5_SLP_TYP 5 /* what the DSDT's \_S5 says */

struct vm;

struct acpi_pm {
	struct vm *vm;
	struct irq_line sci;
	uint16_t status, enable, control;
	uint64_t start_ns; /* clock_ns() at which the timer was 0 */
	uint64_t seen_half; /* halves of the timer's range that TMR_STS knows of */
	struct timer timer; /* the next change of bit 31, while TMR_EN */
};

void acpi_pm_init(struct acpi_pm *a, struct irq_line sci, struct vm *vm);
void acpi_pm_fini(struct acpi_pm *a);

/* The RTC asserts its interrupt (RTC_STS, ACPI 4.8.2.4). */
void acpi_pm_rtc_alarm(struct acpi_pm *a);

must_check int acpi_pm_register(struct acpi_pm *a, struct iobus *ports);

#endif

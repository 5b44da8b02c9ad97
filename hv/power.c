/* SPDX-License-Identifier: MIT */
/*
 * The end of the machine: power-off and reset, by ACPI where the tables say how, else by
 * what emulators and PCs without ACPI have. No data; interrupts are off for good.
 */
#include "hv/power.h"

#include "drivers/host/acpi.h"
#include "drivers/host/uart.h"
#include "hv/console.h"
#include "hv/cpu.h"
#include "hv/page.h"
#include "hv/print.h"
#include "hv/sched.h"
#include "hv/smp.h"
#include "hv/timer.h"
#include "hv/vendor.h"

/* PM1 control register (ACPI 6.4, table 4.13) */
#define PM1_SCI_EN 0x0001
#define PM1_SLP_TYP_SHIFT 10
#define PM1_SLP_TYP_MASK (7 << PM1_SLP_TYP_SHIFT)
#define PM1_SLP_EN 0x2000

/* Sleep control register (ACPI 6.4, table 4.19) */
#define SLEEP_TYP_SHIFT 2
#define SLEEP_EN 0x20

#define PM1_BYTES 2
#define ENDING_NS NSEC_PER_SEC /* power goes some time after the write */
#define ENABLE_TRIES 1000000 /* SMI handlers take milliseconds */

/* PM1a control of QEMU's and Bochs' chipsets where no firmware has told: SLP_TYP 0 is S5 */
#define QEMU_PM1A_CONTROL 0x604
#define BOCHS_PM1A_CONTROL 0xb004
#define BOCHS_SHUTDOWN 0x8900 /* takes the word, letter by letter */

#define RESET_CONTROL 0xcf9 /* Intel PCHs and those like them */
#define RESET_FULL 0x0e
#define I8042_COMMAND 0x64
#define I8042_RESET 0xfe

static uint32_t read_register(const struct acpi_register *r)
{
	volatile uint16_t *p;

	if (r->space == ACPI_IO)
		return inw(r->addr);
	p = mmio_map(HPA(r->addr), PM1_BYTES);
	return p ? *p : 0;
}

static void write_register(const struct acpi_register *r, uint16_t val, unsigned bytes)
{
	volatile void *p;

	if (r->space == ACPI_IO && bytes == 1) {
		outb(r->addr, val);
	} else if (r->space == ACPI_IO) {
		outw(r->addr, val);
	} else {
		p = mmio_map(HPA(r->addr), bytes);
		if (p && bytes == 1)
			*(volatile uint8_t *)p = val;
		else if (p)
			*(volatile uint16_t *)p = val;
	}
}

/* The PM1 registers belong to the firmware until it is told otherwise (4.8.2.5). */
static void take_pm1(const struct acpi_info *a)
{
	unsigned tries = ENABLE_TRIES;

	if (!a->smi_port || !a->acpi_enable || (read_register(&a->pm1a_control) & PM1_SCI_EN))
		return;
	outb(a->smi_port, a->acpi_enable);
	while (!(read_register(&a->pm1a_control) & PM1_SCI_EN) && --tries)
		cpu_relax();
}

static void sleep_pm1(const struct acpi_register *r, uint8_t type)
{
	uint16_t val;

	if (!r->addr)
		return;
	val = read_register(r) & ~(PM1_SLP_TYP_MASK | PM1_SLP_EN);
	val |= (type << PM1_SLP_TYP_SHIFT) & PM1_SLP_TYP_MASK;
	write_register(r, val, PM1_BYTES);
	write_register(r, val | PM1_SLP_EN, PM1_BYTES);
}

static void acpi_poweroff(const struct acpi_info *a)
{
	if (!a->has_s5)
		return;
	if (a->hw_reduced && a->sleep_control.addr) {
		write_register(&a->sleep_control, a->slp_typ_a << SLEEP_TYP_SHIFT | SLEEP_EN, 1);
		return;
	}
	take_pm1(a);
	sleep_pm1(&a->pm1a_control, a->slp_typ_a);
	sleep_pm1(&a->pm1b_control, a->slp_typ_b);
}

static void emulator_poweroff(void)
{
	const char *p;

	outw(QEMU_PM1A_CONTROL, PM1_SLP_EN);
	outw(BOCHS_PM1A_CONTROL, PM1_SLP_EN);
	for (p = "Shutdown"; *p; p++)
		outb(BOCHS_SHUTDOWN, *p);
}

static void wait_for_the_end(void)
{
	uint64_t until = clock_ns() + ENDING_NS;

	while (clock_ns() < until)
		cpu_relax();
}

static void end_cpus(void)
{
	smp_stop_others();
	smp_end_others();
	vendor_fini();
}

void machine_poweroff(void)
{
	irq_disable();
	console_flush();
	uart_flush();
	end_cpus();
	acpi_poweroff(acpi_info());
	wait_for_the_end();
	/* Only a virtual machine has those ports; on hardware they may be anything. */
	if (cpu_has(FEAT_HYPERVISOR) || !acpi_info()->has_fadt)
		emulator_poweroff();
	wait_for_the_end();
	print_to_uart_only();
	printk("xihv: this machine cannot be powered off by software; halted\n");
	uart_flush();
	cpu_halt();
}

void machine_reset(void)
{
	const struct acpi_info *a = acpi_info();

	irq_disable();
	console_flush();
	uart_flush();
	end_cpus();
	if (a->reset.addr)
		write_register(&a->reset, a->reset_value, 1);
	wait_for_the_end();
	outb(RESET_CONTROL, RESET_FULL);
	outb(I8042_COMMAND, I8042_RESET);
	cpu_halt();
}

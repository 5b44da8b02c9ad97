/* SPDX-License-Identifier: MIT */
/*
 * ACPI fixed hardware. Guarded by the VM's lock.
 *
 * The PM timer is computed from clock_ns(); its status bit (bit 31 changed) is found out
 * when somebody looks, or by a host timer while the guest has it enabled.
 */
#include "drivers/virt/acpi_pm.h"

#include "drivers/virt/io_bytes.h"
#include "drivers/virt/ticks.h"
#include "hv/vm.h"

/* offsets */
enum {
	REG_STATUS = ACPI_PM1_EVT - ACPI_PM_BASE,
	REG_ENABLE = REG_STATUS + 2,
	REG_CONTROL = ACPI_PM1_CNT - ACPI_PM_BASE,
	REG_TIMER = ACPI_PM_TMR - ACPI_PM_BASE,
};

/* PM1 status and enable (ACPI 6.4 tables 4.11, 4.12) */
enum {
	PM1_TMR = 1 << 0,
	PM1_GBL = 1 << 5,
	PM1_RTC = 1 << 10,
	PM1_EVENTS = PM1_TMR | PM1_GBL | PM1_RTC,
};

/* PM1 control (table 4.13) */
enum {
	CNT_SCI_EN = 1 << 0,
	CNT_BM_RLD = 1 << 1,
	CNT_SLP_TYP_SHIFT = 10,
	CNT_SLP_TYP_MASK = 7,
	CNT_SLP_EN = 1 << 13, /* write only */
	CNT_KEPT = CNT_BM_RLD | CNT_SLP_TYP_MASK << CNT_SLP_TYP_SHIFT,
};

#define TMR_HALF_BITS 31 /* TMR_STS: the highest bit of the 32 changed */

static uint64_t pm_ticks(const struct acpi_pm *a)
{
	return ns_to_ticks(clock_ns() - a->start_ns, ACPI_PM_TMR_HZ);
}

static void pm_refresh(struct acpi_pm *a)
{
	uint64_t half = pm_ticks(a) >> TMR_HALF_BITS;

	if (half != a->seen_half)
		a->status |= PM1_TMR;
	a->seen_half = half;
	irq_line_set(&a->sci, a->status & a->enable);
	if (a->enable & ~a->status & PM1_TMR)
		timer_set(&a->timer,
			  a->start_ns + ticks_to_ns((half + 1) << TMR_HALF_BITS, ACPI_PM_TMR_HZ));
	else
		timer_cancel(&a->timer);
}

static void pm_timer(struct timer *t)
{
	struct acpi_pm *a = container_of(t, struct acpi_pm, timer);

	spin_lock(&a->vm->lock);
	pm_refresh(a);
	spin_unlock(&a->vm->lock);
}

void acpi_pm_rtc_alarm(struct acpi_pm *a)
{
	a->status |= PM1_RTC;
	pm_refresh(a);
}

static uint8_t pm_read_byte(struct acpi_pm *a, unsigned off)
{
	unsigned shift = 8 * (off & 1);

	switch (off & ~1u) {
	case REG_STATUS:
		pm_refresh(a);
		return (uint8_t)(a->status >> shift);
	case REG_ENABLE:
		return (uint8_t)(a->enable >> shift);
	case REG_CONTROL:
		return (uint8_t)((a->control | CNT_SCI_EN) >> shift);
	default:
		return 0;
	}
}

static uint64_t pm_read(void *dev, uint64_t off, unsigned size)
{
	struct acpi_pm *a = dev;
	uint64_t val = 0;
	unsigned i;

	if (off >= REG_TIMER) /* at once, so that its bytes belong together */
		return io_low_bytes((uint32_t)pm_ticks(a) >> (8 * (off - REG_TIMER)), size);
	for (i = 0; i < size; i++)
		val |= (uint64_t)pm_read_byte(a, (unsigned)off + i) << (8 * i);
	return val;
}

static void pm_control(struct acpi_pm *a, uint16_t val)
{
	a->control = val & CNT_KEPT;
	if (!(val & CNT_SLP_EN))
		return;
	/* The DSDT offers no other state; another type is nothing this board can do. */
	if ((val >> CNT_SLP_TYP_SHIFT & CNT_SLP_TYP_MASK) == ACPI_S5_SLP_TYP)
		vm_poweroff(a->vm, "powered off by the guest (ACPI S5)");
}

/* A 16-bit register; a byte write leaves its other half as it is. */
static uint16_t merge(uint16_t old, unsigned off, uint8_t val)
{
	return off & 1 ? (uint16_t)((old & 0xff) | val << 8) : (uint16_t)((old & 0xff00) | val);
}

static void pm_write_byte(struct acpi_pm *a, unsigned off, uint8_t val)
{
	switch (off & ~1u) {
	case REG_STATUS:
		pm_refresh(a); /* an event from before this write is cleared by it */
		a->status &= (uint16_t)~merge(0, off, val);
		pm_refresh(a);
		break;
	case REG_ENABLE:
		a->enable = merge(a->enable, off, val) & PM1_EVENTS;
		pm_refresh(a);
		break;
	case REG_CONTROL:
		pm_control(a, merge(a->control, off, val));
		break;
	default: /* the timer is read-only */
		break;
	}
}

static void pm_write(void *dev, uint64_t off, unsigned size, uint64_t val)
{
	unsigned i;

	for (i = 0; i < size; i++)
		pm_write_byte(dev, (unsigned)off + i, (uint8_t)(val >> (8 * i)));
}

static const struct io_ops pm_ops = { "ACPI PM", pm_read, pm_write };

void acpi_pm_init(struct acpi_pm *a, struct irq_line sci, struct vm *vm)
{
	*a = (struct acpi_pm){ .vm = vm, .sci = sci, .start_ns = clock_ns() };
	timer_init(&a->timer, pm_timer);
}

void acpi_pm_fini(struct acpi_pm *a)
{
	timer_cancel(&a->timer);
}

int acpi_pm_register(struct acpi_pm *a, struct iobus *ports)
{
	return iobus_add(ports, ACPI_PM_BASE, ACPI_PM_LEN, &pm_ops, a);
}

/* SPDX-License-Identifier: MIT */
/* ISA interrupts (drivers/host/intc.h). Set up at boot, read-only afterwards. */
#include "drivers/host/intc.h"

#include "drivers/host/acpi.h"
#include "drivers/host/ioapic.h"
#include "drivers/host/lapic.h"
#include "drivers/host/pic.h"
#include "hv/errno.h"
#include "hv/irq.h"
#include "hv/percpu.h"
#include "hv/print.h"

#define ISA_IRQS 16

static bool by_pic;

void intc_init(void)
{
	const struct acpi_info *acpi = acpi_info();
	unsigned i, found = 0;

	i8259_init(VEC_ISA_BASE);
	for (i = 0; i < acpi->nr_ioapics; i++)
		found += ioapic_add(acpi->ioapic[i].addr, acpi->ioapic[i].gsi_base) == 0;
	by_pic = found == 0;
	lapic_init(by_pic);
	printk("interrupts: local APIC %u (%s), %s\n", this_cpu()->apic_id,
	       lapic_is_x2apic() ? "x2APIC" : "xAPIC",
	       by_pic ? "8259 (no MADT, no IOAPIC)" : "IOAPIC");
}

static int by_ioapic_enable(unsigned irq)
{
	const struct acpi_info *acpi = acpi_info();
	struct acpi_irq_route route = { .gsi = irq }; /* ISA default: edge, active high */
	unsigned i;

	for (i = 0; i < acpi->nr_routes; i++)
		if (acpi->route[i].isa_irq == irq)
			route = acpi->route[i];
	return ioapic_route(route.gsi, VEC_ISA_BASE + irq, route.level, route.active_low,
			    this_cpu()->apic_id);
}

int isa_irq_enable(unsigned irq, void (*handler)(unsigned vector))
{
	if (irq >= ISA_IRQS)
		return -EINVAL;
	irq_register(VEC_ISA_BASE + irq, handler, by_pic ? i8259_eoi : lapic_eoi_vector);
	if (!by_pic)
		return by_ioapic_enable(irq);
	i8259_unmask(irq);
	return 0;
}

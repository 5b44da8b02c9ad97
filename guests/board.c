/* SPDX-License-Identifier: MIT */
/*
 * The virtual board (guests/README.md draws it). Guarded by the VM's lock, but for creation
 * and destruction, when nothing of the guest runs.
 *
 * Interrupt wiring: a device's ISA line goes to the 8259 pair and to the IOAPIC, input 0 to
 * pin 2, the others to the pin of the same number. The 8259's INTR goes to LINT0 of the boot
 * processor. The SCI (IRQ 9) is level-triggered, the others are edges.
 */
#include "guests/board.h"

#include "drivers/virt/acpi_pm.h"
#include "drivers/virt/apic_bus.h"
#include "drivers/virt/debugexit.h"
#include "drivers/virt/i8042.h"
#include "drivers/virt/ioapic.h"
#include "drivers/virt/pci_host.h"
#include "drivers/virt/pic.h"
#include "drivers/virt/pit.h"
#include "drivers/virt/rtc.h"
#include "drivers/virt/sink.h"
#include "drivers/virt/vlapic.h"
#include "drivers/virt/vuart.h"
#include "guests/firmware.h"
#include "hv/errno.h"
#include "hv/page.h"
#include "hv/vm.h"

#define PIT_IRQ 0
#define I8042_IRQ 1
#define RTC_IRQ 8

/* guests/dsdt.asm */
extern const uint8_t dsdt_aml[];
extern const uint32_t dsdt_aml_bytes;

struct board {
	struct vm *vm;
	struct pic pic;
	struct apic_bus bus;
	struct ioapic ioapic;
	struct pit pit;
	struct rtc rtc;
	struct i8042 i8042;
	struct vuart com1;
	struct acpi_pm pm;
	struct pci_host pci;
	struct sink sink;
};

static void set_isa_irq(void *arg, unsigned irq, bool level)
{
	struct board *b = arg;

	pic_set_irq(&b->pic, irq, level);
	ioapic_set_pin(&b->ioapic, irq == PIT_IRQ ? FIRMWARE_TIMER_PIN : irq, level);
}

/* The RTC's interrupt is an ACPI event as well. */
static void set_rtc_irq(void *arg, unsigned irq, bool level)
{
	struct board *b = arg;

	set_isa_irq(arg, irq, level);
	if (level)
		acpi_pm_rtc_alarm(&b->pm);
}

static struct irq_line isa_line(struct board *b, unsigned irq)
{
	return (struct irq_line){ .set = set_isa_irq, .arg = b, .irq = irq };
}

static void intr_changed(void *arg, bool level)
{
	struct board *b = arg;
	struct vcpu *boot = b->vm->vcpu[0];

	if (!level)
		return;
	if (vlapic_takes_extint(boot->lapic))
		vcpu_kick(boot);
	else
		vlapic_lint0_rise(boot->lapic);
}

static bool extint_pending(const struct vcpu *v)
{
	return v->id == 0 && v->vm->board->pic.intr && vlapic_takes_extint(v->lapic);
}

bool board_irq_pending(struct vcpu *v)
{
	return vlapic_pending(v->lapic) >= 0 || extint_pending(v);
}

int board_irq_take(struct vcpu *v)
{
	int vector = vlapic_pending(v->lapic);

	if (vector >= 0)
		vlapic_accept(v->lapic, vector);
	else if (extint_pending(v))
		vector = pic_acknowledge(&v->vm->board->pic);
	return vector;
}

static void init_devices(struct board *b)
{
	struct vm *vm = b->vm;
	struct spinlock *lock = &vm->lock;

	pic_init(&b->pic, intr_changed, b);
	b->pic.chip[1].level = BIT(ACPI_SCI_IRQ - 8); /* as firmware sets ELCR */
	ioapic_init(&b->ioapic, &b->bus, FIRMWARE_IOAPIC_ID);
	pit_init(&b->pit, isa_line(b, PIT_IRQ), lock);
	rtc_init(&b->rtc, (struct irq_line){ set_rtc_irq, b, RTC_IRQ }, lock, p2m_low_end(&vm->p2m),
		 p2m_high_end(&vm->p2m) - BOARD_HIGH_RAM);
	i8042_init(&b->i8042, isa_line(b, I8042_IRQ), vm);
	vuart_init(&b->com1, &vm->console, isa_line(b, VUART_COM1_IRQ), lock);
	acpi_pm_init(&b->pm, isa_line(b, ACPI_SCI_IRQ), vm);
	pci_host_init(&b->pci, vm);
}

static int create_lapics(struct board *b)
{
	struct vm *vm = b->vm;
	unsigned i;

	_Static_assert(VM_MAX_VCPUS <= APIC_BUS_MAX, "one local APIC a vCPU");
	for (i = 0; i < vm->nr_vcpus; i++) {
		vm->vcpu[i]->lapic = vlapic_create(vm->vcpu[i], &b->bus);
		if (!vm->vcpu[i]->lapic)
			return -ENOMEM;
	}
	vlapic_set_virtual_wire(vm->vcpu[0]->lapic);
	return 0;
}

static int register_ports(struct board *b)
{
	struct iobus *ports = &b->vm->ports;
	int err = pic_register(&b->pic, ports);

	if (!err)
		err = pit_register(&b->pit, ports);
	if (!err)
		err = rtc_register(&b->rtc, ports);
	if (!err)
		err = i8042_register(&b->i8042, ports);
	if (!err)
		err = vuart_register(&b->com1, ports, VUART_COM1_PORT);
	if (!err)
		err = acpi_pm_register(&b->pm, ports);
	if (!err)
		err = pci_host_register(&b->pci, ports);
	if (!err)
		err = sink_register(&b->sink, ports);
	if (!err && b->vm->config.debugexit)
		err = debugexit_register(b->vm, ports);
	return err;
}

static int register_mmio(struct board *b)
{
	struct iobus *mmio = &b->vm->mmio;
	int err = ioapic_register(&b->ioapic, mmio);

	return err ? err
		   : iobus_add(mmio, VLAPIC_BASE, VLAPIC_SIZE, &vlapic_mmio_ops,
			       b->vm->vcpu[0]->lapic);
}

static int write_firmware(struct vm *vm)
{
	bool ok = acpi_write(vm, dsdt_aml, dsdt_aml_bytes) && mptable_write(vm) && bios_write(vm);

	return ok ? 0 : -ENOSPC;
}

int board_create(struct vm *vm)
{
	struct board *b = mem_alloc(sizeof(*b));
	int err;

	if (!b)
		return -ENOMEM;
	b->vm = vm;
	vm->board = b;
	init_devices(b);
	err = create_lapics(b);
	if (!err)
		err = register_ports(b);
	if (!err)
		err = register_mmio(b);
	return err ? err : write_firmware(vm);
}

void board_destroy(struct vm *vm)
{
	struct board *b = vm->board;
	unsigned i;

	pit_fini(&b->pit);
	rtc_fini(&b->rtc);
	acpi_pm_fini(&b->pm);
	vuart_fini(&b->com1);
	for (i = 0; i < vm->nr_vcpus; i++) {
		if (vm->vcpu[i]->lapic)
			vlapic_destroy(vm->vcpu[i]->lapic);
		vm->vcpu[i]->lapic = NULL;
	}
	vm->board = NULL;
	mem_free(b, sizeof(*b));
}

gpa_t board_rsdp(const struct vm *vm)
{
	(void)vm;
	return GPA(FIRMWARE_RSDP);
}

unsigned board_memory_map(const struct vm *vm, struct board_region out[], unsigned max)
{
	uint64_t low_end = p2m_low_end(&vm->p2m), high_end = p2m_high_end(&vm->p2m);
	const struct board_region map[] = {
		{ 0, FIRMWARE_EBDA, BOARD_REGION_RAM },
		{ FIRMWARE_EBDA, FIRMWARE_EBDA_SIZE, BOARD_REGION_RESERVED },
		{ BOARD_ROM_BASE, BOARD_ROM_END - BOARD_ROM_BASE, BOARD_REGION_RESERVED },
		{ BOARD_ROM_END, low_end - BOARD_ROM_END, BOARD_REGION_RAM },
		{ BOARD_HIGH_RAM, high_end - BOARD_HIGH_RAM, BOARD_REGION_RAM },
	};
	unsigned i, n = 0;

	for (i = 0; i < ARRAY_SIZE(map) && n < max; i++)
		if (map[i].size)
			out[n++] = map[i];
	return n;
}

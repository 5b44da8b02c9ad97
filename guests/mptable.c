/* SPDX-License-Identifier: MIT */
/*
 * The MP table (MultiProcessor Specification 1.4, ch. 4), for kernels without ACPI. It says
 * what the MADT says. Nothing here is kept; VM creation only.
 */
#include "drivers/virt/ioapic.h"
#include "drivers/virt/vlapic.h"
#include "guests/firmware.h"
#include "hv/guest_mem.h"
#include "hv/string.h"
#include "hv/vm.h"

#define MP_PACKED __attribute__((packed))
#define MP_SPEC_1_4 4
#define ISA_IRQS 16
#define ISA_CASCADE 2
#define ALL_APICS 0xff

enum { MP_PROCESSOR, MP_BUS, MP_IOAPIC, MP_IO_INTERRUPT, MP_LOCAL_INTERRUPT };
enum { INT_VECTORED = 0, INT_NMI = 1, INT_EXTINT = 3 };
enum { BUS_PCI = 0, BUS_ISA = 1 };
enum { PROCESSOR_ENABLED = 1, PROCESSOR_BOOT = 2, IOAPIC_ENABLED = 1 };
enum { FEATURE_FPU = 1 << 0, FEATURE_APIC = 1 << 9 };

struct mp_pointer {
	char signature[4];
	uint32_t table;
	uint8_t length; /* in 16 bytes */
	uint8_t revision;
	uint8_t checksum;
	uint8_t feature[5]; /* all 0: there is a table, and no IMCR */
} MP_PACKED;

struct mp_header {
	char signature[4];
	uint16_t length;
	uint8_t revision;
	uint8_t checksum;
	char oem_id[8];
	char product_id[12];
	uint32_t oem_table;
	uint16_t oem_table_size;
	uint16_t entries;
	uint32_t lapic_address;
	uint16_t extended_length;
	uint8_t extended_checksum;
	uint8_t reserved;
} MP_PACKED;

struct mp_processor {
	uint8_t type, apic_id, apic_version, flags;
	uint32_t signature, features;
	uint32_t reserved[2];
} MP_PACKED;

struct mp_bus {
	uint8_t type, id;
	char name[6];
} MP_PACKED;

struct mp_ioapic {
	uint8_t type, id, version, flags;
	uint32_t address;
} MP_PACKED;

/* I/O and local */
struct mp_interrupt {
	uint8_t type, kind;
	uint16_t flags; /* 0: as the bus has it */
	uint8_t bus, irq, apic, pin;
} MP_PACKED;

struct mp_table {
	struct mp_header header;
	uint8_t entries[20 * VM_MAX_VCPUS + 8 * (2 + 1 + ISA_IRQS + 2)];
};

static void add(struct mp_table *t, const void *entry, uint16_t len)
{
	memcpy(t->entries + (t->header.length - sizeof(t->header)), entry, len);
	t->header.length += len;
	t->header.entries++;
}

static void add_interrupt(struct mp_table *t, uint8_t type, uint8_t kind, unsigned irq,
			  uint8_t apic, unsigned pin)
{
	struct mp_interrupt e = { .type = type,
				  .kind = kind,
				  .bus = BUS_ISA,
				  .irq = (uint8_t)irq,
				  .apic = apic,
				  .pin = (uint8_t)pin };

	add(t, &e, sizeof(e));
}

static void add_processors(struct mp_table *t, unsigned nr)
{
	unsigned i;

	for (i = 0; i < nr; i++) {
		struct mp_processor e = {
			.type = MP_PROCESSOR,
			.apic_id = (uint8_t)i,
			.apic_version = 0x14,
			.flags = PROCESSOR_ENABLED | (i ? 0 : PROCESSOR_BOOT),
			.signature = 0xf00, /* family 15; kernels ask CPUID for more */
			.features = FEATURE_FPU | FEATURE_APIC,
		};

		add(t, &e, sizeof(e));
	}
}

static void add_board(struct mp_table *t)
{
	struct mp_bus pci = { MP_BUS, BUS_PCI, { 'P', 'C', 'I', ' ', ' ', ' ' } };
	struct mp_bus isa = { MP_BUS, BUS_ISA, { 'I', 'S', 'A', ' ', ' ', ' ' } };
	struct mp_ioapic ioapic = { MP_IOAPIC, FIRMWARE_IOAPIC_ID, 0x20, IOAPIC_ENABLED,
				    IOAPIC_BASE };
	unsigned irq;

	add(t, &pci, sizeof(pci));
	add(t, &isa, sizeof(isa));
	add(t, &ioapic, sizeof(ioapic));
	for (irq = 0; irq < ISA_IRQS; irq++)
		if (irq != ISA_CASCADE)
			add_interrupt(t, MP_IO_INTERRUPT, INT_VECTORED, irq, FIRMWARE_IOAPIC_ID,
				      irq ? irq : FIRMWARE_TIMER_PIN);
	add_interrupt(t, MP_LOCAL_INTERRUPT, INT_EXTINT, 0, ALL_APICS, 0);
	add_interrupt(t, MP_LOCAL_INTERRUPT, INT_NMI, 0, ALL_APICS, 1);
}

bool mptable_write(struct vm *vm)
{
	struct mp_table t = { .header = { .signature = { 'P', 'C', 'M', 'P' },
					  .length = sizeof(t.header),
					  .revision = MP_SPEC_1_4,
					  .lapic_address = VLAPIC_BASE } };
	struct mp_pointer p = { .signature = { '_', 'M', 'P', '_' },
				.table = FIRMWARE_MP + sizeof(p),
				.length = sizeof(p) / 16,
				.revision = MP_SPEC_1_4 };

	_Static_assert(sizeof(p) == 16 && sizeof(struct mp_header) == 44 &&
			       sizeof(struct mp_processor) == 20 &&
			       sizeof(struct mp_interrupt) == 8,
		       "the specification's sizes");
	memcpy(t.header.oem_id, "XIHV    ", sizeof(t.header.oem_id));
	memcpy(t.header.product_id, "XIHV BOARD  ", sizeof(t.header.product_id));
	add_processors(&t, vm->nr_vcpus);
	add_board(&t);
	t.header.checksum = table_checksum(&t, t.header.length);
	p.checksum = table_checksum(&p, sizeof(p));
	return guest_write_rom(vm, GPA(FIRMWARE_MP), &p, sizeof(p)) &&
	       guest_write_rom(vm, GPA(FIRMWARE_MP + sizeof(p)), &t, t.header.length);
}

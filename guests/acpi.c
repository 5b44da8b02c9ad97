/* SPDX-License-Identifier: MIT */
/*
 * The board's ACPI tables. They lie in the ROM one behind the other from FIRMWARE_ACPI, but for
 * the FACS, whose lock an OS writes. Nothing here is kept; VM creation only.
 */
#include "drivers/virt/acpi_pm.h"
#include "drivers/virt/ioapic.h"
#include "drivers/virt/pci_host.h"
#include "drivers/virt/rtc.h"
#include "drivers/virt/vlapic.h"
#include "guests/acpi_tables.h"
#include "guests/firmware.h"
#include "hv/guest_mem.h"
#include "hv/string.h"
#include "hv/vm.h"

#define TABLE_ALIGN 16
#define OEM_ID "XIHV  "
#define OEM_TABLE_ID "XIHVBRD "
#define CREATOR_ID "XIHV"
#define NO_C2_LATENCY 0xfff /* above 100 and 1000: there is no such state (5.2.9) */

/* Where the next table goes. */
struct placer {
	struct vm *vm;
	uint64_t at;
	bool ok;
};

uint8_t table_checksum(const void *p, uint32_t len)
{
	const uint8_t *b = p;
	uint8_t sum = 0;

	while (len--)
		sum += *b++;
	return (uint8_t)-sum;
}

static uint64_t place(struct placer *p, const void *table, uint32_t len)
{
	uint64_t at = p->at;

	p->at = ALIGN_UP(at + len, (uint64_t)TABLE_ALIGN);
	p->ok = p->ok && p->at <= FIRMWARE_MP && guest_write_rom(p->vm, GPA(at), table, len);
	return at;
}

static struct acpi_header header(const char *signature, uint32_t length, uint8_t revision)
{
	struct acpi_header h = {
		.length = length, .revision = revision, .oem_revision = 1, .creator_revision = 1
	};

	memcpy(h.signature, signature, sizeof(h.signature));
	memcpy(h.oem_id, OEM_ID, sizeof(h.oem_id));
	memcpy(h.oem_table_id, OEM_TABLE_ID, sizeof(h.oem_table_id));
	memcpy(h.creator_id, CREATOR_ID, sizeof(h.creator_id));
	return h;
}

/* Complete the table that starts with `h` and put it into the ROM. */
static uint64_t place_table(struct placer *p, struct acpi_header *h)
{
	h->checksum = 0;
	h->checksum = table_checksum(h, h->length);
	return place(p, h, h->length);
}

static struct acpi_address io_address(uint32_t port, uint8_t bytes, uint8_t access)
{
	return (struct acpi_address){
		.space = ACPI_SPACE_IO, .bits = bytes * 8, .access = access, .address = port
	};
}

static uint64_t place_fadt(struct placer *p, uint64_t dsdt)
{
	enum { ACCESS_BYTE = 1, ACCESS_WORD = 2, ACCESS_DWORD = 3 };
	struct acpi_fadt f = {
		.header = header("FACP", sizeof(f), 4),
		.facs = FIRMWARE_FACS,
		.dsdt = (uint32_t)dsdt,
		.x_dsdt = dsdt,
		.sci_int = ACPI_SCI_IRQ,
		.pm1a_evt_blk = ACPI_PM1_EVT,
		.pm1_evt_len = ACPI_PM1_EVT_LEN,
		.x_pm1a_evt = io_address(ACPI_PM1_EVT, ACPI_PM1_EVT_LEN, ACCESS_WORD),
		.pm1a_cnt_blk = ACPI_PM1_CNT,
		.pm1_cnt_len = ACPI_PM1_CNT_LEN,
		.x_pm1a_cnt = io_address(ACPI_PM1_CNT, ACPI_PM1_CNT_LEN, ACCESS_WORD),
		.pm_tmr_blk = ACPI_PM_TMR,
		.pm_tmr_len = ACPI_PM_TMR_LEN,
		.x_pm_tmr = io_address(ACPI_PM_TMR, ACPI_PM_TMR_LEN, ACCESS_DWORD),
		.c2_latency = NO_C2_LATENCY,
		.c3_latency = NO_C2_LATENCY,
		.century = RTC_REG_CENTURY,
		/* No BOOT_ARCH_8042: ports 0x60/0x64 reset, and drive no keyboard. */
		.boot_arch = BOOT_ARCH_LEGACY_DEVICES | BOOT_ARCH_NO_VGA,
		.flags = FADT_WBINVD | FADT_PROC_C1 | FADT_PWR_BUTTON | FADT_SLP_BUTTON |
			 FADT_TMR_VAL_EXT | FADT_RESET_REG_SUP | FADT_HEADLESS,
		.reset_reg = io_address(PCI_RESET_PORT, 1, ACCESS_BYTE),
		.reset_value = PCI_RESET_VALUE,
	};

	return place_table(p, &f.header);
}

struct madt {
	struct acpi_madt head;
	uint8_t entries[256];
};

static void madt_add(struct madt *m, const void *entry, uint8_t len)
{
	memcpy(m->entries + (m->head.header.length - sizeof(m->head)), entry, len);
	m->head.header.length += len;
}

static void madt_interrupts(struct madt *m)
{
	struct madt_ioapic ioapic = { MADT_IOAPIC, sizeof(ioapic), FIRMWARE_IOAPIC_ID,
				      0,	   IOAPIC_BASE,	   0 };
	struct madt_override timer = { MADT_OVERRIDE, sizeof(timer), 0, 0, FIRMWARE_TIMER_PIN, 0 };
	struct madt_override sci = { MADT_OVERRIDE, sizeof(sci),  0,
				     ACPI_SCI_IRQ,  ACPI_SCI_IRQ, INTI_LEVEL | INTI_ACTIVE_HIGH };
	struct madt_lapic_nmi nmi = { MADT_LAPIC_NMI, sizeof(nmi), 0xff, 0, 1 };

	madt_add(m, &ioapic, sizeof(ioapic));
	madt_add(m, &timer, sizeof(timer));
	madt_add(m, &sci, sizeof(sci));
	madt_add(m, &nmi, sizeof(nmi));
}

static uint64_t place_madt(struct placer *p)
{
	struct madt m = { .head = { header("APIC", sizeof(m.head), 4), VLAPIC_BASE,
				    MADT_PCAT_COMPAT } };
	unsigned i;

	_Static_assert(VM_MAX_VCPUS <= FIRMWARE_IOAPIC_ID, "IDs must not meet");
	_Static_assert(VM_MAX_VCPUS * sizeof(struct madt_lapic) < sizeof(m.entries) / 2, "room");
	for (i = 0; i < p->vm->nr_vcpus; i++) {
		struct madt_lapic lapic = { MADT_LAPIC, sizeof(lapic), (uint8_t)i, (uint8_t)i,
					    MADT_LAPIC_ENABLED };

		madt_add(&m, &lapic, sizeof(lapic));
	}
	madt_interrupts(&m);
	return place_table(p, &m.head.header);
}

static uint64_t place_rsdt(struct placer *p, uint64_t fadt, uint64_t madt)
{
	struct {
		struct acpi_header header;
		uint32_t table[2];
	} ACPI_PACKED t = { header("RSDT", sizeof(t), 1), { (uint32_t)fadt, (uint32_t)madt } };

	return place_table(p, &t.header);
}

static uint64_t place_xsdt(struct placer *p, uint64_t fadt, uint64_t madt)
{
	struct {
		struct acpi_header header;
		uint64_t table[2];
	} ACPI_PACKED t = { header("XSDT", sizeof(t), 1), { fadt, madt } };

	return place_table(p, &t.header);
}

static bool write_facs(struct vm *vm)
{
	struct acpi_facs f = { .signature = { 'F', 'A', 'C', 'S' },
			       .length = sizeof(f),
			       .version = 2 };

	return guest_write(vm, GPA(FIRMWARE_FACS), &f, sizeof(f));
}

static bool write_rsdp(struct vm *vm, uint64_t rsdt, uint64_t xsdt)
{
	struct acpi_rsdp r = {
		.revision = 2, .rsdt = (uint32_t)rsdt, .length = sizeof(r), .xsdt = xsdt
	};

	memcpy(r.signature, "RSD PTR ", sizeof(r.signature));
	memcpy(r.oem_id, OEM_ID, sizeof(r.oem_id));
	r.checksum = table_checksum(&r, ACPI_RSDP_V1_SIZE);
	r.extended_checksum = table_checksum(&r, sizeof(r));
	return guest_write_rom(vm, GPA(FIRMWARE_RSDP), &r, sizeof(r));
}

bool acpi_write(struct vm *vm, const void *dsdt, uint32_t dsdt_len)
{
	struct placer p = { .vm = vm, .at = FIRMWARE_ACPI, .ok = true };
	uint64_t fadt = place_fadt(&p, place(&p, dsdt, dsdt_len));
	uint64_t madt = place_madt(&p);
	uint64_t rsdt = place_rsdt(&p, fadt, madt);
	uint64_t xsdt = place_xsdt(&p, fadt, madt);

	return p.ok && write_facs(vm) && write_rsdp(vm, rsdt, xsdt);
}

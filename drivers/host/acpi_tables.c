/* SPDX-License-Identifier: MIT */
/* Reading single ACPI tables (drivers/host/acpi_tables.h). No data. */
#include "drivers/host/acpi_tables.h"

#include "hv/string.h"

/* MADT (5.2.12): offsets, then entries of type, length, body */
#define MADT_ENTRIES 44
#define MADT_LAPIC 0
#define MADT_IOAPIC 1
#define MADT_OVERRIDE 2
#define MADT_X2APIC 9
#define MADT_CPU_ENABLED 1u

/* MPS INTI flags (table 5.26) */
#define INTI_POLARITY 0x3u
#define INTI_ACTIVE_LOW 0x3u
#define INTI_TRIGGER 0xcu
#define INTI_LEVEL 0xcu

/* FADT (table 5.9) */
#define FADT_DSDT 40
#define FADT_SMI_CMD 48
#define FADT_ACPI_ENABLE 52
#define FADT_PM1A_CNT 64
#define FADT_PM1B_CNT 68
#define FADT_PM_TMR 76
#define FADT_FLAGS 112
#define FADT_RESET_REG 116
#define FADT_RESET_VALUE 128
#define FADT_X_DSDT 140
#define FADT_X_PM1A_CNT 172
#define FADT_X_PM1B_CNT 184
#define FADT_X_PM_TMR 208
#define FADT_SLEEP_CONTROL 244
#define FADT_FLAG_RESET (1u << 10)
#define FADT_FLAG_HW_REDUCED (1u << 20)

/* Generic address (table 5.1) */
#define GAS_BYTES 12
#define GAS_ADDRESS 4

/* AML (20.2) */
#define AML_ZERO 0x00
#define AML_ONE 0x01
#define AML_BYTE 0x0a
#define AML_WORD 0x0b
#define AML_DWORD 0x0c
#define AML_PACKAGE 0x12

bool acpi_checksum_ok(const uint8_t *p, uint32_t len)
{
	uint8_t sum = 0;

	while (len--)
		sum += *p++;
	return sum == 0;
}

uint64_t acpi_get(const uint8_t *p, unsigned bytes)
{
	uint64_t v = 0;

	while (bytes--)
		v = v << 8 | p[bytes];
	return v;
}

static void add_ioapic(struct acpi_info *a, const uint8_t *e)
{
	if (a->nr_ioapics == ACPI_MAX_IOAPICS)
		return;
	a->ioapic[a->nr_ioapics].addr = HPA(acpi_get(e + 4, 4));
	a->ioapic[a->nr_ioapics].gsi_base = acpi_get(e + 8, 4);
	a->nr_ioapics++;
}

static void add_route(struct acpi_info *a, const uint8_t *e)
{
	unsigned flags = acpi_get(e + 8, 2);

	if (a->nr_routes == ACPI_MAX_ROUTES)
		return;
	a->route[a->nr_routes++] = (struct acpi_irq_route){
		.isa_irq = e[3],
		.gsi = acpi_get(e + 4, 4),
		.level = (flags & INTI_TRIGGER) == INTI_LEVEL,
		.active_low = (flags & INTI_POLARITY) == INTI_ACTIVE_LOW,
	};
}

static void add_cpu(struct acpi_info *a, uint32_t apic_id, uint32_t flags)
{
	if ((flags & MADT_CPU_ENABLED) && a->nr_cpus < ACPI_MAX_CPUS)
		a->cpu_apic_id[a->nr_cpus++] = apic_id;
}

static void madt_entry(struct acpi_info *a, const uint8_t *e, unsigned len)
{
	switch (e[0]) {
	case MADT_LAPIC:
		if (len >= 8)
			add_cpu(a, e[3], acpi_get(e + 4, 4));
		break;
	case MADT_IOAPIC:
		if (len >= 12)
			add_ioapic(a, e);
		break;
	case MADT_OVERRIDE:
		if (len >= 10)
			add_route(a, e);
		break;
	case MADT_X2APIC:
		if (len >= 16)
			add_cpu(a, acpi_get(e + 4, 4), acpi_get(e + 8, 4));
		break;
	default:
		break;
	}
}

void acpi_read_madt(struct acpi_info *a, const uint8_t *table, uint32_t len)
{
	uint32_t at = MADT_ENTRIES;

	while (at + 2 <= len) {
		unsigned size = table[at + 1];

		if (size < 2 || size > len - at)
			return;
		madt_entry(a, table + at, size);
		at += size;
	}
}

/* The field at `at`, or 0 when the table is an older, shorter one. */
static uint64_t field(const uint8_t *table, uint32_t len, uint32_t at, unsigned bytes)
{
	return at + bytes <= len ? acpi_get(table + at, bytes) : 0;
}

/* A port, or 0 for a number that cannot be one: its low 16 bits would be somebody else's. */
static uint16_t as_port(uint64_t addr)
{
	return addr <= UINT16_MAX ? addr : 0;
}

/* The extended register at `x_at` if it is filled in, else the old port at `at`. */
static struct acpi_register fadt_register(const uint8_t *t, uint32_t len, uint32_t x_at,
					  uint32_t at)
{
	struct acpi_register r = { ACPI_IO, 0 };

	if (x_at + GAS_BYTES <= len && t[x_at] <= ACPI_IO) {
		r.space = t[x_at];
		r.addr = acpi_get(t + x_at + GAS_ADDRESS, 8);
		if (r.space == ACPI_IO)
			r.addr = as_port(r.addr);
	}
	if (!r.addr && at)
		r = (struct acpi_register){ ACPI_IO, as_port(field(t, len, at, 4)) };
	return r;
}

void acpi_read_fadt(struct acpi_info *a, const uint8_t *table, uint32_t len)
{
	uint32_t flags = field(table, len, FADT_FLAGS, 4);
	struct acpi_register timer = fadt_register(table, len, FADT_X_PM_TMR, FADT_PM_TMR);

	a->has_fadt = true;
	a->hw_reduced = flags & FADT_FLAG_HW_REDUCED;
	if (timer.space == ACPI_IO && !a->hw_reduced)
		a->pm_timer_port = timer.addr;
	a->smi_port = as_port(field(table, len, FADT_SMI_CMD, 4));
	a->acpi_enable = field(table, len, FADT_ACPI_ENABLE, 1);
	a->pm1a_control = fadt_register(table, len, FADT_X_PM1A_CNT, FADT_PM1A_CNT);
	a->pm1b_control = fadt_register(table, len, FADT_X_PM1B_CNT, FADT_PM1B_CNT);
	a->sleep_control = fadt_register(table, len, FADT_SLEEP_CONTROL, 0);
	if (flags & FADT_FLAG_RESET) {
		a->reset = fadt_register(table, len, FADT_RESET_REG, 0);
		a->reset_value = field(table, len, FADT_RESET_VALUE, 1);
	}
	a->dsdt = HPA(field(table, len, FADT_X_DSDT, 8));
	if (!a->dsdt.v)
		a->dsdt = HPA(field(table, len, FADT_DSDT, 4));
}

/* An AML integer at *at: its low byte; *at goes behind it. False: something else. */
static bool aml_byte(const uint8_t *p, uint32_t len, uint32_t *at, uint8_t *val)
{
	uint32_t size;

	if (*at >= len)
		return false;
	switch (p[*at]) {
	case AML_ZERO:
	case AML_ONE:
		*val = p[(*at)++];
		return true;
	case AML_BYTE:
		size = 1;
		break;
	case AML_WORD:
		size = 2;
		break;
	case AML_DWORD:
		size = 4;
		break;
	default:
		return false;
	}
	if (*at + 1 + size > len)
		return false;
	*val = p[*at + 1];
	*at += 1 + size;
	return true;
}

/* Behind the name: PackageOp, PkgLength (1 to 4 bytes, 20.2.4), NumElements, elements. */
static bool s5_package(struct acpi_info *a, const uint8_t *p, uint32_t len, uint32_t at)
{
	if (at + 2 > len || p[at] != AML_PACKAGE)
		return false;
	at++;
	at += 1 + (p[at] >> 6);
	at++;
	if (!aml_byte(p, len, &at, &a->slp_typ_a))
		return false;
	if (!aml_byte(p, len, &at, &a->slp_typ_b))
		a->slp_typ_b = 0;
	return true;
}

void acpi_read_s5(struct acpi_info *a, const uint8_t *table, uint32_t len)
{
	uint32_t at;

	for (at = ACPI_HEADER_BYTES; !a->has_s5 && at + 4 < len; at++)
		if (!memcmp(table + at, "_S5_", 4))
			a->has_s5 = s5_package(a, table, len, at + 4);
}

/* SPDX-License-Identifier: MIT */
/*
 * Finding the ACPI tables (drivers/host/acpi.h): root pointer, root table, the few that we
 * read. Written at boot, read-only afterwards. Firmware is not trusted: lengths are
 * bounded and checksums are checked before a table is used.
 */
#include "drivers/host/acpi.h"

#include "drivers/host/acpi_tables.h"
#include "hv/page.h"
#include "hv/paging.h"
#include "hv/print.h"
#include "hv/string.h"

/* RSDP (5.2.5.3) */
#define RSDP_BYTES_V1 20
#define RSDP_REVISION 15
#define RSDP_RSDT 16
#define RSDP_XSDT 24

/* Where a BIOS keeps it (5.2.5.1) */
#define EBDA_SEGMENT_AT 0x40e
#define EBDA_SCAN_BYTES 1024
#define BIOS_ROM_START 0xe0000
#define BIOS_ROM_END 0x100000
#define LOW_MEMORY_END 0xa0000
#define RSDP_ALIGN 16

#define TABLE_BYTES_MAX (16u << 20)

static struct acpi_info info;

const struct acpi_info *acpi_info(void)
{
	return &info;
}

/* A pointer of revision 0 ends where its XSDT field would be; it may lie at the very end. */
static bool is_rsdp(const uint8_t *p)
{
	return !memcmp(p, "RSD PTR ", 8) && acpi_checksum_ok(p, RSDP_BYTES_V1);
}

static const uint8_t *scan_rsdp(uint64_t start, uint64_t end)
{
	uint64_t at;

	for (at = start; at + RSDP_BYTES_V1 <= end; at += RSDP_ALIGN)
		if (is_rsdp(hpa_to_ptr(HPA(at))))
			return hpa_to_ptr(HPA(at));
	return NULL;
}

static const uint8_t *find_rsdp(const struct boot_info *bi)
{
	uint64_t ebda = acpi_get(hpa_to_ptr(HPA(EBDA_SEGMENT_AT)), 2) << 4;
	const uint8_t *p = NULL;

	if (bi->has_rsdp && is_rsdp(bi->rsdp))
		return bi->rsdp;
	/* Under UEFI there is nothing to be found below 1 MiB, and a BIOS says no other place. */
	if (ebda && ebda < LOW_MEMORY_END)
		p = scan_rsdp(ebda, MIN(ebda + EBDA_SCAN_BYTES, (uint64_t)LOW_MEMORY_END));
	return p ? p : scan_rsdp(BIOS_ROM_START, BIOS_ROM_END);
}

/* The table at `at`, readable in full, its length in *len; NULL: not a sound table. */
static const uint8_t *map_table(hpa_t at, uint32_t *len)
{
	const uint8_t *t = hpa_to_ptr(at);

	if (!at.v || direct_map_add(at, ACPI_HEADER_BYTES))
		return NULL;
	*len = acpi_get(t + 4, 4);
	if (*len < ACPI_HEADER_BYTES || *len > TABLE_BYTES_MAX || direct_map_add(at, *len))
		return NULL;
	return acpi_checksum_ok(t, *len) ? t : NULL;
}

static void read_table(hpa_t at)
{
	uint32_t len;
	const uint8_t *t = map_table(at, &len);

	if (!t)
		return;
	if (!memcmp(t, "APIC", 4))
		acpi_read_madt(&info, t, len);
	else if (!memcmp(t, "FACP", 4))
		acpi_read_fadt(&info, t, len);
	else if (!memcmp(t, "SSDT", 4))
		acpi_read_s5(&info, t, len);
}

/* RSDT or XSDT: a header, then addresses of `width` bytes. */
static void read_root(hpa_t at, unsigned width)
{
	uint32_t len, i;
	const uint8_t *t = map_table(at, &len);

	for (i = ACPI_HEADER_BYTES; t && i + width <= len; i += width)
		read_table(HPA(acpi_get(t + i, width)));
}

void acpi_init(const struct boot_info *bi)
{
	const uint8_t *rsdp = find_rsdp(bi);
	const uint8_t *dsdt;
	uint32_t len;

	if (!rsdp) {
		printk("ACPI: no tables found\n");
		return;
	}
	if (rsdp[RSDP_REVISION] >= 2 && acpi_get(rsdp + RSDP_XSDT, 8))
		read_root(HPA(acpi_get(rsdp + RSDP_XSDT, 8)), 8);
	if (!info.has_fadt)
		read_root(HPA(acpi_get(rsdp + RSDP_RSDT, 4)), 4);
	dsdt = map_table(info.dsdt, &len);
	if (dsdt)
		acpi_read_s5(&info, dsdt, len);
	printk("ACPI: %u CPUs, %u IOAPICs, PM timer port %#x, %s\n", info.nr_cpus, info.nr_ioapics,
	       info.pm_timer_port, info.has_s5 ? "S5" : "no S5");
}

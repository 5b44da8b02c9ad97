/* SPDX-License-Identifier: MIT */
/*
 * What the loader told us, copied once out of the loader's structures into memory that is
 * ours; nothing after boot_info_parse() reads loader memory except module contents.
 * Multiboot 1 (0.6.96) and multiboot 2 (2.0) end in the same struct.
 */
#ifndef BOOT_BOOT_INFO_H
#define BOOT_BOOT_INFO_H

#include <stdbool.h>
#include <stdint.h>

#include "mmu/types.h"

#define BOOT_MAX_REGIONS 128
#define BOOT_MAX_MODULES 32
#define BOOT_LINE_MAX 1024 /* bytes of a command line, NUL included */

/* numbers as in e820 and multiboot */
enum boot_region_type {
	BOOT_RAM = 1,
	BOOT_RESERVED = 2,
	BOOT_ACPI_RECLAIM = 3,
	BOOT_ACPI_NVS = 4,
	BOOT_BAD = 5,
};

struct boot_region {
	uint64_t base, size; /* bytes, as the firmware gave them; may overlap or be odd */
	enum boot_region_type type;
};

struct boot_module {
	hpa_t start;
	uint64_t size; /* bytes */
	char line[BOOT_LINE_MAX]; /* the loader's string for it, cut with a NUL */
	bool line_cut; /* it was longer */
};

struct boot_info {
	char loader[64];
	char cmdline[BOOT_LINE_MAX];
	bool cmdline_cut; /* it was longer */
	struct boot_region region[BOOT_MAX_REGIONS];
	unsigned nr_regions;
	unsigned regions_dropped; /* did not fit */
	struct boot_module module[BOOT_MAX_MODULES];
	unsigned nr_modules;
	unsigned modules_dropped; /* did not fit; reported at boot, as is all that was cut */
	bool has_rsdp; /* rsdp[] holds a copy of it (multiboot 2 tags 14, 15) */
	uint8_t rsdp[36];
};

/*
 * Parse what `magic` says `info` (an hpa, identity mapped) points to. Every length and
 * offset in it is checked against the structure's own bounds.
 * 0, or -EINVAL: `magic` is neither multiboot's, or there is no memory map.
 */
must_check int boot_info_parse(struct boot_info *bi, uint32_t magic, const void *info);

#endif

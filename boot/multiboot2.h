/* SPDX-License-Identifier: MIT */
/*
 * What a multiboot 2 loader hands over (Multiboot2 Specification 2.0, section 3.6): a
 * total size, then tags, each 8-byte aligned, until the tag of type 0.
 */
#ifndef BOOT_MULTIBOOT2_H
#define BOOT_MULTIBOOT2_H

#include <stdint.h>

#define MB2_BOOT_MAGIC 0x36d76289u /* in EAX */
#define MB2_TAG_ALIGN 8u

enum mb2_tag_type {
	MB2_TAG_END = 0,
	MB2_TAG_CMDLINE = 1,
	MB2_TAG_LOADER = 2,
	MB2_TAG_MODULE = 3,
	MB2_TAG_MMAP = 6,
	MB2_TAG_ACPI_OLD = 14, /* RSDP of ACPI 1.0 */
	MB2_TAG_ACPI_NEW = 15, /* RSDP of ACPI 2.0 and later */
};

struct mb2_info {
	uint32_t total_size; /* this header included */
	uint32_t reserved;
};

struct mb2_tag {
	uint32_t type;
	uint32_t size; /* this header included, padding not */
};

struct mb2_module {
	struct mb2_tag tag;
	uint32_t start, end;
	char string[];
};

struct mb2_mmap {
	struct mb2_tag tag;
	uint32_t entry_size, entry_version;
};

struct mb2_mmap_entry {
	uint64_t base, length;
	uint32_t type, reserved;
};

#endif

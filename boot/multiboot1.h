/* SPDX-License-Identifier: MIT */
/*
 * What a multiboot 1 loader hands over (Multiboot Specification 0.6.96, sections 3.2 and 3.3):
 * ours to us, and we to guests (guests/multiboot.c). All addresses are physical, below 4 GiB.
 */
#ifndef BOOT_MULTIBOOT1_H
#define BOOT_MULTIBOOT1_H

#include <stdint.h>

#define MB1_BOOT_MAGIC 0x2badb002u /* in EAX */

#define MB1_INFO_MEMORY (1u << 0)
#define MB1_INFO_CMDLINE (1u << 2)
#define MB1_INFO_MODS (1u << 3)
#define MB1_INFO_MMAP (1u << 6)
#define MB1_INFO_LOADER (1u << 9)

struct mb1_info {
	uint32_t flags;
	uint32_t mem_lower, mem_upper; /* KiB from 0, and from 1 MiB to the first hole */
	uint32_t boot_device;
	uint32_t cmdline;
	uint32_t mods_count, mods_addr;
	uint32_t syms[4];
	uint32_t mmap_length, mmap_addr;
	uint32_t drives_length, drives_addr;
	uint32_t config_table;
	uint32_t loader_name;
	uint32_t apm_table;
	uint8_t video[44]; /* VBE, framebuffer: neither asked for nor given */
} __attribute__((packed));

struct mb1_module {
	uint32_t start, end; /* end: first byte behind it */
	uint32_t string;
	uint32_t reserved;
} __attribute__((packed));

struct mb1_mmap_entry {
	uint32_t size; /* of the rest of the entry */
	uint64_t base, length;
	uint32_t type;
} __attribute__((packed));

#endif

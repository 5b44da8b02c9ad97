/* SPDX-License-Identifier: MIT */
/*
 * The multiboot 1 protocol as a loader sees it (Multiboot Specification 0.6.96).
 */
#ifndef GUESTS_MULTIBOOT1_H
#define GUESTS_MULTIBOOT1_H

#include <stdint.h>

/* 3.1: the header. */
#define MB_SEARCH_BYTES 8192
#define MB_HEADER_ALIGN 4
#define MB_HEADER_MAGIC 0x1badb002
#define MB_HEADER_BYTES 12
#define MB_HEADER_KLUDGE_BYTES 32
#define MB_HDR_FLAGS 4
#define MB_HDR_CHECKSUM 8
#define MB_HDR_HEADER_ADDR 12
#define MB_HDR_LOAD_ADDR 16
#define MB_HDR_LOAD_END_ADDR 20
#define MB_HDR_BSS_END_ADDR 24
#define MB_HDR_ENTRY_ADDR 28

#define MB_FLAG_PAGE_ALIGN (1u << 0)
#define MB_FLAG_MEMORY_INFO (1u << 1)
#define MB_FLAG_VIDEO_MODE (1u << 2)
#define MB_FLAG_KLUDGE (1u << 16)
#define MB_FLAGS_REQUIRED 0xffffu /* a loader must refuse those that it doesn't know */

/* 3.2: machine state. */
#define MB_BOOT_MAGIC 0x2badb002

/* 3.3: the information structure. */
struct mb_info {
	uint32_t flags;
	uint32_t mem_lower, mem_upper; /* KiB from 0, and from 1 MiB to the first hole */
	uint32_t boot_device;
	uint32_t cmdline;
	uint32_t mods_count, mods_addr;
	uint32_t syms[4];
	uint32_t mmap_length, mmap_addr;
	uint32_t drives_length, drives_addr;
	uint32_t config_table;
	uint32_t boot_loader_name;
	uint32_t apm_table;
	uint32_t video[10]; /* VBE, framebuffer: none */
};

#define MB_INFO_MEMORY (1u << 0)
#define MB_INFO_CMDLINE (1u << 2)
#define MB_INFO_MODS (1u << 3)
#define MB_INFO_MMAP (1u << 6)
#define MB_INFO_LOADER_NAME (1u << 9)

struct mb_module {
	uint32_t start, end; /* end is the first byte behind it */
	uint32_t string;
	uint32_t reserved;
};

struct mb_mmap {
	uint32_t size; /* of what follows */
	uint64_t base, length;
	uint32_t type;
} __attribute__((packed));

#endif

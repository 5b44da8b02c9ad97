/* SPDX-License-Identifier: MIT */
/*
 * What a multiboot 1 loader hands over (Multiboot Specification 0.6.96, section 3.3).
 * All addresses are physical, below 4 GiB. Used for booting xihv; the loader of multiboot
 * guests writes the same structures.
 */
#ifndef BOOT_MULTIBOOT1_H
#define BOOT_MULTIBOOT1_H

#include <stdint.h>

#define MB1_BOOT_MAGIC 0x2badb002u /* in EAX */

#define MB1_INFO_CMDLINE (1u << 2)
#define MB1_INFO_MODS (1u << 3)
#define MB1_INFO_MMAP (1u << 6)
#define MB1_INFO_LOADER (1u << 9)
#define MB1_INFO_FRAMEBUFFER (1u << 12)

struct mb1_info {
	uint32_t flags;
	uint32_t mem_lower, mem_upper;
	uint32_t boot_device;
	uint32_t cmdline;
	uint32_t mods_count, mods_addr;
	uint32_t syms[4];
	uint32_t mmap_length, mmap_addr;
	uint32_t drives_length, drives_addr;
	uint32_t config_table;
	uint32_t loader_name;
	uint32_t apm_table;
	uint32_t vbe_control_info, vbe_mode_info;
	uint16_t vbe_mode, vbe_interface_seg, vbe_interface_off, vbe_interface_len;
	uint64_t fb_addr;
	uint32_t fb_pitch, fb_width, fb_height;
	uint8_t fb_bpp, fb_type;
	uint8_t fb_colors[6];
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

/* SPDX-License-Identifier: MIT */
/*
 * The header by which a loader knows a multiboot 1 kernel (Multiboot Specification 0.6.96, section
 * 3.1). What it hands over is in boot/multiboot1.h.
 */
#ifndef GUESTS_MULTIBOOT1_H
#define GUESTS_MULTIBOOT1_H

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

#endif

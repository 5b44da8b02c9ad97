/* SPDX-License-Identifier: MIT */
/*
 * The Linux x86 boot protocol: offsets in the setup header, which are the same in the file
 * and in the zero page (Linux Documentation/arch/x86/boot.rst, zero-page.rst).
 */
#ifndef GUESTS_LINUX_BOOT_H
#define GUESTS_LINUX_BOOT_H

/* Zero page only. */
#define ZP_ACPI_RSDP_ADDR 0x070 /* 8 */
#define ZP_E820_ENTRIES 0x1e8 /* 1 */
#define ZP_E820_TABLE 0x2d0 /* 20 bytes an entry */
#define ZP_E820_MAX 128
#define ZP_BYTES 4096

/* Setup header. */
#define HDR_START 0x1f1
#define HDR_SETUP_SECTS 0x1f1 /* 1 */
#define HDR_SYSSIZE 0x1f4 /* 4: of the protected-mode part, in paragraphs */
#define HDR_VID_MODE 0x1fa /* 2 */
#define HDR_BOOT_FLAG 0x1fe /* 2 */
#define HDR_JUMP_OFFSET 0x201 /* 1: the header ends so far behind HDR_MAGIC */
#define HDR_MAGIC 0x202 /* 4 */
#define HDR_VERSION 0x206 /* 2 */
#define HDR_TYPE_OF_LOADER 0x210 /* 1 */
#define HDR_LOADFLAGS 0x211 /* 1 */
#define HDR_CODE32_START 0x214 /* 4 */
#define HDR_RAMDISK_IMAGE 0x218 /* 4 */
#define HDR_RAMDISK_SIZE 0x21c /* 4 */
#define HDR_CMD_LINE_PTR 0x228 /* 4 */
#define HDR_INITRD_ADDR_MAX 0x22c /* 4 */
#define HDR_KERNEL_ALIGNMENT 0x230 /* 4 */
#define HDR_RELOCATABLE 0x234 /* 1 */
#define HDR_XLOADFLAGS 0x236 /* 2 */
#define HDR_CMDLINE_SIZE 0x238 /* 4 */
#define HDR_SETUP_DATA 0x250 /* 8 */
#define HDR_PREF_ADDRESS 0x258 /* 8 */
#define HDR_INIT_SIZE 0x260 /* 4 */
#define HDR_END_2_06 0x23c
#define HDR_END_2_10 0x264
#define HDR_END_MAX 0x290 /* the zero page uses what follows for other things */

#define BOOT_FLAG_MAGIC 0xaa55
#define HDR_MAGIC_VALUE 0x53726448 /* "HdrS" */
#define VERSION_2_06 0x0206 /* cmdline_size */
#define VERSION_2_10 0x020a /* pref_address, init_size */
#define VERSION_2_12 0x020c /* xloadflags */

#define SECTOR_BYTES 512
#define PARAGRAPH_BYTES 16
#define DEFAULT_SETUP_SECTS 4 /* meant by 0 */
#define LOADED_HIGH 0x01 /* loadflags: a bzImage, no zImage */
#define XLF_KERNEL_64 0x0001 /* has a 64-bit entry */
#define ENTRY64_OFFSET 0x200
#define LOADER_UNKNOWN 0xff /* no number is assigned to us */
#define VID_MODE_NORMAL 0xffff

#endif

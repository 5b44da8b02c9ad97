/* SPDX-License-Identifier: MIT */
/*
 * The hypervisor's own address space, 4-level:
 *
 *   0xffff800000000000  direct map: RAM, modules, ACPI data, up to 64 TiB; never executable
 *   0xffffc00000000000  device registers, uncached
 *   0xffffd00000000000  stacks, each with an unmapped page below it
 *   0xffffffff80000000  the image: text r-x, rodata r--, data rw-
 *
 * Nothing is writable and executable, nothing is mapped for user mode, all is global.
 */
#ifndef HV_PAGING_H
#define HV_PAGING_H

#include "boot/boot_info.h"
#include "hv/compiler.h"
#include "hv/memmap.h"

#define DIRECT_MAP_BYTES (UINT64_C(1) << 46)
#define MMIO_WINDOW_BASE UINT64_C(0xffffc00000000000)
#define MMIO_WINDOW_BYTES (UINT64_C(1) << 30)
#define STACK_WINDOW_BASE UINT64_C(0xffffd00000000000)
#define STACK_WINDOW_BYTES (UINT64_C(1) << 30)
#define STACK_BYTES UINT64_C(16384)
#define IMAGE_VMA UINT64_C(0xffffffff80000000)
#define IMAGE_LOAD UINT64_C(0x100000)

/* First byte behind the image, physical. */
hpa_t image_end_hpa(void);

/* Leave the tables of boot/entry.asm for the final ones; tables come from `m`. Panics
 * when there is not even memory for them. Boot CPU, before page_init. */
void paging_init(struct memmap *m, const struct boot_info *bi);

/* Tables come from the page allocator from now on. */
void paging_late_init(void);

/* The settings of CR0, CR4, EFER that belong to it; on every CPU. */
void paging_cpu_init(void);

/*
 * Make sure that base..base+bytes is in the direct map (ACPI tables lie in odd places):
 * what is missing is mapped, write-back, not executable, read-only. After page_init.
 * 0, -ENOMEM, -EINVAL (beyond the direct map).
 */
must_check int direct_map_add(hpa_t base, uint64_t bytes);

/* A stack of STACK_BYTES: its top, or NULL when there is no memory. After page_init. */
void *stack_alloc(void);

#endif

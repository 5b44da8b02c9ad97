/* SPDX-License-Identifier: MIT */
/*
 * Bits of page-table entries and of the registers that govern paging. The positions are
 * the same in every format (Intel SDM Vol. 3A 4.3-4.5, AMD APM Vol. 2 5.2-5.4); control
 * registers: SDM Vol. 3A 2.5, EFER: 2.2.1.
 */
#ifndef MMU_PTE_H
#define MMU_PTE_H

#include "mmu/util.h"

#define PTE_P BIT(0)
#define PTE_W BIT(1)
#define PTE_U BIT(2)
#define PTE_A BIT(5)
#define PTE_D BIT(6) /* leaves only */
#define PTE_PS BIT(7) /* above level 1: a large page */
#define PTE_G BIT(8)
#define PTE_NX BIT(63)

/* Frame address in a 64-bit entry. What lies above the guest's width is reserved and so
 * known to be 0 once the entry has passed the reserved-bit check. */
#define PTE_ADDR UINT64_C(0x000ffffffffff000)

#define PTE_LARGE_RSVD_LOW \
	13 /* bit 12 of a large leaf is PAT; the rest up to its size is reserved */

#define PAGE_SHIFT_2M 21

#define CR0_WP BIT(16)
#define CR0_NW BIT(29)
#define CR0_CD BIT(30)
#define CR0_PG BIT(31)
#define CR4_PSE BIT(4)
#define CR4_PAE BIT(5)
#define CR4_PGE BIT(7)
#define CR4_LA57 BIT(12)
#define CR4_SMEP BIT(20)
#define CR4_SMAP BIT(21)
#define EFER_LME BIT(8)
#define EFER_NXE BIT(11)

/* PAE: CR3 holds the PDPT at 32-byte granularity; four entries of 1 GiB each. */
#define CR3_PAE_PDPT UINT64_C(0xffffffe0)
#define PAE_PDPTES 4
#define PAE_LEVELS 3 /* with the PDPT */
#define PAE_PDPTE_SHIFT 30

#endif

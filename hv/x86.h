/* SPDX-License-Identifier: MIT */
/*
 * Bits of the architectural registers and the exception vectors, by the names of the
 * manuals (Intel SDM Vol. 3A ch. 2, 6; AMD APM Vol. 2 ch. 3, 8). MSR numbers are in
 * hv/msr.h, CPUID feature bits and access functions in hv/cpu.h. Chapters of the SDM are those of
 * the editions in which the local APIC is Vol. 3A ch. 10; later ones count one more from there on.
 */
#ifndef HV_X86_H
#define HV_X86_H

#include "hv/compiler.h"

/* Widths of a linear address: of 4-level paging, and with CR4.LA57 (SDM Vol. 3A 4.1.1). */
#define LINEAR_BITS_4LEVEL 48u
#define LINEAR_BITS_5LEVEL 57u

/*
 * The bits from the last of `bits` on are the same (SDM Vol. 1 3.3.7.1). What is used as an address
 * is asked for the width of the paging mode; MSRs, bases and what INVVPID drops for that of
 * the processor, whatever CR4.LA57 is.
 */
static inline bool is_canonical(uint64_t va, unsigned bits)
{
	return (uint64_t)((int64_t)(va << (64 - bits)) >> (64 - bits)) == va;
}

/* CR0 (SDM Vol. 3A 2.5) */
#define CR0_PE BIT(0)
#define CR0_MP BIT(1)
#define CR0_EM BIT(2)
#define CR0_TS BIT(3)
#define CR0_ET BIT(4)
#define CR0_NE BIT(5)
#define CR0_WP BIT(16)
#define CR0_AM BIT(18)
#define CR0_NW BIT(29)
#define CR0_CD BIT(30)
#define CR0_PG BIT(31)

/* CR3 */
#define CR3_PWT BIT(3)
#define CR3_PCD BIT(4)
#define CR3_NOFLUSH BIT(63) /* MOV to CR3 with CR4.PCIDE = 1 */

/* CR4 */
#define CR4_VME BIT(0)
#define CR4_PVI BIT(1)
#define CR4_TSD BIT(2)
#define CR4_DE BIT(3)
#define CR4_PSE BIT(4)
#define CR4_PAE BIT(5)
#define CR4_MCE BIT(6)
#define CR4_PGE BIT(7)
#define CR4_PCE BIT(8)
#define CR4_OSFXSR BIT(9)
#define CR4_OSXMMEXCPT BIT(10)
#define CR4_UMIP BIT(11)
#define CR4_LA57 BIT(12)
#define CR4_VMXE BIT(13)
#define CR4_SMXE BIT(14)
#define CR4_FSGSBASE BIT(16)
#define CR4_PCIDE BIT(17)
#define CR4_OSXSAVE BIT(18)
#define CR4_SMEP BIT(20)
#define CR4_SMAP BIT(21)
#define CR4_PKE BIT(22)
#define CR4_CET BIT(23)
#define CR4_PKS BIT(24)

/* EFER (APM Vol. 2 3.1.7) */
#define EFER_SCE BIT(0)
#define EFER_LME BIT(8)
#define EFER_LMA BIT(10)
#define EFER_NXE BIT(11)
#define EFER_SVME BIT(12)
#define EFER_LMSLE BIT(13)
#define EFER_FFXSR BIT(14)
#define EFER_TCE BIT(15)

/* RFLAGS (SDM Vol. 1 3.4.3) */
#define RFLAGS_CF BIT(0)
#define RFLAGS_FIXED BIT(1) /* always set */
#define RFLAGS_PF BIT(2)
#define RFLAGS_AF BIT(4)
#define RFLAGS_ZF BIT(6)
#define RFLAGS_SF BIT(7)
#define RFLAGS_TF BIT(8)
#define RFLAGS_IF BIT(9)
#define RFLAGS_DF BIT(10)
#define RFLAGS_OF BIT(11)
#define RFLAGS_IOPL_SHIFT 12
#define RFLAGS_IOPL (BIT(12) | BIT(13))
#define RFLAGS_NT BIT(14)
#define RFLAGS_RF BIT(16)
#define RFLAGS_VM BIT(17)
#define RFLAGS_AC BIT(18)
#define RFLAGS_VIF BIT(19)
#define RFLAGS_VIP BIT(20)
#define RFLAGS_ID BIT(21)

/* Debug registers (SDM Vol. 3B 17.2) */
#define DR6_BS BIT(14)
#define DR6_RESET UINT64_C(0xffff0ff0)
#define DR7_GD BIT(13)
#define DR7_RESET UINT64_C(0x400)
#define DR7_ENABLE_MASK UINT64_C(0xff) /* L0, G0 .. L3, G3 */
#define DR7_ENABLE(n) (UINT64_C(3) << 2 * (n))
#define DR7_RW_SHIFT(n) (16 + 4 * (n))

/* XCR0 (SDM Vol. 1 13.3) */
#define XCR0_X87 BIT(0)
#define XCR0_SSE BIT(1)
#define XCR0_AVX BIT(2)
#define XCR0_BNDREGS BIT(3)
#define XCR0_BNDCSR BIT(4)
#define XCR0_OPMASK BIT(5)
#define XCR0_ZMM_HI256 BIT(6)
#define XCR0_HI16_ZMM BIT(7)
#define XCR0_PKRU BIT(9)

/* Page-table entries, 4-level and PAE (SDM Vol. 3A 4.5) */
#define PTE_P BIT(0)
#define PTE_W BIT(1)
#define PTE_U BIT(2)
#define PTE_PWT BIT(3)
#define PTE_PCD BIT(4)
#define PTE_A BIT(5)
#define PTE_D BIT(6)
#define PTE_PS BIT(7) /* in a PDE or PDPTE: maps a large page */
#define PTE_PAT_4K BIT(7)
#define PTE_G BIT(8)
#define PTE_PAT_LARGE BIT(12)
#define PTE_NX BIT(63)
#define PTE_ADDR_MASK UINT64_C(0x000ffffffffff000)

/* Exception vectors (SDM Vol. 3A 6.3.1) */
enum x86_vector {
	VEC_DE = 0,
	VEC_DB = 1,
	VEC_NMI = 2,
	VEC_BP = 3,
	VEC_OF = 4,
	VEC_BR = 5,
	VEC_UD = 6,
	VEC_NM = 7,
	VEC_DF = 8,
	VEC_TS = 10,
	VEC_NP = 11,
	VEC_SS = 12,
	VEC_GP = 13,
	VEC_PF = 14,
	VEC_MF = 16,
	VEC_AC = 17,
	VEC_MC = 18,
	VEC_XM = 19,
	VEC_VE = 20,
	VEC_CP = 21,
	VEC_SX = 30,
	NR_EXCEPTIONS = 32
};

/* Segment access rights, in the format of struct segment.attr (SDM Vol. 3C 24.4.1) */
#define SEG_TYPE_MASK 0xfu
#define SEG_S BIT(4)
#define SEG_DPL_SHIFT 5
#define SEG_P BIT(7)
#define SEG_AVL BIT(12)
#define SEG_L BIT(13)
#define SEG_DB BIT(14)
#define SEG_G BIT(15)
#define SEG_UNUSABLE BIT(16)

/* Types of code and data segments (SDM Vol. 3A 3.4.5.1, table 3-1) */
#define SEG_TYPE_CODE BIT(3)
#define SEG_TYPE_EXPAND_DOWN BIT(2) /* data */
#define SEG_TYPE_CONFORMING BIT(2) /* code */
#define SEG_TYPE_WRITABLE BIT(1) /* data */
#define SEG_TYPE_READABLE BIT(1) /* code */
#define SEG_TYPE_ACCESSED BIT(0)

/* Access rights of the segments that loaders, resets and real mode make */
#define SEG_ATTR_CODE_RX (SEG_P | SEG_S | SEG_TYPE_CODE | SEG_TYPE_READABLE | SEG_TYPE_ACCESSED)
#define SEG_ATTR_DATA_RW (SEG_P | SEG_S | SEG_TYPE_WRITABLE | SEG_TYPE_ACCESSED)
#define SEG_ATTR_LDT (SEG_P | SEG_TYPE_LDT)
#define SEG_ATTR_BUSY_TSS (SEG_P | SEG_TYPE_TSS | SEG_TYPE_BUSY)

/* System segments and gates (SDM Vol. 3A 3.5, table 3-2) */
#define SEG_TYPE_TSS16 1u
#define SEG_TYPE_LDT 2u
#define SEG_TYPE_CALL_GATE16 4u
#define SEG_TYPE_TASK_GATE 5u
#define SEG_TYPE_TSS 9u
#define SEG_TYPE_CALL_GATE 12u
#define SEG_TYPE_BUSY 2u /* or-ed to one of a TSS */

/* Selectors (SDM Vol. 3A 3.4.2) */
#define SEL_RPL 3u
#define SEL_TI BIT(2)

#endif

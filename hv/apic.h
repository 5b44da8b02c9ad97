/* SPDX-License-Identifier: MIT */
/*
 * Local APIC registers, the host's and the guests' (Intel SDM Vol. 3A table 10-1, x2APIC: table
 * 10-6). A register's number is its MMIO offset / 16 and its MSR number - MSR_X2APIC_BASE.
 */
#ifndef HV_APIC_H
#define HV_APIC_H

#include "hv/compiler.h"
#include "hv/msr.h"

#define APIC_REG_BYTES 16

enum apic_reg {
	APIC_REG_ID = 0x02,
	APIC_REG_VERSION = 0x03,
	APIC_REG_TPR = 0x08,
	APIC_REG_APR = 0x09, /* arbitration priority; xAPIC only */
	APIC_REG_PPR = 0x0a,
	APIC_REG_EOI = 0x0b,
	APIC_REG_RRD = 0x0c, /* remote read; xAPIC only */
	APIC_REG_LDR = 0x0d,
	APIC_REG_DFR = 0x0e, /* xAPIC only */
	APIC_REG_SVR = 0x0f,
	APIC_REG_ISR = 0x10, /* 8 registers each */
	APIC_REG_TMR = 0x18,
	APIC_REG_IRR = 0x20,
	APIC_REG_ESR = 0x28,
	APIC_REG_ICR = 0x30,
	APIC_REG_ICR_HIGH = 0x31, /* xAPIC only */
	APIC_REG_LVT = 0x32, /* timer, thermal, performance, LINT0, LINT1, error */
	APIC_REG_TIMER_INITIAL = 0x38,
	APIC_REG_TIMER_CURRENT = 0x39,
	APIC_REG_TIMER_DIVIDE = 0x3e,
	APIC_REG_SELF_IPI = 0x3f, /* x2APIC only */
	APIC_NR_REGS = 0x40,
};

enum apic_lvt { LVT_TIMER, LVT_THERMAL, LVT_PERF, LVT_LINT0, LVT_LINT1, LVT_ERROR, NR_LVT };

/* IA32_APIC_BASE (10.4.4, 10.12.1) */
#define APIC_BASE_BSP (UINT64_C(1) << 8)
#define APIC_BASE_X2 (UINT64_C(1) << 10)
#define APIC_BASE_ENABLE (UINT64_C(1) << 11)
#define APIC_BASE_ADDRESS (~UINT64_C(0xfff))

/* Version register (10.4.8) */
#define APIC_VERSION 0x14
#define APIC_VERSION_LVT_SHIFT 16 /* highest LVT entry */
#define APIC_VERSION_EOI_SUPPRESS (UINT32_C(1) << 24)

/* Spurious-interrupt vector register (figure 10-23) */
#define APIC_SVR_ENABLE (1u << 8)
#define APIC_SVR_EOI_SUPPRESS (1u << 12)

/* LVT entries (figure 10-8) */
#define APIC_LVT_MASKED (1u << 16)
#define APIC_LVT_MODE_SHIFT 8
#define APIC_LVT_MODE_MASK 7u
#define APIC_LVT_LEVEL (1u << 15)
#define APIC_LVT_TIMER_SHIFT 17
#define APIC_LVT_TIMER_MASK 3u

enum apic_timer_mode { APIC_TIMER_ONE_SHOT, APIC_TIMER_PERIODIC, APIC_TIMER_TSC, APIC_TIMER_RSVD };

/* Error status register (figure 10-9) */
#define APIC_ESR_SEND_VECTOR (1u << 5)
#define APIC_ESR_RECEIVE_VECTOR (1u << 6)
#define APIC_ESR_REGISTER (1u << 7)

/* Delivery modes: of LVT entries, of the ICR, of messages (10.5.1, 10.6.1) */
enum apic_delivery {
	APIC_FIXED,
	APIC_LOWEST,
	APIC_SMI,
	APIC_RSVD,
	APIC_NMI,
	APIC_INIT,
	APIC_STARTUP,
	APIC_EXTINT
};

/* Interrupt command register (figures 10-12, 10-28) */
#define APIC_ICR_MODE_SHIFT 8
#define APIC_ICR_MODE_MASK 7u
#define APIC_ICR_LOGICAL (1u << 11)
#define APIC_ICR_BUSY (1u << 12)
#define APIC_ICR_ASSERT (1u << 14)
#define APIC_ICR_LEVEL (1u << 15)
#define APIC_ICR_SHORTHAND_SHIFT 18
#define APIC_ICR_XAPIC_DEST_SHIFT 56
#define APIC_ICR_X2_DEST_SHIFT 32

enum apic_shorthand { SHORT_NONE, SHORT_SELF, SHORT_ALL, SHORT_OTHERS };

/* Logical destinations (10.6.2.2) */
#define APIC_DFR_FLAT 0xffffffffu
#define APIC_DFR_MODEL_SHIFT 28
#define APIC_DFR_MODEL_FLAT 0xfu

#define APIC_FIRST_VECTOR 16 /* 0-15 are illegal */
#define APIC_CLASS 0xf0u /* priority class of a vector, TPR, PPR */

#endif

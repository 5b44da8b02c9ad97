/* SPDX-License-Identifier: MIT */
/*
 * The virtual machine control block (AMD APM Vol. 2 appendix B) and the numbers that go
 * into it. Layout only.
 */
#ifndef SVM_VMCB_H
#define SVM_VMCB_H

#include "hv/compiler.h"

/* Intercept words (APM Vol. 2 table B-1); a word index and a bit. */
#define INTERCEPT_CR_READ(n) BIT(n) /* in vmcb.intercept_cr */
#define INTERCEPT_CR_WRITE(n) BIT(16 + (n))
#define INTERCEPT_DR_ALL 0xffffffffu /* in vmcb.intercept_dr */

/* offset 00Ch */
enum vmcb_intercept3 {
	INTERCEPT_INTR = 1u << 0,
	INTERCEPT_NMI = 1u << 1,
	INTERCEPT_SMI = 1u << 2,
	INTERCEPT_INIT = 1u << 3,
	INTERCEPT_VINTR = 1u << 4,
	INTERCEPT_RDPMC = 1u << 15,
	INTERCEPT_CPUID = 1u << 18,
	INTERCEPT_RSM = 1u << 19,
	INTERCEPT_IRET = 1u << 20,
	INTERCEPT_INVD = 1u << 22,
	INTERCEPT_HLT = 1u << 24,
	INTERCEPT_INVLPG = 1u << 25,
	INTERCEPT_INVLPGA = 1u << 26,
	INTERCEPT_IOIO = 1u << 27,
	INTERCEPT_MSR = 1u << 28,
	INTERCEPT_TASK_SWITCH = 1u << 29,
	INTERCEPT_FERR_FREEZE = 1u << 30,
	INTERCEPT_SHUTDOWN = 1u << 31,
};

/* offset 010h */
enum vmcb_intercept4 {
	INTERCEPT_VMRUN = 1u << 0,
	INTERCEPT_VMMCALL = 1u << 1,
	INTERCEPT_VMLOAD = 1u << 2,
	INTERCEPT_VMSAVE = 1u << 3,
	INTERCEPT_STGI = 1u << 4,
	INTERCEPT_CLGI = 1u << 5,
	INTERCEPT_SKINIT = 1u << 6,
	INTERCEPT_WBINVD = 1u << 9,
	INTERCEPT_MONITOR = 1u << 10,
	INTERCEPT_MWAIT = 1u << 11,
	INTERCEPT_MWAIT_ARMED = 1u << 12,
	INTERCEPT_XSETBV = 1u << 13,
	INTERCEPT_RDPRU = 1u << 14,
};

/* APM Vol. 2 15.16.1 */
enum vmcb_tlb_control {
	TLB_CONTROL_NONE = 0,
	TLB_CONTROL_FLUSH_ALL = 1,
	TLB_CONTROL_FLUSH_ASID = 3,
};

/* V_* word at 060h (APM Vol. 2 15.21). */
#define V_TPR_MASK 0xffu
#define V_IRQ BIT(8)
#define V_INTR_PRIO_SHIFT 16
#define V_IGN_TPR BIT(20)
#define V_INTR_MASKING BIT(24)
#define V_INTR_VECTOR_SHIFT 32

#define INT_STATE_SHADOW BIT(0) /* 068h */

/* EVENTINJ and EXITINTINFO (APM Vol. 2 15.20, 15.7.2). */
#define EVENT_VECTOR_MASK 0xffu
#define EVENT_TYPE_SHIFT 8
#define EVENT_TYPE_MASK 7u
#define EVENT_ERROR_VALID BIT(11)
#define EVENT_VALID BIT(31)
#define EVENT_ERROR_SHIFT 32

enum vmcb_event_type {
	VMCB_EVENT_INTR = 0,
	VMCB_EVENT_NMI = 2,
	VMCB_EVENT_EXCEPTION = 3,
	VMCB_EVENT_SOFT_INT = 4,
};

/* VMCB clean bits (APM Vol. 2 15.15.3): set = unchanged since the latest VMRUN. */
enum vmcb_clean {
	CLEAN_INTERCEPTS = 1u << 0,
	CLEAN_IOPM = 1u << 1,
	CLEAN_ASID = 1u << 2,
	CLEAN_TPR = 1u << 3,
	CLEAN_NP = 1u << 4,
	CLEAN_CR = 1u << 5,
	CLEAN_DR = 1u << 6,
	CLEAN_DT = 1u << 7,
	CLEAN_SEG = 1u << 8,
	CLEAN_CR2 = 1u << 9,
	CLEAN_ALL = (1u << 10) - 1,
};

/* Exit codes (APM Vol. 2 appendix C). */
enum vmcb_exit_code {
	VMEXIT_CR0_READ = 0x000,
	VMEXIT_CR0_WRITE = 0x010,
	VMEXIT_DR0_READ = 0x020,
	VMEXIT_DR7_WRITE = 0x03f,
	VMEXIT_EXCP0 = 0x040,
	VMEXIT_EXCP_DB = 0x041,
	VMEXIT_EXCP_PF = 0x04e,
	VMEXIT_EXCP_AC = 0x051,
	VMEXIT_EXCP31 = 0x05f,
	VMEXIT_INTR = 0x060,
	VMEXIT_NMI = 0x061,
	VMEXIT_SMI = 0x062,
	VMEXIT_INIT = 0x063,
	VMEXIT_VINTR = 0x064,
	VMEXIT_RDPMC = 0x06f,
	VMEXIT_CPUID = 0x072,
	VMEXIT_RSM = 0x073,
	VMEXIT_IRET = 0x074,
	VMEXIT_INVD = 0x076,
	VMEXIT_HLT = 0x078,
	VMEXIT_INVLPG = 0x079,
	VMEXIT_INVLPGA = 0x07a,
	VMEXIT_IOIO = 0x07b,
	VMEXIT_MSR = 0x07c,
	VMEXIT_TASK_SWITCH = 0x07d,
	VMEXIT_SHUTDOWN = 0x07f,
	VMEXIT_VMRUN = 0x080,
	VMEXIT_VMMCALL = 0x081,
	VMEXIT_SKINIT = 0x086,
	VMEXIT_WBINVD = 0x089,
	VMEXIT_MONITOR = 0x08a,
	VMEXIT_MWAIT = 0x08b,
	VMEXIT_MWAIT_ARMED = 0x08c,
	VMEXIT_XSETBV = 0x08d,
	VMEXIT_RDPRU = 0x08e,
	VMEXIT_INVALID = 0xffffffff, /* low half: some CPUs give only 32 bits */
};

/* EXITINFO1 of IOIO (APM Vol. 2 15.10.2). */
#define IOIO_IN BIT(0)
#define IOIO_STRING BIT(2)
#define IOIO_SIZE_SHIFT 4 /* one bit each for 1, 2, 4 bytes: the value is the size */
#define IOIO_SIZE_MASK 7u
#define IOIO_PORT_SHIFT 16

/* EXITINFO1 of CR and DR accesses with decode assists (APM Vol. 2 15.8.1). */
#define CR_INFO_MOV BIT(63)
#define CR_INFO_GPR_MASK 15u

#define VMCB_SEG_L BIT(9) /* in struct vmcb_seg.attr */
#define VMCB_SEG_DB BIT(10)

struct vmcb_seg {
	uint16_t sel;
	uint16_t attr; /* descriptor bits 55:52 and 47:40 side by side */
	uint32_t limit;
	uint64_t base;
};

struct vmcb {
	/* control area */
	uint32_t intercept_cr;
	uint32_t intercept_dr;
	uint32_t intercept_exceptions;
	uint32_t intercept3;
	uint32_t intercept4;
	uint32_t intercept5;
	uint8_t reserved_018[0x3c - 0x18];
	uint16_t pause_threshold;
	uint16_t pause_count;
	uint64_t iopm_base;
	uint64_t msrpm_base;
	uint64_t tsc_offset;
	uint32_t asid;
	uint8_t tlb_control;
	uint8_t reserved_05d[3];
	uint64_t v_intr;
	uint64_t int_state;
	uint64_t exit_code;
	uint64_t exit_info1;
	uint64_t exit_info2;
	uint64_t exit_int_info;
	uint64_t np_control;
	uint8_t reserved_098[0xa8 - 0x98];
	uint64_t event_inj;
	uint64_t np_cr3;
	uint64_t lbr_control;
	uint32_t clean;
	uint32_t reserved_0c4;
	uint64_t next_rip;
	uint8_t insn_len;
	uint8_t insn_bytes[15];
	uint8_t reserved_0e0[0x400 - 0xe0];
	/* state save area */
	struct vmcb_seg es, cs, ss, ds, fs, gs, gdtr, ldtr, idtr, tr;
	uint8_t reserved_4a0[0x4cb - 0x4a0];
	uint8_t cpl;
	uint32_t reserved_4cc;
	uint64_t efer;
	uint8_t reserved_4d8[0x548 - 0x4d8];
	uint64_t cr4, cr3, cr0, dr7, dr6, rflags, rip;
	uint8_t reserved_580[0x5d8 - 0x580];
	uint64_t rsp, s_cet, ssp, isst_addr, rax;
	uint64_t star, lstar, cstar, sfmask, kernel_gs_base;
	uint64_t sysenter_cs, sysenter_esp, sysenter_eip, cr2;
	uint8_t reserved_648[0x668 - 0x648];
	uint64_t pat;
	uint8_t reserved_670[0x1000 - 0x670];
} __attribute__((packed, aligned(4096)));

_Static_assert(offsetof(struct vmcb, v_intr) == 0x60, "vmcb");
_Static_assert(offsetof(struct vmcb, event_inj) == 0xa8, "vmcb");
_Static_assert(offsetof(struct vmcb, insn_len) == 0xd0, "vmcb");
_Static_assert(offsetof(struct vmcb, es) == 0x400, "vmcb");
_Static_assert(offsetof(struct vmcb, cpl) == 0x4cb, "vmcb");
_Static_assert(offsetof(struct vmcb, cr4) == 0x548, "vmcb");
_Static_assert(offsetof(struct vmcb, rsp) == 0x5d8, "vmcb");
_Static_assert(offsetof(struct vmcb, star) == 0x600, "vmcb");
_Static_assert(offsetof(struct vmcb, cr2) == 0x640, "vmcb");
_Static_assert(offsetof(struct vmcb, pat) == 0x668, "vmcb");
_Static_assert(sizeof(struct vmcb) == 4096, "vmcb");

#endif

/* SPDX-License-Identifier: MIT */
/*
 * A processor with VMX for host tests. The compiler is made to include this before each file
 * of vmx/ (tests/unit/vmx.mk): it takes the place of vmx/insn.h and of what hv/cpu.h and
 * hv/percpu.h have for ring 0 only. The VMCS is an array of fields, and an entry is what the
 * test says that it is.
 */
#ifndef TESTS_UNIT_FAKE_VMX_H
#define TESTS_UNIT_FAKE_VMX_H

#define VMX_INSN_H /* these are its declarations, ... */

#include "hv/cpu.h"
#include "hv/percpu.h"
#include "vmx/vmcs.h"

enum invvpid_type { INVVPID_ADDRESS = 0, INVVPID_CONTEXT = 1, INVVPID_ALL = 2 };

must_check bool vmxon(uint64_t hpa);
must_check bool vmclear(uint64_t hpa);
must_check bool vmptrld(uint64_t hpa);
void vmxoff(void);
uint64_t vmcs_read(enum vmcs_field field);
void vmcs_write(enum vmcs_field field, uint64_t val);
must_check bool invvpid(enum invvpid_type type, uint16_t vpid, uint64_t va);
void vmx_host_nmi(void);
void vmx_access_failed(enum vmcs_field field);

/* ... and what the processor does otherwise. */
uint64_t fake_rdmsr(uint32_t msr);
void fake_wrmsr(uint32_t msr, uint64_t val);
must_check int fake_wrmsr_safe(uint32_t msr, uint64_t val);
uint64_t fake_read_cr2(void);
void fake_write_cr2(uint64_t val);
uint64_t fake_read_dr6(void);
void fake_write_dr6(uint64_t val);
void fake_irq_window(void);
struct percpu *fake_this_cpu(void);

#define rdmsr fake_rdmsr
#define wrmsr fake_wrmsr
#define wrmsr_safe fake_wrmsr_safe
#define read_cr2 fake_read_cr2
#define write_cr2 fake_write_cr2
#define read_dr6 fake_read_dr6
#define write_dr6 fake_write_dr6
#define irq_window fake_irq_window
#define this_cpu fake_this_cpu

/* For tests. Fields by encoding; how often each was written. */
#define FAKE_VMCS_FIELDS 0x7000
extern uint64_t fake_vmcs[FAKE_VMCS_FIELDS];
extern unsigned fake_vmcs_writes[FAKE_VMCS_FIELDS];
extern uint64_t fake_cr2, fake_dr6, fake_msr[8];
extern unsigned fake_cr2_writes, fake_irq_windows, fake_host_nmis, fake_invvpids;
extern unsigned fake_linear_bits; /* of the processor */
extern bool fake_narrow; /* it asks the current mode, 4-level, which addresses are canonical */
extern enum invvpid_type fake_invvpid_type; /* of the latest, and its operands */
extern uint64_t fake_invvpid_va;
extern uint16_t fake_invvpid_vpid;
extern struct percpu fake_cpu;

/* An MSR that is kept; there are few. */
uint64_t *fake_msr_at(uint32_t msr);

void fake_vmx_reset(void);

#endif

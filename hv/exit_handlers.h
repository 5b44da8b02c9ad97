/* SPDX-License-Identifier: MIT */
/*
 * What a guest's exits mean, without a word of which extension reported them. The back
 * ends translate their codes and operands to these calls; rip is still at the
 * instruction, `len` is its length.
 */
#ifndef HV_EXIT_HANDLERS_H
#define HV_EXIT_HANDLERS_H

#include "hv/emul_table.h"
#include "hv/vcpu.h"

/* #PF at `va`; `error` is the processor's error code (its P and RSVD bits speak of the
 * shadow and are not used). */
void exit_page_fault(struct vcpu *v, uint64_t va, uint32_t error);

/* It fetches an instruction where there is no memory: ends it. */
void exit_fetch_from_hole(struct vcpu *v, gpa_t gpa);

/* Any other intercepted exception: goes to the guest as it came. */
void exit_exception(struct vcpu *v, unsigned vector, bool has_error, uint32_t error);

void exit_invlpg(struct vcpu *v, uint64_t va, unsigned len);

/* MOV to and from CRn; CLTS; LMSW with its operand. */
void exit_mov_to_cr(struct vcpu *v, unsigned cr, unsigned gpr, unsigned len);
void exit_mov_from_cr(struct vcpu *v, unsigned cr, unsigned gpr, unsigned len);
void exit_clts(struct vcpu *v, unsigned len);
void exit_lmsw(struct vcpu *v, uint16_t msw, unsigned len);

/* The first access to a debug register since the vCPU was loaded: it gets them all. */
void exit_dr(struct vcpu *v);

void exit_cpuid(struct vcpu *v, unsigned len);
void exit_rdmsr(struct vcpu *v, unsigned len);
void exit_wrmsr(struct vcpu *v, unsigned len);
void exit_xsetbv(struct vcpu *v, unsigned len);
void exit_hlt(struct vcpu *v, unsigned len);

/* IN or OUT of EAX; string forms go to vcpu_emulate_string_io. */
void exit_io(struct vcpu *v, uint16_t port, unsigned size, bool in, unsigned len);

/* VMCALL, VMMCALL: KVM's hypercalls (hv/pv.h). */
void exit_hypercall(struct vcpu *v, unsigned len);

/* An instruction that the back end must intercept and that needs no operands from it is
 * treated by its name; those not known here, INSN_NONE too, are #UD. */
void exit_instruction(struct vcpu *v, enum insn_op op, unsigned len);

/* Triple fault; and a guest state that the processor would not enter. */
void exit_shutdown(struct vcpu *v);
void exit_failed_entry(struct vcpu *v, const char *why);

#endif

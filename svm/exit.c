/* SPDX-License-Identifier: MIT */
/*
 * SVM exits to neutral handlers (AMD APM Vol. 2 appendix C). Where the processor reports
 * the operands or the next rip they are used; where it does not, the instruction is decoded,
 * and one that does not fit the exit code (another vCPU wrote it meanwhile) is run again.
 */
#include "hv/cpu.h"
#include "hv/emul_table.h"
#include "hv/exit_handlers.h"
#include "hv/vm.h"
#include "svm/svm.h"

/* The instruction at rip; NULL: enter the guest again. */
static const struct insn *current_insn(struct vcpu *v)
{
	unsigned mode = svm_code_mode(v);

	return vcpu_insn_at(v, svm_linear_rip(v, mode), mode);
}

/* Length of the instruction at rip, which is an `op`; 0: enter the guest again. */
static unsigned length(struct vcpu *v, enum insn_op op)
{
	const struct insn *insn;

	if (svm_features.nrips)
		return to_vmcb(v)->next_rip - v->regs.rip;
	insn = current_insn(v);
	return insn && insn->op == op ? insn->len : 0;
}

static void on_cr_write(struct vcpu *v, unsigned cr)
{
	uint64_t info = to_vmcb(v)->exit_info1;
	const struct insn *insn;

	if (svm_features.decode_assists && svm_features.nrips && (info & CR_INFO_MOV)) {
		exit_mov_to_cr(v, cr, info & CR_INFO_GPR_MASK, to_vmcb(v)->next_rip - v->regs.rip);
		return;
	}
	insn = current_insn(v);
	if (!insn)
		return;
	if (insn->op == INSN_MOV_TO_CR && insn->reg == cr)
		exit_mov_to_cr(v, cr, insn->rm, insn->len);
	else if (insn->op == INSN_CLTS && cr == 0)
		exit_clts(v, insn->len);
	else if (insn->op == INSN_LMSW && cr == 0)
		vcpu_emulate_lmsw(v, insn);
}

static void on_cr_read(struct vcpu *v, unsigned cr)
{
	uint64_t info = to_vmcb(v)->exit_info1;
	const struct insn *insn;

	if (svm_features.decode_assists && svm_features.nrips && (info & CR_INFO_MOV)) {
		exit_mov_from_cr(v, cr, info & CR_INFO_GPR_MASK,
				 to_vmcb(v)->next_rip - v->regs.rip);
		return;
	}
	insn = current_insn(v);
	if (!insn)
		return;
	if (insn->op == INSN_MOV_FROM_CR && insn->reg == cr)
		exit_mov_from_cr(v, cr, insn->rm, insn->len);
	else if (insn->op == INSN_SMSW && cr == 0)
		vcpu_emulate_smsw(v, insn);
}

static uint64_t linear_operand(struct vcpu *v, const struct insn *insn)
{
	uint64_t offset = insn_offset(&v->regs, insn);

	if (insn->mode != 8)
		return (uint32_t)(svm_segment(to_vmcb(v), insn->seg)->base + offset);
	if (insn->seg == SEG_FS || insn->seg == SEG_GS)
		offset += svm_segment(to_vmcb(v), insn->seg)->base;
	return offset;
}

static void on_invlpg(struct vcpu *v)
{
	const struct insn *insn;

	if (svm_features.decode_assists && svm_features.nrips) {
		exit_invlpg(v, to_vmcb(v)->exit_info1, to_vmcb(v)->next_rip - v->regs.rip);
		return;
	}
	insn = current_insn(v);
	if (insn && insn->op == INSN_INVLPG)
		exit_invlpg(v, linear_operand(v, insn), insn->len);
}

static void on_cpuid(struct vcpu *v)
{
	unsigned len = length(v, INSN_CPUID);

	if (len)
		exit_cpuid(v, len);
}

static void on_hlt(struct vcpu *v)
{
	unsigned len = length(v, INSN_HLT);

	if (len)
		exit_hlt(v, len);
}

static enum exit_reason on_msr(struct vcpu *v)
{
	bool write = to_vmcb(v)->exit_info1 & 1;
	enum insn_op op = write ? INSN_WRMSR : INSN_RDMSR;
	unsigned len = length(v, op);

	if (len && write)
		exit_wrmsr(v, len);
	else if (len)
		exit_rdmsr(v, len);
	return write ? EXIT_MSR_WRITE : EXIT_MSR_READ;
}

/* EXITINFO2 is the next rip on every processor (APM Vol. 2 15.10.2). */
static void on_io(struct vcpu *v)
{
	uint64_t info = to_vmcb(v)->exit_info1;

	if (info & IOIO_STRING)
		vcpu_emulate_string_io(v);
	else
		exit_io(v, info >> IOIO_PORT_SHIFT, info >> IOIO_SIZE_SHIFT & IOIO_SIZE_MASK,
			info & IOIO_IN, to_vmcb(v)->exit_info2 - v->regs.rip);
}

/* IRET has not been executed yet: an NMI that waits must not come before it, so it is held
 * like an interrupt behind STI, until the window opens. */
static void on_iret(struct vcpu *v)
{
	struct vmcb *vmcb = to_vmcb(v);

	v->nmi_blocked = false;
	vmcb->intercept3 &= ~(uint32_t)INTERCEPT_IRET;
	svm_dirty(vmcb, CLEAN_INTERCEPTS);
	if (v->nmi_pending) {
		v->intr_shadow = true;
		v->irq_check = true;
	}
}

static void on_instruction(struct vcpu *v)
{
	const struct insn *insn = current_insn(v);

	if (insn)
		exit_instruction(v, insn->op, insn->len);
}

static enum exit_reason on_exception(struct vcpu *v, unsigned vector)
{
	if (vector == VEC_MC)
		vm_kill(v, "a machine check of the processor hit it");
	else
		exit_exception(v, vector, vector == VEC_AC, 0);
	return EXIT_EXCEPTION;
}

static enum exit_reason handle_rare(struct vcpu *v, uint32_t code)
{
	switch (code) {
	case VMEXIT_NMI: /* ours: taken by the host's handler when GIF was set again */
		return EXIT_NMI;
	case VMEXIT_SMI:
	case VMEXIT_INIT:
		return EXIT_OTHER;
	case VMEXIT_IRET:
		on_iret(v);
		return EXIT_IRET;
	case VMEXIT_VMMCALL:
		on_instruction(v);
		return EXIT_HYPERCALL;
	case VMEXIT_TASK_SWITCH:
		vm_kill(v, "a hardware task switch is not virtualized");
		return EXIT_TASK_SWITCH;
	case VMEXIT_SHUTDOWN:
		exit_shutdown(v);
		return EXIT_SHUTDOWN;
	case VMEXIT_INVALID:
		exit_failed_entry(v, "VMEXIT_INVALID");
		return EXIT_FAILED_ENTRY;
	}
	if (code >= VMEXIT_EXCP0 && code <= VMEXIT_EXCP31)
		return on_exception(v, code - VMEXIT_EXCP0);
	if (code >= VMEXIT_DR0_READ && code <= VMEXIT_DR7_WRITE) {
		exit_dr(v);
		return EXIT_DR;
	}
	on_instruction(v);
	return EXIT_INSTRUCTION;
}

enum exit_reason svm_handle_exit(struct vcpu *v)
{
	const struct vmcb *vmcb = to_vmcb(v);
	uint32_t code = vmcb->exit_code; /* 32 bits: see VMEXIT_INVALID */

	switch (code) {
	case VMEXIT_EXCP_PF:
		v->exits.raw_page_faults++;
		exit_page_fault(v, vmcb->exit_info2, vmcb->exit_info1);
		return EXIT_PAGE_FAULT;
	case VMEXIT_INVLPG:
		on_invlpg(v);
		return EXIT_INVLPG;
	case VMEXIT_CR0_READ ... VMEXIT_CR0_READ + 15:
		on_cr_read(v, code - VMEXIT_CR0_READ);
		return EXIT_CR_READ;
	case VMEXIT_CR0_WRITE ... VMEXIT_CR0_WRITE + 15:
		on_cr_write(v, code - VMEXIT_CR0_WRITE);
		return EXIT_CR_WRITE;
	case VMEXIT_INTR:
		irq_window();
		return EXIT_INTR;
	case VMEXIT_VINTR:
		v->want_window = false;
		v->irq_check = true;
		return EXIT_INTR_WINDOW;
	case VMEXIT_CPUID:
		on_cpuid(v);
		return EXIT_CPUID;
	case VMEXIT_MSR:
		return on_msr(v);
	case VMEXIT_IOIO:
		on_io(v);
		return EXIT_IO;
	case VMEXIT_HLT:
		on_hlt(v);
		return EXIT_HLT;
	default:
		return handle_rare(v, code);
	}
}

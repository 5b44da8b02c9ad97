/* SPDX-License-Identifier: MIT */
/*
 * VMX exits to neutral handlers (Intel SDM Vol. 3C 27.2, appendix C). The processor reports
 * operands and length of every instruction, but for the memory operands of INS and OUTS.
 */
#include "hv/cpu.h"
#include "hv/emul_table.h"
#include "hv/exit_handlers.h"
#include "hv/vm.h"
#include "vmx/vmx.h"

static unsigned length(void)
{
	return vmcs_read(VMCS_EXIT_INSN_LEN);
}

static void on_page_fault(struct vcpu *v)
{
	v->exits.raw_page_faults++;
	exit_page_fault(v, vmcs_read(VMCS_EXIT_QUALIFICATION), vmcs_read(VMCS_EXIT_ERROR_CODE));
}

/* The exit comes in place of the exception, which would have changed DR6 (27.1). */
static void note_debug_exception(struct vcpu *v)
{
	uint64_t qual = vmcs_read(VMCS_EXIT_QUALIFICATION) & DEBUG_QUAL_MASK;

	vmx_set_dr(v, 6, (vmx_get_dr(v, 6) & ~(uint64_t)DEBUG_QUAL_B) | qual);
}

static enum exit_reason on_exception(struct vcpu *v)
{
	uint32_t info = vmcs_read(VMCS_EXIT_INTR_INFO);
	unsigned vector = info & INTR_VECTOR_MASK, type = info >> INTR_TYPE_SHIFT & INTR_TYPE_MASK;

	if (type == INTR_NMI) {
		vmx_host_nmi();
		return EXIT_NMI;
	}
	/* An IRET that faults has ended the blocking of NMIs, but will be run again (27.2.3). */
	if (unlikely(info & INTR_NMI_UNBLOCKING) && v->delivering.type == EVENT_NONE)
		v->nmi_blocked = true;
	if (likely(vector == VEC_PF)) {
		on_page_fault(v);
		return EXIT_PAGE_FAULT;
	}
	if (vector == VEC_MC) {
		vm_kill(v, "a machine check of the processor hit it");
		return EXIT_EXCEPTION;
	}
	/* INT1 is a trap, and has not been executed yet (27.3.3). */
	if (type == INTR_PRIVILEGED_EXCEPTION)
		vcpu_skip(v, length());
	if (vector == VEC_DB)
		note_debug_exception(v);
	if (vector == VEC_DB || vector == VEC_AC)
		exit_exception(v, vector, vector == VEC_AC, 0);
	else
		vmx_vm86_exception(v, vector);
	return EXIT_EXCEPTION;
}

static enum exit_reason on_cr(struct vcpu *v)
{
	uint64_t qual = vmcs_read(VMCS_EXIT_QUALIFICATION);
	unsigned cr = qual & CR_QUAL_NUMBER_MASK;
	unsigned gpr = qual >> CR_QUAL_GPR_SHIFT & CR_QUAL_GPR_MASK;

	switch ((enum vmx_cr_access)(qual >> CR_QUAL_TYPE_SHIFT & CR_QUAL_TYPE_MASK)) {
	case CR_MOV_TO:
		exit_mov_to_cr(v, cr, gpr, length());
		break;
	case CR_MOV_FROM:
		exit_mov_from_cr(v, cr, gpr, length());
		return EXIT_CR_READ;
	case CR_CLTS:
		exit_clts(v, length());
		break;
	case CR_LMSW:
		exit_lmsw(v, qual >> CR_QUAL_MSW_SHIFT, length());
		break;
	}
	return EXIT_CR_WRITE;
}

static void on_io(struct vcpu *v)
{
	uint64_t qual = vmcs_read(VMCS_EXIT_QUALIFICATION);

	if (qual & IO_QUAL_STRING)
		vcpu_emulate_string_io(v);
	else
		exit_io(v, qual >> IO_QUAL_PORT_SHIFT, (qual & IO_QUAL_SIZE_MASK) + 1,
			qual & IO_QUAL_IN, length());
}

/* By its name; INSN_NONE: an extension that guests do not have. */
static enum exit_reason on_instruction(struct vcpu *v, enum insn_op op)
{
	exit_instruction(v, op, length());
	return op == INSN_VMCALL ? EXIT_HYPERCALL : EXIT_INSTRUCTION;
}

static enum exit_reason handle_rare(struct vcpu *v, uint32_t reason)
{
	if (reason & EXIT_REASON_FAILED_ENTRY) {
		vmx_entry_failed(v, reason);
		return EXIT_FAILED_ENTRY;
	}
	switch (reason) {
	case VMX_EXIT_TRIPLE_FAULT:
		exit_shutdown(v);
		return EXIT_SHUTDOWN;
	case VMX_EXIT_TPR_BELOW_THRESHOLD: /* the run loop has seen to it */
		return EXIT_CR_WRITE;
	case VMX_EXIT_TASK_SWITCH:
		vm_kill(v, "a hardware task switch is not virtualized");
		return EXIT_TASK_SWITCH;
	case VMX_EXIT_INIT:
	case VMX_EXIT_SIPI:
	case VMX_EXIT_IO_SMI:
	case VMX_EXIT_OTHER_SMI:
		return EXIT_OTHER;
	case VMX_EXIT_INVD:
		return on_instruction(v, INSN_INVD);
	case VMX_EXIT_WBINVD:
		return on_instruction(v, INSN_WBINVD);
	case VMX_EXIT_RDPMC:
		return on_instruction(v, INSN_RDPMC);
	case VMX_EXIT_XSETBV:
		return on_instruction(v, INSN_XSETBV);
	case VMX_EXIT_VMCALL:
		return on_instruction(v, INSN_VMCALL);
	case VMX_EXIT_PAUSE:
		return on_instruction(v, INSN_PAUSE);
	default:
		return on_instruction(v, INSN_NONE);
	}
}

enum exit_reason vmx_handle_exit(struct vcpu *v, uint32_t reason)
{
	switch (reason) {
	case VMX_EXIT_EXCEPTION_OR_NMI:
		return on_exception(v);
	case VMX_EXIT_INVLPG:
		exit_invlpg(v, vmcs_read(VMCS_EXIT_QUALIFICATION), length());
		return EXIT_INVLPG;
	case VMX_EXIT_CR:
		return on_cr(v);
	case VMX_EXIT_EXTERNAL_INTERRUPT:
		irq_window();
		return EXIT_INTR;
	case VMX_EXIT_PREEMPTION_TIMER: /* the run loop looks at the clock */
		irq_window();
		v->leave = true;
		return EXIT_INTR;
	case VMX_EXIT_INTERRUPT_WINDOW:
	case VMX_EXIT_NMI_WINDOW:
		v->want_window = false;
		v->want_nmi_window = false;
		v->irq_check = true;
		return EXIT_INTR_WINDOW;
	case VMX_EXIT_CPUID:
		exit_cpuid(v, length());
		return EXIT_CPUID;
	case VMX_EXIT_RDMSR:
		exit_rdmsr(v, length());
		return EXIT_MSR_READ;
	case VMX_EXIT_WRMSR:
		exit_wrmsr(v, length());
		return EXIT_MSR_WRITE;
	case VMX_EXIT_IO:
		on_io(v);
		return EXIT_IO;
	case VMX_EXIT_HLT:
		exit_hlt(v, length());
		return EXIT_HLT;
	case VMX_EXIT_DR:
		exit_dr(v);
		return EXIT_DR;
	default:
		return handle_rare(v, reason);
	}
}

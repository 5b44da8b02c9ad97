/* SPDX-License-Identifier: MIT */
/*
 * Events into and out of the VMCB: injection (AMD APM Vol. 2 15.20), what an exit found
 * half delivered (15.7.2), and the windows for interrupts and NMIs.
 */
#include "hv/emul_table.h"
#include "svm/svm.h"

static const uint8_t to_vmcb_type[] = {
	[EVENT_INTR] = VMCB_EVENT_INTR,
	[EVENT_NMI] = VMCB_EVENT_NMI,
	[EVENT_EXCEPTION] = VMCB_EVENT_EXCEPTION,
};

/* The guest's IRET ends NMI blocking; the processor tells us by an intercept. */
static void watch_iret(struct vmcb *vmcb, bool on)
{
	if (on)
		vmcb->intercept3 |= INTERCEPT_IRET;
	else
		vmcb->intercept3 &= ~(uint32_t)INTERCEPT_IRET;
	svm_dirty(vmcb, CLEAN_INTERCEPTS);
}

/*
 * QEMU 7.2 delivers an interrupt injected by EVENTINJ a second time, at the first instruction of its
 * handler, if another thread asks that processor for something while it is in VMRUN (as each locked
 * access across a cache line does). It delivers a virtual interrupt once (APM Vol. 2 15.21.4).
 */
static void inject_virtual(struct vcpu *v)
{
	to_vmcb(v)->v_intr |= V_IRQ | V_IGN_TPR |
			      (uint64_t)v->pending.vector << V_INTR_VECTOR_SHIFT;
	svm_dirty(to_vmcb(v), CLEAN_TPR);
	to_svm(v)->virtual_intr = true;
	v->pending.type = EVENT_NONE;
}

void svm_end_virtual_interrupt(struct vcpu *v)
{
	struct vmcb *vmcb = to_vmcb(v);

	vmcb->v_intr &= ~((uint64_t)EVENT_VECTOR_MASK << V_INTR_VECTOR_SHIFT);
	if (!svm_window_is_open(vmcb))
		vmcb->v_intr &= ~(V_IRQ | V_IGN_TPR);
	svm_dirty(vmcb, CLEAN_TPR);
	to_svm(v)->virtual_intr = false;
}

/*
 * QEMU 7.2's VMRUN does not look at the interrupt shadow (APM Vol. 2 15.5.1), and an interrupt between
 * STI and HLT is one that the HLT behind it waits for in vain. So the kernel's instruction in a shadow
 * is executed here, as part of the exit, unless an event comes before it. What the emulator lacks
 * (SYSEXIT, most IRETs) is left to the processor, and so may still have an interrupt before it.
 */
void svm_finish_shadow(struct vcpu *v)
{
	const struct insn *insn;

	if (v->pending.type != EVENT_NONE || v->state != VCPU_RUNNABLE || svm_get_cpl(v) != 0)
		return;
	insn = vcpu_insn(v);
	if (insn && insn->op != INSN_NONE)
		(void)!vcpu_step(v);
}

static struct event virtual_event(const struct vmcb *vmcb)
{
	return (struct event){
		.type = EVENT_INTR,
		.vector = vmcb->v_intr >> V_INTR_VECTOR_SHIFT & EVENT_VECTOR_MASK,
	};
}

/* An exit while it was delivered: EXITINTINFO has it as an exception. Else it has been delivered, or
 * waits still: the exit came first. */
void svm_note_virtual_interrupt(struct vcpu *v)
{
	struct vmcb *vmcb = to_vmcb(v);
	const struct event e = virtual_event(vmcb);

	if (!(vmcb->v_intr & V_IRQ)) {
		svm_end_virtual_interrupt(v);
	} else if ((vmcb->exit_int_info & EVENT_VALID) &&
		   (vmcb->exit_int_info & EVENT_VECTOR_MASK) == e.vector) {
		vmcb->exit_int_info = 0;
		v->delivering = e;
		svm_end_virtual_interrupt(v);
	}
}

/* Behind an exception that the exit has raised it goes on waiting. */
void svm_take_back_virtual_interrupt(struct vcpu *v)
{
	if (v->pending.type != EVENT_NONE)
		return;
	v->pending = virtual_event(to_vmcb(v));
	svm_end_virtual_interrupt(v);
	if (v->state == VCPU_HALTED && vcpu_interruptible(v))
		v->state = VCPU_RUNNABLE;
}

void svm_inject_pending(struct vcpu *v)
{
	const struct event *e = &v->pending;
	uint64_t inj = EVENT_VALID | e->vector |
		       (uint64_t)to_vmcb_type[e->type] << EVENT_TYPE_SHIFT;

	if (svm_features.injects_intr_twice && e->type == EVENT_INTR &&
	    !(v->want_window && vcpu_interruptible(v))) {
		inject_virtual(v);
		return;
	}
	if (e->has_error)
		inj |= EVENT_ERROR_VALID | (uint64_t)e->error << EVENT_ERROR_SHIFT;
	to_vmcb(v)->event_inj = inj;
	to_svm(v)->latest_inj = inj;
	if (e->type == EVENT_NMI)
		watch_iret(to_vmcb(v), true);
	v->pending.type = EVENT_NONE;
}

/* A virtual interrupt whose vector is never used: VINTR exits as soon as the guest could
 * take one. */
void svm_change_window(struct vcpu *v)
{
	struct vmcb *vmcb = to_vmcb(v);

	if (v->want_window) {
		vmcb->v_intr |= V_IRQ | V_IGN_TPR;
		vmcb->intercept3 |= INTERCEPT_VINTR;
	} else {
		if (!to_svm(v)->virtual_intr)
			vmcb->v_intr &= ~(V_IRQ | V_IGN_TPR);
		vmcb->intercept3 &= ~(uint32_t)INTERCEPT_VINTR;
	}
	svm_dirty(vmcb, CLEAN_INTERCEPTS | CLEAN_TPR);
}

/*
 * INT n, INT3 and INTO leave rip at themselves when the processor does not report the next
 * one: they are simply run again (without NRIPS injecting them would push a wrong rip).
 */
static bool is_software(const struct event *e)
{
	return e->vector == VEC_BP || e->vector == VEC_OF;
}

/*
 * Bochs 2.7 writes EXITINTINFO when it injects; whatever is interrupted later, an exit just sets
 * "valid" in it. Such an event is not told from one that is the same by chance, so both are left
 * out: nothing but a fault or INT n comes without injection here, and these run again.
 */
static bool is_stale(struct vcpu *v, uint64_t info, bool injecting)
{
	return !injecting && info == to_svm(v)->latest_inj;
}

void svm_note_interrupted_event(struct vcpu *v, bool injecting)
{
	uint64_t info = to_vmcb(v)->exit_int_info;
	struct event *e = &v->delivering;

	if (is_stale(v, info, injecting))
		return;
	e->vector = info & EVENT_VECTOR_MASK;
	e->has_error = info & EVENT_ERROR_VALID;
	e->error = info >> EVENT_ERROR_SHIFT;
	switch (info >> EVENT_TYPE_SHIFT & EVENT_TYPE_MASK) {
	case VMCB_EVENT_INTR:
		e->type = EVENT_INTR;
		break;
	case VMCB_EVENT_NMI:
		e->type = EVENT_NMI;
		break;
	case VMCB_EVENT_EXCEPTION:
		e->type = is_software(e) ? EVENT_NONE : EVENT_EXCEPTION;
		break;
	default:
		e->type = EVENT_NONE;
		break;
	}
}

/* SPDX-License-Identifier: MIT */
/*
 * Events into and out of the VMCS: injection (Intel SDM Vol. 3C 26.6), what an exit found half
 * delivered (27.2.4), and the windows for interrupts and NMIs (25.2).
 */
#include "vmx/vmx.h"

static const uint8_t to_intr_type[] = {
	[EVENT_INTR] = INTR_EXTERNAL,
	[EVENT_NMI] = INTR_NMI,
	[EVENT_EXCEPTION] = INTR_HARD_EXCEPTION,
};

void vmx_inject_pending(struct vcpu *v)
{
	const struct event *e = &v->pending;
	uint32_t info = INTR_VALID | e->vector | to_intr_type[e->type] << INTR_TYPE_SHIFT;

	if (e->has_error) {
		info |= INTR_ERROR_VALID;
		vmcs_write(VMCS_ENTRY_ERROR_CODE, e->error);
	}
	vmcs_write(VMCS_ENTRY_INTR_INFO, info);
	/* The processor blocks NMIs itself when it delivers one, and refuses to while they are
	 * blocked (26.3.1.5). */
	if (e->type == EVENT_NMI)
		v->nmi_blocked = false;
	v->pending.type = EVENT_NONE;
}

void vmx_change_windows(struct vcpu *v)
{
	struct vmx_vcpu *s = to_vmx(v);

	vmx_set_proc_controls(s, PROC_INTERRUPT_WINDOW, v->want_window);
	vmx_set_proc_controls(s, PROC_NMI_WINDOW, v->want_nmi_window);
	s->window = v->want_window;
	s->nmi_window = v->want_nmi_window;
}

/*
 * INT n, INT1, INT3 and INTO leave rip at themselves: they are simply run again, so that
 * their length need not be remembered.
 */
void vmx_note_interrupted_event(struct vcpu *v, uint32_t info)
{
	struct event *e = &v->delivering;

	e->vector = info & INTR_VECTOR_MASK;
	e->has_error = info & INTR_ERROR_VALID;
	if (e->has_error)
		e->error = vmcs_read(VMCS_IDT_VECTORING_ERROR);
	switch (info >> INTR_TYPE_SHIFT & INTR_TYPE_MASK) {
	case INTR_EXTERNAL:
		e->type = EVENT_INTR;
		break;
	case INTR_NMI:
		e->type = EVENT_NMI;
		break;
	case INTR_HARD_EXCEPTION:
		e->type = EVENT_EXCEPTION;
		break;
	default:
		e->type = EVENT_NONE;
		break;
	}
}

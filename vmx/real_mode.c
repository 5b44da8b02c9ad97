/* SPDX-License-Identifier: MIT */
/*
 * States that no VM entry takes without "unrestricted guest", which needs EPT (Intel SDM Vol. 3C
 * 26.3.1): real mode, and what is left of it in the segment registers when CR0.PE is set.
 *
 * Real mode runs in virtual-8086 mode where its segments are such as that has (26.3.1.2). IOPL
 * is 0 there and each exception exits, so that no guest code gets further than it does in real
 * mode: what vm86 refuses (CLI, INT n, ports, control registers) and what interrupts is done by
 * hv/step.c. Everything else goes instruction by instruction through the emulator, until the
 * state is one that is taken. Guarded by the CPU that runs the vCPU.
 */
#include "hv/cpu.h"
#include "hv/line.h"
#include "hv/vm.h"
#include "vmx/check.h"
#include "vmx/vmx.h"

#define ALL_EXCEPTIONS 0xffffffffu

/* --- protected mode ---------------------------------------------------------------------- */

static const struct vmx_check *refused_by(struct vcpu *v)
{
	struct vmx_guest_state g = {
		.rflags = v->regs.rflags,
		.entry_controls = to_vmx(v)->entry_controls,
	};

	for (enum seg s = SEG_ES; s < NR_SEGS; s++)
		vmx_get_segment(v, s, &g.seg[s]);
	return vmx_check_segments(&g, &vmx_caps);
}

/* --- one instruction or event ------------------------------------------------------------ */

static const char *why_not(struct vcpu *v)
{
	const struct vmx_check *check = v->cr0 & CR0_PE ? refused_by(v) : NULL;

	return check ? check->what : "real mode, which vm86 cannot be";
}

static void kill_outside_scope(struct vcpu *v)
{
	struct line where = { .len = 0 };

	line_add(&where, "in a state that VMX does not take (%s)", why_not(v));
	vcpu_kill_outside_scope(v, where.text);
}

/* Another CPU's requests come first, as before an entry. */
static void step(struct vcpu *v)
{
	v->t_exit = rdtsc();
	if (vcpu_may_enter(v))
		vcpu_has_left(v);
	if (v->pending.type == EVENT_NONE) {
		if (!vcpu_step(v))
			kill_outside_scope(v);
	} else if (!(v->cr0 & CR0_PE)) {
		vcpu_deliver_real(v);
	} else {
		vm_kill(v, "vector 0x%x cannot be delivered in a state that VMX does not take (%s)",
			v->pending.vector, why_not(v));
	}
}

/* --- virtual-8086 mode ------------------------------------------------------------------- */

static bool segment_fits(const struct segment *r, enum seg s)
{
	bool size_matters = s == SEG_CS || s == SEG_SS;

	return r->base == (uint64_t)r->sel << 4 && r->limit == VM86_LIMIT &&
	       !(r->attr & SEG_UNUSABLE) && !(size_matters && (r->attr & SEG_DB));
}

/* With CR4.VME vm86 is another one, and it has alignment checks, which ring 0 does not. */
static bool fits_vm86(struct vcpu *v)
{
	if ((v->cr4 & CR4_VME) || ((v->cr0 & CR0_AM) && (v->regs.rflags & RFLAGS_AC)))
		return false;
	for (enum seg s = SEG_ES; s <= SEG_GS; s++) {
		struct segment r;

		vmx_get_segment(v, s, &r);
		if (!segment_fits(&r, s))
			return false;
	}
	return true;
}

/* TR has no room for an I/O bitmap, so that no port is allowed; SYSENTER is not, either. */
static void to_vm86(struct vcpu *v)
{
	struct vmx_vm86 *saved = &to_vmx(v)->real;
	static const struct segment tr = { .attr = SEG_P | SEG_TYPE_TSS | SEG_TYPE_BUSY };
	struct segment r;

	for (enum seg s = SEG_ES; s <= SEG_GS; s++) {
		vmx_get_segment(v, s, &r);
		saved->rights[s] = r.attr;
		r.attr = VM86_RIGHTS;
		vmx_set_segment(v, s, &r);
	}
	vmx_get_segment(v, SEG_TR, &saved->tr);
	vmx_set_segment(v, SEG_TR, &tr);
	saved->sysenter_cs = vmcs_read(VMCS_GUEST_SYSENTER_CS);
	vmcs_write(VMCS_GUEST_SYSENTER_CS, 0);
	vmcs_write(VMCS_EXCEPTION_BITMAP, ALL_EXCEPTIONS);
	saved->iopl = v->regs.rflags & RFLAGS_IOPL;
	v->regs.rflags = (v->regs.rflags & ~RFLAGS_IOPL) | RFLAGS_VM;
	to_vmx(v)->as_vm86 = true;
}

void vmx_from_vm86(struct vcpu *v)
{
	const struct vmx_vm86 *saved = &to_vmx(v)->real;
	struct segment r;

	for (enum seg s = SEG_ES; s <= SEG_GS; s++) {
		vmx_get_segment(v, s, &r);
		r.attr = saved->rights[s];
		vmx_set_segment(v, s, &r);
	}
	vmx_set_segment(v, SEG_TR, &saved->tr);
	vmcs_write(VMCS_GUEST_SYSENTER_CS, saved->sysenter_cs);
	vmcs_write(VMCS_EXCEPTION_BITMAP, VMX_EXCEPTIONS);
	v->regs.rflags = (v->regs.rflags & ~RFLAGS_VM) | saved->iopl;
	to_vmx(v)->as_vm86 = false;
}

/* #GP: what vm86 refuses and real mode does not; where the instruction is none of that kind, the
 * processor has had another reason. #BP and #OF have been reported before they are done. */
void vmx_vm86_exception(struct vcpu *v, unsigned vector)
{
	bool by_insn = vector == VEC_GP || vector == VEC_BP || vector == VEC_OF;

	if (!by_insn || !vcpu_step(v))
		vcpu_inject_exception(v, vector, false, 0);
}

/* --- the way in -------------------------------------------------------------------------- */

/* What waits for IF or IRET is asked again behind each instruction: no window exits while they are
 * emulated. */
static void look_for_events(struct vcpu *v)
{
	if (v->want_window || v->want_nmi_window)
		v->irq_check = true;
	vcpu_before_entry(v);
}

static bool make_enterable(struct vcpu *v)
{
	struct vmx_vcpu *s = to_vmx(v);

	if (v->cr0 & CR0_PE) { /* interrupts wait until it is taken */
		s->enterable = !refused_by(v);
		if (s->enterable)
			vcpu_before_entry(v);
		return s->enterable;
	}
	look_for_events(v);
	if (v->pending.type != EVENT_NONE || !fits_vm86(v))
		return false;
	to_vm86(v);
	return true;
}

bool vmx_make_enterable(struct vcpu *v)
{
	if (to_vmx(v)->as_vm86) /* the entry has not come about: another look */
		vmx_from_vm86(v);
	if (make_enterable(v))
		return true;
	step(v);
	return false;
}

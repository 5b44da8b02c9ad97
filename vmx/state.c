/* SPDX-License-Identifier: MIT */
/*
 * Guest registers between the VMCS and their neutral form. Guarded by the CPU that runs the
 * vCPU; the VMCS holds all of the guest's state whenever this code runs, but for DR6, which
 * has no field.
 */
#include "hv/control_regs.h"
#include "hv/cpu.h"
#include "vmx/vmx.h"

static enum vmcs_field segment_field(enum vmcs_field es, enum seg s)
{
	/* the VMCS has LDTR before TR */
	unsigned index = s == SEG_TR ? SEG_LDTR : s == SEG_LDTR ? SEG_TR : s;

	return es + index * VMCS_SEG_STEP;
}

void vmx_get_segment(struct vcpu *v, enum seg s, struct segment *out)
{
	vmx_make_current(to_vmx(v));
	out->sel = vmcs_read(segment_field(VMCS_GUEST_ES_SEL, s));
	out->limit = vmcs_read(segment_field(VMCS_GUEST_ES_LIMIT, s));
	out->base = vmcs_read(segment_field(VMCS_GUEST_ES_BASE, s));
	out->attr = vmcs_read(segment_field(VMCS_GUEST_ES_RIGHTS, s));
}

void vmx_set_segment(struct vcpu *v, enum seg s, const struct segment *in)
{
	vmx_make_current(to_vmx(v));
	vmcs_write(segment_field(VMCS_GUEST_ES_SEL, s), in->sel);
	vmcs_write(segment_field(VMCS_GUEST_ES_LIMIT, s), in->limit);
	vmcs_write(segment_field(VMCS_GUEST_ES_BASE, s), in->base);
	vmcs_write(segment_field(VMCS_GUEST_ES_RIGHTS, s), in->attr);
}

void vmx_get_tables(struct vcpu *v, struct descriptor_table *gdt, struct descriptor_table *idt)
{
	vmx_make_current(to_vmx(v));
	gdt->base = vmcs_read(VMCS_GUEST_GDTR_BASE);
	gdt->limit = vmcs_read(VMCS_GUEST_GDTR_LIMIT);
	idt->base = vmcs_read(VMCS_GUEST_IDTR_BASE);
	idt->limit = vmcs_read(VMCS_GUEST_IDTR_LIMIT);
}

void vmx_set_tables(struct vcpu *v, const struct descriptor_table *gdt,
		    const struct descriptor_table *idt)
{
	vmx_make_current(to_vmx(v));
	vmcs_write(VMCS_GUEST_GDTR_BASE, gdt->base);
	vmcs_write(VMCS_GUEST_GDTR_LIMIT, gdt->limit);
	vmcs_write(VMCS_GUEST_IDTR_BASE, idt->base);
	vmcs_write(VMCS_GUEST_IDTR_LIMIT, idt->limit);
}

/* SS.DPL is the CPL, and valid even where SS is unusable (24.4.1). */
unsigned vmx_get_cpl(struct vcpu *v)
{
	vmx_make_current(to_vmx(v));
	return vmcs_read(segment_field(VMCS_GUEST_ES_RIGHTS, SEG_SS)) >> SEG_DPL_SHIFT & 3;
}

/* Of the current VMCS. */
static unsigned code_mode(const struct vcpu *v)
{
	uint32_t rights = vmcs_read(segment_field(VMCS_GUEST_ES_RIGHTS, SEG_CS));

	if ((v->efer & EFER_LMA) && (rights & SEG_L))
		return 8;
	return rights & SEG_DB ? 4 : 2;
}

unsigned vmx_get_mode(struct vcpu *v)
{
	vmx_make_current(to_vmx(v));
	return code_mode(v);
}

uint64_t vmx_get_linear_rip(struct vcpu *v, unsigned *mode)
{
	vmx_make_current(to_vmx(v));
	*mode = code_mode(v);
	if (*mode == 8)
		return v->regs.rip;
	return (uint32_t)(vmcs_read(segment_field(VMCS_GUEST_ES_BASE, SEG_CS)) + v->regs.rip);
}

uint64_t vmx_get_dr(struct vcpu *v, unsigned n)
{
	struct vmx_vcpu *s = to_vmx(v);

	if (n == 6)
		return v->dr_live ? read_dr6() : s->dr6;
	vmx_make_current(s);
	return vmcs_read(VMCS_GUEST_DR7);
}

void vmx_set_dr(struct vcpu *v, unsigned n, uint64_t val)
{
	struct vmx_vcpu *s = to_vmx(v);

	if (n == 6) {
		s->dr6 = val;
		if (v->dr_live)
			write_dr6(val);
		return;
	}
	vmx_make_current(s);
	vmcs_write(VMCS_GUEST_DR7, val);
}

/* DR6 comes and goes with DR0-3; the neutral code has set dr_live already. */
void vmx_intercept_dr(struct vcpu *v, bool on)
{
	struct vmx_vcpu *s = to_vmx(v);

	if (on)
		s->dr6 = read_dr6();
	else
		write_dr6(s->dr6);
	vmx_make_current(s);
	vmx_set_proc_controls(s, PROC_MOV_DR, on);
}

void vmx_set_proc_controls(struct vmx_vcpu *s, uint64_t bits, bool on)
{
	s->proc_controls = on ? s->proc_controls | bits : s->proc_controls & ~bits;
	vmcs_write(VMCS_PROC_CONTROLS, s->proc_controls);
}

/* With PE, without which VMX enters nothing. Entries leave CR0.CD and NW as they are in the host
 * (26.3.2.1). */
static uint64_t real_cr0(const struct vcpu *v)
{
	return vmx_fix_cr0(&vmx_caps, vcpu_real_cr0(v) | CR0_PE);
}

static uint64_t real_cr4(const struct vcpu *v)
{
	return vmx_fix_cr4(&vmx_caps, vcpu_real_cr4(v));
}

static void choose_long_mode(struct vmx_vcpu *s, bool on)
{
	uint32_t entry = s->entry_controls & ~(uint32_t)ENTRY_CTL_IA32E;

	if (on)
		entry |= ENTRY_CTL_IA32E;
	if (entry != s->entry_controls)
		vmcs_write(VMCS_ENTRY_CONTROLS, entry);
	s->entry_controls = entry;
}

/* Nothing else brings a guest into a state that an entry refuses: the processor checks what is
 * loaded in the mode that it is in. */
static void note_modes(const struct vcpu *v, struct vmx_vcpu *s)
{
	uint64_t modes = (v->cr0 & CR0_PE) | (v->efer & EFER_LMA);

	if (modes == s->modes)
		return;
	s->modes = modes;
	s->enterable = false;
}

void vmx_paging_changed(struct vcpu *v)
{
	struct vmx_vcpu *s = to_vmx(v);

	vmx_make_current(s);
	vmcs_write(VMCS_GUEST_CR0, real_cr0(v));
	vmcs_write(VMCS_CR0_SHADOW, v->cr0);
	vmcs_write(VMCS_GUEST_CR4, real_cr4(v));
	vmcs_write(VMCS_CR4_SHADOW, v->cr4);
	choose_long_mode(s, v->mmu.hw.long_mode);
	if (s->loaded)
		vmx_choose_sce(v);
	note_modes(v, s);
}

void vmx_tsc_offset_changed(struct vcpu *v)
{
	vmx_make_current(to_vmx(v));
	vmcs_write(VMCS_TSC_OFFSET, v->tsc_offset);
}

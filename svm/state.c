/* SPDX-License-Identifier: MIT */
/*
 * Guest registers between the VMCB and their neutral form. Guarded by the CPU that runs
 * the vCPU; the VMCB holds all of the guest's state whenever this code runs.
 */
#include "hv/control_regs.h"
#include "hv/cpu.h"
#include "hv/print.h"
#include "svm/svm.h"

/* The VMCB has descriptor bits 55:52 (AVL, L, D/B, G) right above bits 47:40. */
#define VMCB_ATTR_HIGH_SHIFT 8
#define NEUTRAL_ATTR_HIGH_SHIFT 12

void svm_get_segment(struct vcpu *v, enum seg s, struct segment *out)
{
	const struct vmcb_seg *in = svm_segment(to_vmcb(v), s);

	out->sel = in->sel;
	out->limit = in->limit;
	out->base = in->base;
	out->attr = (in->attr & 0xff) | (uint32_t)(in->attr >> VMCB_ATTR_HIGH_SHIFT & 0xf)
						<< NEUTRAL_ATTR_HIGH_SHIFT;
	if (!(out->attr & SEG_P))
		out->attr |= SEG_UNUSABLE;
}

void svm_set_segment(struct vcpu *v, enum seg s, const struct segment *in)
{
	struct vmcb *vmcb = to_vmcb(v);
	struct vmcb_seg *out = svm_segment(vmcb, s);

	out->sel = in->sel;
	out->limit = in->limit;
	out->base = in->base;
	out->attr = (in->attr & 0xff) | (in->attr >> NEUTRAL_ATTR_HIGH_SHIFT & 0xf)
						<< VMCB_ATTR_HIGH_SHIFT;
	if (in->attr & SEG_UNUSABLE)
		out->attr = 0;
	if (s == SEG_SS)
		vmcb->cpl = in->attr >> SEG_DPL_SHIFT & 3;
	svm_dirty(vmcb, CLEAN_SEG);
}

void svm_get_tables(struct vcpu *v, struct descriptor_table *gdt, struct descriptor_table *idt)
{
	const struct vmcb *vmcb = to_vmcb(v);

	*gdt = (struct descriptor_table){ .base = vmcb->gdtr.base, .limit = vmcb->gdtr.limit };
	*idt = (struct descriptor_table){ .base = vmcb->idtr.base, .limit = vmcb->idtr.limit };
}

void svm_set_tables(struct vcpu *v, const struct descriptor_table *gdt,
		    const struct descriptor_table *idt)
{
	struct vmcb *vmcb = to_vmcb(v);

	vmcb->gdtr.base = gdt->base;
	vmcb->gdtr.limit = gdt->limit;
	vmcb->idtr.base = idt->base;
	vmcb->idtr.limit = idt->limit;
	svm_dirty(vmcb, CLEAN_DT);
}

unsigned svm_get_cpl(struct vcpu *v)
{
	return to_vmcb(v)->cpl;
}

unsigned svm_get_mode(struct vcpu *v)
{
	return svm_code_mode(v);
}

uint64_t svm_get_linear_rip(struct vcpu *v, unsigned *mode)
{
	*mode = svm_code_mode(v);
	return svm_linear_rip(v, *mode);
}

uint64_t svm_get_dr(struct vcpu *v, unsigned n)
{
	return n == 6 ? to_vmcb(v)->dr6 : to_vmcb(v)->dr7;
}

void svm_set_dr(struct vcpu *v, unsigned n, uint64_t val)
{
	if (n == 6)
		to_vmcb(v)->dr6 = val;
	else
		to_vmcb(v)->dr7 = val;
	svm_dirty(to_vmcb(v), CLEAN_DR);
}

/* Enable bits of those breakpoints in DR7 that are of data (SDM Vol. 3B 17.2.4: R/W is 1 or 3). */
static uint64_t data_breakpoints(uint64_t dr7)
{
	uint64_t enable = 0;

	for (unsigned n = 0; n < 4; n++)
		if (dr7 >> DR7_RW_SHIFT(n) & 1)
			enable |= dr7 & DR7_ENABLE(n);
	return enable;
}

/*
 * QEMU 7.2 keeps a list of its own of what the guest's MOV DR7 enabled, and a VMRUN or an exit changes
 * DR7 behind it. What is left there when another vCPU runs raises #DB in that one, and the next write
 * to DR7 takes a data breakpoint for one of instructions: QEMU dies. So the former are replaced by
 * breakpoints at 0 that are switched off again, and then a write that changes R/W clears the list.
 */
static void forget_breakpoints(uint64_t dr7)
{
	write_dr0(0);
	write_dr1(0);
	write_dr2(0);
	write_dr3(0);
	write_dr7(DR7_RESET | data_breakpoints(dr7));
	write_dr7(DR7_RESET);
	write_dr7(DR7_RESET | BIT(DR7_RW_SHIFT(0)));
	write_dr7(DR7_RESET);
}

void svm_intercept_dr(struct vcpu *v, bool on)
{
	if (on)
		forget_breakpoints(to_vmcb(v)->dr7);
	to_vmcb(v)->intercept_dr = on ? INTERCEPT_DR_ALL : 0;
	svm_dirty(to_vmcb(v), CLEAN_INTERCEPTS);
}

static uint64_t real_efer(const struct vcpu *v)
{
	uint64_t efer = (v->efer & EFER_SCE) | EFER_NXE | EFER_SVME;

	if (v->mmu.hw.long_mode)
		efer |= EFER_LME | EFER_LMA;
	return efer;
}

/* A register whose real value is the guest's may be read without an exit. */
static uint32_t cr_intercepts(const struct vcpu *v, const struct vmcb *vmcb)
{
	uint32_t on = INTERCEPT_CR_READ(3) | INTERCEPT_CR_READ(8) | INTERCEPT_CR_WRITE(0) |
		      INTERCEPT_CR_WRITE(3) | INTERCEPT_CR_WRITE(4) | INTERCEPT_CR_WRITE(8);

	if (vmcb->cr0 != v->cr0)
		on |= INTERCEPT_CR_READ(0);
	if (vmcb->cr4 != v->cr4)
		on |= INTERCEPT_CR_READ(4);
	return on;
}

void svm_paging_changed(struct vcpu *v)
{
	struct vmcb *vmcb = to_vmcb(v);

	vmcb->cr0 = vcpu_real_cr0(v);
	vmcb->cr4 = vcpu_real_cr4(v);
	vmcb->efer = real_efer(v);
	vmcb->intercept_cr = cr_intercepts(v, vmcb);
	svm_dirty(vmcb, CLEAN_CR | CLEAN_INTERCEPTS);
}

/* Where VMLOAD and VMSAVE keep it; NULL: not one of theirs. */
static uint64_t *switched_msr(struct vmcb *vmcb, uint32_t msr)
{
	switch (msr) {
	case MSR_STAR:
		return &vmcb->star;
	case MSR_LSTAR:
		return &vmcb->lstar;
	case MSR_CSTAR:
		return &vmcb->cstar;
	case MSR_SFMASK:
		return &vmcb->sfmask;
	case MSR_FS_BASE:
		return &vmcb->fs.base;
	case MSR_GS_BASE:
		return &vmcb->gs.base;
	case MSR_KERNEL_GS_BASE:
		return &vmcb->kernel_gs_base;
	case MSR_SYSENTER_CS:
		return &vmcb->sysenter_cs;
	case MSR_SYSENTER_ESP:
		return &vmcb->sysenter_esp;
	case MSR_SYSENTER_EIP:
		return &vmcb->sysenter_eip;
	default:
		return NULL;
	}
}

bool svm_get_msr(struct vcpu *v, uint32_t msr, uint64_t *val)
{
	const uint64_t *p = switched_msr(to_vmcb(v), msr);

	if (p)
		*val = *p;
	return p;
}

bool svm_set_msr(struct vcpu *v, uint32_t msr, uint64_t val)
{
	uint64_t *p = switched_msr(to_vmcb(v), msr);

	if (p)
		*p = val;
	return p;
}

void svm_tsc_offset_changed(struct vcpu *v)
{
	to_vmcb(v)->tsc_offset = v->tsc_offset;
	svm_dirty(to_vmcb(v), CLEAN_INTERCEPTS);
}

static void dump_segment(const char *name, const struct vmcb_seg *s)
{
	printk("  %s sel %04x attr %03x limit %08x base %016llx\n", name, s->sel, s->attr, s->limit,
	       (unsigned long long)s->base);
}

void svm_dump(struct vcpu *v)
{
	const struct vmcb *b = to_vmcb(v);

	printk("VMCB: exit %llx info1 %llx info2 %llx intinfo %llx asid %u\n",
	       (unsigned long long)b->exit_code, (unsigned long long)b->exit_info1,
	       (unsigned long long)b->exit_info2, (unsigned long long)b->exit_int_info, b->asid);
	printk("  cr0 %llx cr3 %llx cr4 %llx efer %llx cpl %u rflags %llx rip %llx\n",
	       (unsigned long long)b->cr0, (unsigned long long)b->cr3, (unsigned long long)b->cr4,
	       (unsigned long long)b->efer, b->cpl, (unsigned long long)b->rflags,
	       (unsigned long long)b->rip);
	dump_segment("cs", &b->cs);
	dump_segment("ss", &b->ss);
	dump_segment("ds", &b->ds);
	dump_segment("tr", &b->tr);
	dump_segment("ldtr", &b->ldtr);
	dump_segment("gdtr", &b->gdtr);
	dump_segment("idtr", &b->idtr);
}

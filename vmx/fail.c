/* SPDX-License-Identifier: MIT */
/*
 * A VM entry that failed: which way, which check, and the VMCS on the console (Intel SDM Vol.
 * 3C 26.7, 30.4). Guarded by the CPU that runs the vCPU.
 */
#include "hv/cpu.h"
#include "hv/exit_handlers.h"
#include "hv/line.h"
#include "hv/page.h"
#include "hv/print.h"
#include "vmx/check.h"
#include "vmx/vmx.h"

/* Exit qualification of an entry that failed by guest state (table 26-1, 26.7) */
#define QUAL_PDPTE 2u
#define QUAL_NMI 3u
#define QUAL_LINK_POINTER 4u

#define CR3_PDPT_MASK UINT64_C(0xffffffe0)

typedef unsigned long long ull;

void vmx_access_failed(enum vmcs_field field)
{
	panic("VMX: no access to field 0x%x of the VMCS", field);
}

static void read_guest_state(struct vcpu *v, struct vmx_guest_state *g)
{
	const uint64_t *pdpt = hpa_to_ptr(HPA(v->mmu.hw.root.v & CR3_PDPT_MASK));
	struct descriptor_table gdt, idt;

	*g = (struct vmx_guest_state){
		.cr0 = vmcs_read(VMCS_GUEST_CR0),
		.cr3 = vmcs_read(VMCS_GUEST_CR3),
		.cr4 = vmcs_read(VMCS_GUEST_CR4),
		.dr7 = vmcs_read(VMCS_GUEST_DR7),
		.debugctl = vmcs_read(VMCS_GUEST_DEBUGCTL),
		.sysenter_esp = vmcs_read(VMCS_GUEST_SYSENTER_ESP),
		.sysenter_eip = vmcs_read(VMCS_GUEST_SYSENTER_EIP),
		.rip = vmcs_read(VMCS_GUEST_RIP),
		.rflags = vmcs_read(VMCS_GUEST_RFLAGS),
		.pending_debug = vmcs_read(VMCS_GUEST_PENDING_DEBUG),
		.link_pointer = vmcs_read(VMCS_LINK_POINTER),
		.activity = vmcs_read(VMCS_GUEST_ACTIVITY),
		.interruptibility = vmcs_read(VMCS_GUEST_INTERRUPTIBILITY),
		.pin_controls = vmcs_read(VMCS_PIN_CONTROLS),
		.entry_controls = vmcs_read(VMCS_ENTRY_CONTROLS),
		.intr_info = vmcs_read(VMCS_ENTRY_INTR_INFO),
		.maxphyaddr = cpu_maxphyaddr(),
	};
	for (enum seg s = SEG_ES; s < NR_SEGS; s++)
		vmx_get_segment(v, s, &g->seg[s]);
	vmx_get_tables(v, &gdt, &idt);
	g->gdtr_base = gdt.base;
	g->gdtr_limit = gdt.limit;
	g->idtr_base = idt.base;
	g->idtr_limit = idt.limit;
	for (unsigned i = 0; i < ARRAY_SIZE(g->pdpte) && !v->mmu.hw.long_mode; i++)
		g->pdpte[i] = pdpt[i];
}

/* Names each check that fails; the first is the reason that the guest dies of. */
static const char *name_checks(const struct vmx_guest_state *g)
{
	const char *first = NULL;

	for (const struct vmx_check *x = vmx_check_next(NULL, g, &vmx_caps); x;
	     x = vmx_check_next(x, g, &vmx_caps)) {
		printk("VMX: the guest's state fails a check of SDM %s: %s\n", x->section, x->what);
		if (!first)
			first = x->what;
	}
	return first;
}

static const char *qualification_name(uint64_t qual)
{
	switch (qual) {
	case QUAL_PDPTE:
		return "a PDPTE was refused";
	case QUAL_NMI:
		return "an NMI was injected into a shadow";
	case QUAL_LINK_POINTER:
		return "the VMCS link pointer was refused";
	default:
		return "no check that xihv knows fails";
	}
}

void vmx_entry_failed(struct vcpu *v, uint32_t reason)
{
	unsigned basic = reason & EXIT_REASON_MASK;
	struct vmx_guest_state g;
	const char *check;

	if (basic != VMX_EXIT_BAD_GUEST_STATE) {
		exit_failed_entry(v, vmx_exit_reason_name(basic));
		return;
	}
	read_guest_state(v, &g);
	check = name_checks(&g);
	if (check)
		exit_failed_entry(v, check);
	else
		exit_failed_entry(v, qualification_name(vmcs_read(VMCS_EXIT_QUALIFICATION)));
}

void vmx_instruction_failed(struct vcpu *v, enum vmx_entry_result how)
{
	if (how == VMX_FAIL_VALID)
		exit_failed_entry(v, vmx_insn_error_name(vmcs_read(VMCS_INSN_ERROR)));
	else
		exit_failed_entry(v, "there is no current VMCS");
}

static void dump_segment(struct vcpu *v, const char *name, enum seg s)
{
	struct segment r;

	vmx_get_segment(v, s, &r);
	printk("  %s sel %04x rights %05x limit %08x base %016llx\n", name, r.sel, r.attr, r.limit,
	       (ull)r.base);
}

static void dump_table(const char *name, const struct descriptor_table *t)
{
	printk("  %s limit %04x base %016llx\n", name, t->limit, (ull)t->base);
}

static void dump_controls(void)
{
	struct line l = { .len = 0 };

	line_add(&l, "  controls: pin %lx proc %lx", vmcs_read(VMCS_PIN_CONTROLS),
		 vmcs_read(VMCS_PROC_CONTROLS));
	if (vmx_caps_have(&vmx_caps, VMX_PROC, PROC_SECONDARY))
		line_add(&l, " proc2 %lx", vmcs_read(VMCS_PROC2_CONTROLS));
	line_add(&l, " exit %lx entry %lx", vmcs_read(VMCS_EXIT_CONTROLS),
		 vmcs_read(VMCS_ENTRY_CONTROLS));
	line_print(&l);
}

void vmx_dump(struct vcpu *v)
{
	static const char *const names[] = { "es", "cs", "ss", "ds", "fs", "gs", "tr", "ldtr" };
	struct descriptor_table gdt, idt;
	uint32_t reason;

	vmx_make_current(to_vmx(v));
	reason = vmcs_read(VMCS_EXIT_REASON);
	printk("VMCS: exit %x (%s) qualification %llx intr %llx idt vectoring %llx entry intr %llx\n",
	       reason, vmx_exit_reason_name(reason & EXIT_REASON_MASK),
	       (ull)vmcs_read(VMCS_EXIT_QUALIFICATION), (ull)vmcs_read(VMCS_EXIT_INTR_INFO),
	       (ull)vmcs_read(VMCS_IDT_VECTORING_INFO), (ull)vmcs_read(VMCS_ENTRY_INTR_INFO));
	dump_controls();
	printk("  cr0 %llx cr3 %llx cr4 %llx rflags %llx rip %llx interruptibility %llx\n",
	       (ull)vmcs_read(VMCS_GUEST_CR0), (ull)vmcs_read(VMCS_GUEST_CR3),
	       (ull)vmcs_read(VMCS_GUEST_CR4), (ull)vmcs_read(VMCS_GUEST_RFLAGS),
	       (ull)vmcs_read(VMCS_GUEST_RIP), (ull)vmcs_read(VMCS_GUEST_INTERRUPTIBILITY));
	for (enum seg s = SEG_ES; s < NR_SEGS; s++)
		dump_segment(v, names[s], s);
	vmx_get_tables(v, &gdt, &idt);
	dump_table("gdtr", &gdt);
	dump_table("idtr", &idt);
}

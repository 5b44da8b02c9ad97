/* SPDX-License-Identifier: MIT */
/*
 * What a VM entry checks of control registers, tables, RIP, RFLAGS and non-register state
 * (Intel SDM Vol. 3C 26.3.1.1, 26.3.1.3 to 26.3.1.6), in the manual's order. Constant tables
 * and pure functions: no lock.
 */
#include "hv/x86.h"
#include "vmx/check.h"
#include "vmx/vmcs.h"

#define DEBUGCTL_VALID UINT64_C(0xffc3) /* Vol. 4, IA32_DEBUGCTL; 13:2 less what is reserved */
#define RFLAGS_RESERVED (~UINT64_C(0x3fffff) | BIT(15) | BIT(5) | BIT(3))
#define ACTIVITY_ACTIVE 0u
#define ACTIVITY_HLT 1u
#define ACTIVITY_LAST 3u
#define INTERRUPTIBILITY_VALID 0x1fu
#define BLOCKING_BY_SMI BIT(2)
#define PENDING_DEBUG_VALID (0xfu | BIT(12) | BIT(14))
#define PDPTE_RESERVED (BIT(1) | BIT(2) | UINT64_C(0x1e0))

#define CHECK(name)                                                               \
	static bool name(const struct vmx_guest_state *g __attribute__((unused)), \
			 const struct vmx_caps *c __attribute__((unused)))

static bool is_ia32e(const struct vmx_guest_state *g)
{
	return g->entry_controls & ENTRY_CTL_IA32E;
}

static bool injects(const struct vmx_guest_state *g, enum vmx_intr_type type)
{
	return (g->intr_info & INTR_VALID) &&
	       (g->intr_info >> INTR_TYPE_SHIFT & INTR_TYPE_MASK) == type;
}

/* Bits of a physical address that this processor does not have. */
static uint64_t beyond(const struct vmx_guest_state *g)
{
	return ~(BIT(g->maxphyaddr) - 1);
}

/* --- 26.3.1.1 ------------------------------------------------------------------------- */

CHECK(cr0_fixed)
{
	return vmx_fix_cr0(c, g->cr0) == g->cr0;
}

CHECK(cr0_paging)
{
	return !(g->cr0 & CR0_PG) || (g->cr0 & CR0_PE);
}

CHECK(cr4_fixed)
{
	return vmx_fix_cr4(c, g->cr4) == g->cr4;
}

CHECK(debugctl)
{
	return !(g->debugctl & ~DEBUGCTL_VALID);
}

CHECK(ia32e_paging)
{
	return !is_ia32e(g) || ((g->cr0 & CR0_PG) && (g->cr4 & CR4_PAE));
}

CHECK(pcid)
{
	return is_ia32e(g) || !(g->cr4 & CR4_PCIDE);
}

CHECK(cr3_width)
{
	return !(g->cr3 & beyond(g));
}

CHECK(dr7_high)
{
	return !(g->dr7 >> 32);
}

CHECK(sysenter)
{
	return is_canonical(g->sysenter_esp, c->linear_bits) &&
	       is_canonical(g->sysenter_eip, c->linear_bits);
}

/* --- 26.3.1.3 ------------------------------------------------------------------------- */

CHECK(table_bases)
{
	return is_canonical(g->gdtr_base, c->linear_bits) &&
	       is_canonical(g->idtr_base, c->linear_bits);
}

CHECK(table_limits)
{
	return !(g->gdtr_limit >> 16) && !(g->idtr_limit >> 16);
}

/* --- 26.3.1.4 ------------------------------------------------------------------------- */

CHECK(rip)
{
	if (is_ia32e(g) && (g->seg[SEG_CS].attr & SEG_L))
		return is_canonical(g->rip, c->linear_bits);
	return !(g->rip >> 32);
}

CHECK(rflags_reserved)
{
	return !(g->rflags & RFLAGS_RESERVED) && (g->rflags & RFLAGS_FIXED);
}

CHECK(rflags_vm)
{
	return !(g->rflags & RFLAGS_VM) || (!is_ia32e(g) && (g->cr0 & CR0_PE));
}

CHECK(rflags_if)
{
	return !injects(g, INTR_EXTERNAL) || (g->rflags & RFLAGS_IF);
}

/* --- 26.3.1.5 ------------------------------------------------------------------------- */

static bool shadow(const struct vmx_guest_state *g)
{
	return g->interruptibility & (BLOCKING_BY_STI | BLOCKING_BY_MOV_SS);
}

CHECK(activity_known)
{
	return g->activity <= ACTIVITY_LAST;
}

CHECK(activity_hlt)
{
	return g->activity != ACTIVITY_HLT || (g->seg[SEG_SS].attr >> SEG_DPL_SHIFT & 3) == 0;
}

CHECK(activity_shadow)
{
	return g->activity == ACTIVITY_ACTIVE || !shadow(g);
}

CHECK(interruptibility_reserved)
{
	return !(g->interruptibility & ~INTERRUPTIBILITY_VALID);
}

CHECK(both_shadows)
{
	return !(g->interruptibility & BLOCKING_BY_STI) ||
	       !(g->interruptibility & BLOCKING_BY_MOV_SS);
}

CHECK(sti_needs_if)
{
	return !(g->interruptibility & BLOCKING_BY_STI) || (g->rflags & RFLAGS_IF);
}

CHECK(shadow_interrupt)
{
	return !injects(g, INTR_EXTERNAL) || !shadow(g);
}

CHECK(shadow_nmi)
{
	return !injects(g, INTR_NMI) || !shadow(g);
}

CHECK(smi)
{
	return !(g->interruptibility & BLOCKING_BY_SMI);
}

CHECK(nmi_blocked)
{
	return !injects(g, INTR_NMI) || !(g->pin_controls & PIN_VIRTUAL_NMI) ||
	       !(g->interruptibility & BLOCKING_BY_NMI);
}

CHECK(pending_debug_reserved)
{
	return !(g->pending_debug & ~(uint64_t)PENDING_DEBUG_VALID);
}

CHECK(pending_debug_step)
{
	bool step = g->pending_debug & PENDING_DEBUG_BS;

	return !shadow(g) || step == !!(g->rflags & RFLAGS_TF);
}

CHECK(link_pointer)
{
	return g->link_pointer == ~UINT64_C(0);
}

/* --- 26.3.1.6 ------------------------------------------------------------------------- */

CHECK(pdptes)
{
	if (is_ia32e(g) || !(g->cr0 & CR0_PG) || !(g->cr4 & CR4_PAE))
		return true;
	for (unsigned i = 0; i < ARRAY_SIZE(g->pdpte); i++)
		if ((g->pdpte[i] & PTE_P) && (g->pdpte[i] & (PDPTE_RESERVED | beyond(g))))
			return false;
	return true;
}

const struct vmx_check vmx_register_checks[] = {
	{ "26.3.1.1", "CR0 has the bits that VMX fixes", cr0_fixed },
	{ "26.3.1.1", "CR0.PG is set only with CR0.PE", cr0_paging },
	{ "26.3.1.1", "CR4 has the bits that VMX fixes", cr4_fixed },
	{ "26.3.1.1", "IA32_DEBUGCTL has no reserved bits", debugctl },
	{ "26.3.1.1", "IA-32e mode has CR0.PG and CR4.PAE", ia32e_paging },
	{ "26.3.1.1", "CR4.PCIDE is set only in IA-32e mode", pcid },
	{ "26.3.1.1", "CR3 is a physical address", cr3_width },
	{ "26.3.1.1", "DR7 has 32 bits", dr7_high },
	{ "26.3.1.1", "SYSENTER_ESP and SYSENTER_EIP are canonical", sysenter },
	{ "26.3.1.3", "the bases of GDTR and IDTR are canonical", table_bases },
	{ "26.3.1.3", "the limits of GDTR and IDTR have 16 bits", table_limits },
	{ "26.3.1.4", "RIP has 32 bits outside 64-bit code, and is canonical in it", rip },
	{ "26.3.1.4", "RFLAGS has its fixed bits", rflags_reserved },
	{ "26.3.1.4", "RFLAGS.VM is set only in protected mode", rflags_vm },
	{ "26.3.1.4", "an interrupt is injected only with RFLAGS.IF", rflags_if },
	{ "26.3.1.5", "the activity state is one of four", activity_known },
	{ "26.3.1.5", "HLT is a state of ring 0 only", activity_hlt },
	{ "26.3.1.5", "only an active processor has a shadow of STI or MOV SS", activity_shadow },
	{ "26.3.1.5", "the interruptibility state has no reserved bits",
	  interruptibility_reserved },
	{ "26.3.1.5", "STI and MOV SS do not both block", both_shadows },
	{ "26.3.1.5", "STI blocks only with RFLAGS.IF", sti_needs_if },
	{ "26.3.1.5", "no interrupt is injected behind STI or MOV SS", shadow_interrupt },
	{ "26.3.1.5", "no NMI is injected behind STI or MOV SS", shadow_nmi },
	{ "26.3.1.5", "SMIs are not blocked", smi },
	{ "26.3.1.5", "no NMI is injected while they are blocked", nmi_blocked },
	{ "26.3.1.5", "the pending debug exceptions have no reserved bits",
	  pending_debug_reserved },
	{ "26.3.1.5", "behind STI or MOV SS a single step is pending as RFLAGS.TF says",
	  pending_debug_step },
	{ "26.3.1.5", "the VMCS link pointer is all ones", link_pointer },
	{ "26.3.1.6", "the PDPTEs have no reserved bits", pdptes },
	{ NULL, NULL, NULL },
};

/* SPDX-License-Identifier: MIT */
/*
 * Controls from capabilities (Intel SDM Vol. 3C appendix A): one table says which control
 * is wanted, and whether guests can be run without it. All others are 0 where they may be.
 * Pure functions: no lock.
 */
#include "vmx/caps.h"

#include "vmx/vmcs.h"

/* IA32_VMX_BASIC (A.1) */
#define BASIC_REVISION_MASK 0x7fffffffu
#define BASIC_32BIT_ADDRESSES BIT(48)

/* IA32_VMX_MISC (A.6) */
#define MISC_TIMER_SHIFT_MASK 0x1fu

/* IA32_VMX_EPT_VPID_CAP (A.10) */
#define VPID_CAP_INVVPID BIT(32)
#define VPID_CAP_ADDRESS BIT(40)
#define VPID_CAP_CONTEXT BIT(41)
#define VPID_CAP_ALL BIT(42)

enum wish {
	NEEDED, /* on in every VMCS; guests cannot be run without it */
	WANTED, /* on in every VMCS where it can be */
	SWITCHED, /* now on, now off: must be able to be both; off in the table of controls */
};

static const struct {
	enum vmx_control_word word;
	uint32_t bit;
	enum wish wish;
	const char *name;
} wishes[] = {
	{ VMX_PIN, PIN_EXTERNAL_INTERRUPT, NEEDED, "external-interrupt exiting" },
	{ VMX_PIN, PIN_NMI, NEEDED, "NMI exiting" },
	{ VMX_PIN, PIN_VIRTUAL_NMI, NEEDED, "virtual NMIs" },
	{ VMX_PIN, PIN_PREEMPTION_TIMER, WANTED, "preemption timer" },
	{ VMX_PROC, PROC_INTERRUPT_WINDOW, SWITCHED, "interrupt-window exiting" },
	{ VMX_PROC, PROC_NMI_WINDOW, SWITCHED, "NMI-window exiting" },
	{ VMX_PROC, PROC_MOV_DR, SWITCHED, "MOV-DR exiting" },
	{ VMX_PROC, PROC_TSC_OFFSET, NEEDED, "TSC offsetting" },
	{ VMX_PROC, PROC_HLT, NEEDED, "HLT exiting" },
	{ VMX_PROC, PROC_INVLPG, NEEDED, "INVLPG exiting" },
	{ VMX_PROC, PROC_MWAIT, NEEDED, "MWAIT exiting" },
	{ VMX_PROC, PROC_MONITOR, NEEDED, "MONITOR exiting" },
	{ VMX_PROC, PROC_RDPMC, NEEDED, "RDPMC exiting" },
	{ VMX_PROC, PROC_CR3_LOAD, NEEDED, "CR3-load exiting" },
	{ VMX_PROC, PROC_CR3_STORE, NEEDED, "CR3-store exiting" },
	{ VMX_PROC, PROC_CR8_LOAD, NEEDED, "CR8-load exiting" },
	{ VMX_PROC, PROC_CR8_STORE, NEEDED, "CR8-store exiting" },
	{ VMX_PROC, PROC_TPR_SHADOW, WANTED, "TPR shadow" },
	{ VMX_PROC, PROC_IO, NEEDED, "unconditional I/O exiting" },
	{ VMX_PROC, PROC_MSR_BITMAP, WANTED, "MSR bitmaps" },
	{ VMX_PROC, PROC_SECONDARY, WANTED, "secondary controls" },
	{ VMX_PROC2, PROC2_RDTSCP, WANTED, "RDTSCP" },
	{ VMX_PROC2, PROC2_VPID, WANTED, "VPIDs" },
	{ VMX_PROC2, PROC2_WBINVD, WANTED, "WBINVD exiting" },
	{ VMX_EXIT, EXIT_CTL_SAVE_DEBUG, NEEDED, "saving of debug controls" },
	{ VMX_EXIT, EXIT_CTL_HOST_64, NEEDED, "a 64-bit host" },
	{ VMX_ENTRY, ENTRY_CTL_LOAD_DEBUG, NEEDED, "loading of debug controls" },
	{ VMX_ENTRY, ENTRY_CTL_IA32E, SWITCHED, "64-bit guests and others" },
};

/* A.2: a control that is 1 in the low half must be 1, one that is 0 in the high half must
 * be 0. */
static uint32_t must_be_on(uint64_t msr)
{
	return (uint32_t)msr;
}

static uint32_t may_be_on(uint64_t msr)
{
	return msr >> 32;
}

static const char *choose_controls(struct vmx_caps *c, const struct vmx_msrs *m)
{
	for (unsigned w = 0; w < VMX_NR_WORDS; w++)
		c->control[w] = must_be_on(m->control[w]);
	for (unsigned i = 0; i < ARRAY_SIZE(wishes); i++) {
		uint64_t msr = m->control[wishes[i].word];
		uint32_t bit = wishes[i].bit;

		if (wishes[i].wish == SWITCHED && (must_be_on(msr) & bit))
			return wishes[i].name;
		if (wishes[i].wish != WANTED && !(may_be_on(msr) & bit))
			return wishes[i].name;
		if (wishes[i].wish != SWITCHED)
			c->control[wishes[i].word] |= may_be_on(msr) & bit;
	}
	return NULL;
}

/* With the shadow CR8 needs no exits. */
static void look_at_tpr_shadow(struct vmx_caps *c)
{
	if (c->control[VMX_PROC] & PROC_TPR_SHADOW)
		c->control[VMX_PROC] &= ~(uint32_t)(PROC_CR8_LOAD | PROC_CR8_STORE);
}

/* VPIDs that cannot be flushed are of no use. */
static void look_at_vpid(struct vmx_caps *c, const struct vmx_msrs *m)
{
	uint64_t cap = m->ept_vpid;

	c->invvpid_address = cap & VPID_CAP_ADDRESS;
	c->invvpid_context = cap & VPID_CAP_CONTEXT;
	if (!(cap & VPID_CAP_INVVPID) || !(cap & (VPID_CAP_CONTEXT | VPID_CAP_ALL)))
		c->control[VMX_PROC2] &= ~(uint32_t)PROC2_VPID;
}

const char *vmx_caps_find(struct vmx_caps *c, const struct vmx_msrs *m)
{
	const char *lacks;

	*c = (struct vmx_caps){
		.revision = m->basic & BASIC_REVISION_MASK,
		.below_4g = m->basic & BASIC_32BIT_ADDRESSES,
		.cr0_set = m->cr0_fixed0,
		.cr0_clear = ~m->cr0_fixed1,
		.cr4_set = m->cr4_fixed0,
		.cr4_clear = ~m->cr4_fixed1,
		.linear_bits = m->linear_bits,
		.timer_shift = m->misc & MISC_TIMER_SHIFT_MASK,
	};
	lacks = choose_controls(c, m);
	look_at_vpid(c, m);
	look_at_tpr_shadow(c);
	return lacks;
}

const char *vmx_caps_extra(const struct vmx_caps *c, unsigned i, bool *have)
{
	for (unsigned w = 0; w < ARRAY_SIZE(wishes); w++) {
		if (wishes[w].wish != WANTED || i--)
			continue;
		*have = vmx_caps_have(c, wishes[w].word, wishes[w].bit);
		return wishes[w].name;
	}
	return NULL;
}

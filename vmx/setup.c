/* SPDX-License-Identifier: MIT */
/*
 * A new VMCS, from tables: constants, controls by capability, and the host's state, which
 * never changes once xihv runs (Intel SDM Vol. 3C 24.4 to 24.8). The MSR bitmap is written
 * once, at boot.
 */
#include "hv/cpu.h"
#include "hv/errno.h"
#include "hv/page.h"
#include "hv/percpu.h"
#include "hv/string.h"
#include "hv/timer.h"
#include "vmx/quirks.h"
#include "vmx/vmx.h"

#define ALL_ONES (~UINT64_C(0))

/* Descriptors of a GDT (SDM Vol. 3A 3.4.5, 7.2.3) */
#define SEL_INDEX_MASK 0xfff8u

static pfn_t msr_bitmap;

static const struct {
	enum vmcs_field field;
	uint64_t value;
} constants[] = {
	/* all #PF exit, whatever their error code (25.2) */
	{ VMCS_EXCEPTION_BITMAP, VMX_EXCEPTIONS },
	{ VMCS_PF_ERROR_MASK, 0 },
	{ VMCS_PF_ERROR_MATCH, 0 },
	{ VMCS_CR3_TARGET_COUNT, 0 },
	{ VMCS_EXIT_MSR_STORE_COUNT, 0 },
	{ VMCS_EXIT_MSR_LOAD_COUNT, 0 },
	{ VMCS_ENTRY_MSR_LOAD_COUNT, 0 },
	{ VMCS_ENTRY_INTR_INFO, 0 },
	/* the guest sees its own CR0 and CR4, whatever the real ones are */
	{ VMCS_CR0_MASK, ALL_ONES },
	{ VMCS_CR4_MASK, ALL_ONES },
	{ VMCS_LINK_POINTER, ALL_ONES }, /* 26.3.1.5: no shadow VMCS */
	{ VMCS_GUEST_DEBUGCTL, 0 },
	{ VMCS_GUEST_ACTIVITY, 0 }, /* active */
	{ VMCS_GUEST_INTERRUPTIBILITY, 0 },
	{ VMCS_GUEST_PENDING_DEBUG, 0 },
	{ VMCS_HOST_FS_BASE, 0 },
	{ VMCS_HOST_SYSENTER_CS, 0 },
	{ VMCS_HOST_SYSENTER_ESP, 0 },
	{ VMCS_HOST_SYSENTER_EIP, 0 },
};

static const struct {
	enum vmcs_field field;
	enum vmx_control_word word;
} controls[] = {
	{ VMCS_PIN_CONTROLS, VMX_PIN },
	{ VMCS_PROC_CONTROLS, VMX_PROC },
	{ VMCS_EXIT_CONTROLS, VMX_EXIT },
	{ VMCS_ENTRY_CONTROLS, VMX_ENTRY },
};

#define SEGMENT_READER(name)                                          \
	static uint64_t host_##name(void)                             \
	{                                                             \
		uint16_t sel;                                         \
                                                                      \
		__asm__ volatile("mov %%" #name ", %0" : "=rm"(sel)); \
		return sel;                                           \
	}

SEGMENT_READER(es)
SEGMENT_READER(cs)
SEGMENT_READER(ss)
SEGMENT_READER(ds)

static uint64_t host_tr(void)
{
	uint16_t sel;

	__asm__ volatile("str %0" : "=rm"(sel));
	return sel;
}

struct table_register {
	uint16_t limit;
	uint64_t base;
} __attribute__((packed));

static uint64_t host_gdtr(void)
{
	struct table_register r;

	__asm__ volatile("sgdt %0" : "=m"(r));
	return r.base;
}

static uint64_t host_idtr(void)
{
	struct table_register r;

	__asm__ volatile("sidt %0" : "=m"(r));
	return r.base;
}

static uint64_t host_tr_base(void)
{
	const uint64_t *d = (const uint64_t *)(host_gdtr() + (host_tr() & SEL_INDEX_MASK));

	return (d[0] >> 16 & 0xffffff) | (d[0] >> 56) << 24 | d[1] << 32;
}

static uint64_t exit_address(void)
{
	return (uint64_t)vmx_exit_to;
}

static const struct {
	enum vmcs_field field;
	uint64_t (*value)(void);
} host[] = {
	{ VMCS_HOST_CR0, read_cr0 },	    { VMCS_HOST_CR3, read_cr3 },
	{ VMCS_HOST_CR4, read_cr4 },	    { VMCS_HOST_ES_SEL, host_es },
	{ VMCS_HOST_CS_SEL, host_cs },	    { VMCS_HOST_SS_SEL, host_ss },
	{ VMCS_HOST_DS_SEL, host_ds },	    { VMCS_HOST_TR_SEL, host_tr },
	{ VMCS_HOST_IDTR_BASE, host_idtr }, { VMCS_HOST_RIP, exit_address },
};

/* What each CPU has of its own. */
void vmx_setup_host_cpu(void)
{
	vmcs_write(VMCS_HOST_TR_BASE, host_tr_base());
	vmcs_write(VMCS_HOST_GDTR_BASE, host_gdtr());
	vmcs_write(VMCS_HOST_GS_BASE, (uint64_t)this_cpu());
}

int vmx_setup_init(void)
{
	int err = page_alloc(0, 0, &msr_bitmap);

	if (err)
		return err;
	memset(pfn_to_ptr(msr_bitmap), 0xff, PAGE_SIZE);
	vmx_let_msrs_through(pfn_to_ptr(msr_bitmap));
	return 0;
}

/* Fields that are there only with the control that uses them. */
static void write_optional(const struct vmx_vcpu *s)
{
	if (vmx_caps_have(&vmx_caps, VMX_PROC, PROC_SECONDARY))
		vmcs_write(VMCS_PROC2_CONTROLS, vmx_caps.control[VMX_PROC2]);
	if (vmx_caps_have(&vmx_caps, VMX_PROC, PROC_MSR_BITMAP))
		vmcs_write(VMCS_MSR_BITMAP, pfn_to_hpa(msr_bitmap).v);
	if (vmx_caps_have(&vmx_caps, VMX_PIN, PIN_PREEMPTION_TIMER))
		vmcs_write(VMCS_PREEMPTION_TIMER,
			   ns_to_tsc(QUIRK_LONGEST_STAY_NS) >> vmx_caps.timer_shift);
	if (s->virtual_apic) {
		vmcs_write(VMCS_VIRTUAL_APIC_PAGE, ptr_to_hpa(s->virtual_apic).v);
		vmcs_write(VMCS_TPR_THRESHOLD, 0);
	}
	if (s->vpid)
		vmcs_write(VMCS_VPID, s->vpid);
}

void vmx_setup(struct vmx_vcpu *s)
{
	for (unsigned i = 0; i < ARRAY_SIZE(constants); i++)
		vmcs_write(constants[i].field, constants[i].value);
	for (unsigned i = 0; i < ARRAY_SIZE(controls); i++)
		vmcs_write(controls[i].field, vmx_caps.control[controls[i].word]);
	for (unsigned i = 0; i < ARRAY_SIZE(host); i++)
		vmcs_write(host[i].field, host[i].value());
	vmcs_write(VMCS_HOST_FS_SEL, 0);
	vmcs_write(VMCS_HOST_GS_SEL, 0);
	write_optional(s);
	s->proc_controls = vmx_caps.control[VMX_PROC];
	vmx_set_proc_controls(s, PROC_MOV_DR, true);
	s->entry_controls = vmx_caps.control[VMX_ENTRY];
}

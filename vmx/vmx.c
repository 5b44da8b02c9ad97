/* SPDX-License-Identifier: MIT */
/*
 * Intel VMX: vCPUs, and the loop that enters a guest and handles its exits (Intel SDM Vol. 3C
 * ch. 24 to 27). A VMCS belongs to the CPU that runs the vCPU.
 */
#include "vmx/vmx.h"

#include "hv/cpu.h"
#include "hv/errno.h"
#include "hv/page.h"
#include "hv/percpu.h"
#include "hv/vm.h"

static void vcpu_fini(struct vcpu *v)
{
	struct vmx_vcpu *s = to_vmx(v);

	vmx_forget_current(s);
	vmx_tpr_fini(s);
	vmx_region_free(s->vmcs);
	mem_free(s, sizeof(*s));
	v->arch = NULL;
}

static struct vmx_vcpu *alloc(void)
{
	struct vmx_vcpu *s = mem_alloc(sizeof(*s));

	if (!s)
		return NULL;
	s->vmcs = vmx_region_alloc();
	if (s->vmcs && vmx_tpr_init(s) == 0)
		return s;
	if (s->vmcs)
		vmx_region_free(s->vmcs);
	mem_free(s, sizeof(*s));
	return NULL;
}

static int vcpu_init(struct vcpu *v)
{
	struct vmx_vcpu *s = alloc();

	if (!s)
		return -ENOMEM;
	s->vmcs_hpa = ptr_to_hpa(s->vmcs).v;
	v->arch = s;
	vmx_vpid_init(v);
	vmx_forget_current(s); /* which also makes it good for VMPTRLD (24.11.3) */
	vmx_make_current(s);
	vmx_setup(s);
	return 0;
}

static void load(struct vcpu *v)
{
	struct vmx_vcpu *s = to_vmx(v);

	if (s->cpu != this_cpu()->index)
		s->flush = true;
	vmx_make_current(s);
	vmx_setup_host_cpu();
	vmx_load_msrs(v);
}

/* The next CPU finds all of it in memory. */
static void unload(struct vcpu *v)
{
	vmx_unload_msrs(v);
	vmx_forget_current(to_vmx(v));
}

static void write_changed(enum vmcs_field field, uint64_t *have, uint64_t want)
{
	if (*have == want)
		return;
	*have = want;
	vmcs_write(field, want);
}

/* What blocks events: the processor's own bits for as long as the neutral ones stand. STI blocks
 * only with RFLAGS.IF (26.3.1.5). */
static uint32_t interruptibility(const struct vcpu *v, const struct vmx_vcpu *s)
{
	uint32_t blocking = 0;

	if (unlikely(v->intr_shadow)) {
		blocking = s->interruptibility & (BLOCKING_BY_STI | BLOCKING_BY_MOV_SS);
		if (!blocking)
			blocking = BLOCKING_BY_STI;
		if (!(v->regs.rflags & RFLAGS_IF))
			blocking = BLOCKING_BY_MOV_SS;
	}
	if (unlikely(v->nmi_blocked))
		blocking |= BLOCKING_BY_NMI;
	return blocking;
}

/* A single step that waits for the end of a shadow, which has been cut short or goes on
 * (26.3.1.5). */
static void change_interruptibility(struct vcpu *v, struct vmx_vcpu *s, uint32_t want)
{
	bool shadow = want & (BLOCKING_BY_STI | BLOCKING_BY_MOV_SS);

	s->interruptibility = want;
	vmcs_write(VMCS_GUEST_INTERRUPTIBILITY, want);
	vmcs_write(VMCS_GUEST_PENDING_DEBUG,
		   shadow && (v->regs.rflags & RFLAGS_TF) ? PENDING_DEBUG_BS : 0);
}

static void to_processor(struct vcpu *v, struct vmx_vcpu *s)
{
	uint32_t blocking = interruptibility(v, s);

	write_changed(VMCS_GUEST_RIP, &s->rip, v->regs.rip);
	write_changed(VMCS_GUEST_RSP, &s->rsp, v->regs.gpr[REG_RSP]);
	write_changed(VMCS_GUEST_RFLAGS, &s->rflags, v->regs.rflags);
	write_changed(VMCS_GUEST_CR3, &s->cr3, v->mmu.hw.root.v);
	if (s->virtual_apic && unlikely(s->tpr != v->tpr || s->virtual_apic->tpr != v->tpr))
		vmx_tpr_to_processor(v);
	if (unlikely(blocking != s->interruptibility))
		change_interruptibility(v, s, blocking);
	if (unlikely(read_cr2() != v->cr2))
		write_cr2(v->cr2);
}

static void from_processor(struct vcpu *v, struct vmx_vcpu *s)
{
	v->t_exit = rdtsc();
	v->cr2 = read_cr2();
	v->regs.rip = s->rip = vmcs_read(VMCS_GUEST_RIP);
	v->regs.gpr[REG_RSP] = s->rsp = vmcs_read(VMCS_GUEST_RSP);
	v->regs.rflags = s->rflags = vmcs_read(VMCS_GUEST_RFLAGS);
	s->interruptibility = vmcs_read(VMCS_GUEST_INTERRUPTIBILITY);
	v->intr_shadow = s->interruptibility & (BLOCKING_BY_STI | BLOCKING_BY_MOV_SS);
	v->nmi_blocked = s->interruptibility & BLOCKING_BY_NMI;
	if (s->virtual_apic && unlikely(s->virtual_apic->tpr != s->tpr))
		vmx_tpr_from_processor(v);
}

static enum exit_reason after_exit(struct vcpu *v)
{
	uint32_t interrupted = vmcs_read(VMCS_IDT_VECTORING_INFO);
	enum exit_reason reason;

	if (unlikely(interrupted & INTR_VALID))
		vmx_note_interrupted_event(v, interrupted);
	reason = vmx_handle_exit(v, vmcs_read(VMCS_EXIT_REASON));
	if (unlikely(v->delivering.type != EVENT_NONE))
		vcpu_reinject(v);
	return reason;
}

static enum exit_reason enter_once(struct vcpu *v, struct vmx_vcpu *s)
{
	enum vmx_entry_result result;

	if (v->pending.type != EVENT_NONE)
		vmx_inject_pending(v);
	if (unlikely(vmx_windows_differ(v)))
		vmx_change_windows(v);
	if (unlikely(s->flush))
		vmx_flush_now(s);
	to_processor(v, s);
	result = vmx_enter(&v->regs, &s->host_rsp, s->launched);
	vcpu_has_left(v);
	if (unlikely(result != VMX_ENTERED)) {
		v->t_exit = rdtsc();
		vmx_instruction_failed(v, result);
		return EXIT_FAILED_ENTRY;
	}
	s->launched = true;
	from_processor(v, s);
	if (unlikely(s->as_vm86))
		vmx_from_vm86(v);
	return after_exit(v);
}

/* Since v->t_exit. */
static void count(struct vcpu *v, enum exit_reason reason, const struct percpu *cpu)
{
	uint64_t now = rdtsc();

	v->exits.count[reason]++;
	v->exits.ticks[reason] += now - v->t_exit;
	/* The profile tick, if the timer is that, belongs to this exit. */
	if (unlikely(now >= cpu->timer_tsc))
		v->leave = true;
}

static uint64_t possible_cr4(void)
{
	return ~vmx_caps.cr4_clear;
}

static void run(struct vcpu *v)
{
	struct vmx_vcpu *s = to_vmx(v);
	const struct percpu *cpu = this_cpu();

	vmx_make_current(s);
	while (!v->leave && v->state == VCPU_RUNNABLE) {
		if (likely(s->enterable)) {
			vcpu_before_entry(v);
		} else if (!vmx_make_enterable(v)) {
			count(v, EXIT_EMULATED, cpu);
			continue;
		}
		if (vcpu_may_enter(v))
			count(v, enter_once(v, s), cpu);
	}
	if (unlikely(s->as_vm86)) /* for an entry that has not come about */
		vmx_from_vm86(v);
}

const struct vendor_ops vmx_ops = {
	.name = "VMX",
	.usable = vmx_usable,
	.possible_cr4 = possible_cr4,
	.cpu_init = vmx_cpu_init,
	.cpu_fini = vmx_cpu_fini,
	.vcpu_init = vcpu_init,
	.vcpu_fini = vcpu_fini,
	.load = load,
	.unload = unload,
	.run = run,
	.get_segment = vmx_get_segment,
	.set_segment = vmx_set_segment,
	.get_tables = vmx_get_tables,
	.set_tables = vmx_set_tables,
	.get_cpl = vmx_get_cpl,
	.get_mode = vmx_get_mode,
	.get_linear_rip = vmx_get_linear_rip,
	.get_dr = vmx_get_dr,
	.set_dr = vmx_set_dr,
	.intercept_dr = vmx_intercept_dr,
	.paging_changed = vmx_paging_changed,
	.get_msr = vmx_get_msr,
	.set_msr = vmx_set_msr,
	.tlb_flush = vmx_tlb_flush,
	.tlb_flush_page = vmx_tlb_flush_page,
	.tsc_offset_changed = vmx_tsc_offset_changed,
	.dump = vmx_dump,
};

/* SPDX-License-Identifier: MIT */
/*
 * AMD SVM: bring-up, VMCBs, and the loop that enters a guest and handles its exits
 * (AMD APM Vol. 2 ch. 15). Per-CPU data belongs to its CPU, a VMCB to the CPU that runs
 * the vCPU; the permission maps are constant after boot.
 */
#include "svm/svm.h"

#include "hv/cpu.h"
#include "hv/errno.h"
#include "hv/page.h"
#include "hv/percpu.h"
#include "hv/string.h"

#define LEAF_HYPERVISOR 0x40000000
#define LEAF_SVM 0x8000000a
#define IOPM_ORDER 2 /* 12 KiB are needed */
#define MSRPM_ORDER 1
#define MSRPM_RANGE_BYTES 0x800 /* 8192 MSRs, two bits each */

struct svm_features svm_features;

static uint64_t host_vmcb_hpa[CPUS_MAX]; /* by host CPU */
static pfn_t iopm, msrpm;

static bool usable(const char **why)
{
	uint64_t vm_cr;

	if (!cpu_has(FEAT_SVM)) {
		*why = "the processor has no SVM";
		return false;
	}
	if (rdmsr_safe(MSR_VM_CR, &vm_cr) == 0 && (vm_cr & VM_CR_SVMDIS)) {
		*why = "the firmware has disabled SVM (VM_CR.SVMDIS): switch it on in its setup";
		return false;
	}
	return true;
}

/* Reads and writes of `msr` do not exit (APM Vol. 2 15.11). */
static void let_through(uint32_t msr)
{
	uint8_t *map = pfn_to_ptr(msrpm);
	uint32_t n = msr & 0x1fff;

	if (msr >= 0xc0000000)
		map += MSRPM_RANGE_BYTES;
	map[n / 4] &= ~(3 << (n % 4 * 2));
}

/* What VMLOAD and VMSAVE switch anyway. */
static const uint32_t free_msrs[] = {
	MSR_STAR,    MSR_LSTAR,		 MSR_CSTAR,	  MSR_SFMASK,	    MSR_FS_BASE,
	MSR_GS_BASE, MSR_KERNEL_GS_BASE, MSR_SYSENTER_CS, MSR_SYSENTER_ESP, MSR_SYSENTER_EIP,
};

static int make_permission_maps(void)
{
	int err = page_alloc(IOPM_ORDER, 0, &iopm);

	if (!err)
		err = page_alloc(MSRPM_ORDER, 0, &msrpm);
	if (err)
		return err;
	memset(pfn_to_ptr(iopm), 0xff, PAGE_SIZE << IOPM_ORDER);
	memset(pfn_to_ptr(msrpm), 0xff, PAGE_SIZE << MSRPM_ORDER);
	for (unsigned i = 0; i < ARRAY_SIZE(free_msrs); i++)
		let_through(free_msrs[i]);
	return 0;
}

/* Its own CPU, that is, not the one that it lends from KVM: "TCGTCGTCGTCG". */
static bool is_qemu(void)
{
	struct cpuid_regs r = cpuid(LEAF_HYPERVISOR);

	return r.ebx == 0x54474354 && r.ecx == 0x43544743 && r.edx == 0x47435447;
}

static void find_features(void)
{
	svm_features.nrips = cpu_has(FEAT_NRIPS);
	svm_features.decode_assists = cpu_has(FEAT_DECODE_ASSISTS);
	svm_features.clean_after_exit = cpu_has(FEAT_VMCB_CLEAN) ? CLEAN_ALL : 0;
	svm_features.flush_by_asid = cpu_has(FEAT_FLUSH_BY_ASID);
	svm_features.nr_asids = cpuid(LEAF_SVM).ebx;
	svm_features.injects_intr_twice = svm_features.forgets_shadow = is_qemu();
}

static uint64_t possible_cr4(void)
{
	return ~UINT64_C(0);
}

static int cpu_init(void)
{
	pfn_t save, host;
	int err = 0;

	if (this_cpu()->index == 0) {
		find_features();
		err = make_permission_maps();
	}
	if (!err)
		err = page_alloc(0, PAGE_ZERO, &save);
	if (!err)
		err = page_alloc(0, PAGE_ZERO, &host);
	if (err)
		return err;
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_SVME);
	wrmsr(MSR_VM_HSAVE_PA, pfn_to_hpa(save).v);
	host_vmcb_hpa[this_cpu()->index] = pfn_to_hpa(host).v;
	__asm__ volatile("vmsave %%rax" : : "a"(pfn_to_hpa(host).v) : "memory");
	svm_asid_cpu_init();
	return 0;
}

static void cpu_fini(void)
{
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) & ~(uint64_t)EFER_SVME);
}

static void init_intercepts(struct vmcb *vmcb)
{
	vmcb->intercept_dr = INTERCEPT_DR_ALL;
	vmcb->intercept_exceptions = BIT(VEC_PF) | BIT(VEC_DB) | BIT(VEC_AC) | BIT(VEC_MC);
	vmcb->intercept3 = INTERCEPT_INTR | INTERCEPT_NMI | INTERCEPT_SMI | INTERCEPT_INIT |
			   INTERCEPT_RDPMC | INTERCEPT_CPUID | INTERCEPT_RSM | INTERCEPT_INVD |
			   INTERCEPT_HLT | INTERCEPT_INVLPG | INTERCEPT_INVLPGA | INTERCEPT_IOIO |
			   INTERCEPT_MSR | INTERCEPT_TASK_SWITCH | INTERCEPT_SHUTDOWN;
	vmcb->intercept4 = INTERCEPT_VMRUN | INTERCEPT_VMMCALL | INTERCEPT_VMLOAD |
			   INTERCEPT_VMSAVE | INTERCEPT_STGI | INTERCEPT_CLGI | INTERCEPT_SKINIT |
			   INTERCEPT_WBINVD | INTERCEPT_MONITOR | INTERCEPT_MWAIT |
			   INTERCEPT_MWAIT_ARMED | INTERCEPT_XSETBV | INTERCEPT_RDPRU;
	vmcb->iopm_base = pfn_to_hpa(iopm).v;
	vmcb->msrpm_base = pfn_to_hpa(msrpm).v;
	vmcb->v_intr = V_INTR_MASKING;
}

static void vcpu_fini(struct vcpu *v)
{
	struct svm_vcpu *s = to_svm(v);

	mem_free(s->vmcb, sizeof(*s->vmcb));
	mem_free(s, sizeof(*s));
	v->arch = NULL;
}

static int vcpu_init(struct vcpu *v)
{
	struct svm_vcpu *s = mem_alloc(sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->vmcb = mem_alloc(sizeof(*s->vmcb));
	if (!s->vmcb) {
		mem_free(s, sizeof(*s));
		return -ENOMEM;
	}
	s->vmcb_hpa = ptr_to_hpa(s->vmcb).v;
	s->latest_inj = EVENT_VALID;
	v->arch = s;
	init_intercepts(s->vmcb);
	s->vmcb->pat = PAT_RESET;
	return 0;
}

static void load(struct vcpu *v)
{
	svm_arrive(to_svm(v));
}

/* The VMCB is memory like any other: the next CPU finds all of it there. */
static void unload(struct vcpu *v)
{
	(void)v;
}

/* VMRUN loads CR2 (APM Vol. 2 15.5.1), but not that of Bochs 2.7. Reading costs less than
 * writing, and the register mostly holds what the guest left in it. */
static void load_cr2(const struct vcpu *v)
{
	if (unlikely(read_cr2() != v->cr2))
		write_cr2(v->cr2);
}

static void to_processor(struct vcpu *v, struct vmcb *vmcb)
{
	load_cr2(v);
	vmcb->rax = v->regs.gpr[REG_RAX];
	vmcb->rsp = v->regs.gpr[REG_RSP];
	vmcb->rip = v->regs.rip;
	vmcb->rflags = v->regs.rflags;
	vmcb->int_state = v->intr_shadow ? INT_STATE_SHADOW : 0;
	if (vmcb->cr2 != v->cr2) {
		vmcb->cr2 = v->cr2;
		svm_dirty(vmcb, CLEAN_CR2);
	}
	if (vmcb->cr3 != v->mmu.hw.root.v) {
		vmcb->cr3 = v->mmu.hw.root.v;
		svm_dirty(vmcb, CLEAN_CR);
	}
}

/* SYSENTER in long mode has a code segment with L and not D, but under QEMU 7.2 with both, which VMRUN
 * refuses (APM Vol. 2 15.5.1). Out of long mode L means nothing. */
static void mend_cs(const struct vcpu *v, struct vmcb *vmcb)
{
	const uint16_t both = VMCB_SEG_L | VMCB_SEG_DB;

	if (likely((vmcb->cs.attr & both) != both) || !(v->efer & EFER_LMA))
		return;
	vmcb->cs.attr &= (uint16_t)~VMCB_SEG_DB;
	svm_dirty(vmcb, CLEAN_SEG);
}

static void from_processor(struct vcpu *v, struct vmcb *vmcb)
{
	v->t_exit = rdtsc();
	v->regs.gpr[REG_RAX] = vmcb->rax;
	v->regs.gpr[REG_RSP] = vmcb->rsp;
	v->regs.rip = vmcb->rip;
	v->regs.rflags = vmcb->rflags;
	v->intr_shadow = vmcb->int_state & INT_STATE_SHADOW;
	v->cr2 = vmcb->cr2;
	vmcb->clean = svm_features.clean_after_exit;
	mend_cs(v, vmcb);
}

/* A physical interrupt exits whatever the guest's IF is (APM Vol. 2 15.13.1, 15.21.1), but under
 * Bochs 2.7 it waits as long as that is 0: it is let in between two entries. */
static void take_waiting_irqs(const struct vcpu *v)
{
	if (!(v->regs.rflags & RFLAGS_IF))
		irq_window();
}

static void run(struct vcpu *v)
{
	struct svm_vcpu *s = to_svm(v);
	struct vmcb *vmcb = s->vmcb;
	const struct percpu *cpu = this_cpu();
	const struct svm_asid_pool *asids = svm_asid_pool();
	uint64_t host = host_vmcb_hpa[cpu->index];

	if (unlikely(s->virtual_intr) && v->pending.type == EVENT_NONE)
		svm_end_virtual_interrupt(v); /* INIT has come meanwhile */
	while (!v->leave && v->state == VCPU_RUNNABLE) {
		size_t reason; /* of the enum's own type it would be extended at each exit */
		bool injecting;
		uint64_t now;

		vcpu_before_entry(v);
		if (!vcpu_may_enter(v))
			continue;
		injecting = v->pending.type != EVENT_NONE;
		if (unlikely(svm_window_is_open(vmcb) != v->want_window))
			svm_change_window(v);
		if (injecting)
			svm_inject_pending(v);
		svm_choose_asid(s, vmcb, asids);
		to_processor(v, vmcb);
		svm_enter(&v->regs, s->vmcb_hpa, host);
		vcpu_has_left(v);
		from_processor(v, vmcb);
		if (unlikely(s->virtual_intr))
			svm_note_virtual_interrupt(v);
		if (unlikely(vmcb->exit_int_info & EVENT_VALID))
			svm_note_interrupted_event(v, injecting);
		reason = svm_handle_exit(v);
		if (unlikely(v->delivering.type != EVENT_NONE))
			vcpu_reinject(v);
		if (unlikely(s->virtual_intr))
			svm_take_back_virtual_interrupt(v);
		if (unlikely(v->intr_shadow) && svm_features.forgets_shadow)
			svm_finish_shadow(v);
		take_waiting_irqs(v);
		v->exits.count[reason]++;
		now = rdtsc();
		v->exits.ticks[reason] += now - v->t_exit;
		/* See timers_due(); and the profile tick, if it is that, belongs to this exit. */
		if (unlikely(now >= cpu->timer_tsc))
			v->leave = true;
	}
}

/* Under QEMU 7.2 the STGI behind an exit may have had no effect (README.md). */
static void before_halt(void)
{
	__asm__ volatile("stgi" : : : "memory");
}

const struct vendor_ops svm_ops = {
	.name = "SVM",
	.usable = usable,
	.before_halt = before_halt,
	.possible_cr4 = possible_cr4,
	.cpu_init = cpu_init,
	.cpu_fini = cpu_fini,
	.vcpu_init = vcpu_init,
	.vcpu_fini = vcpu_fini,
	.load = load,
	.unload = unload,
	.run = run,
	.get_segment = svm_get_segment,
	.set_segment = svm_set_segment,
	.get_tables = svm_get_tables,
	.set_tables = svm_set_tables,
	.get_cpl = svm_get_cpl,
	.get_mode = svm_get_mode,
	.get_linear_rip = svm_get_linear_rip,
	.get_dr = svm_get_dr,
	.set_dr = svm_set_dr,
	.intercept_dr = svm_intercept_dr,
	.paging_changed = svm_paging_changed,
	.get_msr = svm_get_msr,
	.set_msr = svm_set_msr,
	.tlb_flush = svm_tlb_flush,
	.tlb_flush_page = svm_tlb_flush_page,
	.tsc_offset_changed = svm_tsc_offset_changed,
	.dump = svm_dump,
};

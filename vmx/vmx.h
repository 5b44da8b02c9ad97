/* SPDX-License-Identifier: MIT */
/*
 * The VMX back end's own view of a vCPU, shared by its files.
 */
#ifndef VMX_VMX_H
#define VMX_VMX_H

#include "hv/vendor.h"
#include "vmx/caps.h"
#include "vmx/insn.h"

extern struct vmx_caps vmx_caps; /* written once, at boot */

/* Exceptions that exit: of all guests, but for those in vm86 */
#define VMX_EXCEPTIONS (BIT(VEC_PF) | BIT(VEC_DB) | BIT(VEC_AC) | BIT(VEC_MC))

/* MSRs of the guest that stay in the processor while its vCPU is loaded, for xihv uses none of
 * them (vmx/msr.c). */
enum vmx_resident_msr {
	RESIDENT_STAR,
	RESIDENT_LSTAR,
	RESIDENT_CSTAR,
	RESIDENT_SFMASK,
	RESIDENT_KERNEL_GS_BASE,
	NR_RESIDENT_MSRS
};

/* The only field of the virtual-APIC page that is used (29.1.1). */
struct vmx_virtual_apic {
	uint8_t reserved_000[0x80];
	uint8_t tpr;
	uint8_t reserved_081[4096 - 0x81];
};

/* What the VMCS and v->regs.rflags don't hold while real mode runs as virtual-8086 mode. */
struct vmx_vm86 {
	uint32_t rights[SEG_GS + 1];
	struct segment tr;
	uint64_t sysenter_cs, iopl;
};

struct vmx_vcpu {
	uint64_t vmcs_hpa;
	void *vmcs;
	bool launched; /* VMRESUME, not VMLAUNCH */
	bool flush; /* the TLB may hold what it must not */
	bool loaded; /* its resident MSRs and, if dr_live, DR6 are in the processor */
	uint16_t vpid; /* 0: without VPIDs, entries and exits flush */
	unsigned cpu; /* whose TLB may know our VPID */

	/* What these fields of the VMCS hold, so that only changes are written. */
	uint64_t rip, rsp, rflags, cr3;
	uint32_t interruptibility, proc_controls, entry_controls;
	bool window, nmi_window;
	uint8_t tpr; /* and the threshold follows from it */
	struct vmx_virtual_apic *virtual_apic; /* NULL: no TPR shadow, CR8 exits */

	uint64_t host_rsp; /* in the VMCS; vmx/enter.asm */
	uint64_t dr6; /* while not in the processor */
	uint64_t msr[NR_RESIDENT_MSRS]; /* while not in the processor */

	/* Of states that no entry takes (vmx/real_mode.c): */
	bool enterable; /* its state is none of those */
	uint64_t modes; /* CR0.PE and EFER.LMA, with whose changes it may have become one */
	bool as_vm86; /* real mode is ready for an entry into virtual-8086 mode, with what ... */
	struct vmx_vm86 real; /* ... is to come back after it */
};

static inline struct vmx_vcpu *to_vmx(struct vcpu *v)
{
	return v->arch;
}

/* vmx/enter.asm: 0 after an exit, else how the instruction failed. */
enum vmx_entry_result { VMX_ENTERED, VMX_FAIL_INVALID, VMX_FAIL_VALID };
enum vmx_entry_result vmx_enter(struct cpu_regs *regs, uint64_t *host_rsp, bool launched);
extern const char vmx_exit_to[]; /* where exits arrive */

/* vmx/cpu.c */
bool vmx_usable(const char **why);
must_check int vmx_cpu_init(void);
void vmx_cpu_fini(void);
void *vmx_region_alloc(void); /* a VMXON region or VMCS; NULL: no memory */
void vmx_region_free(void *region);

/* vmx/current.c: the VMCS that VMREAD and VMWRITE are about. */
void vmx_make_current(struct vmx_vcpu *s);
void vmx_forget_current(struct vmx_vcpu *s); /* its VMCS is cleared, and may move or go */

/* vmx/setup.c: everything that a new VMCS holds but registers. */
must_check int vmx_setup_init(void); /* once, at boot: 0, -ENOMEM */
void vmx_setup(struct vmx_vcpu *s);
void vmx_setup_host_cpu(void); /* of the current VMCS, when it comes to this CPU */

/* vmx/state.c: registers between the VMCS and neutral form. */
void vmx_get_segment(struct vcpu *v, enum seg s, struct segment *out);
void vmx_set_segment(struct vcpu *v, enum seg s, const struct segment *in);
void vmx_get_tables(struct vcpu *v, struct descriptor_table *gdt, struct descriptor_table *idt);
void vmx_set_tables(struct vcpu *v, const struct descriptor_table *gdt,
		    const struct descriptor_table *idt);
unsigned vmx_get_cpl(struct vcpu *v);
unsigned vmx_get_mode(struct vcpu *v);
uint64_t vmx_get_linear_rip(struct vcpu *v, unsigned *mode);
uint64_t vmx_get_dr(struct vcpu *v, unsigned n);
void vmx_set_dr(struct vcpu *v, unsigned n, uint64_t val);
void vmx_intercept_dr(struct vcpu *v, bool on);
void vmx_paging_changed(struct vcpu *v);
void vmx_tsc_offset_changed(struct vcpu *v);

/* Turn bits of the primary controls on or off. */
void vmx_set_proc_controls(struct vmx_vcpu *s, uint64_t bits, bool on);

/* vmx/msr.c */
bool vmx_get_msr(struct vcpu *v, uint32_t msr, uint64_t *val);
bool vmx_set_msr(struct vcpu *v, uint32_t msr, uint64_t val);
void vmx_let_msrs_through(void *bitmap);
void vmx_load_msrs(struct vcpu *v);
void vmx_unload_msrs(struct vcpu *v);
void vmx_choose_sce(struct vcpu *v);

/* vmx/exit.c: one exit to the neutral handlers. Counts it and returns the reason that it was
 * counted under. */
enum exit_reason vmx_handle_exit(struct vcpu *v, uint32_t reason);

/* vmx/event.c */
void vmx_inject_pending(struct vcpu *v);
void vmx_change_windows(struct vcpu *v); /* to what the vCPU wants */

static inline bool vmx_windows_differ(struct vcpu *v)
{
	const struct vmx_vcpu *s = to_vmx(v);

	return s->window != v->want_window || s->nmi_window != v->want_nmi_window;
}

void vmx_note_interrupted_event(struct vcpu *v, uint32_t info);

/* vmx/real_mode.c: what to do while s->enterable is not set. Done in place of vcpu_before_entry:
 * true, an entry may follow; false: an instruction or event has been done without one. */
bool vmx_make_enterable(struct vcpu *v);
void vmx_from_vm86(struct vcpu *v); /* ends s->as_vm86 */
/* An exception that exits only from vm86. */
void vmx_vm86_exception(struct vcpu *v, unsigned vector);

/* vmx/vpid.c */
void vmx_vpid_init(struct vcpu *v);
void vmx_flush_now(struct vmx_vcpu *s);
void vmx_tlb_flush(struct vcpu *v);
void vmx_tlb_flush_page(struct vcpu *v, uint64_t va);

/* vmx/tpr.c */
must_check int vmx_tpr_init(struct vmx_vcpu *s); /* 0, -ENOMEM */
void vmx_tpr_fini(struct vmx_vcpu *s);
void vmx_tpr_to_processor(struct vcpu *v); /* v->tpr is not what it has */
void vmx_tpr_from_processor(struct vcpu *v); /* the guest has changed it */

/* vmx/fail.c: an entry that failed, told and the guest ended. */
void vmx_instruction_failed(struct vcpu *v, enum vmx_entry_result how);
void vmx_entry_failed(struct vcpu *v, uint32_t reason);
void vmx_dump(struct vcpu *v);

/* vmx/names.c */
const char *vmx_exit_reason_name(unsigned reason);
const char *vmx_insn_error_name(unsigned error);

#endif

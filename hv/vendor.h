/* SPDX-License-Identifier: MIT */
/*
 * The seam to the processor's virtualization extension: svm/ and vmx/ each export one
 * const struct vendor_ops, chosen once at boot. Everything above is vendor-neutral.
 *
 * The run operation loops inside the back end and calls the neutral handlers of
 * hv/exit_handlers.h directly, so an exit costs one indirect call at most.
 */
#ifndef HV_VENDOR_H
#define HV_VENDOR_H

#include "hv/vcpu.h"

struct vendor_ops {
	const char *name; /* "SVM", "VMX" */

	/* The extension is there and usable on this CPU; if not, *why says in plain words. */
	bool (*usable)(const char **why);

	/* Bits of CR4 that a guest can really run with. Any CPU, after cpu_init. */
	uint64_t (*possible_cr4)(void);

	/* Switch it on, on the calling CPU. 0, -ENOMEM, -EIO. */
	int (*cpu_init)(void);

	/* Switch it off, on the calling CPU, before the machine is reset or powered off. */
	void (*cpu_fini)(void);

	/* Make the back end's half of a vCPU, registers yet undefined. 0, -ENOMEM. */
	int (*vcpu_init)(struct vcpu *v);
	void (*vcpu_fini)(struct vcpu *v);

	/* The vCPU comes to this CPU, and leaves it. Whoever has used the operations below on a
	 * vCPU that was not loaded ends with unload as well: another CPU may be the next. */
	void (*load)(struct vcpu *v);
	void (*unload)(struct vcpu *v);

	/* Run the guest on this CPU until v->leave or v->state != VCPU_RUNNABLE. */
	void (*run)(struct vcpu *v);

	/* This CPU is about to halt until an interrupt comes. NULL: nothing to do. */
	void (*before_halt)(void);

	/* Segment registers (sel, hidden part) and GDTR, IDTR. */
	void (*get_segment)(struct vcpu *v, enum seg s, struct segment *out);
	void (*set_segment)(struct vcpu *v, enum seg s, const struct segment *in);
	void (*get_tables)(struct vcpu *v, struct descriptor_table *gdt,
			   struct descriptor_table *idt);
	void (*set_tables)(struct vcpu *v, const struct descriptor_table *gdt,
			   const struct descriptor_table *idt);
	unsigned (*get_cpl)(struct vcpu *v);
	unsigned (*get_mode)(struct vcpu *v); /* code size: 2, 4, 8 bytes (8: 64-bit mode) */
	uint64_t (*get_linear_rip)(struct vcpu *v, unsigned *mode); /* both at once */

	/* DR6 and DR7 as the guest sees them; whether accesses to DR0-7 exit. */
	uint64_t (*get_dr)(struct vcpu *v, unsigned n);
	void (*set_dr)(struct vcpu *v, unsigned n, uint64_t val);
	void (*intercept_dr)(struct vcpu *v, bool on);

	/* v->cr0, cr4 or efer changed: make the processor's copies and intercepts follow before
	 * the next entry. v->cr2 and v->mmu.hw.root are looked at there anyway. */
	void (*paging_changed)(struct vcpu *v);

	/* MSRs that the extension switches itself (STAR, LSTAR, CSTAR, SFMASK, FS/GS base,
	 * KERNEL_GS_BASE, SYSENTER_*). False: not one of them. */
	bool (*get_msr)(struct vcpu *v, uint32_t msr, uint64_t *val);
	bool (*set_msr)(struct vcpu *v, uint32_t msr, uint64_t val);

	/* Forget hardware translations of this vCPU: all, or of one page (I17). */
	void (*tlb_flush)(struct vcpu *v);
	void (*tlb_flush_page)(struct vcpu *v, uint64_t va);

	/* v->tsc_offset changed. */
	void (*tsc_offset_changed)(struct vcpu *v);

	/* The vendor's control block on the console, for a guest that died of its entry. */
	void (*dump)(struct vcpu *v);
};

extern const struct vendor_ops vmx_ops, svm_ops;

/* The one in use; set once at boot, NULL where the processor has none. */
extern const struct vendor_ops *vendor;

/* Choose and switch on. 0; -ENODEV: the reasons are on the console. */
must_check int vendor_init(void);

/* Switch off again, if it was on. */
void vendor_fini(void);

#endif

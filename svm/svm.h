/* SPDX-License-Identifier: MIT */
/*
 * The SVM back end's own view of a vCPU, shared by its files.
 */
#ifndef SVM_SVM_H
#define SVM_SVM_H

#include "hv/vendor.h"
#include "svm/vmcb.h"

/* What this CPU has, asked once at boot (APM Vol. 3, Fn8000_000A). */
struct svm_features {
	bool nrips, decode_assists, flush_by_asid;
	bool injects_intr_twice; /* QEMU 7.2: see inject_virtual() in event.c */
	bool forgets_shadow; /* the same: see svm_finish_shadow() there */
	uint32_t clean_after_exit; /* VMCB clean bits; 0 where the CPU has none */
	uint32_t nr_asids;
};

extern struct svm_features svm_features;

/* A CPU's ASIDs: those of an older generation mean nothing any more. */
struct svm_asid_pool {
	uint64_t generation;
	uint32_t next;
};

struct svm_vcpu {
	struct vmcb *vmcb;
	uint64_t vmcb_hpa;
	const struct svm_asid_pool *asid_pool; /* of the CPU whose TLB knows our ASID */
	uint64_t asid_generation; /* of that pool, when it was taken */
	uint64_t latest_inj; /* EVENTINJ of the latest injection; before the first: all but valid 0 */
	bool virtual_intr; /* an interrupt was injected as a virtual one: V_IRQ and its vector */
	bool flush; /* the TLB may hold what it must not: new ASID at the next entry */
};

static inline struct svm_vcpu *to_svm(struct vcpu *v)
{
	return v->arch;
}

static inline struct vmcb *to_vmcb(struct vcpu *v)
{
	return to_svm(v)->vmcb;
}

/* The processor may not go by what it remembers of these parts (APM Vol. 2 15.15.2). */
static inline void svm_dirty(struct vmcb *vmcb, uint32_t clean_bits)
{
	vmcb->clean &= ~clean_bits;
}

static inline struct vmcb_seg *svm_segment(struct vmcb *vmcb, enum seg s)
{
	static const uint16_t offset[NR_SEGS] = {
		[SEG_ES] = offsetof(struct vmcb, es), [SEG_CS] = offsetof(struct vmcb, cs),
		[SEG_SS] = offsetof(struct vmcb, ss), [SEG_DS] = offsetof(struct vmcb, ds),
		[SEG_FS] = offsetof(struct vmcb, fs), [SEG_GS] = offsetof(struct vmcb, gs),
		[SEG_TR] = offsetof(struct vmcb, tr), [SEG_LDTR] = offsetof(struct vmcb, ldtr),
	};

	return (struct vmcb_seg *)((char *)vmcb + offset[s]);
}

/* Size of the code that runs: 2, 4, or 8 in 64-bit mode. */
static inline unsigned svm_code_mode(struct vcpu *v)
{
	uint16_t attr = to_vmcb(v)->cs.attr;

	if ((v->efer & EFER_LMA) && (attr & VMCB_SEG_L))
		return 8;
	return attr & VMCB_SEG_DB ? 4 : 2;
}

/* The interrupt window: V_IRQ is intercepted. */
static inline bool svm_window_is_open(const struct vmcb *vmcb)
{
	return vmcb->intercept3 & INTERCEPT_VINTR;
}

/* Where rip points to, linear. */
static inline uint64_t svm_linear_rip(struct vcpu *v, unsigned mode)
{
	return mode == 8 ? v->regs.rip : (uint32_t)(to_vmcb(v)->cs.base + v->regs.rip);
}

/* svm/enter.asm */
void svm_enter(struct cpu_regs *regs, uint64_t guest_vmcb, uint64_t host_vmcb);

/* svm/state.c: registers between the VMCB and neutral form. */
void svm_get_segment(struct vcpu *v, enum seg s, struct segment *out);
void svm_set_segment(struct vcpu *v, enum seg s, const struct segment *in);
void svm_get_tables(struct vcpu *v, struct descriptor_table *gdt, struct descriptor_table *idt);
void svm_set_tables(struct vcpu *v, const struct descriptor_table *gdt,
		    const struct descriptor_table *idt);
unsigned svm_get_cpl(struct vcpu *v);
unsigned svm_get_mode(struct vcpu *v);
uint64_t svm_get_linear_rip(struct vcpu *v, unsigned *mode);
uint64_t svm_get_dr(struct vcpu *v, unsigned n);
void svm_set_dr(struct vcpu *v, unsigned n, uint64_t val);
void svm_intercept_dr(struct vcpu *v, bool on);
void svm_paging_changed(struct vcpu *v);
bool svm_get_msr(struct vcpu *v, uint32_t msr, uint64_t *val);
bool svm_set_msr(struct vcpu *v, uint32_t msr, uint64_t val);
void svm_tsc_offset_changed(struct vcpu *v);
void svm_dump(struct vcpu *v);

/* svm/exit.c: one exit, its event and code in the VMCB, to the neutral handlers. Counts it
 * and returns the reason that it was counted under. */
enum exit_reason svm_handle_exit(struct vcpu *v);

/* svm/event.c: v->pending into the VMCB; what an exit interrupted into v->delivering, with
 * `injecting` if that entry has injected an event. */
void svm_inject_pending(struct vcpu *v);
void svm_finish_shadow(struct vcpu *v); /* at the end of an exit, where VMRUN forgets it */
void svm_change_window(struct vcpu *v); /* to what v->want_window says */
void svm_note_interrupted_event(struct vcpu *v, bool injecting);

/* Likewise, while virtual_intr: what the exit says about that interrupt; ... */
void svm_note_virtual_interrupt(struct vcpu *v);
/* ... behind the exit's handler, pending again if it waits, unless an exception goes first; */
void svm_take_back_virtual_interrupt(struct vcpu *v);
/* ... and no more: V_IRQ is the window again, or nothing. */
void svm_end_virtual_interrupt(struct vcpu *v);

/* svm/asid.c: the ASID of `v` on this CPU, and what VMRUN must flush. */
void svm_asid_cpu_init(void);
struct svm_asid_pool *svm_asid_pool(void); /* this CPU's */
void svm_arrive(struct svm_vcpu *s); /* on this CPU */
void svm_change_asid(struct svm_vcpu *s); /* its flush is due, or its ASID is of the past */

static inline void svm_choose_asid(struct svm_vcpu *s, struct vmcb *vmcb,
				   const struct svm_asid_pool *pool)
{
	vmcb->tlb_control = TLB_CONTROL_NONE;
	if (unlikely(s->flush || s->asid_generation != pool->generation))
		svm_change_asid(s);
}

void svm_tlb_flush(struct vcpu *v);
void svm_tlb_flush_page(struct vcpu *v, uint64_t va);

#endif

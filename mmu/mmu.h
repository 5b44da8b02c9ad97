/* SPDX-License-Identifier: MIT */
/*
 * The shadow MMU as the rest of the hypervisor sees it.
 *
 * The library knows page tables and nothing else: guest frames come and go through
 * mmu/platform.h, and what the processor is told (CR3, TLB flushes) leaves through it.
 * One `struct mmu` belongs to a virtual machine, one `struct mmu_vcpu` to each of its
 * processors; both are embedded by their owner and opaque to it but for the fields
 * commented "owner reads".
 *
 * A function that takes a struct mmu_vcpu is called on the CPU that runs (or holds)
 * that vCPU, never concurrently for one vCPU.
 */
#ifndef MMU_MMU_H
#define MMU_MMU_H

#include "mmu/paging.h"
#include "mmu/stats.h"
#include "mmu/types.h"

#define MMU_MAX_VCPUS 8

struct mmu_engine;

/*
 * What a guest access is, in the bits of a page-fault error code (Intel SDM Vol. 3A 4.7,
 * AMD APM Vol. 2 8.4.2), so that no translation of bits is needed on the fault path.
 */
enum mmu_access {
	MMU_ACC_WRITE = 1 << 1,
	MMU_ACC_USER = 1 << 2,
	MMU_ACC_FETCH = 1 << 4,
	/* Not an error-code bit: an explicit supervisor data access with EFLAGS.AC = 1,
	 * which SMAP lets through (Intel SDM Vol. 3A 4.6.1). */
	MMU_ACC_AC = 1 << 8,
	/* Not an error-code bit: a hint to mmu_fault that the processor's error code had P = 0,
	 * so that it holds no translation of the address. May always be left out. */
	MMU_ACC_NOT_PRESENT = 1 << 9,
};

/* Page-fault error code bits that are injected into the guest. */
enum mmu_pfec {
	MMU_PFEC_P = 1 << 0,
	MMU_PFEC_W = 1 << 1,
	MMU_PFEC_U = 1 << 2,
	MMU_PFEC_RSVD = 1 << 3,
	MMU_PFEC_I = 1 << 4,
};

/* What became of a fault or a translation. */
enum mmu_result {
	MMU_FIXED, /* the shadow (or translation) is there: run the guest again */
	MMU_RETRY, /* something changed meanwhile: run the guest again */
	MMU_INJECT, /* the guest's own tables demand a #PF: fault.error_code */
	MMU_MMIO, /* the address is no RAM, or ROM that is written: fault.gpa */
	MMU_EMULATE, /* legal, but no shadow entry can express it: fault.gpa */
	MMU_FATAL, /* this guest cannot go on; no engine says so today */
	MMU_NR_RESULTS
};

struct mmu_fault {
	gpa_t gpa; /* MMU_FIXED of mmu_translate, MMU_MMIO, MMU_EMULATE */
	uint32_t error_code; /* MMU_INJECT: what the guest's settings demand */
};

/* The guest's own paging registers. */
struct mmu_regs {
	uint64_t cr0, cr3, cr4, efer;
};

/* The paging that the processor really runs on for this vCPU. */
struct mmu_hw {
	hpa_t root; /* for the real CR3; below 4 GiB unless long */
	bool long_mode; /* 4-level tables, EFER.LMA=1; else PAE, EFER.LMA=0 */
};

struct mmu_config {
	const char *engine; /* "vtlb"; NULL for the default */
	unsigned pool_pages; /* shadow pages, under vtlb for each vCPU; 0: default */
	unsigned maxphyaddr; /* guest's physical-address width, bits: 32..52 */
	bool has_1g; /* guest CPUID says 1 GiB pages */
};

/* Per virtual machine. */
struct mmu {
	const struct mmu_engine *engine;
	struct mmu_config config;
	unsigned nr_vcpus;
	struct mmu_vcpu *vcpus[MMU_MAX_VCPUS];
	uint64_t p2m_gen; /* moves on when the p2m changes; written under mmu_lock, read anywhere */
	void *priv; /* the engine's */
};

/* When an operation ran last, for the sampling profile (../hv/stats.c). All zero: never. */
struct mmu_last_op {
	uint64_t start, end; /* mmu_clock() */
	uint64_t lock_start; /* from then on it waited for the lock or held it; 0: it took none */
};

struct mmu_vcpu {
	struct mmu *mmu;
	unsigned id;
	struct mmu_hw hw; /* owner reads before each entry, after any mmu_ call */
	struct mmu_regs regs; /* the guest's, as last set */
	uint64_t pdpte[4]; /* latched PAE PDPTEs (Intel SDM Vol. 3A 4.4.1) */
	struct mmu_paging pg; /* follows from regs */
	struct mmu_table_cache tables;
	uint64_t lock_start; /* the operation under way asked for mmu_lock; 0: it did not */
	uint64_t t_start; /* owner sets before mmu_fault and mmu_invlpg: mmu_clock() at the exit */
	struct mmu_stats stats; /* owner reads */
	struct mmu_last_op last[MMU_NR_OPS]; /* owner reads */
	void *priv; /* the engine's */
};

/*
 * Names of the engines that mmu_config.engine may ask for: number `i`, the default first;
 * NULL behind the last.
 */
const char *mmu_engine_name(unsigned i);

/*
 * Make the MMU of a guest. Everything that may fail for lack of memory fails here.
 * Returns 0, -EINVAL (no such engine, bad width) or -ENOMEM.
 */
must_check int mmu_init(struct mmu *m, const struct mmu_config *config);
void mmu_fini(struct mmu *m);

/* Add a vCPU in reset state (paging off). 0 or -ENOMEM, -EINVAL (too many). */
must_check int mmu_vcpu_init(struct mmu_vcpu *v, struct mmu *m);
void mmu_vcpu_fini(struct mmu_vcpu *v);

/*
 * The guest sets CR0, CR4 or EFER (and perhaps CR3 with them). The caller has made the
 * checks that are not about paging structures. Does every flush that the manual demands
 * (Intel SDM Vol. 3A 4.10.4.1) and latches PDPTEs where it must.
 * Returns 0, or -EINVAL: nothing changed, give the guest #GP(0) (a reserved bit in a PDPTE).
 */
must_check int mmu_set_regs(struct mmu_vcpu *v, const struct mmu_regs *regs);

/* MOV to CR3; bit 63 of `cr3` already taken off. Errors as mmu_set_regs. */
must_check int mmu_set_cr3(struct mmu_vcpu *v, uint64_t cr3);

/*
 * The processor faulted at `va`. `access`: W, U and I bits of its error code (others are
 * ignored), MMU_ACC_AC if RFLAGS.AC is set and CPL < 3 (at CPL 3 a supervisor access is an
 * implicit one, which AC does not excuse), perhaps MMU_ACC_NOT_PRESENT.
 * Records the operation from v->t_start to the decision.
 */
must_check enum mmu_result mmu_fault(struct mmu_vcpu *v, gva_t va, unsigned access,
				     struct mmu_fault *fault);

/* INVLPG, or single-address INVPCID. Recorded from v->t_start. */
void mmu_invlpg(struct mmu_vcpu *v, gva_t va);

/* Drop all translations of this vCPU, global ones too or not. */
void mmu_flush(struct mmu_vcpu *v, bool global);

/*
 * Translate for an access that the hypervisor makes on the guest's behalf (emulator,
 * descriptor loads). Sets A and D as the processor would. Makes no shadow entry, and
 * drops that of an address that faults, as a processor does (I2).
 * MMU_FIXED: fault->gpa is RAM; MMU_MMIO: fault->gpa is not (or ROM for a write);
 * MMU_INJECT: fault->error_code; MMU_RETRY: another vCPU keeps changing the tables.
 */
must_check enum mmu_result mmu_translate(struct mmu_vcpu *v, gva_t va, unsigned access,
					 struct mmu_fault *fault);

/*
 * Look `va` up in the shadow only, as the processor's TLB would: true and *hpa if an entry
 * for it is present, whatever its rights. Cheap; changes nothing.
 */
must_check bool mmu_peek(const struct mmu_vcpu *v, gva_t va, hpa_t *hpa);

/* Shadow pages that `v` may use, and how many of them hold nothing now. Any CPU; a snapshot. */
void mmu_pool_use(const struct mmu_vcpu *v, unsigned *pages, unsigned *unused);

/* The host wrote `len` bytes of guest memory at `gpa` (I19). Called after the write. */
void mmu_guest_wrote(struct mmu *m, gpa_t gpa, uint64_t len);

/* The p2m changed for `n` frames from `gfn`; called after the change. */
void mmu_p2m_changed(struct mmu *m, gfn_t gfn, uint64_t n);

#endif

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

#include "mmu/locks.h"
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
	bool long_mode; /* EFER.LMA=1; else PAE tables, EFER.LMA=0 */
	uint8_t levels; /* 3 (PAE), 4, or 5 with CR4.LA57=1 */
};

/* What an engine may do beyond what is needed, a bit each, so that its effect can be measured
 * and a fault be narrowed down. An engine ignores those that it does not know. */
enum mmu_option {
	MMU_OPT_LARGE = 1 << 0, /* 2 MiB shadow pages */
	MMU_OPT_OOS = 1 << 1, /* leaf tables may go out of sync */
	MMU_OPT_WINDOW = 1 << 2, /* a fault fills neighbours whose A bit is set */
	MMU_OPT_PREFILL = 1 << 3, /* INVLPG and seen table writes fill the new entry */
	MMU_OPT_REACH = 1 << 4, /* a CR3 load compares only what the new root reaches */
	MMU_OPT_GLOBAL = 1 << 5, /* ..., and skips tables with only global entries */
	MMU_OPT_TEARDOWN = 1 << 6, /* tables that are torn down or reused are let go at once */
	MMU_OPT_SPLIT = 1 << 7, /* a split large page is filled as a whole */
	MMU_OPT_BORN = 1 << 8, /* a new leaf table begins out of sync */
	MMU_NR_OPTIONS = 9
};

struct mmu_config {
	const char *engine; /* as mmu_engine_name(); NULL for the default */
	unsigned without; /* enum mmu_option: what to leave out */
	unsigned pool_pages; /* shadow pages; vtlb: for each vCPU, xi: for all; 0: default */
	unsigned maxphyaddr; /* guest's physical-address width, bits: 32..52 */
	bool has_1g; /* guest CPUID says 1 GiB pages */
	uint64_t frames; /* no gfn from here on is ever memory; at most 2^32 */
};

/* Log-dirty (mmu/dirty.c): a bit for each guest frame. Under mmu_lock. */
struct mmu_dirty {
	uint64_t *bitmap; /* written since the latest collect; NULL: logging is off */
	uint64_t *spare; /* all zero: to be swapped with it */
	uint64_t words; /* of each */
};

/* What mmu_audit() found (I16). */
struct mmu_audit {
	unsigned errors; /* violations, all of them */
	unsigned invariant; /* 1..19: which fell first; 0: none */
	const char *what; /* the first, in words */
	uint64_t detail[3]; /* the first: gfn (or ~0), index and value of the entry */
	unsigned pages, entries; /* looked at */
};

/* What key `s` shows: shadow pages by kind, entries, and what is out of sync. */
struct mmu_summary {
	unsigned pages[MMU_MAX_LEVELS + 1]; /* by level of shadow table, from 1 */
	unsigned pool, unused; /* shadow pages in all, and those that hold nothing now */
	unsigned direct; /* of pages[]: map guest-physical memory, no guest table behind */
	unsigned oos; /* leaf tables out of sync */
	unsigned roots; /* in use by vCPUs */
	unsigned leaves, writable, large, global; /* present leaf entries */
	unsigned tracked; /* guest frames that are shadowed tables */
};

/* Per virtual machine. */
struct mmu {
	const struct mmu_engine *engine;
	struct mmu_config config;
	unsigned nr_vcpus;
	struct mmu_vcpu *vcpus[MMU_MAX_VCPUS];
	uint64_t p2m_gen; /* moves on when the p2m changes; written under mmu_lock, read anywhere */
	struct mmu_dirty dirty MMU_GUARDED; /* the dirty log */
	/* The engine's: its tables above level 1 may be behind the guest's, so that a fault that
	 * found nothing does not mean that nothing is held. Under mmu_lock, read anywhere. */
	bool is_behind;
	/* The engine's: vCPUs, a bit each, whose processor may know tables that are no longer linked:
	 * a fault that found nothing by those does not mean it either. As is_behind. */
	unsigned wide;
	struct mmu_recorder *rec; /* the flight recorder; NULL: off. Written under mmu_lock */
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
	struct mmu_rec_ring *rec; /* of the flight recorder; NULL: off. Written under mmu_lock */
	void *priv; /* the engine's */
};

/*
 * Names of the engines that mmu_config.engine may ask for: number `i`, the default first;
 * NULL behind the last.
 */
const char *mmu_engine_name(unsigned i);

/*
 * Make the MMU of a guest. Exits never fail for lack of memory: all that they use is taken here and in
 * mmu_vcpu_init(). No lock in these four: nobody else has anything of the guest, or its vCPU.
 * Returns 0; or -EINVAL (no such engine, bad width), -ENOMEM: there is nothing to undo, and m->engine
 * is NULL if it was before.
 */
must_check int mmu_init(struct mmu *m, const struct mmu_config *config);

/* With no vCPU left. */
void mmu_fini(struct mmu *m);

/* Add a vCPU in reset state (paging off). 0 or -ENOMEM, -EINVAL (too many). */
must_check int mmu_vcpu_init(struct mmu_vcpu *v, struct mmu *m);
void mmu_vcpu_fini(struct mmu_vcpu *v); /* not in guest mode, and never again */

/*
 * The guest sets CR0, CR4 or EFER (and perhaps CR3 with them). The caller has made the
 * checks that are not about paging structures. Does every flush that the manual demands
 * (Intel SDM Vol. 3A 4.10.4.1) and latches PDPTEs where it must.
 * Returns 0, or -EINVAL: nothing changed, give the guest #GP(0) (a reserved bit in a PDPTE).
 */
must_check int mmu_set_regs(struct mmu_vcpu *v, const struct mmu_regs *regs) MMU_UNLOCKED;

/* MOV to CR3; bit 63 of `cr3` already taken off. Errors as mmu_set_regs. */
must_check int mmu_set_cr3(struct mmu_vcpu *v, uint64_t cr3) MMU_UNLOCKED;

/*
 * The processor faulted at `va`. `access`: W, U and I bits of its error code (others are
 * ignored), MMU_ACC_AC if RFLAGS.AC is set and CPL < 3 (at CPL 3 a supervisor access is an
 * implicit one, which AC does not excuse), perhaps MMU_ACC_NOT_PRESENT.
 * Records the operation from v->t_start to the decision.
 */
must_check enum mmu_result mmu_fault(struct mmu_vcpu *v, gva_t va, unsigned access,
				     struct mmu_fault *fault) MMU_UNLOCKED;

/* INVLPG. Recorded from v->t_start. */
void mmu_invlpg(struct mmu_vcpu *v, gva_t va) MMU_UNLOCKED;

/* Drop all translations of this vCPU, global ones too or not. */
void mmu_flush(struct mmu_vcpu *v, bool global) MMU_UNLOCKED;

/*
 * Translate for an access that the hypervisor makes on the guest's behalf (emulator,
 * descriptor loads). Sets A and D as the processor would. Makes no shadow entry, and
 * drops that of an address that faults, as a processor does (I2).
 * MMU_FIXED: fault->gpa is RAM; MMU_MMIO: fault->gpa is not (or ROM for a write);
 * MMU_INJECT: fault->error_code; MMU_RETRY: another vCPU keeps changing the tables.
 */
must_check enum mmu_result mmu_translate(struct mmu_vcpu *v, gva_t va, unsigned access,
					 struct mmu_fault *fault) MMU_UNLOCKED;

/*
 * Look `va` up in the shadow only, as the processor's TLB would: true and *hpa if an entry
 * for it is present, whatever its rights. Cheap; changes nothing. Like the processor it uses the
 * tables without a lock, so mmu_shootdown must wait for the caller as for a vCPU in guest mode.
 */
must_check bool mmu_peek(const struct mmu_vcpu *v, gva_t va, hpa_t *hpa);

/* Shadow pages that `v` may use, and how many of them hold nothing now. Any CPU; a snapshot. */
void mmu_pool_use(const struct mmu_vcpu *v, unsigned *pages, unsigned *unused);

/*
 * Change `len` bytes of guest memory at `gpa`, all in one page: `change` is called with
 * their host address under mmu_lock, and the engine and the dirty log are told before it is
 * let go. Every host write to a running guest's memory comes here (I19).
 * False, nothing done: there is no RAM.
 */
must_check bool mmu_guest_update(struct mmu *m, gpa_t gpa, unsigned len,
				 void (*change)(void *host, void *arg), void *arg) MMU_UNLOCKED;

/*
 * The instruction at hand writes at `gpa` and the emulator cannot do it: if shadowed tables
 * are in the way, let them go. True: run it again; false: they are not what is in its way.
 */
must_check bool mmu_unshadow(struct mmu_vcpu *v, gpa_t gpa) MMU_UNLOCKED;

/* The p2m changed for `n` frames from `gfn`; called after the change. */
void mmu_p2m_changed(struct mmu *m, gfn_t gfn, uint64_t n) MMU_UNLOCKED;

/*
 * Log-dirty. From start on each frame that the guest or the host writes is noted, exactly:
 * one written between two collects is in the second. collect hands out the notes since the
 * previous one in `bitmap` (config.frames bits, the caller's memory, may be NULL to only
 * count) and begins anew; it returns how many frames. Any CPU.
 * start: 0, -ENOMEM, or -EBUSY: it is on already.
 */
must_check int mmu_dirty_start(struct mmu *m) MMU_UNLOCKED;
uint64_t mmu_dirty_collect(struct mmu *m, uint64_t *bitmap) MMU_UNLOCKED;
void mmu_dirty_stop(struct mmu *m) MMU_UNLOCKED;

static inline bool mmu_dirty_is_on(const struct mmu *m) MMU_LOCKED
{
	return m->dirty.bitmap != NULL;
}

/* Check every invariant that can be checked against the tables as they are (I16). No vCPU of
 * `m` is in guest mode. Any CPU. */
void mmu_audit(struct mmu *m, struct mmu_audit *out) MMU_UNLOCKED;

/* The same of the tables on the way that `v` has to `va`, and of their entries for it only: so
 * cheap that a test can afford it after each step. */
void mmu_audit_way(struct mmu_vcpu *v, gva_t va, struct mmu_audit *out) MMU_UNLOCKED;

/* No vCPU of `m` need be out of guest mode: a snapshot. */
void mmu_summary(struct mmu *m, struct mmu_summary *out) MMU_UNLOCKED;

/*
 * Go on with another engine; all shadows begin anew. No vCPU of `m` is in guest mode or in
 * the library. 0; -EINVAL (no such engine) or -ENOMEM: nothing has changed.
 */
must_check int mmu_switch_engine(struct mmu *m, const char *engine) MMU_UNLOCKED;

/*
 * The flight recorder (mmu/record.h): from start on each call of the vCPUs is recorded, in a
 * ring of `bytes_per_vcpu` (a power of two, at least MMU_RECORD_LEAST) each. It ends when a
 * vCPU comes or goes. dump calls `line` with each line of the text that mmu/stream.h describes, from
 * where a replay can begin, and returns how many records there are (`line` may be NULL); the
 * recording goes on. No vCPU of `m` is in guest mode or in the library at start and dump.
 * start: 0, -EINVAL, -EBUSY or -ENOMEM.
 */
#define MMU_RECORD_LEAST 4096u
must_check int mmu_record_start(struct mmu *m, size_t bytes_per_vcpu) MMU_UNLOCKED;
void mmu_record_stop(struct mmu *m) MMU_UNLOCKED;
uint64_t mmu_record_dump(struct mmu *m, void (*line)(const char *text, void *arg),
			 void *arg) MMU_UNLOCKED;

static inline bool mmu_record_is_on(const struct mmu *m)
{
	return m->rec != NULL;
}

/* Names of enum mmu_option, by bit number. */
extern const char *const mmu_option_name[MMU_NR_OPTIONS];

#endif

/* SPDX-License-Identifier: MIT */
/*
 * What the shadow MMU needs from the world. The hypervisor links hv/mmu_platform.c behind
 * it, the host tests another file; nothing here is a function pointer, so that the
 * compiler and the reader both see who is called.
 */
#ifndef MMU_PLATFORM_H
#define MMU_PLATFORM_H

#include "mmu/locks.h"
#include "mmu/types.h"

struct mmu;
struct mmu_vcpu;

enum p2m_kind {
	P2M_NONE, /* no memory there: accesses are MMIO */
	P2M_RAM,
	P2M_ROM, /* readable and executable; writes are MMIO */
};

struct p2m_entry {
	pfn_t pfn; /* host frame of this gfn; meaningless for P2M_NONE */
	enum p2m_kind kind;
	/* This gfn lies in a naturally aligned 2 MiB guest range that is 2 MiB contiguous
	 * and aligned on the host and all of this kind. */
	bool large;
};

/* Guest frame to host frame. Any gfn may be asked for. */
struct p2m_entry mmu_p2m_lookup(struct mmu *m, gfn_t gfn);

/* Where the hypervisor can read and write host frame `pfn`. Never NULL, and the same as long
 * as the frame is the guest's or the library's. */
void *mmu_map_pfn(pfn_t pfn);

/*
 * One zeroed host page for a shadow table; `below_4g` for PAE roots.
 * 0 or -ENOMEM. Called from what makes things, mmu_init(), mmu_vcpu_init(), mmu_switch_engine(); never
 * at an exit.
 */
must_check int mmu_page_alloc(struct mmu *m, bool below_4g, pfn_t *pfn);
void mmu_page_free(struct mmu *m, pfn_t pfn);

/* Zeroed memory for the library's own structures; NULL when there is none. */
void *mmu_mem_alloc(size_t bytes);
void mmu_mem_free(void *p, size_t bytes);

/*
 * Before the next guest instruction of `v`, the processor must have forgotten every
 * translation (hw_flush) or those of the page at `va` (hw_flush_page) that it may
 * hold for it, paging-structure caches included (I17).
 */
void mmu_hw_flush(struct mmu_vcpu *v);
void mmu_hw_flush_page(struct mmu_vcpu *v, gva_t va);

/*
 * Return only when no other vCPU of `m` that is in guest mode can still use a translation
 * from before the call; those not in guest mode flush at their next entry. `except` is the
 * caller's own vCPU, or NULL: then every vCPU of `m` is meant.
 */
void mmu_shootdown(struct mmu *m, const struct mmu_vcpu *except);

/* One lock per virtual machine. yield lets a host model switch threads there. */
void mmu_lock(struct mmu *m) MMU_TAKES;
void mmu_unlock(struct mmu *m) MMU_DROPS;
void mmu_yield(struct mmu *m);

/* Monotonic ticks at the rate given to mmu_stats_init. */
uint64_t mmu_clock(void);

#endif

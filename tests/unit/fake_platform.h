/* SPDX-License-Identifier: MIT */
/*
 * The platform seam of the shadow MMU for host tests: guest memory, a p2m made of ranges, a
 * log of flushes, and a processor of our own that walks the shadow tables.
 */
#ifndef TESTS_UNIT_FAKE_PLATFORM_H
#define TESTS_UNIT_FAKE_PLATFORM_H

#include "mmu/mmu.h"
#include "mmu/platform.h"

#define FAKE_RAM_FRAMES 16384u /* guest RAM: 64 MiB from gfn 0 */
#define FAKE_RAM_PFN UINT64_C(0x140000) /* first host frame of it */

struct fake_log {
	unsigned flush, flush_page, shootdown;
	gva_t page; /* of the latest flush_page */
	int locked; /* depth of mmu_lock */
	unsigned lookups;
	unsigned pages_out, pages_low_out; /* allocated and not given back */
	size_t mem_out;
	/* by mmu_vcpu.id; shootdown: this one was made to flush */
	struct {
		unsigned flush, flush_page, shootdown;
	} cpu[MMU_MAX_VCPUS];
};

extern struct fake_log fake_log;
extern uint64_t fake_clock; /* mmu_clock() returns it and adds fake_clock_step */
extern uint64_t fake_clock_step;
extern int fake_allocs_left; /* page and memory allocations fail after so many; -1: never */

/* What "another processor" does at the next mmu_lock, or the next lookup of a frame, once. */
extern void (*fake_on_lock)(void), (*fake_on_lookup)(void);

/* All of RAM mapped in 2 MiB pieces, memory zeroed, log cleared. */
void fake_reset(void);

/* Lay `n` frames from `gfn` over what was there before. For P2M_NONE `pfn` is ignored. */
void fake_map(uint64_t gfn, uint64_t n, uint64_t pfn, enum p2m_kind kind, bool large);

/* The host frame of a RAM gfn as fake_reset lays it. */
static inline uint64_t fake_pfn(uint64_t gfn)
{
	return FAKE_RAM_PFN + gfn;
}

/* Guest memory. */
uint64_t fake_read64(uint64_t gpa);
uint32_t fake_read32(uint64_t gpa);
void fake_write64(uint64_t gpa, uint64_t val);
void fake_write32(uint64_t gpa, uint32_t val);

/* What the processor makes of an access with the shadow tables as they are, straight from
 * the manual: CR0.WP = 1, EFER.NXE = 1, SMEP and SMAP as the guest has them, no TLB. */
struct fake_hw_result {
	bool ok;
	uint64_t hpa; /* ok */
	uint32_t error_code; /* !ok */
	uint64_t spte; /* the leaf, or what stopped the walk */
	bool large;
};

struct fake_hw_result fake_hw_access(const struct mmu_vcpu *v, uint64_t va, unsigned access);

/* Run an access as the hypervisor would: processor, fault, again. MMU_FIXED: it went
 * through, *hpa says where. *faults (may be NULL) counts the exits. */
enum mmu_result fake_access(struct mmu_vcpu *v, uint64_t va, unsigned access,
			    struct mmu_fault *fault, uint64_t *hpa, unsigned *faults);

/*
 * The same with a TLB, one for each vCPU: it keeps every leaf that an access went through and
 * the page directory entry above it, that also of one that ended there, and forgets only what
 * the library asks it to, or the leaf that a fault of its own went by. PDPTEs are registers.
 */
struct fake_hw_result fake_tlb_access(const struct mmu_vcpu *v, uint64_t va, unsigned access);
enum mmu_result fake_tlb_run(struct mmu_vcpu *v, uint64_t va, unsigned access,
			     struct mmu_fault *fault, uint64_t *hpa, unsigned *faults);
void fake_tlb_reset(void);
void fake_tlb_flush(const struct mmu_vcpu *v);
void fake_tlb_flush_page(const struct mmu_vcpu *v, uint64_t va);

/* Does some shadow page hold bits in an entry that is not present? */
bool fake_holds_absent(void);

/* Present leaves in the shadow tables. */
unsigned fake_count_leaves(const struct mmu_vcpu *v);

#endif

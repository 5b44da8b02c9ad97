/* SPDX-License-Identifier: MIT */
/*
 * Decoded instructions of one vCPU, by linear address, and where their bytes lie: a small
 * instruction TLB. It obeys the rules of the hardware's (I17): whatever makes the
 * processor forget a translation (mmu_hw_flush, mmu_hw_flush_page) moves `generation` on,
 * and with it every remembered place. The bytes themselves are compared at each use, since
 * the guest may write them at any time.
 * Guarded by the CPU that runs the vCPU.
 */
#ifndef HV_INSN_CACHE_H
#define HV_INSN_CACHE_H

#include "hv/emul.h"

#define INSN_CACHE_ENTRIES 128 /* a power of two */
#define INSN_CACHE_REGION_SHIFT 30 /* the largest page that one INVLPG flushes */

struct insn_cache_entry {
	uint64_t la; /* linear address of the first byte */
	uint64_t generation; /* `code` is right while the cache has this one */
	const uint8_t *code; /* where the processor fetches it from */
	struct insn insn; /* insn.len == 0: empty */
};

struct insn_cache {
	uint64_t generation;
	uint64_t region; /* of the latest instruction: la >> INSN_CACHE_REGION_SHIFT */
	struct insn_cache_entry entry[INSN_CACHE_ENTRIES];
};

static inline void insn_cache_flush(struct insn_cache *c)
{
	c->generation++;
}

/* A page flush elsewhere leaves the code that runs where it is. */
static inline void insn_cache_flush_page(struct insn_cache *c, uint64_t va)
{
	if (va >> INSN_CACHE_REGION_SHIFT == c->region)
		c->generation++;
}

#endif

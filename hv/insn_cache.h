/* SPDX-License-Identifier: MIT */
/*
 * Decoded instructions of one vCPU, by linear address. A hit is only taken when the bytes
 * that the shadow page tables map there now are the bytes that were decoded, so nothing
 * ever needs to be invalidated. Guarded by the CPU that runs the vCPU.
 */
#ifndef HV_INSN_CACHE_H
#define HV_INSN_CACHE_H

#include "hv/emul.h"

#define INSN_CACHE_ENTRIES 128 /* a power of two */

struct insn_cache_entry {
	uint64_t la; /* linear address of the first byte */
	struct insn insn; /* insn.len == 0: empty */
};

struct insn_cache {
	struct insn_cache_entry entry[INSN_CACHE_ENTRIES];
};

#endif

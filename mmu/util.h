/* SPDX-License-Identifier: MIT */
/* Small helpers of the language for the library's own files. */
#ifndef MMU_UTIL_H
#define MMU_UTIL_H

#include "mmu/types.h"

#define BIT(n) (UINT64_C(1) << (n))
#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
#define always_inline inline __attribute__((always_inline))
#define cold __attribute__((cold, noinline))

/* Bits hi..lo, both included; none if hi < lo. */
static inline uint64_t bits(unsigned hi, unsigned lo)
{
	return hi < lo ? 0 : (~UINT64_C(0) >> (63 - hi)) & (~UINT64_C(0) << lo);
}

#endif

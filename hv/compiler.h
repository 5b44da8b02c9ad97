/* SPDX-License-Identifier: MIT */
/* Small helpers of the language; the same on the host and in the hypervisor. */
#ifndef HV_COMPILER_H
#define HV_COMPILER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mmu/types.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define container_of(p, type, member) ((type *)((char *)(p)-offsetof(type, member)))
#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
#define BIT(n) (UINT64_C(1) << (n))
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))
#define ALIGN_UP(x, a) (((x) + ((a)-1)) & ~((__typeof__(x))(a)-1))
#define ALIGN_DOWN(x, a) ((x) & ~((__typeof__(x))(a)-1))
#define always_inline inline __attribute__((always_inline))
/* Of a function that more than one back end calls at each exit: the linker puts it into each. */
#define inline_at_link always_inline
#define printf_like(f, a) __attribute__((format(printf, f, a)))

#endif

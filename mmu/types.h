/* SPDX-License-Identifier: MIT */
/*
 * Address types. Each is a one-member struct, so that the compiler refuses to mix
 * a guest address with a host one, or a frame number with an address.
 */
#ifndef MMU_TYPES_H
#define MMU_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAGE_SHIFT 12
#define PAGE_SIZE (UINT64_C(1) << PAGE_SHIFT)
#define PAGE_MASK (~(PAGE_SIZE - 1))

/* Guest virtual: the linear address after segmentation. */
typedef struct {
	uint64_t v;
} gva_t;

/* Guest physical. */
typedef struct {
	uint64_t v;
} gpa_t;

/* Host physical. */
typedef struct {
	uint64_t v;
} hpa_t;

/* Guest frame number: gpa >> PAGE_SHIFT. */
typedef struct {
	uint64_t v;
} gfn_t;

/* Host frame number: hpa >> PAGE_SHIFT. */
typedef struct {
	uint64_t v;
} pfn_t;

#define GVA(x) ((gva_t){ (x) })
#define GPA(x) ((gpa_t){ (x) })
#define HPA(x) ((hpa_t){ (x) })
#define GFN(x) ((gfn_t){ (x) })
#define PFN(x) ((pfn_t){ (x) })

static inline gfn_t gpa_to_gfn(gpa_t a)
{
	return GFN(a.v >> PAGE_SHIFT);
}

static inline gpa_t gfn_to_gpa(gfn_t f)
{
	return GPA(f.v << PAGE_SHIFT);
}

static inline pfn_t hpa_to_pfn(hpa_t a)
{
	return PFN(a.v >> PAGE_SHIFT);
}

static inline hpa_t pfn_to_hpa(pfn_t f)
{
	return HPA(f.v << PAGE_SHIFT);
}

#define must_check __attribute__((warn_unused_result))

#endif

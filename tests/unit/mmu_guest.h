/* SPDX-License-Identifier: MIT */
/*
 * A guest for the tests of the shadow MMU: one vCPU, tables at fixed places in its RAM,
 * registers by name. Bits are written as the manual numbers them, not with mmu/pte.h.
 */
#ifndef TESTS_UNIT_MMU_GUEST_H
#define TESTS_UNIT_MMU_GUEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/fake_platform.h"

#define P UINT64_C(0x001)
#define W UINT64_C(0x002)
#define U UINT64_C(0x004)
#define A UINT64_C(0x020)
#define D UINT64_C(0x040)
#define PS UINT64_C(0x080)
#define G UINT64_C(0x100)
#define NX UINT64_C(0x8000000000000000)
#define ALL (P | W | U | A | D)

#define PG 0x80000000u
#define WP 0x10000u
#define PE 1u
#define PSE 0x10u
#define PAE 0x20u
#define PGE 0x80u
#define LA57 0x1000u
#define SMEP 0x100000u
#define SMAP 0x200000u
#define LME 0x100u
#define LMA 0x400u
#define NXE 0x800u

/* Where the tests put their tables. */
#define T5 UINT64_C(0x18000)
#define T4 UINT64_C(0x10000)
#define T3 UINT64_C(0x11000)
#define T2 UINT64_C(0x12000)
#define T1 UINT64_C(0x13000)
#define DATA UINT64_C(0x800000) /* frames that pages map; 2 MiB aligned, 32 MiB of them */

enum { RD = 0, WR = MMU_ACC_WRITE, US = MMU_ACC_USER, EX = MMU_ACC_FETCH, AC = MMU_ACC_AC };

struct guest {
	struct mmu mmu;
	struct mmu_vcpu v;
	struct mmu_vcpu v2; /* of guests with two; v2.mmu is NULL else */
	struct mmu_fault fault;
};

static struct guest *g;

/* Whether leaf tables are born out of sync (MMU_OPT_BORN). Most tests want to see the write
 * that takes them there. */
static bool guest_born_oos;

static inline void guest_start_with(const struct mmu_config *config, unsigned vcpus)
{
	struct mmu_config c = *config;

	if (!guest_born_oos)
		c.without |= MMU_OPT_BORN;
	fake_reset();
	g = calloc(1, sizeof(*g));
	assert_int_equal(mmu_init(&g->mmu, &c), 0);
	assert_int_equal(mmu_vcpu_init(&g->v, &g->mmu), 0);
	if (vcpus > 1)
		assert_int_equal(mmu_vcpu_init(&g->v2, &g->mmu), 0);
}

static inline void guest_start(unsigned pool, unsigned maxphyaddr, bool has_1g)
{
	struct mmu_config c = { .engine = "vtlb",
				.pool_pages = pool,
				.maxphyaddr = maxphyaddr,
				.has_1g = has_1g,
				.frames = FAKE_RAM_FRAMES };

	guest_start_with(&c, 1);
}

static inline void guest_end(void)
{
	if (g->v2.mmu)
		mmu_vcpu_fini(&g->v2);
	mmu_vcpu_fini(&g->v);
	mmu_fini(&g->mmu);
	free(g);
	assert_int_equal(fake_log.pages_out, 0);
	assert_int_equal(fake_log.mem_out, 0);
}

static inline int set_regs(uint64_t cr0, uint64_t cr3, uint64_t cr4, uint64_t efer)
{
	struct mmu_regs r = { cr0, cr3, cr4, efer };

	return mmu_set_regs(&g->v, &r);
}

/* The usual settings of each mode; `cr4` and `efer` are added. */
static inline void mode_4level(uint64_t cr4, uint64_t efer)
{
	assert_int_equal(set_regs(PG | WP | PE, T4, PAE | cr4, LME | LMA | efer), 0);
}

static inline void mode_5level(uint64_t cr4, uint64_t efer)
{
	assert_int_equal(set_regs(PG | WP | PE, T5, PAE | LA57 | cr4, LME | LMA | efer), 0);
}

static inline void mode_pae(uint64_t cr4, uint64_t efer)
{
	assert_int_equal(set_regs(PG | WP | PE, T3, PAE | cr4, efer), 0);
}

static inline void mode_2level(uint64_t cr4)
{
	assert_int_equal(set_regs(PG | WP | PE, T2, cr4, 0), 0);
}

/* Tables such that T1 maps va 0 .. 2 MiB (4 MiB in the 2-level format); leaves are free. */
static inline void tables_4level(void)
{
	fake_write64(T4, T3 | ALL);
	fake_write64(T3, T2 | ALL);
	fake_write64(T2, T1 | ALL);
}

static inline void tables_5level(void)
{
	fake_write64(T5, T4 | ALL);
	tables_4level();
}

static inline void tables_pae(void)
{
	fake_write64(T3, T2 | P);
	fake_write64(T2, T1 | ALL);
}

static inline void tables_2level(void)
{
	fake_write32(T2, T1 | ALL);
}

/* Ask the guest's tables: where, or -1 with g->fault.error_code. */
static inline int64_t where(uint64_t va, unsigned access)
{
	switch (mmu_translate(&g->v, GVA(va), access, &g->fault)) {
	case MMU_FIXED:
	case MMU_MMIO:
		return g->fault.gpa.v;
	case MMU_INJECT:
		return -1;
	default:
		fail();
		return -2;
	}
}

#define assert_faults(va, access, code)                        \
	do {                                                   \
		assert_int_equal(where(va, access), -1);       \
		assert_int_equal(g->fault.error_code, (code)); \
	} while (0)

/* Do it on the processor: the access goes through and reaches guest address `gpa`. */
#define assert_reaches(va, access, gpa)                                                  \
	do {                                                                             \
		uint64_t hpa_;                                                           \
		assert_int_equal(fake_access(&g->v, va, access, &g->fault, &hpa_, NULL), \
				 MMU_FIXED);                                             \
		assert_int_equal(hpa_, (fake_pfn((gpa) >> 12) << 12) | ((gpa)&0xfff));   \
	} while (0)

#define assert_result(va, access, result) \
	assert_int_equal(fake_access(&g->v, va, access, &g->fault, NULL, NULL), result)

#define assert_injects(va, access, code)                       \
	do {                                                   \
		assert_result(va, access, MMU_INJECT);         \
		assert_int_equal(g->fault.error_code, (code)); \
	} while (0)

/* As the processor sees it now, without a fault. */
static inline bool in_shadow(uint64_t va, unsigned access)
{
	return fake_hw_access(&g->v, va, access).ok;
}

#endif

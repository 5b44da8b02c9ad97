/* SPDX-License-Identifier: MIT */
/*
 * What the tests of the invariants share: a 4-level guest with two vCPUs on the same tables,
 * run on a processor with a TLB, once for each engine. Tables lie at T4 .. T1; the guest sees
 * all frames of IDENTITY at their own addresses, so that it can write its tables.
 */
#ifndef TESTS_UNIT_MMU_INVARIANT_H
#define TESTS_UNIT_MMU_INVARIANT_H

#include <stdio.h>

#include "tests/unit/mmu_guest.h"

#define V(page) ((uint64_t)(page) << 12)
#define IDENTITY_FIRST 0x10u /* pages */
#define IDENTITY_END 0x40u
#define T1B UINT64_C(0x14000) /* room for more tables */
#define T2B UINT64_C(0x15000)
#define T3B UINT64_C(0x16000)
#define T4B UINT64_C(0x17000)
#define T5B UINT64_C(0x19000)
#define MAX_ENGINES 4

static inline bool is_xi_name(const char *engine)
{
	return !strcmp(engine, "xi");
}

static inline bool is_xi(void)
{
	return is_xi_name(g->mmu.config.engine);
}

static inline struct mmu_config config_of(void **state)
{
	return (struct mmu_config){ .engine = *state,
				    .pool_pages = 256,
				    .maxphyaddr = 40,
				    .has_1g = true,
				    .frames = FAKE_RAM_FRAMES };
}

/* The smallest pool for so many vCPUs (mmu/README.md). */
static inline unsigned smallest_pool(const char *engine, unsigned vcpus)
{
	return is_xi_name(engine) ? 4 * vcpus + 10 : 9;
}

static inline void audit_is_clean(void)
{
	struct mmu_audit a;

	mmu_audit(&g->mmu, &a);
	if (a.errors)
		fail_msg("I%u: %s (0x%llx 0x%llx 0x%llx)", a.invariant, a.what,
			 (unsigned long long)a.detail[0], (unsigned long long)a.detail[1],
			 (unsigned long long)a.detail[2]);
}

static inline void identity(uint64_t table, size_t entry_bytes)
{
	for (uint64_t i = IDENTITY_FIRST; i < IDENTITY_END; i++) {
		if (entry_bytes == sizeof(uint64_t))
			fake_write64(table + i * entry_bytes, V(i) | ALL);
		else
			fake_write32(table + i * entry_bytes, (uint32_t)(V(i) | ALL));
	}
}

/* Before the guest runs: nobody has seen the tables yet. */
static inline void map_at_start(unsigned page, uint64_t entry)
{
	fake_write64(T1 + 8 * page, entry);
}

static inline void both_set_regs(uint64_t cr0, uint64_t cr3, uint64_t cr4, uint64_t efer)
{
	struct mmu_regs r = { cr0, cr3, cr4, efer };

	assert_int_equal(mmu_set_regs(&g->v, &r), 0);
	assert_int_equal(mmu_set_regs(&g->v2, &r), 0);
}

static inline void start_tables(const struct mmu_config *c)
{
	guest_start_with(c, 2);
	tables_4level();
	identity(T1, sizeof(uint64_t));
	for (unsigned i = 0; i < 8; i++)
		map_at_start(i, (DATA + V(i)) | ALL);
}

static inline void run_tables(void)
{
	both_set_regs(PG | WP | PE, T4, PAE | PGE, LME | LMA | NXE);
}

/* Pages 0 .. 7 map DATA. */
static inline void start(void **state)
{
	struct mmu_config c = config_of(state);

	start_tables(&c);
	run_tables();
}

static inline void end(void)
{
	audit_is_clean();
	assert_false(fake_holds_absent());
	guest_end();
}

static inline uint64_t host_of(uint64_t gpa)
{
	return (fake_pfn(gpa >> 12) << 12) | (gpa & 0xfff);
}

/* The access of a vCPU goes through and reaches `gpa`. */
#define cpu_reaches(vcpu, va, access, gpa)                                               \
	do {                                                                             \
		uint64_t hpa_ = 0;                                                       \
		assert_int_equal(fake_tlb_run(vcpu, va, access, &g->fault, &hpa_, NULL), \
				 MMU_FIXED);                                             \
		assert_int_equal(hpa_, host_of(gpa));                                    \
	} while (0)

#define cpu_gets(vcpu, va, access, result) \
	assert_int_equal(fake_tlb_run(vcpu, va, access, &g->fault, NULL, NULL), result)

#define cpu_injects(vcpu, va, access, code)                    \
	do {                                                   \
		cpu_gets(vcpu, va, access, MMU_INJECT);        \
		assert_int_equal(g->fault.error_code, (code)); \
	} while (0)

/* How many exits an access takes. */
static inline unsigned exits_of(struct mmu_vcpu *v, uint64_t va, unsigned access)
{
	unsigned n = 0;

	assert_int_equal(fake_tlb_run(v, va, access, &g->fault, NULL, &n), MMU_FIXED);
	return n;
}

/* What to write, for mmu_guest_update(). */
struct bytes {
	uint64_t val;
	unsigned len;
};

static inline void put_bytes(void *host, void *arg)
{
	const struct bytes *b = arg;

	memcpy(host, &b->val, b->len);
}

static inline void host_writes(uint64_t gpa, uint64_t val, unsigned len)
{
	struct bytes b = { val, len };

	assert_true(mmu_guest_update(&g->mmu, GPA(gpa), len, put_bytes, &b));
}

/* The supervisor of `v` stores `len` bytes at `va`, by the processor or the emulator. Returns
 * the exits that it took. */
static inline unsigned store_bytes(struct mmu_vcpu *v, uint64_t va, uint64_t val, unsigned len)
{
	unsigned exits = 0;
	uint64_t hpa = 0;
	enum mmu_result r = fake_tlb_run(v, va, WR, &g->fault, &hpa, &exits);

	if (r == MMU_EMULATE) {
		host_writes(g->fault.gpa.v, val, len);
		return exits;
	}
	assert_int_equal(r, MMU_FIXED);
	memcpy((uint8_t *)mmu_map_pfn(hpa_to_pfn(HPA(hpa))) + (hpa & 0xfff), &val, len);
	return exits;
}

static inline unsigned store(struct mmu_vcpu *v, uint64_t va, uint64_t val)
{
	return store_bytes(v, va, val, sizeof(val));
}

/* The guest changes the entry of a page in T1. */
static inline unsigned remap(struct mmu_vcpu *v, unsigned page, uint64_t entry)
{
	return store(v, T1 + 8 * page, entry);
}

static inline struct mmu_summary summary(void)
{
	struct mmu_summary s;

	mmu_summary(&g->mmu, &s);
	return s;
}

/* Run `n` tests under each engine; each gets the engine's name as its state. */
static inline int run_on_each_engine(const struct CMUnitTest *tests, size_t n)
{
	static struct CMUnitTest all[MAX_ENGINES * 32];
	static char names[MAX_ENGINES * 32][80];
	size_t k = 0;

	for (unsigned e = 0; mmu_engine_name(e); e++) {
		for (size_t i = 0; i < n; i++, k++) {
			if (k == sizeof(all) / sizeof(all[0]))
				abort();
			snprintf(names[k], sizeof(names[k]), "%s [%s]", tests[i].name,
				 mmu_engine_name(e));
			all[k] = tests[i];
			all[k].name = names[k];
			all[k].initial_state = (void *)(uintptr_t)mmu_engine_name(e);
		}
	}
	return cmocka_run_group_tests(all, NULL, NULL); /* empty ones are not counted */
}

#define RUN_ON_EACH_ENGINE(tests) run_on_each_engine(tests, sizeof(tests) / sizeof((tests)[0]))

#endif

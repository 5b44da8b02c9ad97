/* SPDX-License-Identifier: MIT */
/* The engine vtlb: when its pool or the memory is short, when the p2m changes; a long random run. */
#include "tests/unit/vtlb_guest.h"

/* ---- the pool ---- */

static void test_pool_exhaustion(void **state)
{
	uint64_t reclaims = 0;

	(void)state;
	guest_start(12, 40, false);
	tables_4level();
	mode_4level(PGE, 0);
	/* 64 page tables in one page directory, from a pool that holds a handful */
	for (unsigned i = 0; i < 64; i++)
		fake_write64(T2 + 8 * i, T1 | ALL);
	map4(3, DATA, ALL | G);
	for (unsigned round = 0; round < 3; round++)
		for (uint64_t i = 0; i < 64; i++)
			assert_reaches(i << 21 | V(3), WR, DATA);
	for (unsigned b = 0; b < MMU_NR_BUCKETS; b++)
		reclaims += g->v.stats.op[MMU_OP_RECLAIM].bucket[b];
	assert_true(reclaims > 10);
	assert_true(fake_log.flush >= reclaims);
	/* widely spread: a whole path for each page */
	for (uint64_t i = 0; i < 512; i++)
		fake_write64(T4 + 8 * i, T3 | ALL);
	for (uint64_t i = 0; i < 256; i++)
		assert_reaches(i << 39 | V(3), WR, DATA);
	guest_end();
}

/* Tables go back to the pool when a CR3 load empties them: no leak, no recycling. */
static void test_no_leak(void **state)
{
	(void)state;
	guest_start(24, 40, false);
	for (uint64_t i = 0; i < 256; i++)
		fake_write64(T4 + 8 * i, T3 | ALL);
	fake_write64(T3, T2 | ALL);
	fake_write64(T2, T1 | ALL);
	map4(0, DATA, ALL);
	map4(1, DATA + 0x1000, ALL | G);
	mode_4level(PGE, 0);
	assert_reaches(UINT64_C(255) << 39 | V(1), WR, DATA + 0x1000);
	for (unsigned round = 0; round < 1000; round++) {
		assert_reaches((uint64_t)(round % 200) << 39, WR, DATA);
		assert_reaches((uint64_t)(round % 199) << 39 | 0, RD | US, DATA);
		assert_int_equal(mmu_set_cr3(&g->v, T4), 0);
		assert_int_equal(fake_count_leaves(&g->v), 1);
	}
	for (unsigned b = 0; b < MMU_NR_BUCKETS; b++)
		assert_int_equal(g->v.stats.op[MMU_OP_RECLAIM].bucket[b], 0);
	guest_end();
}

static void test_creation_failures(void **state)
{
	struct mmu_config c = { .maxphyaddr = 40, .frames = FAKE_RAM_FRAMES };
	int err = -12;

	(void)state;
	fake_reset();
	g = calloc(1, sizeof(*g));
	c.engine = "none such";
	assert_int_equal(mmu_init(&g->mmu, &c), -22);
	c.engine = "vtlb";
	c.maxphyaddr = 31;
	assert_int_equal(mmu_init(&g->mmu, &c), -22);
	c.maxphyaddr = 53;
	assert_int_equal(mmu_init(&g->mmu, &c), -22);
	c.maxphyaddr = 40;
	c.pool_pages = 8; /* five fixed tables and a path of four need nine */
	assert_int_equal(mmu_init(&g->mmu, &c), -22);
	c.pool_pages = 9;
	assert_int_equal(mmu_init(&g->mmu, &c), 0);
	for (int n = 0; err; n++) {
		fake_allocs_left = n;
		err = mmu_vcpu_init(&g->v, &g->mmu);
		if (!err)
			break;
		assert_int_equal(err, -12);
		assert_null(g->v.mmu); /* by which its owner knows that there is nothing to undo */
		assert_int_equal(fake_log.pages_out, 0);
		assert_int_equal(fake_log.mem_out, 0);
		assert_int_equal(g->mmu.nr_vcpus, 0);
	}
	fake_allocs_left = -1;
	assert_int_equal(fake_log.pages_low_out, 1); /* the PAE root and no more */
	assert_reaches(0x5000, WR, 0x5000);
	guest_end();
}

/* ---- several vCPUs, the p2m ---- */

static void test_p2m_changed(void **state)
{
	struct mmu_vcpu v2;
	uint64_t hpa;

	(void)state;
	start_4level(PGE, 0);
	map4(0, DATA, ALL | G);
	assert_int_equal(mmu_vcpu_init(&v2, &g->mmu), 0);
	assert_int_equal(mmu_set_regs(&v2, &g->v.regs), 0);
	assert_reaches(0, WR, DATA);
	assert_int_equal(fake_access(&v2, 0, WR, &g->fault, &hpa, NULL), MMU_FIXED);
	fake_map(DATA >> 12, 1, 0, P2M_NONE, false);
	mmu_p2m_changed(&g->mmu, GFN(DATA >> 12), 1);
	assert_int_equal(fake_log.shootdown, 1);
	assert_int_equal(fake_count_leaves(&g->v), 0);
	assert_int_equal(fake_count_leaves(&v2), 0);
	assert_result(0, WR, MMU_MMIO);
	assert_int_equal(fake_access(&v2, 0, WR, &g->fault, &hpa, NULL), MMU_MMIO);
	mmu_vcpu_fini(&v2);
	assert_int_equal(g->mmu.nr_vcpus, 1);
	guest_end();
}

static void p2m_moves_on(void)
{
	fake_map(T1 >> 12, 1, fake_pfn((T1 >> 12) + 1), P2M_RAM, false);
	__atomic_fetch_add(&g->mmu.p2m_gen, 1, __ATOMIC_RELEASE);
}

/* The p2m changes between the walk and the fill: what was read is not used. */
static void test_p2m_race(void **state)
{
	(void)state;
	start_4level(0, 0);
	map4(0, DATA, ALL);
	fake_write64(T1 + 0x1000, (DATA + 0x3000) | ALL);
	fake_on_lock = p2m_moves_on;
	assert_int_equal(mmu_fault(&g->v, GVA(0), RD, &g->fault), MMU_RETRY);
	assert_int_equal(fake_count_leaves(&g->v), 0);
	assert_reaches(0, RD, DATA + 0x3000);
	/* Likewise before an A bit is written to a frame that is no longer the guest's. */
	fake_write64(T1, (DATA + 0x3000) | P); /* now the frame behind */
	mmu_invlpg(&g->v, GVA(0));
	fake_on_lock = p2m_moves_on;
	assert_int_equal(mmu_fault(&g->v, GVA(0), RD, &g->fault), MMU_RETRY);
	assert_int_equal(fake_read64(T1) & A, 0);
	guest_end();
}

static void test_peek(void **state)
{
	hpa_t hpa;

	(void)state;
	start_4level(0, 0);
	map4(0, DATA, ALL);
	fake_write64(T2 + 8, DATA | ALL | PS);
	assert_false(mmu_peek(&g->v, GVA(0x10), &hpa));
	assert_reaches(0x10, EX, DATA + 0x10);
	assert_true(mmu_peek(&g->v, GVA(0x10), &hpa));
	assert_int_equal(hpa.v, (fake_pfn(DATA >> 12) << 12) + 0x10);
	assert_reaches(0x200000, RD, DATA);
	assert_true(mmu_peek(&g->v, GVA(0x3456ab), &hpa));
	assert_int_equal(hpa.v, (fake_pfn(DATA >> 12) << 12) + 0x1456ab);
	assert_int_equal(set_regs(PE, 0, 0, 0), 0);
	assert_false(mmu_peek(&g->v, GVA(0x10), &hpa));
	assert_reaches(0xabc, EX, 0xabc);
	assert_true(mmu_peek(&g->v, GVA(UINT64_C(0x100000abc)), &hpa)); /* 32 bits count */
	assert_int_equal(hpa.v, (fake_pfn(0) << 12) + 0xabc);
	guest_end();
}

/* ---- a long random run: the shadow is never wider than some state since the flush ---- */

static uint32_t rng;

static uint32_t rnd(uint32_t n)
{
	rng = rng * 1664525 + 1013904223;
	return (rng >> 8) % n;
}

#define PAGES 24

/* Page 0..15 small, the rest are 2 MiB slots; the model flushes after each table write, so
 * that every access must have exactly the outcome of the guest's tables. */
static uint64_t random_va(unsigned *slot)
{
	*slot = rnd(PAGES);
	return *slot < 16 ? V(*slot) + rnd(4096) : ((uint64_t)*slot << 21) + rnd(0x200000);
}

static void random_write(unsigned slot)
{
	uint64_t bits = rnd(0x80) | (rnd(3) ? P : 0) | (rnd(4) ? 0 : G);
	uint64_t va = slot < 16 ? V(slot) : (uint64_t)slot << 21;

	if (slot < 16)
		map4(slot, DATA + V(rnd(512)), bits & ~PS);
	else
		fake_write64(T2 + 8 * slot, (DATA + ((uint64_t)rnd(8) << 21)) | bits | PS);
	mmu_invlpg(&g->v, GVA(va));
}

static void test_random(void **state)
{
	static const unsigned acc[] = { RD, WR, EX, RD | US, WR | US, EX | US };

	(void)state;
	for (rng = 1; rng < 6; rng++) {
		uint32_t seed = rng;

		guest_start(10, 40, false);
		fake_map(DATA >> 12, 0x400, fake_pfn(DATA >> 12), P2M_RAM, false);
		tables_4level();
		mode_4level(PGE, NXE);
		for (unsigned n = 0; n < 20000; n++) {
			unsigned slot, a = acc[rnd(6)], op = rnd(100);
			uint64_t va = random_va(&slot);
			int64_t want;
			enum mmu_result r;
			uint64_t hpa = 0;

			if (op < 20)
				random_write(slot);
			else if (op < 23)
				assert_int_equal(mmu_set_cr3(&g->v, T4), 0);
			else if (op == 23)
				mode_4level(rnd(2) ? PGE : SMEP, rnd(2) ? NXE : 0);
			r = fake_access(&g->v, va, a, &g->fault, &hpa, NULL);
			want = where(va, a);
			assert_int_equal(r, want < 0 ? MMU_INJECT : MMU_FIXED);
			if (want >= 0)
				assert_int_equal(hpa,
						 (fake_pfn(want >> 12) << 12) | (want & 0xfff));
		}
		guest_end();
		rng = seed;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pool_exhaustion),
		cmocka_unit_test(test_no_leak),
		cmocka_unit_test(test_creation_failures),
		cmocka_unit_test(test_p2m_changed),
		cmocka_unit_test(test_p2m_race),
		cmocka_unit_test(test_peek),
		cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/*
 * The life of an MMU under each engine: creation with too little memory, its smallest pool, going
 * from one engine to another and back, every option left out.
 */
#include "tests/unit/mmu_invariant.h"

#define ENOMEM 12
#define EINVAL 22

/* Call it with ever more allocations granted until it goes through: what fails leaves nothing. */
#define OUT_OF_MEMORY(call)                                           \
	do {                                                          \
		unsigned pages_ = fake_log.pages_out;                 \
		size_t mem_ = fake_log.mem_out;                       \
		int err_ = -ENOMEM;                                   \
		for (int n_ = 0; err_; n_++) {                        \
			fake_allocs_left = n_;                        \
			err_ = (call);                                \
			if (!err_)                                    \
				break;                                \
			assert_int_equal(err_, -ENOMEM);              \
			assert_int_equal(fake_log.pages_out, pages_); \
			assert_int_equal(fake_log.mem_out, mem_);     \
		}                                                     \
		fake_allocs_left = -1;                                \
	} while (0)

static const char *other_engine(void **state)
{
	return strcmp(mmu_engine_name(0), *state) ? mmu_engine_name(0) : mmu_engine_name(1);
}

static void test_creation_without_memory(void **state)
{
	struct mmu_config c = config_of(state);

	c.pool_pages = smallest_pool("xi", 2);
	fake_reset();
	g = calloc(1, sizeof(*g));
	fake_allocs_left = 0;
	if (mmu_init(&g->mmu, &c)) /* what vm_unmake() goes by; vtlb has nothing of its own */
		assert_null(g->mmu.engine);
	OUT_OF_MEMORY(mmu_init(&g->mmu, &c));
	OUT_OF_MEMORY(mmu_vcpu_init(&g->v, &g->mmu));
	assert_int_equal(g->mmu.nr_vcpus, 1);
	OUT_OF_MEMORY(mmu_vcpu_init(&g->v2, &g->mmu));
	OUT_OF_MEMORY(mmu_dirty_start(&g->mmu));
	cpu_reaches(&g->v, 0x5000, WR, 0x5000);
	cpu_reaches(&g->v2, 0x5000, WR, 0x5000);
	assert_int_equal(mmu_dirty_collect(&g->mmu, NULL), 1);
	end();
}

static void test_wrong_configurations(void **state)
{
	const struct mmu_config good = config_of(state);
	struct mmu m;

	fake_reset();
	for (unsigned i = 0; i < 5; i++) {
		struct mmu_config c = good;

		c.engine = i == 0 ? "xiv" : *state;
		c.maxphyaddr = i == 1 ? 31 : i == 2 ? 53 : 40;
		c.frames = i == 3 ? 0 : i == 4 ? (UINT64_C(1) << 32) + 1 : 16;
		assert_int_equal(mmu_init(&m, &c), -EINVAL);
	}
	assert_int_equal(fake_log.mem_out, 0);
}

/* What a pool needs to run at all: one less is an error, at creation. */
static void test_smallest_pool(void **state)
{
	struct mmu_config c = config_of(state);

	fake_reset();
	g = calloc(1, sizeof(*g));
	c.pool_pages = smallest_pool(*state, 1) - 1;
	assert_int_equal(mmu_init(&g->mmu, &c), -EINVAL);
	c.pool_pages++;
	assert_int_equal(mmu_init(&g->mmu, &c), 0);
	assert_int_equal(mmu_vcpu_init(&g->v, &g->mmu), 0);
	/* One pool for all vCPUs has no room for the roots of another. */
	assert_int_equal(mmu_vcpu_init(&g->v2, &g->mmu), is_xi() ? -ENOMEM : 0);
	for (uint64_t i = 0; i < 16; i++)
		cpu_reaches(&g->v, i << 21, WR, i << 21);
	end();
}

/* By default the pool grows with the guest. */
static void test_default_pool(void **state)
{
	struct mmu_config c = config_of(state);
	unsigned pages, unused;

	c.pool_pages = 0;
	guest_start_with(&c, 1);
	mmu_pool_use(&g->v, &pages, &unused);
	assert_int_equal(pages, 1024);
	end();
	if (!is_xi_name(*state))
		return;
	c.frames = 64 * 2048;
	guest_start_with(&c, 1);
	mmu_pool_use(&g->v, &pages, &unused);
	assert_int_equal(pages, 2048);
	end();
}

/* ..., but not without end: who has no memory for it asks for a smaller one. */
static void test_largest_default_pool(void **state)
{
	struct mmu_config c = config_of(state);
	struct mmu m;

	c.pool_pages = 0;
	c.frames = 64 * UINT64_C(65537);
	fake_reset();
	if (!is_xi_name(*state))
		return;
	assert_int_equal(mmu_init(&m, &c), -ENOMEM); /* 65536 pages, of which there are 4096 */
	assert_int_equal(fake_log.pages_out, 0);
	assert_int_equal(fake_log.mem_out, 0);
}

static void test_as_many_vcpus_as_there_may_be(void **state)
{
	static struct mmu_vcpu v[MMU_MAX_VCPUS];
	struct mmu_config c = config_of(state);

	guest_start_with(&c, 1);
	for (unsigned i = 1; i < MMU_MAX_VCPUS; i++)
		assert_int_equal(mmu_vcpu_init(&v[i], &g->mmu), 0);
	assert_int_equal(mmu_vcpu_init(&v[0], &g->mmu), -EINVAL);
	for (unsigned i = 1; i < MMU_MAX_VCPUS; i++)
		cpu_reaches(&v[i], V(i), WR, V(i));
	for (unsigned i = 1; i < MMU_MAX_VCPUS; i++)
		mmu_vcpu_fini(&v[i]);
	end();
}

static void test_switch_and_back(void **state)
{
	start(state);
	for (unsigned round = 0; round < 4; round++) {
		const char *to = round & 1 ? *state : other_engine(state);

		cpu_reaches(&g->v, V(1), WR, DATA + V(1 + round));
		cpu_reaches(&g->v2, V(1), RD, DATA + V(1 + round));
		remap(&g->v, 1, (DATA + V(2 + round)) | ALL);
		assert_int_equal(mmu_switch_engine(&g->mmu, to), 0);
		assert_string_equal(g->mmu.config.engine, to);
		assert_false(in_shadow(V(1), RD));
		audit_is_clean();
	}
	assert_int_equal(mmu_switch_engine(&g->mmu, "none"), -EINVAL);
	cpu_reaches(&g->v, V(1), WR, DATA + V(5));
	end();
}

/* ..., in each mode. */
static void test_switch_in_other_modes(void **state)
{
	struct mmu_config c = config_of(state);

	guest_start_with(&c, 1);
	cpu_reaches(&g->v, 0x5000, WR, 0x5000);
	assert_int_equal(mmu_switch_engine(&g->mmu, other_engine(state)), 0);
	cpu_reaches(&g->v, 0x5000, WR, 0x5000);
	tables_pae();
	identity(T1, sizeof(uint64_t));
	mode_pae(0, 0);
	cpu_reaches(&g->v, V(0x11), WR, V(0x11));
	assert_int_equal(mmu_switch_engine(&g->mmu, *state), 0);
	cpu_reaches(&g->v, V(0x11), WR, V(0x11));
	end();
}

static int switch_to(const char *engine)
{
	int err = mmu_switch_engine(&g->mmu, engine);

	if (err) {
		assert_string_not_equal(g->mmu.config.engine, engine);
		assert_true(in_shadow(V(1), RD)); /* nothing has changed */
		cpu_reaches(&g->v2, V(2), WR, DATA + V(2));
	}
	return err;
}

static void test_switch_without_memory(void **state)
{
	struct mmu_config c = config_of(state);

	c.pool_pages = smallest_pool("xi", 2);
	start_tables(&c);
	run_tables();
	cpu_reaches(&g->v, V(1), WR, DATA + V(1));
	OUT_OF_MEMORY(switch_to(other_engine(state)));
	cpu_reaches(&g->v, V(1), WR, DATA + V(1));
	end();
}

/* A random walk of guest and flushes, without each option in turn: all reach the same. */
static uint32_t rng;

static uint32_t rnd(uint32_t n)
{
	rng = rng * 1664525 + 1013904223;
	return (rng >> 8) % n;
}

static void random_step(struct mmu_vcpu *v)
{
	unsigned page = rnd(8), op = rnd(10);
	uint64_t va = (rnd(3) ? 0 : 0x400000) + V(page);

	if (op < 3) {
		remap(v, page, (DATA + V(rnd(16))) | (ALL & ~(rnd(4) ? 0 : W)) | (rnd(4) ? 0 : G));
		mmu_invlpg(v, GVA(V(page)));
		mmu_invlpg(v, GVA(0x400000 + V(page)));
	} else if (op == 3) {
		remap(v, page, rnd(2) ? 0 : (DATA + V(page)) | P | W | U);
		mmu_flush(v, true);
	} else if (op == 4) {
		host_writes(T2 + 16, rnd(3) ? T1 | ALL : 0, 8);
		mmu_flush(v, true);
	} else if (op == 5) {
		host_writes(T2 + 8, rnd(2) ? T1B | ALL : DATA | ALL | PS, 8);
		mmu_flush(v, true);
	} else {
		unsigned access = rnd(2) ? WR : RD;
		int64_t want;
		uint64_t hpa = 0;
		enum mmu_result r;

		if (rnd(5) == 0)
			va = 0x200000 + V(page);
		r = fake_tlb_run(v, va, access, &g->fault, &hpa, NULL);
		want = where(va, access);
		assert_int_equal(r, want < 0 ? MMU_INJECT : MMU_FIXED);
		if (want >= 0)
			assert_int_equal(hpa, host_of((uint64_t)want));
	}
}

static void test_options_change_nothing(void **state)
{
	for (unsigned bit = 0; bit <= MMU_NR_OPTIONS; bit++) {
		struct mmu_config c = config_of(state);

		c.without = bit < MMU_NR_OPTIONS ? 1u << bit : ~0u;
		assert_true(bit == MMU_NR_OPTIONS || mmu_option_name[bit]);
		start_tables(&c);
		run_tables();
		rng = bit;
		for (unsigned n = 0; n < 3000; n++) {
			random_step(&g->v);
			if (n % 100 == 0)
				audit_is_clean();
		}
		end();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_creation_without_memory),
		cmocka_unit_test(test_wrong_configurations),
		cmocka_unit_test(test_smallest_pool),
		cmocka_unit_test(test_default_pool),
		cmocka_unit_test(test_largest_default_pool),
		cmocka_unit_test(test_as_many_vcpus_as_there_may_be),
		cmocka_unit_test(test_switch_and_back),
		cmocka_unit_test(test_switch_in_other_modes),
		cmocka_unit_test(test_switch_without_memory),
		cmocka_unit_test(test_options_change_nothing),
	};

	return RUN_ON_EACH_ENGINE(tests);
}

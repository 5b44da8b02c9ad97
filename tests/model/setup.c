/* SPDX-License-Identifier: MIT */
/* See setup.h. */
#include "tests/model/setup.h"

#include <string.h>

#include "tests/model/act.h"
#include "tests/model/dirty.h"
#include "tests/model/fail.h"

#define MAX_ENGINES 8u
#define MAX_LEAST 256u

/* Which table (step_target) is what to begin with. */
enum { T_L4, T_L3, T_L2, T_WINDOW, T_LOW, T_PD32, T_WINDOW32, T_LOW32, T_PDPT, T_L5 };

#define FLAGS_TABLE 0x0f /* P W U A of struct step */
#define FLAGS_PAGE 0x1b /* P W A D */
#define FLAGS_LARGE 0x3f
#define PDPTE_P 1u

static struct mmu_config config_of(const struct head *h, const char *engine, unsigned pool)
{
	return (struct mmu_config){
		.engine = engine,
		.without = h->without,
		.pool_pages = pool,
		.maxphyaddr = h->maxphyaddr,
		.has_1g = h->has_1g,
		.frames = h->high ? WORLD_HIGH_GFN + WORLD_HIGH_FRAMES : WORLD_LOW_END,
	};
}

/* False: the pool is too small. */
static bool begin(const struct mmu_config *c)
{
	unsigned n = 0;

	if (mmu_init(&vm.mmu, c))
		return false;
	while (n < vm.nr_vcpus && !mmu_vcpu_init(&vm.vcpu[n].mmu, &vm.mmu))
		n++;
	if (n == vm.nr_vcpus)
		return true;
	while (n)
		mmu_vcpu_fini(&vm.vcpu[--n].mmu);
	mmu_fini(&vm.mmu);
	return false;
}

static void end(void)
{
	for (unsigned i = 0; i < vm.nr_vcpus; i++)
		mmu_vcpu_fini(&vm.vcpu[i].mmu);
	mmu_fini(&vm.mmu);
}

/* The smallest pool that this engine runs with. */
static unsigned least_pool(const struct head *h, const char *engine)
{
	static unsigned least[MAX_ENGINES][MODEL_VCPUS + 1];
	unsigned e = 0, *known;

	while (strcmp(mmu_engine_name(e), engine))
		e++;
	known = &least[e][h->nr_vcpus];
	for (unsigned pool = 1; !*known && pool < MAX_LEAST; pool++) {
		struct mmu_config c = config_of(h, engine, pool);

		if (begin(&c)) {
			end();
			*known = pool;
		}
	}
	MODEL_CHECK(*known, "no pool is large enough", "%s", engine);
	return *known;
}

static void put(unsigned table, unsigned index, unsigned bytes, uint64_t entry)
{
	enum p2m_kind kind;
	unsigned frame = world_frame(step_target[table], &kind);

	world_write_frame(frame, index * bytes, &entry, bytes);
}

static void put_flags(unsigned table, unsigned index, unsigned bytes, unsigned target,
		      unsigned flags)
{
	struct step s = { .target = target, .flags = flags, .raw = 0xff };

	put(table, index, bytes, step_entry(&s, bytes));
}

/* Tables of all formats; some are shared between formats. Without LA57 T_L5 is none. */
static void make_tables(const struct head *h)
{
	enum { PIECE1 = 20, DATA = 16 };
	unsigned x = h->table_flags & 0x1e; /* flips flags of pages */

	if (h->la57) {
		put_flags(T_L5, 0, 8, T_L4, FLAGS_TABLE);
		put_flags(T_L5, 1, 8, T_L4, FLAGS_TABLE);
		put_flags(T_L5, 511, 8, T_L4, FLAGS_TABLE);
	}
	put_flags(T_L4, 0, 8, T_L3, FLAGS_TABLE);
	put_flags(T_L4, 511, 8, T_L3, FLAGS_TABLE);
	put_flags(T_L3, 0, 8, T_L2, FLAGS_TABLE);
	put_flags(T_L2, 0, 8, T_LOW, FLAGS_TABLE);
	put_flags(T_L2, 1, 8, PIECE1, FLAGS_LARGE ^ x);
	put_flags(T_L2, 3, 8, T_WINDOW, FLAGS_TABLE);
	put(T_PDPT, 0, 8, step_target[T_L2] << PAGE_SHIFT | PDPTE_P);
	put_flags(T_PD32, 0, 4, T_LOW32, FLAGS_TABLE);
	put_flags(T_PD32, 1, 4, T_WINDOW32, FLAGS_TABLE);
	for (unsigned i = 0; i < STEP_WINDOW_PAGES; i++) {
		put_flags(T_WINDOW, i, 8, i, FLAGS_PAGE);
		put_flags(T_WINDOW32, STEP_WINDOW / PAGE_SIZE % 1024 + i, 4, i, FLAGS_PAGE);
	}
	for (unsigned i = 0; i < 4; i++) {
		put_flags(T_LOW, i, 8, DATA + 2 * i, FLAGS_TABLE ^ x);
		put_flags(T_LOW32, i, 4, DATA + 2 * i, FLAGS_TABLE ^ x);
	}
}

void setup(const struct head *h, const char *engine, void (*step)(struct vcpu *v))
{
	static const uint8_t roots[] = { T_L4, T_PD32, T_PDPT, T_L4, T_L5 };
	struct mmu_config c;

	world_reset(h->high);
	dirty_reset();
	vcpus_reset(h->nr_vcpus, step);
	c = config_of(h, engine, least_pool(h, engine) + h->pool);
	MODEL_CHECK(begin(&c), "a pool that is larger than the least is too small", "%u",
		    c.pool_pages);
	make_tables(h);
	for (unsigned i = 0; i < h->nr_vcpus; i++) {
		struct step s = { .kind = STEP_MODE,
				  .what = h->mode,
				  .table = roots[h->mode],
				  .flags = h->regs };

		allowed_init(&vm.vcpu[i].allowed, h->maxphyaddr, h->has_1g);
		act(&vm.vcpu[i], &s);
	}
}

void setup_recorded(const struct mmu_config *c, unsigned nr_vcpus)
{
	world_reset_recorded();
	dirty_reset();
	vcpus_reset(nr_vcpus, NULL);
	MODEL_CHECK(begin(c), "the library does not take the recorded configuration", "engine %s",
		    c->engine);
	for (unsigned i = 0; i < nr_vcpus; i++)
		allowed_init(&vm.vcpu[i].allowed, c->maxphyaddr, c->has_1g);
}

void teardown(void)
{
	end();
	MODEL_CHECK(!world_pages_out() && !world_blocks_out(), "the library keeps memory",
		    "%u pages, %u blocks", world_pages_out(), world_blocks_out());
}

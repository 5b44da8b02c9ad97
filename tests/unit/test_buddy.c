/* SPDX-License-Identifier: MIT */
/* The buddy allocator against a plain map of frames. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hv/buddy.h"
#include "hv/errno.h"

#define BASE (UINT64_C(1) << 20)
#define FRAMES 5000u
#define BLOCKS 600

static struct buddy b;
static struct buddy_frame frames[FRAMES];
static bool owned[FRAMES];

static int start(void **state)
{
	(void)state;
	memset(frames, 0, sizeof(frames));
	memset(owned, 0, sizeof(owned));
	buddy_init(&b, frames, BASE, FRAMES);
	return 0;
}

static void empty_has_nothing(void **state)
{
	uint64_t f;

	(void)state;
	assert_int_equal(buddy_alloc(&b, 0, &f), -ENOMEM);
	assert_int_equal(b.nr_free, 0);
}

static void blocks_are_aligned_and_join(void **state)
{
	uint64_t f, big;
	unsigned i;

	(void)state;
	buddy_add(&b, BASE, BASE + 4096);
	for (i = 0; i < 4096; i++) {
		assert_int_equal(buddy_alloc(&b, 0, &f), 0);
		owned[f - BASE] = true;
	}
	assert_int_equal(buddy_alloc(&b, 0, &f), -ENOMEM);
	for (i = 0; i < 4096; i++) {
		assert_true(owned[i]);
		assert_true(buddy_free(&b, BASE + i, 0));
	}
	assert_int_equal(buddy_alloc(&b, 12, &big), 0);
	assert_int_equal(big, BASE);
}

static void ragged_ranges_lose_nothing(void **state)
{
	uint64_t f;
	unsigned n = 0;

	(void)state;
	buddy_add(&b, BASE + 3, BASE + 1000);
	buddy_add(&b, BASE + 1001, BASE + FRAMES);
	assert_int_equal(b.nr_free, 997 + FRAMES - 1001);
	assert_int_equal(buddy_alloc(&b, 12, &f), -ENOMEM); /* a hole in it */
	assert_int_equal(buddy_alloc(&b, 11, &f), 0);
	assert_int_equal((f - BASE) % 2048, 0);
	assert_true(buddy_free(&b, f, 11));
	while (!buddy_alloc(&b, 0, &f)) {
		assert_in_range(f, BASE + 3, BASE + FRAMES - 1);
		assert_int_not_equal(f, BASE + 1000);
		n++;
	}
	assert_int_equal(n, 997 + FRAMES - 1001);
}

static void wrong_frees_are_refused(void **state)
{
	uint64_t f;

	(void)state;
	buddy_add(&b, BASE, BASE + 64);
	assert_int_equal(buddy_alloc(&b, 2, &f), 0);
	assert_false(buddy_free(&b, f + 1, 2)); /* not aligned */
	assert_false(buddy_free(&b, BASE - 4, 2));
	assert_false(buddy_free(&b, BASE + FRAMES, 0));
	assert_false(buddy_free(&b, f, BUDDY_MAX_ORDER + 1));
	assert_true(buddy_free(&b, f, 2));
	assert_false(buddy_free(&b, f, 2)); /* twice; it is inside a larger free block now */
	assert_false(buddy_free(&b, f + 3, 0));
	assert_int_equal(b.nr_free, 64);
}

/* Random requests: no frame is given out twice, counts agree, all comes back whole. */
static void random_load(void **state)
{
	struct {
		uint64_t frame;
		unsigned order;
	} block[BLOCKS];
	unsigned nr = 0, step, i;
	uint64_t out = 0, f;

	(void)state;
	srand(1);
	buddy_add(&b, BASE, BASE + FRAMES);
	for (step = 0; step < 200000; step++) {
		if (nr < BLOCKS && rand() % 2) {
			unsigned order = rand() % 6;

			if (buddy_alloc(&b, order, &f))
				continue;
			assert_int_equal(f % (1u << order), 0);
			for (i = 0; i < 1u << order; i++) {
				assert_false(owned[f - BASE + i]);
				owned[f - BASE + i] = true;
			}
			block[nr].frame = f;
			block[nr++].order = order;
			out += 1u << order;
		} else if (nr) {
			unsigned pick = rand() % nr;

			for (i = 0; i < 1u << block[pick].order; i++)
				owned[block[pick].frame - BASE + i] = false;
			out -= 1u << block[pick].order;
			assert_true(buddy_free(&b, block[pick].frame, block[pick].order));
			block[pick] = block[--nr];
		}
		assert_int_equal(b.nr_free + out, FRAMES);
	}
	while (nr--)
		assert_true(buddy_free(&b, block[nr].frame, block[nr].order));
	assert_int_equal(buddy_alloc(&b, 12, &f), 0); /* 4096 of 5000 in one piece again */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(empty_has_nothing, start),
		cmocka_unit_test_setup(blocks_are_aligned_and_join, start),
		cmocka_unit_test_setup(ragged_ranges_lose_nothing, start),
		cmocka_unit_test_setup(wrong_frees_are_refused, start),
		cmocka_unit_test_setup(random_load, start),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

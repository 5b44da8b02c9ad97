/* SPDX-License-Identifier: MIT */
/* A guest's memory: all of it is there at once or none is, and each piece is cleared, once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hv/errno.h"
#include "hv/p2m.h"
#include "hv/page.h"

#define MIB (UINT64_C(1) << 20)
#define PIECE_FRAMES 512
#define FIRST_FRAME 0x1000
#define MAX_PIECES 2048

static unsigned allocated, available, freed;
static unsigned cleared[MAX_PIECES];

static unsigned piece_of(pfn_t pfn)
{
	assert_int_equal(pfn.v % PIECE_FRAMES, 0);
	return (unsigned)((pfn.v - FIRST_FRAME) / PIECE_FRAMES);
}

int page_alloc(unsigned order, unsigned flags, pfn_t *pfn)
{
	(void)flags;
	assert_int_equal(order, PAGE_ORDER_2M);
	if (allocated == available)
		return -ENOMEM;
	*pfn = PFN(FIRST_FRAME + (uint64_t)allocated++ * PIECE_FRAMES);
	return 0;
}

void page_free(pfn_t pfn, unsigned order)
{
	(void)order;
	assert_in_range(piece_of(pfn), 0, allocated - 1);
	freed++;
}

void page_clear(pfn_t pfn, unsigned order)
{
	assert_int_equal(order, PAGE_ORDER_2M);
	cleared[piece_of(pfn)]++;
}

void *mem_alloc(size_t bytes)
{
	return calloc(1, bytes);
}

void mem_free(void *p, size_t bytes)
{
	(void)bytes;
	free(p);
}

static int setup(void **state)
{
	(void)state;
	allocated = freed = 0;
	available = MAX_PIECES;
	memset(cleared, 0, sizeof(cleared));
	return 0;
}

static void each_piece_is_cleared_once(uint64_t ram)
{
	struct p2m p;

	assert_int_equal(p2m_init(&p, ram), 0);
	assert_int_equal(allocated, ram / (2 * MIB));
	while (p2m_clear_next(&p))
		;
	for (unsigned i = 0; i < allocated; i++)
		assert_int_equal(cleared[i], 1);
	p2m_fini(&p);
	assert_int_equal(freed, allocated);
}

static void test_small(void **state)
{
	(void)state;
	each_piece_is_cleared_once(2 * MIB);
}

static void test_below_and_above_the_hole(void **state)
{
	(void)state;
	each_piece_is_cleared_once(BOARD_PCI_HOLE + 6 * MIB);
}

static void test_all_or_nothing(void **state)
{
	struct p2m p;

	(void)state;
	available = 3;
	assert_int_equal(p2m_init(&p, 8 * MIB), -ENOMEM);
	assert_int_equal(freed, 3);
	p2m_fini(&p); /* there is nothing to give back twice */
	assert_int_equal(freed, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_small, setup),
		cmocka_unit_test_setup(test_below_and_above_the_hole, setup),
		cmocka_unit_test_setup(test_all_or_nothing, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* Range sets against a map of bits, and the memory map on awkward loader maps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hv/errno.h"
#include "hv/memmap.h"

#define SPACE 200
#define MIB (UINT64_C(1) << 20)

static struct boot_info bi;
static struct memmap m;

static void check_set(const struct range_set *s, const bool *bit)
{
	uint64_t at = 0;
	unsigned i;

	for (i = 0; i < s->nr; i++) {
		assert_true(s->r[i].start < s->r[i].end);
		if (i)
			assert_true(s->r[i - 1].end < s->r[i].start); /* joined where they touch */
		for (; at < s->r[i].start; at++)
			assert_false(bit[at]);
		for (; at < s->r[i].end; at++)
			assert_true(bit[at]);
	}
	for (; at < SPACE; at++)
		assert_false(bit[at]);
}

static void ranges_against_bits(void **state)
{
	static struct range_set s;
	bool bit[SPACE] = { false };
	unsigned step;

	(void)state;
	srand(2);
	for (step = 0; step < 50000; step++) {
		uint64_t a = rand() % SPACE, e = a + rand() % (SPACE - a);
		bool add = rand() % 2;

		assert_int_equal(add ? range_add(&s, a, e) : range_remove(&s, a, e), 0);
		memset(bit + a, add, e - a);
		check_set(&s, bit);
	}
}

static void full_set_changes_nothing(void **state)
{
	static struct range_set s;
	unsigned i;

	(void)state;
	for (i = 0; i < RANGE_SET_MAX; i++)
		assert_int_equal(range_add(&s, i * 10, i * 10 + 5), 0);
	assert_int_equal(range_add(&s, 100000, 100001), -ENOSPC);
	assert_int_equal(range_remove(&s, 11, 12), -ENOSPC); /* would split */
	assert_int_equal(s.nr, RANGE_SET_MAX);
	assert_int_equal(range_remove(&s, 10, 15), 0);
	assert_int_equal(range_remove(&s, 21, 22), 0);
}

static void region(uint64_t base, uint64_t size, enum boot_region_type type)
{
	bi.region[bi.nr_regions++] = (struct boot_region){ base, size, type };
}

static void assert_range(const struct range_set *s, unsigned i, uint64_t start, uint64_t end)
{
	assert_true(i < s->nr);
	assert_int_equal(s->r[i].start, start);
	assert_int_equal(s->r[i].end, end);
}

static void pc_map(void **state)
{
	(void)state;
	memset(&bi, 0, sizeof(bi));
	region(0, 0x9fc00, BOOT_RAM);
	region(0x9fc00, 0x400, BOOT_RESERVED);
	region(MIB, 511 * MIB, BOOT_RAM);
	region(511 * MIB + 123, 5000, BOOT_RESERVED); /* overlaps, odd: wins whole pages */
	region(510 * MIB, 0x3000, BOOT_ACPI_NVS);
	bi.module[0] = (struct boot_module){ .start = HPA(8 * MIB + 1), .size = 4096 };
	bi.nr_modules = 1;
	assert_int_equal(memmap_build(&m, &bi, HPA(MIB), HPA(MIB + 0x34567), UINT64_MAX), 0);

	assert_range(&m.ram, 0, 0, 0x9f000);
	assert_range(&m.ram, 1, MIB, 510 * MIB);
	assert_range(&m.ram, 2, 510 * MIB + 0x3000, 511 * MIB);
	assert_range(&m.ram, 3, 511 * MIB + 0x2000, 512 * MIB);
	assert_range(&m.tables, 0, 510 * MIB, 510 * MIB + 0x3000);
	assert_range(&m.free, 0, MIB + 0x35000, 8 * MIB);
	assert_range(&m.free, 1, 8 * MIB + 0x2000, 510 * MIB);
}

static void limit_and_wrap(void **state)
{
	(void)state;
	memset(&bi, 0, sizeof(bi));
	region(4096 * MIB, UINT64_MAX - 4096 * MIB, BOOT_RAM);
	assert_int_equal(memmap_build(&m, &bi, HPA(MIB), HPA(2 * MIB), 8192 * MIB), 0);
	assert_int_equal(m.ram.nr, 1);
	assert_range(&m.ram, 0, 4096 * MIB, 8192 * MIB);
}

static void take_goes_from_the_top(void **state)
{
	hpa_t at;

	(void)state;
	memset(&bi, 0, sizeof(bi));
	region(16 * MIB, 16 * MIB, BOOT_RAM);
	region(64 * MIB, 1 * MIB, BOOT_RAM);
	assert_int_equal(memmap_build(&m, &bi, HPA(MIB), HPA(2 * MIB), UINT64_MAX), 0);
	assert_int_equal(memmap_take(&m, 1, UINT64_MAX, &at), 0);
	assert_int_equal(at.v, 65 * MIB - 4096);
	assert_int_equal(memmap_take(&m, 2 * MIB, UINT64_MAX, &at), 0);
	assert_int_equal(at.v, 30 * MIB);
	assert_int_equal(memmap_take(&m, 4096, 20 * MIB, &at), 0);
	assert_int_equal(at.v, 20 * MIB - 4096);
	assert_int_equal(memmap_take(&m, 11 * MIB, UINT64_MAX, &at), -ENOMEM);
	assert_int_equal(memmap_take(&m, 4096, 16 * MIB, &at), -ENOMEM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ranges_against_bits),
		cmocka_unit_test(full_set_changes_nothing),
		cmocka_unit_test(pc_map),
		cmocka_unit_test(limit_and_wrap),
		cmocka_unit_test(take_goes_from_the_top),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

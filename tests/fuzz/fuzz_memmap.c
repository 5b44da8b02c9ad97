// SPDX-License-Identifier: MIT
/*
 * The memory map of the loader made usable (hv/memmap.c), and the sets of ranges that it is
 * made of (hv/range.c).
 *
 *  R1  A set is sorted, its ranges are not empty, do not touch, and are in it what a bitmap
 *      would have; where there is no room, nothing has changed.
 *  M1  RAM is exactly the whole pages that some entry calls RAM and none anything else,
 *      below the limit.
 *  M2  Free is RAM above 1 MiB that neither the image nor a module takes.
 *  M3  What is taken was free, is below the limit, is aligned, and is free no more.
 */
#include <assert.h>
#include <stdbool.h>
#include <string.h>

#include "hv/errno.h"
#include "hv/memmap.h"
#include "tests/fuzz/fuzz.h"

#define UNITS 1024
#define MIB_1 UINT64_C(0x100000)
#define TOP UINT64_C(0xfffffffffffff000) /* last page: nobody's */

static struct boot_info bi;
static struct memmap map, before;

static bool in_set(const struct range_set *s, uint64_t addr)
{
	for (unsigned i = 0; i < s->nr; i++)
		if (addr >= s->r[i].start && addr < s->r[i].end)
			return true;
	return false;
}

static void check_set(const struct range_set *s)
{
	assert(s->nr <= RANGE_SET_MAX);
	for (unsigned i = 0; i < s->nr; i++) {
		assert(s->r[i].start < s->r[i].end);
		assert(!i || s->r[i - 1].end < s->r[i].start);
	}
}

/* --- sets of ranges -------------------------------------------------------------------- */

static void test_ranges(struct input *in)
{
	static struct range_set set;
	static bool bits[UNITS + 1];

	set.nr = 0;
	memset(bits, 0, sizeof(bits));
	while (in->left) {
		bool add = take(in, 1) & 1;
		uint64_t start = take(in, 2) % UNITS, end = start + take(in, 1) % 16;
		int err;

		if (end > UNITS)
			end = UNITS;
		err = add ? range_add(&set, start, end) : range_remove(&set, start, end);
		assert(!err || (err == -ENOSPC && set.nr == RANGE_SET_MAX));
		for (uint64_t i = start; i < end && !err; i++)
			bits[i] = add;
		check_set(&set);
		for (uint64_t i = start ? start - 1 : 0; i <= end; i++)
			assert(in_set(&set, i) == bits[i]);
	}
	for (uint64_t i = 0; i < UNITS; i++)
		assert(in_set(&set, i) == bits[i]);
}

/* --- the memory map -------------------------------------------------------------------- */

/* A place: page-aligned or nearly so, in a small or in the whole address space. */
static uint64_t take_address(struct input *in)
{
	uint64_t how = take(in, 1), val = take(in, how & 1 ? 8 : 2);

	if (!(how & 1))
		val <<= PAGE_SHIFT;
	return val + (how >> 1 & 3) - 1;
}

static void take_map(struct input *in)
{
	memset(&bi, 0, sizeof(bi));
	bi.nr_regions = (unsigned)(take(in, 1) % (BOOT_MAX_REGIONS + 1));
	bi.nr_modules = (unsigned)(take(in, 1) % (BOOT_MAX_MODULES + 1));
	for (unsigned i = 0; i < bi.nr_regions; i++) {
		struct boot_region *r = &bi.region[i];

		r->type = BOOT_RAM + take(in, 1) % 5;
		r->base = take_address(in);
		r->size = take_address(in);
		if (r->size > UINT64_MAX - r->base) /* as boot_info_parse does */
			r->size = UINT64_MAX - r->base;
		if (!r->size) /* and those it leaves out */
			*r = (struct boot_region){ 0, PAGE_SIZE, BOOT_RAM };
	}
	for (unsigned i = 0; i < bi.nr_modules; i++) {
		bi.module[i].start = HPA((uint32_t)take_address(in));
		bi.module[i].size = (uint32_t)take_address(in);
	}
}

static bool overlaps(uint64_t page, uint64_t start, uint64_t size)
{
	return size && page <= start + (size - 1) && start < page + PAGE_SIZE;
}

/* M1 by the letter. */
static bool is_ram(uint64_t page, uint64_t limit)
{
	bool ram = false;

	for (unsigned i = 0; i < bi.nr_regions; i++) {
		const struct boot_region *r = &bi.region[i];

		if (r->type != BOOT_RAM && overlaps(page, r->base, r->size))
			return false;
		if (r->type == BOOT_RAM && r->base <= page && r->base + r->size >= page + PAGE_SIZE)
			ram = true;
	}
	return ram && page + PAGE_SIZE <= limit;
}

static bool is_taken(uint64_t page, uint64_t image, uint64_t image_size)
{
	bool taken = page < MIB_1 || overlaps(page, image, image_size);

	for (unsigned i = 0; i < bi.nr_modules; i++)
		taken = taken || overlaps(page, bi.module[i].start.v, bi.module[i].size);
	return taken;
}

static void check_page(uint64_t addr, uint64_t limit, uint64_t image, uint64_t image_size)
{
	uint64_t page = addr & PAGE_MASK;
	bool ram, taken;

	if (page >= TOP - PAGE_SIZE)
		return;
	ram = is_ram(page, limit);
	taken = is_taken(page, image, image_size);
	assert(in_set(&map.ram, page) == ram);
	/* An empty module may cost the page that it would begin in. */
	assert(!in_set(&map.free, page) || (ram && !taken));
}

static void check_around(uint64_t addr, uint64_t limit, uint64_t image, uint64_t image_size)
{
	check_page(addr, limit, image, image_size);
	check_page(addr - PAGE_SIZE, limit, image, image_size);
	check_page(addr + PAGE_SIZE, limit, image, image_size);
}

static void check_take(struct input *in)
{
	while (in->left) {
		uint64_t bytes = take(in, 2) * 1024 + 1, limit = take_address(in) & PAGE_MASK;
		hpa_t got;

		before = map;
		if (memmap_take(&map, bytes, limit, &got))
			continue;
		check_set(&map.free);
		assert(!(got.v & ~PAGE_MASK) && got.v + bytes <= limit);
		for (uint64_t at = got.v; at < got.v + bytes; at += PAGE_SIZE)
			assert(in_set(&before.free, at) && !in_set(&map.free, at));
	}
}

static void test_memmap(struct input *in)
{
	uint64_t limit = take_address(in) & PAGE_MASK, image = (uint32_t)take_address(in);
	uint64_t image_size = take(in, 3);

	take_map(in);
	if (memmap_build(&map, &bi, HPA(image), HPA(image + image_size), limit))
		return;
	check_set(&map.ram);
	check_set(&map.tables);
	check_set(&map.free);
	for (unsigned i = 0; i < bi.nr_regions; i++) {
		check_around(bi.region[i].base, limit, image, image_size);
		check_around(bi.region[i].base + bi.region[i].size, limit, image, image_size);
	}
	for (unsigned i = 0; i < bi.nr_modules; i++) {
		const struct boot_module *m = &bi.module[i];

		check_around(m->start.v, limit, image, image_size);
		check_around(m->start.v + m->size, limit, image, image_size);
	}
	check_around(image, limit, image, image_size);
	check_around(limit, limit, image, image_size);
	check_take(in);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };

	if (take(&in, 1) & 1)
		test_ranges(&in);
	else
		test_memmap(&in);
	return 0;
}

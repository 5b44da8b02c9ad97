/* SPDX-License-Identifier: MIT */
/* The cleaned-up memory map (hv/memmap.h). */
#include "hv/memmap.h"

#include "hv/errno.h"
#include "hv/string.h"

/* BIOS data, option ROMs, real-mode leftovers, and the other CPUs' trampoline. */
#define CONVENTIONAL_END UINT64_C(0xa0000)
#define LOW_MEMORY_END (UINT64_C(1) << 20)

static uint64_t region_end(const struct boot_region *r)
{
	return r->size > UINT64_MAX - r->base ? UINT64_MAX : r->base + r->size;
}

static uint64_t page_up(uint64_t addr)
{
	return addr > UINT64_MAX - PAGE_SIZE ? PAGE_MASK : ALIGN_UP(addr, PAGE_SIZE);
}

/* A whole page is RAM only if all its bytes are. */
static int add_ram(struct memmap *m, const struct boot_info *bi)
{
	int err = 0;
	unsigned i;

	for (i = 0; i < bi->nr_regions && !err; i++) {
		const struct boot_region *r = &bi->region[i];

		if (r->type == BOOT_RAM)
			err = range_add(&m->ram, page_up(r->base),
					ALIGN_DOWN(region_end(r), PAGE_SIZE));
	}
	for (i = 0; i < bi->nr_regions && !err; i++) {
		const struct boot_region *r = &bi->region[i];

		if (r->type != BOOT_RAM)
			err = range_remove(&m->ram, ALIGN_DOWN(r->base, PAGE_SIZE),
					   page_up(region_end(r)));
	}
	return err;
}

static int add_tables(struct memmap *m, const struct boot_info *bi)
{
	int err = 0;
	unsigned i;

	for (i = 0; i < bi->nr_regions && !err; i++) {
		const struct boot_region *r = &bi->region[i];

		if (r->type == BOOT_ACPI_RECLAIM || r->type == BOOT_ACPI_NVS)
			err = range_add(&m->tables, ALIGN_DOWN(r->base, PAGE_SIZE),
					page_up(region_end(r)));
	}
	return err;
}

static hpa_t find_low_page(const struct memmap *m)
{
	for (unsigned i = m->free.nr; i--;) {
		uint64_t end = MIN(m->free.r[i].end, CONVENTIONAL_END);

		if (end > PAGE_SIZE && m->free.r[i].start + PAGE_SIZE <= end)
			return HPA(end - PAGE_SIZE);
	}
	return HPA(0);
}

int memmap_build(struct memmap *m, const struct boot_info *bi, hpa_t image_start, hpa_t image_end,
		 uint64_t limit)
{
	unsigned i;
	int err;

	m->ram.nr = m->tables.nr = m->free.nr = 0;
	err = add_ram(m, bi);
	if (!err)
		err = add_tables(m, bi);
	if (!err)
		err = range_remove(&m->ram, limit, UINT64_MAX);
	if (err)
		return err;

	m->free = m->ram;
	err = range_remove(&m->free, image_start.v & PAGE_MASK, page_up(image_end.v));
	for (i = 0; i < bi->nr_modules && !err; i++) {
		const struct boot_module *mod = &bi->module[i];

		err = range_remove(&m->free, mod->start.v & PAGE_MASK,
				   page_up(mod->start.v + mod->size));
	}
	m->low_page = find_low_page(m);
	return err ? err : range_remove(&m->free, 0, LOW_MEMORY_END);
}

int memmap_take(struct memmap *m, uint64_t bytes, uint64_t limit, hpa_t *out)
{
	unsigned i = m->free.nr;

	bytes = page_up(bytes);
	while (i--) {
		uint64_t start = m->free.r[i].start;
		uint64_t end = MIN(m->free.r[i].end, limit);

		if (end <= start || end - start < bytes)
			continue;
		*out = HPA(end - bytes);
		return range_remove(&m->free, end - bytes, end) ? -ENOMEM : 0;
	}
	return -ENOMEM;
}

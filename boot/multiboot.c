/* SPDX-License-Identifier: MIT */
/*
 * The loader's information, of either multiboot protocol, into struct boot_info.
 * Runs once, on the boot CPU, before anything else; no data of its own.
 *
 * The loader is not trusted to be right: every offset is checked before it is followed,
 * every text ends by our own NUL, and an entry that makes no sense is left out.
 */
#include "boot/boot_info.h"
#include "boot/multiboot1.h"
#include "boot/multiboot2.h"
#include "hv/compiler.h"
#include "hv/errno.h"
#include "hv/string.h"

#define LIMIT_4G (UINT64_C(1) << 32)

/* Copy a text of at most `max` bytes; true if it did not fit. */
static bool copy_text(char *dst, size_t size, const char *src, uint64_t max)
{
	size_t n = 0;

	while (n < max && src[n]) {
		if (n == size - 1) {
			dst[n] = 0;
			return true;
		}
		dst[n] = src[n];
		n++;
	}
	dst[n] = 0;
	return false;
}

static void add_region(struct boot_info *bi, uint64_t base, uint64_t size, uint32_t type)
{
	struct boot_region *last = bi->nr_regions ? &bi->region[bi->nr_regions - 1] : NULL;

	if (size > UINT64_MAX - base)
		size = UINT64_MAX - base;
	if (!size)
		return;
	if (type < BOOT_RAM || type > BOOT_BAD)
		type = BOOT_RESERVED;
	/* Firmware splits one kind of memory into many entries; only the kind matters. */
	if (last && last->type == type && last->base + last->size == base) {
		last->size += size;
		return;
	}
	if (bi->nr_regions == BOOT_MAX_REGIONS) {
		bi->regions_dropped++;
		return;
	}
	bi->region[bi->nr_regions++] = (struct boot_region){ base, size, type };
}

/* `text` may be read for `max` bytes. */
static void add_module(struct boot_info *bi, uint32_t start, uint32_t end, const char *text,
		       uint64_t max)
{
	struct boot_module *m = &bi->module[bi->nr_modules];

	if (bi->nr_modules == BOOT_MAX_MODULES || end < start) {
		bi->modules_dropped++;
		return;
	}
	m->start = HPA(start);
	m->size = end - start;
	m->line_cut = copy_text(m->line, sizeof(m->line), text, max);
	bi->nr_modules++;
}

static const void *low_ptr(uint32_t addr)
{
	return (const void *)(uintptr_t)addr;
}

static bool below_4g(uint32_t addr, uint64_t bytes)
{
	return addr + bytes <= LIMIT_4G;
}

/* A text of multiboot 1 has no length: it ends by its NUL, or where addresses do. */
static uint64_t text_max(uint32_t addr)
{
	return LIMIT_4G - addr;
}

static void mb1_regions(struct boot_info *bi, const struct mb1_info *mb)
{
	const uint8_t *p = low_ptr(mb->mmap_addr);
	uint32_t left = mb->mmap_length;
	struct mb1_mmap_entry e;

	if (!below_4g(mb->mmap_addr, left))
		return;
	while (left >= sizeof(e)) {
		uint64_t step;

		memcpy(&e, p, sizeof(e));
		step = (uint64_t)e.size + sizeof(e.size);
		if (step < sizeof(e) || step > left)
			return;
		add_region(bi, e.base, e.length, e.type);
		p += step;
		left -= step;
	}
}

static void mb1_modules(struct boot_info *bi, const struct mb1_info *mb)
{
	const struct mb1_module *m = low_ptr(mb->mods_addr);
	uint32_t i;

	if (!below_4g(mb->mods_addr, mb->mods_count * sizeof(*m))) {
		bi->modules_dropped = mb->mods_count;
		return;
	}
	for (i = 0; i < mb->mods_count && i < BOOT_MAX_MODULES; i++) {
		/* A string of 0 means none; the first page holds no strings. */
		if (m[i].string)
			add_module(bi, m[i].start, m[i].end, low_ptr(m[i].string),
				   text_max(m[i].string));
		else
			add_module(bi, m[i].start, m[i].end, "", 1);
	}
	bi->modules_dropped += mb->mods_count - i;
}

static void parse_mb1(struct boot_info *bi, const struct mb1_info *mb)
{
	if (mb->flags & MB1_INFO_CMDLINE)
		bi->cmdline_cut = copy_text(bi->cmdline, sizeof(bi->cmdline), low_ptr(mb->cmdline),
					    text_max(mb->cmdline));
	if (mb->flags & MB1_INFO_LOADER)
		copy_text(bi->loader, sizeof(bi->loader), low_ptr(mb->loader_name),
			  text_max(mb->loader_name));
	if (mb->flags & MB1_INFO_MMAP)
		mb1_regions(bi, mb);
	if (mb->flags & MB1_INFO_MODS)
		mb1_modules(bi, mb);
}

static void mb2_regions(struct boot_info *bi, const struct mb2_tag *tag)
{
	const struct mb2_mmap *map = (const void *)tag;
	const uint8_t *p = (const uint8_t *)(map + 1);
	uint32_t left, i;

	if (tag->size < sizeof(*map) || map->entry_size < sizeof(struct mb2_mmap_entry))
		return;
	left = (tag->size - sizeof(*map)) / map->entry_size;
	for (i = 0; i < left; i++) {
		struct mb2_mmap_entry e;

		memcpy(&e, p + (uint64_t)i * map->entry_size, sizeof(e));
		add_region(bi, e.base, e.length, e.type);
	}
}

static void mb2_module(struct boot_info *bi, const struct mb2_tag *tag)
{
	const struct mb2_module *m = (const void *)tag;

	if (tag->size < sizeof(*m))
		bi->modules_dropped++;
	else
		add_module(bi, m->start, m->end, m->string, tag->size - sizeof(*m));
}

/* The newer copy is the one to have, in whatever order they come. */
static void mb2_rsdp(struct boot_info *bi, const struct mb2_tag *tag)
{
	uint32_t size = MIN(tag->size - sizeof(*tag), sizeof(bi->rsdp));

	if (bi->has_rsdp && tag->type == MB2_TAG_ACPI_OLD)
		return;
	memset(bi->rsdp, 0, sizeof(bi->rsdp));
	memcpy(bi->rsdp, tag + 1, size);
	bi->has_rsdp = true;
}

static void mb2_tag(struct boot_info *bi, const struct mb2_tag *tag)
{
	const char *text = (const char *)(tag + 1);
	uint32_t len = tag->size - sizeof(*tag);

	switch (tag->type) {
	case MB2_TAG_CMDLINE:
		bi->cmdline_cut = copy_text(bi->cmdline, sizeof(bi->cmdline), text, len);
		break;
	case MB2_TAG_LOADER:
		copy_text(bi->loader, sizeof(bi->loader), text, len);
		break;
	case MB2_TAG_MODULE:
		mb2_module(bi, tag);
		break;
	case MB2_TAG_MMAP:
		mb2_regions(bi, tag);
		break;
	case MB2_TAG_ACPI_OLD:
	case MB2_TAG_ACPI_NEW:
		mb2_rsdp(bi, tag);
		break;
	default:
		break;
	}
}

static void parse_mb2(struct boot_info *bi, const struct mb2_info *mb)
{
	const uint8_t *base = (const uint8_t *)mb;
	uint64_t at = sizeof(*mb);

	while (at + sizeof(struct mb2_tag) <= mb->total_size) {
		const struct mb2_tag *tag = (const void *)(base + at);

		if (tag->type == MB2_TAG_END || tag->size < sizeof(*tag) ||
		    tag->size > mb->total_size - at)
			return;
		mb2_tag(bi, tag);
		at += ALIGN_UP((uint64_t)tag->size, MB2_TAG_ALIGN);
	}
}

int boot_info_parse(struct boot_info *bi, uint32_t magic, const void *info)
{
	memset(bi, 0, sizeof(*bi));
	if (magic == MB1_BOOT_MAGIC)
		parse_mb1(bi, info);
	else if (magic == MB2_BOOT_MAGIC)
		parse_mb2(bi, info);
	return bi->nr_regions ? 0 : -EINVAL;
}

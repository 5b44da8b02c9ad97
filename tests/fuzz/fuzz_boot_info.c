// SPDX-License-Identifier: MIT
/*
 * What a loader hands over (boot/multiboot.c). The first byte says by which protocol, the rest
 * is its memory: multiboot 1's pointers are bent to lie in it (or left, where they must be
 * refused unread), multiboot 2's total size is cut to it. A read beyond is a fault.
 *
 *  B1  Texts are the loader's, cut by our own NUL; *_cut says whether.
 *  B2  Regions are not empty, do not wrap, are of a known type, and neighbours are joined.
 *  B3  What the loader called memory of some type is found as that; as many entries as are
 *      not found were counted as dropped.
 *  B4  Each module is taken or counted as dropped.
 *  B5  It is an error exactly if there is no memory map.
 */
#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "boot/boot_info.h"
#include "boot/multiboot1.h"
#include "boot/multiboot2.h"
#include "tests/fuzz/fuzz.h"

#define ARENA 65536u
#define GUARD 4096u
#define MB1_MODULES_ROOM (BOOT_MAX_MODULES * (uint32_t)sizeof(struct mb1_module))
#define MAX_ENTRIES 8192

static struct boot_info bi;
static uint8_t *arena; /* below 4 GiB; unmapped behind it */

/* The map as the loader wrote it, read once more in the plainest way. */
static struct boot_region told[MAX_ENTRIES];
static unsigned nr_told;
static uint64_t modules_told;

static void tell_region(uint64_t base, uint64_t size, uint32_t type)
{
	if (!size)
		return;
	if (size > UINT64_MAX - base)
		size = UINT64_MAX - base;
	if (type < 1 || type > 5)
		type = BOOT_RESERVED;
	if (size)
		told[nr_told++] = (struct boot_region){ base, size, type };
}

static bool has_region(const struct boot_region *t)
{
	for (unsigned i = 0; i < bi.nr_regions; i++) {
		const struct boot_region *r = &bi.region[i];

		if (r->type == t->type && r->base <= t->base &&
		    t->base + t->size <= r->base + r->size)
			return true;
	}
	return false;
}

static void check_regions(void)
{
	unsigned missing = 0;

	assert(bi.nr_regions <= BOOT_MAX_REGIONS);
	for (unsigned i = 0; i < bi.nr_regions; i++) {
		const struct boot_region *r = &bi.region[i], *before = r - 1;

		assert(r->size && r->size <= UINT64_MAX - r->base);
		assert(r->type >= BOOT_RAM && r->type <= BOOT_BAD);
		assert(!i || before->type != r->type || before->base + before->size != r->base);
	}
	for (unsigned i = 0; i < nr_told; i++)
		missing += !has_region(&told[i]);
	assert(missing <= bi.regions_dropped);
	assert(!bi.regions_dropped || bi.nr_regions == BOOT_MAX_REGIONS);
}

static void check_text(const char *text, size_t size, bool cut, const char *from, size_t max)
{
	size_t len = strnlen(text, size);

	assert(len < size && cut == (strnlen(from, max) >= size));
	assert(!memcmp(text, from, len) && (cut || len == strnlen(from, max)));
}

static void check_modules(void)
{
	assert(bi.nr_modules <= BOOT_MAX_MODULES);
	assert((uint32_t)(bi.nr_modules + bi.modules_dropped) == (uint32_t)modules_told);
	for (unsigned i = 0; i < bi.nr_modules; i++) {
		assert(bi.module[i].start.v + bi.module[i].size <= UINT64_C(1) << 32);
		assert(strnlen(bi.module[i].line, BOOT_LINE_MAX) < BOOT_LINE_MAX);
	}
}

static void parse(uint32_t magic, const void *info)
{
	int err;

	memset(&bi, 0xee, sizeof(bi));
	err = boot_info_parse(&bi, magic, info);
	assert(!err == (bi.nr_regions > 0));
	check_regions();
	check_modules();
}

/* --- multiboot 1 ----------------------------------------------------------------------- */

static uint32_t address_of(const void *p)
{
	return (uint32_t)(uintptr_t)p;
}

/* Into the arena, behind the structure that holds the pointers, with `room` bytes behind it. */
static uint32_t bend(uint32_t addr, uint32_t room)
{
	const uint32_t first = sizeof(struct mb1_info);

	return address_of(arena) + first + addr % (ARENA - first - room);
}

static bool refused(uint32_t addr, uint64_t bytes)
{
	return addr + bytes > UINT64_C(1) << 32;
}

static void mb1_tell_map(const struct mb1_info *mb)
{
	const uint8_t *p = (const void *)(uintptr_t)mb->mmap_addr;
	uint64_t at = 0, step;
	struct mb1_mmap_entry e;

	if (refused(mb->mmap_addr, mb->mmap_length))
		return;
	for (; at + sizeof(e) <= mb->mmap_length; at += step) {
		memcpy(&e, p + at, sizeof(e));
		step = (uint64_t)e.size + sizeof(e.size);
		if (step < sizeof(e) || at + step > mb->mmap_length)
			return;
		tell_region(e.base, e.length, e.type);
	}
}

static void mb1_bend(struct mb1_info *mb)
{
	struct mb1_module m;

	mb->cmdline = bend(mb->cmdline, 1);
	mb->loader_name = bend(mb->loader_name, 1);
	if (!refused(mb->mmap_addr, mb->mmap_length)) {
		mb->mmap_addr = bend(mb->mmap_addr, 0);
		mb->mmap_length %= address_of(arena) + ARENA - mb->mmap_addr + 1;
	}
	if (refused(mb->mods_addr, mb->mods_count * (uint64_t)sizeof(m)))
		return;
	mb->mods_addr = bend(mb->mods_addr, MB1_MODULES_ROOM);
	for (uint32_t i = 0; i < mb->mods_count && i < BOOT_MAX_MODULES; i++) {
		void *at = (void *)(uintptr_t)(mb->mods_addr + i * (uint32_t)sizeof(m));

		memcpy(&m, at, sizeof(m));
		if (m.string)
			m.string = bend(m.string, 1);
		memcpy(at, &m, sizeof(m));
	}
}

static void test_mb1(const uint8_t *data, size_t size)
{
	struct mb1_info *mb = (void *)arena;
	const char *end = (const char *)arena + ARENA;

	memset(arena, 0, ARENA);
	memcpy(arena, data, size < ARENA - 1 ? size : ARENA - 1);
	mb1_bend(mb);
	arena[ARENA - 1] = 0;
	if (mb->flags & MB1_INFO_MMAP)
		mb1_tell_map(mb);
	modules_told = mb->flags & MB1_INFO_MODS ? mb->mods_count : 0;
	parse(MB1_BOOT_MAGIC, mb);
	if (mb->flags & MB1_INFO_CMDLINE) {
		const char *text = (const char *)(uintptr_t)mb->cmdline;

		check_text(bi.cmdline, sizeof(bi.cmdline), bi.cmdline_cut, text,
			   (size_t)(end - text));
	}
}

/* --- multiboot 2 ----------------------------------------------------------------------- */

static void mb2_tell_map(const struct mb2_tag *tag)
{
	const struct mb2_mmap *map = (const void *)tag;
	struct mb2_mmap_entry e;
	uint64_t at = sizeof(*map);

	if (tag->size < sizeof(*map) || map->entry_size < sizeof(e))
		return;
	for (; at + map->entry_size <= tag->size; at += map->entry_size) {
		memcpy(&e, (const uint8_t *)tag + at, sizeof(e));
		tell_region(e.base, e.length, e.type);
	}
}

/* The latest command line tag; NULL: none. */
static const struct mb2_tag *mb2_tell(const uint8_t *base, uint32_t total)
{
	const struct mb2_tag *cmdline = NULL;
	uint64_t at = sizeof(struct mb2_info);

	while (at + sizeof(struct mb2_tag) <= total) {
		const struct mb2_tag *tag = (const void *)(base + at);

		if (!tag->type || tag->size < sizeof(*tag) || at + tag->size > total)
			break;
		if (tag->type == MB2_TAG_MMAP)
			mb2_tell_map(tag);
		modules_told += tag->type == MB2_TAG_MODULE;
		if (tag->type == MB2_TAG_CMDLINE)
			cmdline = tag;
		at += (tag->size + UINT64_C(7)) & ~UINT64_C(7);
	}
	return cmdline;
}

static void test_mb2(const uint8_t *data, size_t size)
{
	struct mb2_info *mb;
	const struct mb2_tag *cmdline;

	if (size < sizeof(*mb))
		return;
	mb = malloc(size);
	memcpy(mb, data, size);
	if (mb->total_size > size)
		mb->total_size = (uint32_t)size;
	cmdline = mb2_tell((const uint8_t *)mb, mb->total_size);
	parse(MB2_BOOT_MAGIC, mb);
	if (cmdline)
		check_text(bi.cmdline, sizeof(bi.cmdline), bi.cmdline_cut,
			   (const char *)(cmdline + 1), cmdline->size - sizeof(*cmdline));
	free(mb);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	arena = mmap(NULL, ARENA + GUARD, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	if (arena == MAP_FAILED || mprotect(arena + ARENA, GUARD, PROT_NONE))
		abort();
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	bool second = take(&in, 1) & 1;

	nr_told = 0;
	modules_told = 0;
	if (in.left / sizeof(struct mb1_mmap_entry) > MAX_ENTRIES)
		return 0;
	if (second)
		test_mb2(in.p, in.left);
	else
		test_mb1(in.p, in.left);
	return 0;
}

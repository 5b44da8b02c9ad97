/* SPDX-License-Identifier: MIT */
/*
 * boot_info_parse() on what loaders of both protocols give, whole, cut short and hostile.
 * Multiboot 1 has 32-bit pointers, so its structures live in a mapping below 4 GiB, and
 * each ends at an unmapped page: a read too far is a fault.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "boot/boot_info.h"
#include "boot/multiboot1.h"
#include "boot/multiboot2.h"
#include "hv/errno.h"

#define ARENA 65536u
#define GUARD 4096u

static struct boot_info bi;
static uint8_t *arena; /* below 4 GiB; unmapped from arena + ARENA */

static int arena_make(void **state)
{
	(void)state;
	arena = mmap(NULL, ARENA + GUARD, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	return arena == MAP_FAILED || mprotect(arena + ARENA, GUARD, PROT_NONE);
}

static int arena_drop(void **state)
{
	(void)state;
	return munmap(arena, ARENA + GUARD);
}

static uint32_t addr(const void *p)
{
	return (uint32_t)(uintptr_t)p;
}

/* --- multiboot 1 ----------------------------------------------------------------------- */

static struct mb1_info *mb1_make(void)
{
	struct mb1_info *mb = (void *)arena;
	struct mb1_mmap_entry *e = (void *)(arena + 0x200);
	struct mb1_module *m = (void *)(arena + 0x400);

	memset(arena, 0, ARENA);
	strcpy((char *)arena + 0x800, "/boot/xihv.elf console=com1");
	strcpy((char *)arena + 0x900, "GNU loader");
	strcpy((char *)arena + 0xa00, "vmlinuz kernel vm=a");
	mb->flags = MB1_INFO_CMDLINE | MB1_INFO_LOADER | MB1_INFO_MMAP | MB1_INFO_MODS;
	mb->cmdline = addr(arena + 0x800);
	mb->loader_name = addr(arena + 0x900);
	mb->mmap_addr = addr(e);
	mb->mmap_length = 3 * sizeof(*e);
	e[0] = (struct mb1_mmap_entry){ 20, 0, 0x9fc00, 1 };
	e[1] = (struct mb1_mmap_entry){ 20, 0x9fc00, 0x400, 2 };
	e[2] = (struct mb1_mmap_entry){ 20, 0x100000, 0x1ff00000, 1 };
	mb->mods_addr = addr(m);
	mb->mods_count = 2;
	m[0] = (struct mb1_module){ 0x200000, 0x280001, addr(arena + 0xa00), 0 };
	m[1] = (struct mb1_module){ 0x300000, 0x300000, 0, 0 };
	return mb;
}

static void mb1_whole(void **state)
{
	(void)state;
	assert_int_equal(boot_info_parse(&bi, 0x2badb002, mb1_make()), 0);
	assert_string_equal(bi.cmdline, "/boot/xihv.elf console=com1");
	assert_string_equal(bi.loader, "GNU loader");
	assert_int_equal(bi.nr_regions, 3);
	assert_int_equal(bi.region[1].base, 0x9fc00);
	assert_int_equal(bi.region[1].type, BOOT_RESERVED);
	assert_int_equal(bi.region[2].size, 0x1ff00000);
	assert_int_equal(bi.nr_modules, 2);
	assert_int_equal(bi.module[0].start.v, 0x200000);
	assert_int_equal(bi.module[0].size, 0x80001);
	assert_string_equal(bi.module[0].line, "vmlinuz kernel vm=a");
	assert_int_equal(bi.module[1].size, 0);
	assert_string_equal(bi.module[1].line, "");
	assert_false(bi.has_rsdp);
}

static void mb1_without_map_is_refused(void **state)
{
	struct mb1_info *mb = mb1_make();

	(void)state;
	mb->flags &= ~MB1_INFO_MMAP;
	assert_int_equal(boot_info_parse(&bi, 0x2badb002, mb), -EINVAL);
	mb = mb1_make();
	assert_int_equal(boot_info_parse(&bi, 0x12345678, mb), -EINVAL);
}

/* Entries carry their own size: larger ones are skipped by it, nonsense ends the map. */
static void mb1_map_entry_sizes(void **state)
{
	struct mb1_info *mb = mb1_make();
	uint8_t *p = arena + 0x200;
	struct mb1_mmap_entry e = { 24, 0, 0x1000, 1 };

	(void)state;
	memcpy(p, &e, sizeof(e));
	e.base = 0x8000;
	memcpy(p + 28, &e, sizeof(e));
	mb->mmap_length = 56;
	assert_int_equal(boot_info_parse(&bi, 0x2badb002, mb), 0);
	assert_int_equal(bi.nr_regions, 2);
	assert_int_equal(bi.region[1].base, 0x8000);

	e.size = UINT32_MAX; /* + 4 wraps in 32 bits */
	memcpy(p + 28, &e, sizeof(e));
	assert_int_equal(boot_info_parse(&bi, 0x2badb002, mb), 0);
	assert_int_equal(bi.nr_regions, 1);

	e.size = 4;
	memcpy(p, &e, sizeof(e));
	assert_int_equal(boot_info_parse(&bi, 0x2badb002, mb), -EINVAL);
}

static void mb1_map_up_to_the_last_byte(void **state)
{
	struct mb1_info *mb = mb1_make();
	struct mb1_mmap_entry e = { 20, 0, 0x1000, 1 };
	uint8_t *p = arena + ARENA - sizeof(e);

	(void)state;
	memcpy(p, &e, sizeof(e));
	mb->mmap_addr = addr(p);
	mb->mmap_length = sizeof(e);
	assert_int_equal(boot_info_parse(&bi, 0x2badb002, mb), 0);
	assert_int_equal(bi.nr_regions, 1);

	/* An entry cut short is none. */
	mb->mmap_addr = addr(p + 1);
	mb->mmap_length = sizeof(e) - 1;
	assert_int_equal(boot_info_parse(&bi, 0x2badb002, mb), -EINVAL);

	/* A map that leaves the 32-bit space is not looked at. */
	mb->mmap_addr = 0xfffffff0;
	mb->mmap_length = 0x100;
	assert_int_equal(boot_info_parse(&bi, 0x2badb002, mb), -EINVAL);
}

static void mb1_modules_hostile(void **state)
{
	struct mb1_info *mb = mb1_make();
	struct mb1_module *m = (void *)(arena + 0x400);

	(void)state;
	m[0].end = m[0].start - 1;
	assert_int_equal(boot_info_parse(&bi, 0x2badb002, mb), 0);
	assert_int_equal(bi.nr_modules, 1);
	assert_int_equal(bi.modules_dropped, 1);

	mb = mb1_make();
	mb->mods_count = UINT32_MAX; /* times 16 wraps in 32 bits */
	assert_int_equal(boot_info_parse(&bi, 0x2badb002, mb), 0);
	assert_int_equal(bi.nr_modules, 0);
	assert_int_equal(bi.modules_dropped, UINT32_MAX);

	mb = mb1_make();
	mb->mods_count = BOOT_MAX_MODULES + 5;
	assert_int_equal(boot_info_parse(&bi, 0x2badb002, mb), 0);
	assert_int_equal(bi.nr_modules, BOOT_MAX_MODULES);
	assert_int_equal(bi.modules_dropped, 5);
}

static void long_lines_are_cut(void **state)
{
	struct mb1_info *mb = mb1_make();
	char *line = (char *)arena + 0x1000;

	(void)state;
	memset(line, 'x', 5000);
	line[5000] = 0;
	mb->cmdline = addr(line);
	assert_int_equal(boot_info_parse(&bi, 0x2badb002, mb), 0);
	assert_true(bi.cmdline_cut);
	assert_int_equal(strlen(bi.cmdline), BOOT_LINE_MAX - 1);

	line[BOOT_LINE_MAX - 1] = 0;
	assert_int_equal(boot_info_parse(&bi, 0x2badb002, mb), 0);
	assert_false(bi.cmdline_cut);
	assert_int_equal(strlen(bi.cmdline), BOOT_LINE_MAX - 1);
}

/* --- multiboot 2 ----------------------------------------------------------------------- */

/* Tags are written front to back; finish() puts the whole at the very end of the arena, so
 * that the byte behind total_size is not there. */
static uint8_t build[ARENA];
static uint32_t built;

static void *tag_add(uint32_t type, uint32_t body)
{
	struct mb2_tag *t = (void *)(build + built);

	t->type = type;
	t->size = sizeof(*t) + body;
	built += (t->size + 7) & ~7u;
	return t + 1;
}

static void mb2_start(void)
{
	memset(build, 0, sizeof(build));
	built = sizeof(struct mb2_info);
}

static const void *mb2_finish(uint32_t size)
{
	uint8_t *at = arena + ARENA - ((size + 7) & ~7u);

	((struct mb2_info *)build)->total_size = size;
	memcpy(at, build, size);
	return at;
}

static void add_map(unsigned entries)
{
	uint8_t *p = tag_add(MB2_TAG_MMAP, 8 + entries * 24);
	unsigned i;

	memcpy(p, (uint32_t[]){ 24, 0 }, 8);
	for (i = 0; i < entries; i++) {
		struct mb2_mmap_entry e = { i * UINT64_C(0x10000), 0x8000, 1, 0 };

		memcpy(p + 8 + i * 24, &e, sizeof(e));
	}
}

static void add_module_tag(uint32_t start, uint32_t end, const char *text, uint32_t bytes)
{
	uint8_t *p = tag_add(MB2_TAG_MODULE, 8 + bytes);

	memcpy(p, (uint32_t[]){ start, end }, 8);
	memcpy(p + 8, text, bytes);
}

static void add_all(void)
{
	mb2_start();
	memcpy(tag_add(MB2_TAG_CMDLINE, 10), "idle=stay", 10);
	memcpy(tag_add(MB2_TAG_LOADER, 5), "GRUB", 5);
	add_module_tag(0x400000, 0x500000, "initrd vm=a", 12);
	add_map(2);
	memset(tag_add(MB2_TAG_ACPI_NEW, 36), 0x42, 36);
	memset(tag_add(MB2_TAG_ACPI_OLD, 20), 0x11, 20);
	tag_add(77, 3);
	tag_add(MB2_TAG_END, 0);
}

static void mb2_whole(void **state)
{
	(void)state;
	add_all();
	assert_int_equal(boot_info_parse(&bi, 0x36d76289, mb2_finish(built)), 0);
	assert_string_equal(bi.cmdline, "idle=stay");
	assert_string_equal(bi.loader, "GRUB");
	assert_int_equal(bi.nr_modules, 1);
	assert_int_equal(bi.module[0].size, 0x100000);
	assert_string_equal(bi.module[0].line, "initrd vm=a");
	assert_int_equal(bi.nr_regions, 2);
	assert_int_equal(bi.region[1].base, 0x10000);
	assert_true(bi.has_rsdp);
	assert_int_equal(bi.rsdp[35], 0x42); /* the newer copy, though the older came later */
	assert_int_equal(bi.rsdp[0], 0x42);
}

/* Every length at which the whole can be cut: no fault, and never more than was there. */
static void mb2_cut_anywhere(void **state)
{
	uint32_t size;

	(void)state;
	add_all();
	for (size = 0; size <= built; size++) {
		uint32_t room = size < sizeof(struct mb2_info) ? sizeof(struct mb2_info) : size;
		uint8_t *at = arena + ARENA - ((room + 7) & ~7u);

		memcpy(at, build, room);
		((struct mb2_info *)at)->total_size = size;
		(void)!boot_info_parse(&bi, 0x36d76289, at);
		assert_true(bi.nr_regions <= 2);
		assert_true(bi.nr_modules <= 1);
	}
}

static void mb2_tag_sizes_hostile(void **state)
{
	static const uint32_t sizes[] = { 0, 1, 7, 8, 9, 15, 16, 17, UINT32_MAX, UINT32_MAX - 7 };
	uint32_t at, i;

	(void)state;
	/* Each tag in turn lies about its size. */
	for (at = sizeof(struct mb2_info);;) {
		struct mb2_tag t;

		add_all();
		memcpy(&t, build + at, sizeof(t));
		if (t.type == MB2_TAG_END)
			break;
		for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
			((struct mb2_tag *)(build + at))->size = sizes[i];
			(void)!boot_info_parse(&bi, 0x36d76289, mb2_finish(built));
		}
		at += (t.size + 7) & ~7u;
	}
}

static void mb2_text_without_nul(void **state)
{
	(void)state;
	mb2_start();
	add_map(1);
	memcpy(tag_add(MB2_TAG_CMDLINE, 4), "abcd", 4);
	add_module_tag(0, 1, "efgh", 4);
	/* no end tag either */
	assert_int_equal(boot_info_parse(&bi, 0x36d76289, mb2_finish(built)), 0);
	assert_string_equal(bi.cmdline, "abcd");
	assert_string_equal(bi.module[0].line, "efgh");
}

static void mb2_map_entry_size(void **state)
{
	uint8_t *p;

	(void)state;
	mb2_start();
	p = tag_add(MB2_TAG_MMAP, 8 + 24);
	memcpy(p, (uint32_t[]){ 0, 0 }, 8);
	assert_int_equal(boot_info_parse(&bi, 0x36d76289, mb2_finish(built)), -EINVAL);
	memcpy(p, (uint32_t[]){ 16, 0 }, 8);
	assert_int_equal(boot_info_parse(&bi, 0x36d76289, mb2_finish(built)), -EINVAL);
}

static void too_many_regions_and_modules(void **state)
{
	unsigned i;

	(void)state;
	mb2_start();
	add_map(BOOT_MAX_REGIONS + 7);
	for (i = 0; i < BOOT_MAX_MODULES + 3; i++)
		add_module_tag(i, i + 1, "m", 2);
	tag_add(MB2_TAG_END, 0);
	assert_int_equal(boot_info_parse(&bi, 0x36d76289, mb2_finish(built)), 0);
	assert_int_equal(bi.nr_regions, BOOT_MAX_REGIONS);
	assert_int_equal(bi.regions_dropped, 7);
	assert_int_equal(bi.nr_modules, BOOT_MAX_MODULES);
	assert_int_equal(bi.modules_dropped, 3);
}

static void regions_are_cleaned(void **state)
{
	uint8_t *p;
	static const struct mb2_mmap_entry e[] = {
		{ 0, 0x1000, 1, 0 },
		{ 0x1000, 0x1000, 1, 0 }, /* goes on the first */
		{ 0x5000, 0, 1, 0 }, /* empty */
		{ UINT64_MAX - 0xfff, 0x10000, 9, 0 }, /* wraps; kind unknown */
		{ UINT64_MAX, 1, 1, 0 }, /* nothing of it is left */
	};

	(void)state;
	mb2_start();
	p = tag_add(MB2_TAG_MMAP, 8 + sizeof(e));
	memcpy(p, (uint32_t[]){ 24, 0 }, 8);
	memcpy(p + 8, e, sizeof(e));
	assert_int_equal(boot_info_parse(&bi, 0x36d76289, mb2_finish(built)), 0);
	assert_int_equal(bi.nr_regions, 2);
	assert_int_equal(bi.region[0].size, 0x2000);
	assert_int_equal(bi.region[1].type, BOOT_RESERVED);
	assert_int_equal(bi.region[1].base + bi.region[1].size, UINT64_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mb1_whole),
		cmocka_unit_test(mb1_without_map_is_refused),
		cmocka_unit_test(mb1_map_entry_sizes),
		cmocka_unit_test(mb1_map_up_to_the_last_byte),
		cmocka_unit_test(mb1_modules_hostile),
		cmocka_unit_test(long_lines_are_cut),
		cmocka_unit_test(mb2_whole),
		cmocka_unit_test(mb2_cut_anywhere),
		cmocka_unit_test(mb2_tag_sizes_hostile),
		cmocka_unit_test(mb2_text_without_nul),
		cmocka_unit_test(mb2_map_entry_size),
		cmocka_unit_test(too_many_regions_and_modules),
		cmocka_unit_test(regions_are_cleaned),
	};

	return cmocka_run_group_tests(tests, arena_make, arena_drop);
}

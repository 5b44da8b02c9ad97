/* SPDX-License-Identifier: MIT */
/*
 * Multiboot 1 kernels (Multiboot Specification 0.6.96): copied to where they say, modules
 * behind them, the information structure in a gap of low memory. Called while the guest is
 * being made; no lock.
 */
#include "boot/multiboot1.h"
#include "guests/image.h"
#include "guests/kernel_segments.h"
#include "guests/multiboot1.h"
#include "hv/errno.h"
#include "hv/string.h"
#include "hv/vm.h"

/* Information is looked room for from here; below lie what kernels like to use before they
 * read it (trampolines, early stacks), which is the second choice. Page 0 never is. */
#define INFO_FIRST_CHOICE UINT64_C(0x10000)
#define INFO_SECOND_CHOICE UINT64_C(0x1000)
#define INFO_ALIGN 8

static const char loader_name[] = "xihv";

/* The information area as it is filled, front to back. */
struct area {
	const struct image *im;
	uint64_t next; /* guest physical */
	int err; /* first error; nothing is written after it */
};

static bool header_at(const struct image *im, uint64_t off)
{
	uint32_t flags = image_u32(im, off + MB_HDR_FLAGS);

	return image_u32(im, off) == MB_HEADER_MAGIC &&
	       MB_HEADER_MAGIC + flags + image_u32(im, off + MB_HDR_CHECKSUM) == 0;
}

bool multiboot_probe(const struct image *im, uint64_t *header)
{
	uint64_t end = MIN(im->size, MB_SEARCH_BYTES);

	for (uint64_t off = 0; off + MB_HEADER_BYTES <= end; off += MB_HEADER_ALIGN) {
		if (header_at(im, off)) {
			*header = off;
			return true;
		}
	}
	return false;
}

/* Everything that is required of us and that we can't give, by name. */
static int check_flags(const struct image *im, uint32_t flags)
{
	uint32_t unknown = flags & MB_FLAGS_REQUIRED &
			   ~(MB_FLAG_PAGE_ALIGN | MB_FLAG_MEMORY_INFO | MB_FLAG_VIDEO_MODE);

	if (flags & MB_FLAG_VIDEO_MODE)
		return image_refuse(
			im,
			"its kernel requires a video mode (multiboot flag 2): the board has no display");
	if (unknown)
		return image_refuse(
			im,
			"its kernel requires multiboot flag %d, which does not exist in version 0.6.96",
			__builtin_ctz(unknown));
	return 0;
}

/* The header's own addresses (flag 16): one segment. */
static int segments_from_header(const struct image *im, uint64_t header, struct kernel_segments *ks)
{
	uint32_t header_addr = image_u32(im, header + MB_HDR_HEADER_ADDR);
	uint32_t load = image_u32(im, header + MB_HDR_LOAD_ADDR);
	uint32_t load_end = image_u32(im, header + MB_HDR_LOAD_END_ADDR);
	uint32_t bss_end = image_u32(im, header + MB_HDR_BSS_END_ADDR);
	struct kernel_segment s = { .vaddr = load, .paddr = load };
	int err;

	if (header_addr < load || header_addr - load > header)
		return image_refuse(
			im, "its kernel is broken: header_addr 0x%x does not fit load_addr 0x%x",
			header_addr, load);
	s.off = header - (header_addr - load);
	if (load_end && load_end < load)
		return image_refuse(
			im, "its kernel is broken: load_end_addr 0x%x is below load_addr 0x%x",
			load_end, load);
	s.file_size = load_end ? load_end - load : im->size - s.off;
	s.mem_size = s.file_size;
	if (bss_end) {
		if (bss_end < load + s.file_size)
			return image_refuse(
				im,
				"its kernel is broken: bss_end_addr 0x%x is below the end of its data",
				bss_end);
		s.mem_size = bss_end - load;
	}
	err = segments_add(im, ks, s);
	return err ? err : segments_find_entry(im, ks, image_u32(im, header + MB_HDR_ENTRY_ADDR));
}

static int parse_kernel(const struct image *im, uint64_t header, struct kernel_segments *ks)
{
	uint32_t flags = image_u32(im, header + MB_HDR_FLAGS);
	int err = check_flags(im, flags);

	if (err)
		return err;
	if (!(flags & MB_FLAG_KLUDGE) && elf_probe(im))
		return segments_from_elf(im, ks);
	if (!(flags & MB_FLAG_KLUDGE))
		return image_refuse(
			im,
			"its multiboot kernel is no ELF file and gives no load addresses (flag 16)");
	if (!image_has(im, header, MB_HEADER_KLUDGE_BYTES))
		return image_refuse(im, "its kernel is broken: the multiboot header is cut");
	return segments_from_header(im, header, ks);
}

static uint64_t kernel_end(const struct kernel_segments *ks)
{
	return MAX(segments_end(ks), GUEST_1M);
}

/* Modules lie page by page behind the kernel; at[] tells where. */
static int put_modules(const struct image *im, uint64_t start, uint64_t at[VM_MAX_MODULES])
{
	const struct guest_config *config = &im->vm->config;
	int err = 0;

	for (unsigned i = 0; i < config->nr_modules && !err; i++) {
		const struct guest_module *m = &config->module[i];

		at[i] = ALIGN_UP(start, PAGE_SIZE);
		err = image_check_ram(im, at[i], m->file->size, "its kernel with the modules");
		if (!err)
			err = image_put(im, at[i], module_data(m), m->file->size);
		start = at[i] + m->file->size;
	}
	return err;
}

/* Everything that put_info() writes, each piece rounded up as area_put() does. */
static uint64_t info_bytes(const struct image *im)
{
	const struct guest_config *config = &im->vm->config;
	uint64_t n = ALIGN_UP(sizeof(struct mb1_info), INFO_ALIGN) + BOOT_GDT_BYTES;

	n += im->nr_regions * ALIGN_UP(sizeof(struct mb1_mmap_entry), INFO_ALIGN);
	n += config->nr_modules * sizeof(struct mb1_module);
	n += ALIGN_UP(strlen(config->kernel.args) + 1, INFO_ALIGN);
	n += ALIGN_UP(sizeof(loader_name), INFO_ALIGN);
	for (unsigned i = 0; i < config->nr_modules; i++)
		n += ALIGN_UP(strlen(config->module[i].args) + 1, INFO_ALIGN);
	return n;
}

/* End of a segment that overlaps [at, at + need), or 0. */
static uint64_t collision(const struct kernel_segments *ks, uint64_t at, uint64_t need)
{
	for (unsigned i = 0; i < ks->nr; i++) {
		uint64_t start = ks->seg[i].paddr, end = start + ks->seg[i].mem_size;

		if (at < end && start < at + need)
			return end;
	}
	return 0;
}

static bool find_gap(const struct kernel_segments *ks, uint64_t from, uint64_t end, uint64_t need,
		     uint64_t *at)
{
	uint64_t hit = from;

	do {
		*at = ALIGN_UP(hit, PAGE_SIZE);
		hit = collision(ks, *at, need);
	} while (hit && hit < end);
	return !hit && *at + need <= end;
}

static uint64_t area_put(struct area *a, const void *data, uint64_t len)
{
	uint64_t at = a->next;

	a->next += ALIGN_UP(len, INFO_ALIGN);
	if (!a->err)
		a->err = image_put(a->im, at, data, len);
	return at;
}

static void put_mmap(struct area *a, struct mb1_info *info)
{
	info->mmap_addr = (uint32_t)a->next;
	for (unsigned i = 0; i < a->im->nr_regions; i++) {
		const struct board_region *r = &a->im->map[i];
		const struct mb1_mmap_entry e = {
			.size = sizeof(e) - sizeof(e.size),
			.base = r->base,
			.length = r->size,
			.type = r->type,
		};

		area_put(a, &e, sizeof(e));
	}
	info->mmap_length = (uint32_t)(a->next - info->mmap_addr);
}

static void put_module_list(struct area *a, struct mb1_info *info, const uint64_t at[])
{
	const struct guest_config *config = &a->im->vm->config;
	uint64_t list = a->next;

	a->next += config->nr_modules * sizeof(struct mb1_module);
	for (unsigned i = 0; i < config->nr_modules; i++) {
		const struct guest_module *m = &config->module[i];
		const struct mb1_module e = {
			.start = (uint32_t)at[i],
			.end = (uint32_t)(at[i] + m->file->size),
			.string = (uint32_t)area_put(a, m->args, strlen(m->args) + 1),
		};

		if (!a->err)
			a->err = image_put(a->im, list + i * sizeof(e), &e, sizeof(e));
	}
	info->mods_count = config->nr_modules;
	info->mods_addr = (uint32_t)list;
}

static int put_info(const struct image *im, uint64_t at, const uint64_t modules[],
		    struct guest_entry *entry)
{
	const char *args = im->vm->config.kernel.args;
	struct mb1_info info = {
		.flags = MB1_INFO_MEMORY | MB1_INFO_CMDLINE | MB1_INFO_MODS | MB1_INFO_MMAP |
			 MB1_INFO_LOADER,
		.mem_lower = (uint32_t)(image_ram_end(im, 0) / 1024),
		.mem_upper = (uint32_t)((image_ram_end(im, GUEST_1M) - GUEST_1M) / 1024),
	};
	struct area a = {
		.im = im,
		.next = at + ALIGN_UP(sizeof(info), INFO_ALIGN) + BOOT_GDT_BYTES,
	};
	int err = image_put_gdt(im, at + ALIGN_UP(sizeof(info), INFO_ALIGN), entry);

	put_mmap(&a, &info);
	put_module_list(&a, &info, modules);
	info.cmdline = (uint32_t)area_put(&a, args, strlen(args) + 1);
	info.loader_name = (uint32_t)area_put(&a, loader_name, sizeof(loader_name));
	if (!err)
		err = a.err;
	return err ? err : image_put(im, at, &info, sizeof(info));
}

int multiboot_load(const struct image *im, uint64_t header, struct guest_entry *entry)
{
	uint64_t low_end = MIN(image_ram_end(im, INFO_SECOND_CHOICE), GUEST_1M);
	uint64_t modules[VM_MAX_MODULES], need = info_bytes(im), info;
	struct kernel_segments ks = { .nr = 0 };
	int err = parse_kernel(im, header, &ks);

	if (!err && im->vm->config.initrd.file)
		err = image_refuse(
			im, "its kernel is a multiboot kernel, which takes modules and no initrd");
	if (!err)
		err = segments_put(im, &ks);
	if (!err)
		err = put_modules(im, kernel_end(&ks), modules);
	if (err)
		return err;
	if (!find_gap(&ks, INFO_FIRST_CHOICE, low_end, need, &info) &&
	    !find_gap(&ks, INFO_SECOND_CHOICE, low_end, need, &info))
		return image_refuse(
			im,
			"its kernel leaves no %llu bytes free below 1 MiB for the multiboot information",
			(unsigned long long)need);
	entry->rip = ks.entry;
	entry->rax = MB1_BOOT_MAGIC;
	entry->rbx = info;
	return put_info(im, info, modules, entry);
}

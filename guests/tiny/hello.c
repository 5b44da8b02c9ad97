/* SPDX-License-Identifier: MIT */
/* Says what the loader handed on and checks it against the multiboot specification. */
#include "tiny.h"

extern const uint8_t image_end[];

#define PAGE 4096u
#define MIB 0x100000u

static void show_modules(void)
{
	const struct mb_module *m = (const struct mb_module *)boot_info->mods_addr;

	for (uint32_t i = 0; i < boot_info->mods_count; i++) {
		uint32_t sum = 0;

		for (uint32_t at = m[i].start; at < m[i].end; at++)
			sum += *(const uint8_t *)at;
		say("hello: module %u \"%s\" %u bytes sum %u\n", i, (const char *)m[i].string,
		    m[i].end - m[i].start, sum);
		check(m[i].start % PAGE == 0, "module %u is page-aligned", i);
		check(m[i].start >= (uint32_t)image_end && m[i].end >= m[i].start,
		      "module %u lies behind the kernel", i);
	}
}

static void show_map(void)
{
	uint32_t at = boot_info->mmap_addr, end = at + boot_info->mmap_length;
	uint64_t ram = 0;

	while (at < end) {
		const struct mb_mmap *e = (const struct mb_mmap *)at;

		say("hello: memory %X..%X type %u\n", e->base, e->base + e->length, e->type);
		if (e->type == 1)
			ram += e->length;
		at += e->size + sizeof(e->size);
	}
	say("hello: %U KiB of RAM\n", ram >> 10);
	check(at == end, "the memory map ends where it says");
	check(ram >> 20 >= 7, "the memory map has RAM");
}

int main(void)
{
	uint32_t info = (uint32_t)boot_info;

	check(boot_magic == 0x2badb002, "magic number %x", boot_magic);
	check(info >= PAGE && (on_bare_tcg() || info < MIB), "information at %x", info);
	check((boot_info->flags & 0x4d) == 0x4d, "flags %x", boot_info->flags);
	say("hello: cmdline \"%s\"\n", (const char *)boot_info->cmdline);
	if (boot_info->flags & 0x200)
		say("hello: loader \"%s\"\n", (const char *)boot_info->boot_loader_name);
	say("hello: mem_lower %u mem_upper %u\n", boot_info->mem_lower, boot_info->mem_upper);
	check(boot_info->mem_lower >= 512 && boot_info->mem_lower <= 640, "mem_lower");
	check(boot_info->mem_upper >= 7 * 1024, "mem_upper");
	show_modules();
	show_map();
	return checks_done("hello");
}

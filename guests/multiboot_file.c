/* SPDX-License-Identifier: MIT */
/*
 * A multiboot kernel's file cut into segments: the a.out kludge of the multiboot header, and
 * ELF of either class (a 64-bit image is entered in 32-bit mode like any other, as GRUB
 * does). Pure reading of an untrusted file; no lock.
 */
#include "guests/kernel_segments.h"
#include "guests/multiboot1.h"
#include "hv/vm.h"

/* What differs between the ELF classes, and where the program headers are. */
struct elf {
	bool wide; /* ELF64 */
	uint64_t entry;
	uint64_t phoff;
	unsigned phnum, phentsize;
};

static int add_segment(const struct image *im, struct kernel_segments *ks, struct kernel_segment s)
{
	if (s.mem_size == 0)
		return 0;
	if (s.file_size == 0)
		s.off = 0; /* linkers give pure bss an offset behind the end */
	if (ks->nr == KERNEL_MAX_SEGMENTS)
		return image_refuse(im, "its kernel has more than %d segments",
				    KERNEL_MAX_SEGMENTS);
	if (s.file_size > s.mem_size || !image_has(im, s.off, s.file_size))
		return image_refuse(im, "its kernel is broken: segment %u lies outside the file",
				    ks->nr);
	if (s.paddr >= GUEST_4G || s.mem_size > GUEST_4G - s.paddr)
		return image_refuse(im, "its kernel is broken: segment %u lies above 4 GiB",
				    ks->nr);
	ks->seg[ks->nr++] = s;
	return 0;
}

/* The entry is a physical address, but kernels that are linked high often give a virtual
 * one: then it lies in a segment's virtual range, and its place there counts. */
static int find_entry(const struct image *im, struct kernel_segments *ks, uint64_t entry)
{
	for (unsigned i = 0; i < ks->nr; i++) {
		const struct kernel_segment *s = &ks->seg[i];

		if (entry >= s->vaddr && entry - s->vaddr < s->mem_size) {
			ks->entry = entry - s->vaddr + s->paddr;
			return 0;
		}
	}
	for (unsigned i = 0; i < ks->nr; i++) {
		const struct kernel_segment *s = &ks->seg[i];

		if (entry >= s->paddr && entry - s->paddr < s->mem_size) {
			ks->entry = entry;
			return 0;
		}
	}
	return image_refuse(
		im, "its kernel is broken: its entry 0x%llx lies in none of its %u segments",
		(unsigned long long)entry, ks->nr);
}

int segments_from_header(const struct image *im, uint64_t header, struct kernel_segments *ks)
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
	err = add_segment(im, ks, s);
	return err ? err : find_entry(im, ks, image_u32(im, header + MB_HDR_ENTRY_ADDR));
}

static int parse_elf(const struct image *im, struct elf *e)
{
	unsigned machine;

	if (!image_has(im, 0, ELF32_HEADER_BYTES) || image_u32(im, 0) != ELF_MAGIC)
		return image_refuse(
			im,
			"its multiboot kernel is no ELF file and gives no load addresses (flag 16)");
	e->wide = im->file[ELF_CLASS] == ELF_CLASS_64;
	machine = image_u16(im, ELF_MACHINE);
	if (im->file[ELF_DATA] != ELF_DATA_LSB ||
	    machine != (e->wide ? ELF_EM_X86_64 : ELF_EM_386) ||
	    (!e->wide && im->file[ELF_CLASS] != ELF_CLASS_32))
		return image_refuse(im,
				    "its multiboot kernel is an ELF file for another machine (%u)",
				    machine);
	if (!image_has(im, 0, e->wide ? ELF64_HEADER_BYTES : ELF32_HEADER_BYTES))
		return image_refuse(im, "its kernel is broken: the ELF header is cut");
	e->entry = e->wide ? image_u64(im, ELF_ENTRY) : image_u32(im, ELF_ENTRY);
	e->phoff = e->wide ? image_u64(im, ELF64_PHOFF) : image_u32(im, ELF32_PHOFF);
	e->phnum = image_u16(im, e->wide ? ELF64_PHNUM : ELF32_PHNUM);
	e->phentsize = image_u16(im, e->wide ? ELF64_PHENTSIZE : ELF32_PHENTSIZE);
	if (e->phentsize < (e->wide ? ELF64_PHDR_BYTES : ELF32_PHDR_BYTES) ||
	    !image_has(im, e->phoff, (uint64_t)e->phnum * e->phentsize))
		return image_refuse(
			im, "its kernel is broken: the program headers lie outside the file");
	return 0;
}

/* ELF32 and ELF64 program headers have the same fields in another order. */
static struct kernel_segment read_phdr(const struct image *im, const struct elf *e, uint64_t at)
{
	if (e->wide)
		return (struct kernel_segment){
			.off = image_u64(im, at + 8),
			.vaddr = image_u64(im, at + 16),
			.paddr = image_u64(im, at + 24),
			.file_size = image_u64(im, at + 32),
			.mem_size = image_u64(im, at + 40),
		};
	return (struct kernel_segment){
		.off = image_u32(im, at + 4),
		.vaddr = image_u32(im, at + 8),
		.paddr = image_u32(im, at + 12),
		.file_size = image_u32(im, at + 16),
		.mem_size = image_u32(im, at + 20),
	};
}

int segments_from_elf(const struct image *im, struct kernel_segments *ks)
{
	struct elf e = { 0 };
	int err = parse_elf(im, &e);

	for (unsigned i = 0; i < e.phnum && !err; i++) {
		uint64_t at = e.phoff + (uint64_t)i * e.phentsize;

		if (image_u32(im, at) == ELF_PT_LOAD)
			err = add_segment(im, ks, read_phdr(im, &e, at));
	}
	return err ? err : find_entry(im, ks, e.entry);
}

/* SPDX-License-Identifier: MIT */
/*
 * A kernel in an ELF file of either class (System V ABI, "Object Files"), cut into segments.
 * Pure reading of an untrusted file; no lock.
 */
#include "guests/elf.h"

#include "guests/kernel_segments.h"
#include "hv/string.h"
#include "hv/vm.h"

/* What differs between the ELF classes, and where the program headers are. */
struct elf {
	bool wide; /* ELF64 */
	uint64_t entry;
	uint64_t phoff;
	unsigned phnum, phentsize;
};

bool elf_probe(const struct image *im)
{
	return image_has(im, 0, ELF32_HEADER_BYTES) && image_u32(im, 0) == ELF_MAGIC;
}

bool elf_is_64(const struct image *im)
{
	return im->file[ELF_CLASS] == ELF_CLASS_64;
}

static int parse_elf(const struct image *im, struct elf *e)
{
	unsigned machine;

	e->wide = elf_is_64(im);
	machine = image_u16(im, ELF_MACHINE);
	if (im->file[ELF_DATA] != ELF_DATA_LSB ||
	    machine != (e->wide ? ELF_EM_X86_64 : ELF_EM_386) ||
	    (!e->wide && im->file[ELF_CLASS] != ELF_CLASS_32))
		return image_refuse(im, "its kernel is an ELF file for another machine (%u)",
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
			err = segments_add(im, ks, read_phdr(im, &e, at));
	}
	return err ? err : segments_find_entry(im, ks, e.entry);
}

/* Does one of the notes in these bytes of the file have this owner? */
static bool notes_have(const struct image *im, uint64_t at, uint64_t len, const char *owner)
{
	uint64_t name_len = strlen(owner) + 1, size;

	for (; len >= ELF_NOTE_BYTES && image_has(im, at, len); at += size, len -= size) {
		uint64_t name = image_u32(im, at), desc = image_u32(im, at + 4);

		if (name == name_len && name <= len - ELF_NOTE_BYTES &&
		    memcmp(im->file + at + ELF_NOTE_BYTES, owner, name) == 0)
			return true;
		size = ELF_NOTE_BYTES + ALIGN_UP(name, ELF_NOTE_ALIGN) +
		       ALIGN_UP(desc, ELF_NOTE_ALIGN);
		if (size > len)
			return false;
	}
	return false;
}

int elf_find_note(const struct image *im, const char *owner, bool *found)
{
	struct elf e = { 0 };
	int err = parse_elf(im, &e);

	*found = false;
	for (unsigned i = 0; i < e.phnum && !err && !*found; i++) {
		uint64_t at = e.phoff + (uint64_t)i * e.phentsize;
		struct kernel_segment s = read_phdr(im, &e, at);

		if (image_u32(im, at) == ELF_PT_NOTE)
			*found = notes_have(im, s.off, s.file_size, owner);
	}
	return err;
}

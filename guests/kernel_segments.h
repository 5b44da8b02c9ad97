/* SPDX-License-Identifier: MIT */
/*
 * A kernel as pieces to be copied, whatever its file format: what multiboot kernels and
 * Linux's vmlinux have in common. Only guests/ includes this.
 */
#ifndef GUESTS_KERNEL_SEGMENTS_H
#define GUESTS_KERNEL_SEGMENTS_H

#include "guests/image.h"

#define KERNEL_MAX_SEGMENTS 16

struct kernel_segment {
	uint64_t off, file_size; /* in the file, bytes */
	uint64_t vaddr; /* where it says it is linked */
	uint64_t paddr, mem_size; /* in the guest; what is behind file_size is cleared */
};

/* Zeroed before the first segment is added. */
struct kernel_segments {
	struct kernel_segment seg[KERNEL_MAX_SEGMENTS];
	unsigned nr;
	uint64_t entry; /* guest physical */
};

/* All of these: 0 or -ENOEXEC, said on the console. */

/* One more segment; it lies in the file and below 4 GiB then. An empty one is left out. */
must_check int segments_add(const struct image *im, struct kernel_segments *ks,
			    struct kernel_segment s);

/* Set ks->entry from an entry that is a physical or a virtual address in one of them. */
must_check int segments_find_entry(const struct image *im, struct kernel_segments *ks,
				   uint64_t entry);

/* guests/elf.c: segments and entry of a file that elf_probe() has seen. */
bool elf_probe(const struct image *im);
bool elf_is_64(const struct image *im);
must_check int segments_from_elf(const struct image *im, struct kernel_segments *ks);

/* Likewise: has it a note of this owner? */
must_check int elf_find_note(const struct image *im, const char *owner, bool *found);

/* First byte that is used, and first byte behind all of them; 0 without segments. */
uint64_t segments_start(const struct kernel_segments *ks);
uint64_t segments_end(const struct kernel_segments *ks);

/* Copy them into the guest; also -ENOMEM, as image_check_ram(). */
must_check int segments_put(const struct image *im, const struct kernel_segments *ks);

#endif

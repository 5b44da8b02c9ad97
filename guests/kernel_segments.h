/* SPDX-License-Identifier: MIT */
/*
 * A multiboot kernel as pieces to be copied, whatever its file format. Only
 * guests/multiboot*.c include this.
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

struct kernel_segments {
	struct kernel_segment seg[KERNEL_MAX_SEGMENTS];
	unsigned nr;
	uint64_t entry; /* guest physical */
};

/* Fill *ks from the header's own addresses (flag 16) or from ELF program headers; every
 * piece then lies in the file and below 4 GiB. 0 or -ENOEXEC, said on the console. */
must_check int segments_from_header(const struct image *im, uint64_t header,
				    struct kernel_segments *ks);
must_check int segments_from_elf(const struct image *im, struct kernel_segments *ks);

#endif

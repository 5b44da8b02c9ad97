/* SPDX-License-Identifier: MIT */
/*
 * A kernel as pieces to be copied (guests/kernel_segments.h). Called while the guest is being
 * made; no lock.
 */
#include "guests/kernel_segments.h"
#include "hv/vm.h"

int segments_add(const struct image *im, struct kernel_segments *ks, struct kernel_segment s)
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
int segments_find_entry(const struct image *im, struct kernel_segments *ks, uint64_t entry)
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

uint64_t segments_start(const struct kernel_segments *ks)
{
	uint64_t start = ks->nr ? ks->seg[0].paddr : 0;

	for (unsigned i = 1; i < ks->nr; i++)
		start = MIN(start, ks->seg[i].paddr);
	return start;
}

uint64_t segments_end(const struct kernel_segments *ks)
{
	uint64_t end = 0;

	for (unsigned i = 0; i < ks->nr; i++)
		end = MAX(end, ks->seg[i].paddr + ks->seg[i].mem_size);
	return end;
}

static int check_ram(const struct image *im, const struct kernel_segment *s)
{
	return image_check_ram(im, s->paddr, s->mem_size, "its kernel");
}

/* The one that ends last comes first: should memory be too little, it tells how much is enough
 * for all. */
static int check_all_ram(const struct image *im, const struct kernel_segments *ks)
{
	int err = 0;

	for (unsigned i = 0; i < ks->nr && !err; i++)
		if (ks->seg[i].paddr + ks->seg[i].mem_size == segments_end(ks))
			err = check_ram(im, &ks->seg[i]);
	for (unsigned i = 0; i < ks->nr && !err; i++)
		err = check_ram(im, &ks->seg[i]);
	return err;
}

int segments_put(const struct image *im, const struct kernel_segments *ks)
{
	int err = check_all_ram(im, ks);

	for (unsigned i = 0; i < ks->nr && !err; i++) {
		const struct kernel_segment *s = &ks->seg[i];

		err = image_put(im, s->paddr, im->file + s->off, s->file_size);
		if (!err)
			err = image_clear(im, s->paddr + s->file_size, s->mem_size - s->file_size);
	}
	return err;
}

/* SPDX-License-Identifier: MIT */
/*
 * The machine's memory as the loader described it, cleaned up: what is RAM, what of it is
 * free, and memory for those who need some before the page allocator is there.
 * Boot CPU only; of use until page_init() has taken the free ranges over.
 */
#ifndef HV_MEMMAP_H
#define HV_MEMMAP_H

#include "boot/boot_info.h"
#include "hv/range.h"

struct memmap {
	struct range_set ram; /* all of it, also what is not free; whole pages */
	struct range_set tables; /* ACPI data that we may read; whole pages, outwards */
	struct range_set free;
	hpa_t low_page; /* below 640 KiB, and nobody's: the other CPUs' trampoline; 0: none */
};

/*
 * RAM is what some entry of the loader's map calls RAM and no entry calls anything else.
 * Free is RAM at or above 1 MiB and below `limit` that neither the image at
 * image_start..image_end nor a module takes. -ENOSPC: the map is too torn to be kept.
 */
must_check int memmap_build(struct memmap *m, const struct boot_info *bi, hpa_t image_start,
			    hpa_t image_end, uint64_t limit);

/* Take `bytes` (rounded up to pages) from the top of the highest free range that ends at
 * or below `limit` or reaches across it. 0 or -ENOMEM. */
must_check int memmap_take(struct memmap *m, uint64_t bytes, uint64_t limit, hpa_t *out);

#endif

/* SPDX-License-Identifier: MIT */
/* The host's frames and memory. Frame numbers: each kind of memory has its own range. */
#include <stdlib.h>
#include <string.h>

#include "tests/model/fail.h"
#include "tests/model/memory.h"

#define ENOMEM 12

#define GUEST_PFN UINT64_C(0x140000) /* above 4 GiB, 2 MiB aligned */
#define LOW_PFN UINT64_C(0x1000) /* pages below 4 GiB */
#define LOW_PAGES 16u
#define HIGH_PFN UINT64_C(0x200000)
#define HIGH_PAGES 4096u
#define SCATTER 37u /* coprime to both: pages are not handed out in order */
#define MAX_BLOCKS 1024u

static uint64_t low_pages[LOW_PAGES][WORDS_PER_FRAME] __attribute__((aligned(4096)));
static uint64_t high_pages[HIGH_PAGES][WORDS_PER_FRAME] __attribute__((aligned(4096)));
static bool low_used[LOW_PAGES], high_used[HIGH_PAGES];
static unsigned next_page;
static unsigned pages_out;
static void *blocks[MAX_BLOCKS];
static unsigned blocks_out;

int world_allocs_left = -1;

uint64_t world_pfn(unsigned frame)
{
	return GUEST_PFN + frame;
}

unsigned world_frame_of_pfn(uint64_t pfn)
{
	return pfn >= GUEST_PFN && pfn < GUEST_PFN + WORLD_FRAMES ? (unsigned)(pfn - GUEST_PFN)
								  : NO_FRAME;
}

const uint64_t *world_table(uint64_t pfn)
{
	if (pfn >= LOW_PFN && pfn < LOW_PFN + LOW_PAGES && low_used[pfn - LOW_PFN])
		return low_pages[pfn - LOW_PFN];
	if (pfn >= HIGH_PFN && pfn < HIGH_PFN + HIGH_PAGES && high_used[pfn - HIGH_PFN])
		return high_pages[pfn - HIGH_PFN];
	model_fail("I1: a shadow entry leads to a frame that is no table of the library's",
		   "pfn 0x%llx", LLX(pfn));
}

unsigned world_pages_out(void)
{
	return pages_out;
}

unsigned world_blocks_out(void)
{
	return blocks_out;
}

/* ---- the platform's part of it ---- */

void *mmu_map_pfn(pfn_t pfn)
{
	unsigned frame = world_frame_of_pfn(pfn.v);

	if (frame != NO_FRAME)
		return memory_at(frame);
	return (void *)(uintptr_t)world_table(pfn.v);
}

static bool may_allocate(void)
{
	if (!world_allocs_left)
		return false;
	if (world_allocs_left > 0)
		world_allocs_left--;
	return true;
}

static int take_page(bool *used, uint64_t (*pages)[WORDS_PER_FRAME], unsigned n, unsigned *page)
{
	for (unsigned i = 0; i < n; i++) {
		unsigned at = (next_page += SCATTER) % n;

		if (used[at])
			continue;
		used[at] = true;
		memset(pages[at], 0, PAGE_SIZE);
		*page = at;
		pages_out++;
		return 0;
	}
	return -ENOMEM;
}

int mmu_page_alloc(struct mmu *m, bool below_4g, pfn_t *pfn)
{
	unsigned page;
	int err;

	(void)m;
	if (!may_allocate())
		return -ENOMEM;
	err = below_4g ? take_page(low_used, low_pages, LOW_PAGES, &page)
		       : take_page(high_used, high_pages, HIGH_PAGES, &page);
	if (!err)
		*pfn = PFN((below_4g ? LOW_PFN : HIGH_PFN) + page);
	return err;
}

void mmu_page_free(struct mmu *m, pfn_t pfn)
{
	(void)m;
	world_table(pfn.v); /* that it is one */
	if (pfn.v < HIGH_PFN)
		low_used[pfn.v - LOW_PFN] = false;
	else
		high_used[pfn.v - HIGH_PFN] = false;
	pages_out--;
}

void *mmu_mem_alloc(size_t bytes)
{
	void *p = may_allocate() && blocks_out < MAX_BLOCKS ? calloc(1, bytes) : NULL;

	if (p)
		blocks[blocks_out++] = p;
	return p;
}

void mmu_mem_free(void *p, size_t bytes)
{
	(void)bytes;
	for (unsigned i = 0; i < blocks_out; i++) {
		if (blocks[i] != p)
			continue;
		blocks[i] = blocks[--blocks_out];
		free(p);
		return;
	}
	model_fail("the library gives back memory that it does not have", "%p", p);
}

void host_reset(void)
{
	while (blocks_out)
		free(blocks[--blocks_out]);
	memset(low_used, 0, sizeof(low_used));
	memset(high_used, 0, sizeof(high_used));
	pages_out = next_page = 0;
	world_allocs_left = -1;
}

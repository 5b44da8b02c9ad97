/* SPDX-License-Identifier: MIT */
/* See fake_platform.h. One thread: no lock. */
#include "tests/unit/fake_platform.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOW_PFN UINT64_C(0x1000)
#define LOW_FRAMES 16u
#define HOST_PFN UINT64_C(0x200000) /* shadow pages, above 4 GiB */
#define HOST_FRAMES 4096u
#define MAX_RANGES 64

struct range {
	uint64_t gfn, n, pfn;
	enum p2m_kind kind;
	bool large;
};

struct fake_log fake_log;
uint64_t fake_clock, fake_clock_step;
int fake_allocs_left = -1;
void (*fake_on_lock)(void), (*fake_on_lookup)(void);

static struct range ranges[MAX_RANGES];
static unsigned nr_ranges;
static uint8_t ram[FAKE_RAM_FRAMES][PAGE_SIZE] __attribute__((aligned(4096)));
static uint8_t low[LOW_FRAMES][PAGE_SIZE] __attribute__((aligned(4096)));
static uint8_t host[HOST_FRAMES][PAGE_SIZE] __attribute__((aligned(4096)));
static bool low_used[LOW_FRAMES], host_used[HOST_FRAMES];

void fake_map(uint64_t gfn, uint64_t n, uint64_t pfn, enum p2m_kind kind, bool large)
{
	if (nr_ranges == MAX_RANGES)
		abort();
	ranges[nr_ranges++] = (struct range){ gfn, n, pfn, kind, large };
}

void fake_reset(void)
{
	memset(ram, 0, sizeof(ram));
	memset(&fake_log, 0, sizeof(fake_log));
	nr_ranges = 0;
	fake_clock = 0;
	fake_clock_step = 1;
	fake_allocs_left = -1;
	fake_on_lock = fake_on_lookup = NULL;
	fake_tlb_reset();
	mmu_stats_init(1000000);
	fake_map(0, FAKE_RAM_FRAMES, FAKE_RAM_PFN, P2M_RAM, true);
}

/* What another processor does at this moment, once. */
static void meanwhile(void (**hook)(void))
{
	void (*f)(void) = *hook;

	*hook = NULL;
	if (f)
		f();
}

struct p2m_entry mmu_p2m_lookup(struct mmu *m, gfn_t gfn)
{
	(void)m;
	fake_log.lookups++;
	meanwhile(&fake_on_lookup);
	for (unsigned i = nr_ranges; i-- > 0;) {
		const struct range *r = &ranges[i];

		if (gfn.v >= r->gfn && gfn.v - r->gfn < r->n)
			return (struct p2m_entry){ PFN(r->pfn + gfn.v - r->gfn), r->kind,
						   r->large };
	}
	return (struct p2m_entry){ .kind = P2M_NONE };
}

void *mmu_map_pfn(pfn_t pfn)
{
	if (pfn.v >= FAKE_RAM_PFN && pfn.v < FAKE_RAM_PFN + FAKE_RAM_FRAMES)
		return ram[pfn.v - FAKE_RAM_PFN];
	if (pfn.v >= LOW_PFN && pfn.v < LOW_PFN + LOW_FRAMES)
		return low[pfn.v - LOW_PFN];
	if (pfn.v >= HOST_PFN && pfn.v < HOST_PFN + HOST_FRAMES)
		return host[pfn.v - HOST_PFN];
	fprintf(stderr, "mmu_map_pfn: no such frame 0x%llx\n", (unsigned long long)pfn.v);
	abort();
}

static bool may_allocate(void)
{
	if (fake_allocs_left == 0)
		return false;
	if (fake_allocs_left > 0)
		fake_allocs_left--;
	return true;
}

int mmu_page_alloc(struct mmu *m, bool below_4g, pfn_t *pfn)
{
	bool *used = below_4g ? low_used : host_used;
	unsigned n = below_4g ? LOW_FRAMES : HOST_FRAMES;

	(void)m;
	if (!may_allocate())
		return -12;
	for (unsigned i = 0; i < n; i++) {
		/* Not in order: the library must not count on frames next to each other. */
		unsigned j = (i * 37) % n;

		if (used[j])
			continue;
		used[j] = true;
		*pfn = PFN((below_4g ? LOW_PFN : HOST_PFN) + j);
		memset(mmu_map_pfn(*pfn), 0, PAGE_SIZE);
		fake_log.pages_out++;
		fake_log.pages_low_out += below_4g;
		return 0;
	}
	return -12;
}

void mmu_page_free(struct mmu *m, pfn_t pfn)
{
	bool is_low = pfn.v < HOST_PFN;
	bool *used = is_low ? &low_used[pfn.v - LOW_PFN] : &host_used[pfn.v - HOST_PFN];

	(void)m;
	if (!*used)
		abort();
	*used = false;
	fake_log.pages_out--;
	fake_log.pages_low_out -= is_low;
}

void *mmu_mem_alloc(size_t bytes)
{
	if (!may_allocate())
		return NULL;
	fake_log.mem_out += bytes;
	return calloc(1, bytes);
}

void mmu_mem_free(void *p, size_t bytes)
{
	fake_log.mem_out -= bytes;
	free(p);
}

void mmu_hw_flush(struct mmu_vcpu *v)
{
	fake_log.flush++;
	fake_log.cpu[v->id].flush++;
	fake_tlb_flush(v);
}

void mmu_hw_flush_page(struct mmu_vcpu *v, gva_t va)
{
	fake_log.flush_page++;
	fake_log.cpu[v->id].flush_page++;
	fake_log.page = va;
	fake_tlb_flush_page(v, va.v);
}

void mmu_shootdown(struct mmu *m, const struct mmu_vcpu *except)
{
	fake_log.shootdown++;
	for (unsigned i = 0; i < m->nr_vcpus; i++) {
		if (m->vcpus[i] == except)
			continue;
		fake_log.cpu[m->vcpus[i]->id].shootdown++;
		fake_tlb_flush(m->vcpus[i]);
	}
}

void mmu_lock(struct mmu *m)
{
	(void)m;
	if (fake_log.locked++)
		abort();
	meanwhile(&fake_on_lock);
}

void mmu_unlock(struct mmu *m)
{
	(void)m;
	if (--fake_log.locked)
		abort();
}

void mmu_yield(struct mmu *m)
{
	(void)m;
}

uint64_t mmu_clock(void)
{
	fake_clock += fake_clock_step;
	return fake_clock;
}

static void *guest_mem(uint64_t gpa)
{
	struct p2m_entry e = mmu_p2m_lookup(NULL, GFN(gpa >> 12));

	if (e.kind == P2M_NONE)
		abort();
	return (uint8_t *)mmu_map_pfn(e.pfn) + (gpa & 0xfff);
}

uint64_t fake_read64(uint64_t gpa)
{
	return *(uint64_t *)guest_mem(gpa);
}

uint32_t fake_read32(uint64_t gpa)
{
	return *(uint32_t *)guest_mem(gpa);
}

void fake_write64(uint64_t gpa, uint64_t val)
{
	*(uint64_t *)guest_mem(gpa) = val;
}

void fake_write32(uint64_t gpa, uint32_t val)
{
	*(uint32_t *)guest_mem(gpa) = val;
}

bool fake_holds_absent(void)
{
	for (unsigned i = 0; i < HOST_FRAMES; i++) {
		const uint64_t *e = (const void *)host[i];

		for (unsigned j = 0; host_used[i] && j < PAGE_SIZE / sizeof(*e); j++)
			if (e[j] && !(e[j] & 1))
				return true;
	}
	return false;
}

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
#define MAX_RANGES 32

struct range {
	uint64_t gfn, n, pfn;
	enum p2m_kind kind;
	bool large;
};

struct fake_log fake_log;
uint64_t fake_clock, fake_clock_step;
int fake_allocs_left = -1;
void (*fake_on_lock)(void);

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
	fake_on_lock = NULL;
	mmu_stats_init(1000000);
	fake_map(0, FAKE_RAM_FRAMES, FAKE_RAM_PFN, P2M_RAM, true);
}

struct p2m_entry mmu_p2m_lookup(struct mmu *m, gfn_t gfn)
{
	(void)m;
	fake_log.lookups++;
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
	(void)v;
	fake_log.flush++;
}

void mmu_hw_flush_page(struct mmu_vcpu *v, gva_t va)
{
	(void)v;
	fake_log.flush_page++;
	fake_log.page = va;
}

void mmu_shootdown(struct mmu *m, const struct mmu_vcpu *except)
{
	(void)m;
	(void)except;
	fake_log.shootdown++;
}

void mmu_lock(struct mmu *m)
{
	void (*f)(void) = fake_on_lock;

	(void)m;
	if (fake_log.locked++)
		abort();
	fake_on_lock = NULL;
	if (f)
		f();
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

void mmu_fatal(const char *what)
{
	fprintf(stderr, "mmu_fatal: %s\n", what);
	abort();
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

/* ---- the processor ---- */

static bool paging_on(const struct mmu_vcpu *v)
{
	return v->regs.cr0 >> 31 & 1;
}

/* Reserved bits of an entry of ours: a host with 46 address bits, NXE on. G counts as one:
 * mmu/spte.h says why it is never set. */
static bool bad_bits(const struct mmu_vcpu *v, int level, uint64_t e)
{
	if (e & 0x100)
		return true;
	uint64_t rsvd = UINT64_C(0x000fc00000000000);

	if (!v->hw.long_mode) {
		rsvd |= UINT64_C(0x7ff0000000000000);
		if (level == 3)
			return e & (rsvd | UINT64_C(0x80000000000001e6));
	}
	if (level == 4 && (e & 0x80))
		return true;
	if (level == 3 && (e & 0x80))
		rsvd |= 0x3fffe000;
	if (level == 2 && (e & 0x80))
		rsvd |= 0x1fe000;
	return e & rsvd;
}

static bool refuses(const struct mmu_vcpu *v, bool w, bool u, bool x, unsigned access)
{
	bool user = access & MMU_ACC_USER, write = access & MMU_ACC_WRITE;
	bool fetch = access & MMU_ACC_FETCH, ac = access & MMU_ACC_AC;
	bool smep = paging_on(v) && (v->regs.cr4 >> 20 & 1);
	bool smap = paging_on(v) && (v->regs.cr4 >> 21 & 1);

	if (user && !u)
		return true;
	if (write && !w)
		return true;
	if (fetch && !x)
		return true;
	if (!user && u && fetch && smep)
		return true;
	return !user && u && !fetch && smap && !ac;
}

struct fake_hw_result fake_hw_access(const struct mmu_vcpu *v, uint64_t va, unsigned access)
{
	uint32_t ec = access & (MMU_ACC_WRITE | MMU_ACC_USER | MMU_ACC_FETCH);
	bool w = true, u = true, x = true;
	uint64_t table = v->hw.root.v;
	int level = v->hw.long_mode ? 4 : 3;

	if (!v->hw.long_mode) {
		va &= 0xffffffff;
		if (table >> 32)
			abort();
	}
	for (;; level--) {
		int shift = 12 + 9 * (level - 1);
		uint64_t e = ((uint64_t *)mmu_map_pfn(PFN(table >> 12)))[va >> shift & 511];
		bool leaf = level == 1 || (e & 0x80);

		if (!(e & 1)) {
			if (e) /* I13 */
				abort();
			return (struct fake_hw_result){ .error_code = ec, .spte = e };
		}
		if (bad_bits(v, level, e)) {
			fprintf(stderr, "reserved bits in level %d: 0x%llx\n", level,
				(unsigned long long)e);
			abort();
		}
		if (v->hw.long_mode || level < 3) {
			w = w && (e & 2);
			u = u && (e & 4);
			x = x && !(e >> 63);
		}
		table = e & UINT64_C(0x000ffffffffff000);
		if (!leaf)
			continue;
		if (refuses(v, w, u, x, access))
			return (struct fake_hw_result){ .error_code = ec | 1, .spte = e };
		return (struct fake_hw_result){ .ok = true,
						.hpa = (table & ~((UINT64_C(1) << shift) - 1)) |
						       (va & ((UINT64_C(1) << shift) - 1)),
						.spte = e,
						.large = level > 1 };
	}
}

enum mmu_result fake_access(struct mmu_vcpu *v, uint64_t va, unsigned access,
			    struct mmu_fault *fault, uint64_t *hpa, unsigned *faults)
{
	for (unsigned i = 0; i < 4; i++) {
		struct fake_hw_result r = fake_hw_access(v, va, access);
		enum mmu_result res;

		if (r.ok) {
			if (hpa)
				*hpa = r.hpa;
			return MMU_FIXED;
		}
		if (faults)
			++*faults;
		res = mmu_fault(v, GVA(va), r.error_code | (access & MMU_ACC_AC), fault);
		if (fake_log.locked)
			abort();
		if (res != MMU_FIXED && res != MMU_RETRY)
			return res;
	}
	fprintf(stderr, "access to 0x%llx never ends\n", (unsigned long long)va);
	abort();
}

static unsigned count(const struct mmu_vcpu *v, uint64_t table, int level)
{
	const uint64_t *e = mmu_map_pfn(PFN(table >> 12));
	unsigned n = 0;

	for (int i = 0; i < (level == 3 && !v->hw.long_mode ? 4 : 512); i++) {
		if (!(e[i] & 1))
			continue;
		if (level == 1 || (e[i] & 0x80))
			n++;
		else
			n += count(v, e[i] & UINT64_C(0x000ffffffffff000), level - 1);
	}
	return n;
}

unsigned fake_count_leaves(const struct mmu_vcpu *v)
{
	return count(v, v->hw.root.v, v->hw.long_mode ? 4 : 3);
}

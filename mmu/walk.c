/* SPDX-License-Identifier: MIT */
/*
 * The parts of a walk that are not on its fast path: finding a guest table in the host,
 * and setting A and D bits (I11, I19).
 */
#include "mmu/engine.h"
#include "mmu/guard.h"
#include "mmu/pte.h"
#include "mmu/record.h"
#include "mmu/walk.h"

/* What the bus reads where nothing answers. */
static const uint64_t nobody[PAGE_SIZE / sizeof(uint64_t)] = {
	[0 ... PAGE_SIZE / sizeof(uint64_t) - 1] = ~UINT64_C(0),
};

cold void mmu_walk_cache_reset(struct mmu_vcpu *v)
{
	/* Before the entries: what is looked up from now on is at least this new. */
	v->tables.gen = walk_p2m_gen(v);
	for (unsigned i = 0; i < MMU_TABLE_CACHE; i++)
		v->tables.ref[i].gpa = MMU_NO_TABLE;
}

cold const uint8_t *mmu_walk_table_miss(struct mmu_vcpu *v, uint64_t table)
{
	gfn_t gfn = gpa_to_gfn(GPA(table));
	struct p2m_entry e = mmu_p2m_lookup(v->mmu, gfn);
	const void *host = e.kind == P2M_NONE ? nobody : mmu_map_pfn(e.pfn);
	struct mmu_table_ref *ref = &v->tables.ref[gfn.v % MMU_TABLE_CACHE];

	ref->gpa = table;
	ref->host = host;
	return host;
}

static bool exchange_host(uint8_t *p, unsigned bytes, uint64_t old, uint64_t new)
{
	uint32_t old32 = (uint32_t)old;

	if (bytes == sizeof(uint64_t))
		return __atomic_compare_exchange_n((uint64_t *)(void *)p, &old, new, false,
						   __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
	return __atomic_compare_exchange_n((uint32_t *)(void *)p, &old32, (uint32_t) new, false,
					   __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
}

/* False: the entry at `at` is no longer `old`. A write to what is no RAM goes nowhere. */
static bool exchange(struct mmu *m, gpa_t at, unsigned bytes, uint64_t old,
		     uint64_t new) MMU_LOCKED;

static bool exchange(struct mmu *m, gpa_t at, unsigned bytes, uint64_t old, uint64_t new) MMU_LOCKED
{
	struct p2m_entry e = mmu_p2m_lookup(m, gpa_to_gfn(at));

	if (e.kind != P2M_RAM && (GUARD(I19_ROM) || e.kind == P2M_NONE))
		return true;
	if (!exchange_host((uint8_t *)mmu_map_pfn(e.pfn) + (at.v & ~PAGE_MASK), bytes, old, new))
		return false;
	/* Nothing that an engine made of entries of this size is wrong for it; what it fills next
	 * it looks at again. */
	mmu_dirty_mark(m, gpa_to_gfn(at));
	m->engine->set_ad(m, gpa_to_gfn(at), bytes);
	return true;
}

enum walk_status mmu_walk_set_ad(struct mmu_vcpu *v, const struct pt_format *f, gva_t va,
				 unsigned access, struct mmu_walk *w)
{
	enum walk_status status = WALK_OK;

	/* The lock keeps the p2m still: nothing is written to a frame that the guest has
	 * lost meanwhile. Entries that need no bit are not looked at again. */
	mmu_lock(v->mmu);
	if (walk_is_stale(v))
		status = WALK_RETRY;
	for (unsigned level = f->levels; status == WALK_OK && level >= w->level; level--) {
		bool dirty = level == w->level &&
			     ((access & MMU_ACC_WRITE) || !GUARD(I11_D_FOR_WRITES));
		uint64_t old = w->gpte[level], new = old | (GUARD(I11_A) ? PTE_A : 0) |
						     (dirty && GUARD(I11_D) ? PTE_D : 0);

		if (new == old)
			continue;
		if (!exchange(v->mmu, mmu_walk_gpte_gpa(f, w, va, level), f->entry_bytes, old, new))
			status = WALK_RETRY;
		else
			w->gpte[level] = new;
		if (mmu_vcpu_recorded(v) && status == WALK_OK)
			mmu_rec_set_ad(v, mmu_walk_gpte_gpa(f, w, va, level), f->entry_bytes, old,
				       new);
	}
	mmu_unlock(v->mmu);
	return status;
}

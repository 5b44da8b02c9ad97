/* SPDX-License-Identifier: MIT */
/*
 * Our own writes to guest memory (I19). Under mmu_lock, so that the frame stays the guest's
 * and no flush comes between the write and what the engine makes of it.
 */
#include "mmu/record.h"

bool mmu_guest_update(struct mmu *m, gpa_t gpa, unsigned len, void (*change)(void *host, void *arg),
		      void *arg)
{
	gfn_t gfn = gpa_to_gfn(gpa);
	struct p2m_entry e;

	mmu_lock(m);
	e = mmu_p2m_lookup(m, gfn);
	if (likely(e.kind == P2M_RAM)) {
		void *host = (uint8_t *)mmu_map_pfn(e.pfn) + (gpa.v & ~PAGE_MASK);

		change(host, arg);
		mmu_guest_written(m, gpa, len);
		if (mmu_recorded(m))
			mmu_rec_update(m, gpa, len, host);
	}
	mmu_unlock(m);
	return e.kind == P2M_RAM;
}

bool mmu_unshadow(struct mmu_vcpu *v, gpa_t gpa)
{
	bool done;

	mmu_lock(v->mmu);
	done = v->mmu->engine->unshadow(v, gpa_to_gfn(gpa));
	if (mmu_vcpu_recorded(v))
		mmu_rec_unshadow(v, gpa, done);
	mmu_unlock(v->mmu);
	return done;
}

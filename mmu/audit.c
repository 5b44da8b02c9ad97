/* SPDX-License-Identifier: MIT */
/* The audit (I16): what does not depend on the engine. */
#include "mmu/engine.h"

void mmu_audit_failed(struct mmu_audit *a, unsigned invariant, const char *what, uint64_t gfn,
		      uint64_t index, uint64_t value)
{
	if (a->errors++)
		return;
	a->invariant = invariant;
	a->what = what;
	a->detail[0] = gfn;
	a->detail[1] = index;
	a->detail[2] = value;
}

void mmu_audit(struct mmu *m, struct mmu_audit *out)
{
	*out = (struct mmu_audit){ .errors = 0 };
	mmu_lock(m);
	m->engine->audit(m, out);
	mmu_unlock(m);
}

void mmu_audit_way(struct mmu_vcpu *v, gva_t va, struct mmu_audit *out)
{
	*out = (struct mmu_audit){ .errors = 0 };
	mmu_lock(v->mmu);
	v->mmu->engine->audit_way(v, va, out);
	mmu_unlock(v->mmu);
}

void mmu_summary(struct mmu *m, struct mmu_summary *out)
{
	*out = (struct mmu_summary){ .direct = 0 };
	mmu_lock(m);
	m->engine->summary(m, out);
	mmu_unlock(m);
}

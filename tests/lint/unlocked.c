/* SPDX-License-Identifier: MIT */
/* What `make lint` must refuse: it shows that the analysis of who holds mmu_lock works. */
#include "mmu/engine.h"
#include "mmu/xi.h"

void unlocked_call(struct xi *x);
void unlocked_pointer(struct mmu *m);
void unlocked_field(struct mmu *m);
void unlocked_engine_field(struct xi *x);
void unlocked_entry(struct xi_spage *s);
void left_locked(struct mmu *m);
void locked_twice(struct mmu *m) MMU_LOCKED;

void unlocked_call(struct xi *x)
{
	xi_zap_all(x); /* wrong: without the lock */
}

void unlocked_pointer(struct mmu *m)
{
	m->engine->p2m_changed(m, GFN(0), 1); /* wrong: the same by the engine's function */
}

void unlocked_field(struct mmu *m)
{
	m->dirty.words = 0; /* wrong: a field of the dirty log */
}

void unlocked_engine_field(struct xi *x)
{
	x->nr_oos++; /* wrong: a field of the engine */
}

void unlocked_entry(struct xi_spage *s)
{
	s->nr_present = 0; /* wrong: a field of a shadow page */
}

void left_locked(struct mmu *m)
{
	mmu_lock(m);
} /* wrong: it is never let go */

void locked_twice(struct mmu *m)
{
	mmu_summary(m, &(struct mmu_summary){ .direct = 0 }); /* wrong: it takes the lock itself */
}

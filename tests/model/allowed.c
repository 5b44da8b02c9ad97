/* SPDX-License-Identifier: MIT */
/* See allowed.h. */
#include "tests/model/allowed.h"

#define CR4_PGE_BIT (UINT64_C(1) << 7)

void allowed_init(struct allowed *a, unsigned maxphyaddr, bool has_1g)
{
	a->cpu = (struct ref_cpu){ .maxphyaddr = maxphyaddr, .has_1g = has_1g };
	a->root = (struct path_root){ .cr3 = 0 };
	a->newest = 0;
	allowed_begin(a, EPOCH_ALL, world_now, 0);
}

void allowed_begin(struct allowed *a, enum epoch_kind kind, uint64_t since, uint64_t va)
{
	a->newest = (a->newest + 1) % NR_EPOCHS;
	a->nr = kind == EPOCH_ALL ? 1 : a->nr + 1;
	a->epoch[a->newest] = (struct epoch){ kind, since, va, a->root };
}

unsigned allowed_room(const struct allowed *a)
{
	return NR_EPOCHS - a->nr;
}

static const struct epoch *epoch_back(const struct allowed *a, unsigned back)
{
	return &a->epoch[(a->newest + NR_EPOCHS - back) % NR_EPOCHS];
}

struct question {
	const struct allowed *a;
	uint64_t va;
	unsigned frame, offset;
	unsigned open; /* accesses without an answer */
	unsigned back; /* epoch, counted from the newest */
	bool only_global;
};

/* Has INVLPG since then dropped this page? */
static bool page_was_dropped(const struct question *q, unsigned shift)
{
	for (unsigned i = 0; i < q->back; i++) {
		const struct epoch *e = epoch_back(q->a, i);

		/* A fault drops translations of its page number: of a large page, that a
		 * processor may hold in small pieces, others may stay. */
		if (e->kind == EPOCH_PAGE && e->va >> shift == q->va >> shift)
			return true;
		if (e->kind == EPOCH_FAULT && e->va >> PAGE_SHIFT == q->va >> PAGE_SHIFT)
			return true;
	}
	return false;
}

static bool answer(const struct path *p, void *arg)
{
	struct question *q = arg;
	const struct ref_cpu *c = &q->a->cpu;

	if (p->end != REF_PAGE || !p->accessed || p->gpa % PAGE_SIZE != q->offset)
		return false;
	if (!world_maps(p->gpa >> PAGE_SHIFT, q->frame, false))
		return false;
	if (q->only_global && !(p->global && (c->regs.cr4 & CR4_PGE_BIT)))
		return false;
	if (page_was_dropped(q, p->shift))
		return false;
	for (unsigned access = 0; access < NR_REF_ACCESSES; access++) {
		if (!(q->open & REF_SET(access)) || !ref_permits(c, p->rights, access))
			continue;
		if (!(access & REF_W) ||
		    (p->dirty && world_maps(p->gpa >> PAGE_SHIFT, q->frame, true)))
			q->open &= ~REF_SET(access);
	}
	return !q->open;
}

unsigned allowed_refuses(const struct allowed *a, uint64_t va, unsigned set, unsigned frame,
			 unsigned offset)
{
	struct question q = { a, va, frame, offset, set, 0, false };
	uint64_t until = world_now;
	struct path p;

	path_now(&a->cpu, &a->root, va, &p);
	if (answer(&p, &q))
		return 0;
	for (q.back = 0; q.back < a->nr; q.back++) {
		const struct epoch *e = epoch_back(a, q.back);

		/* A fault elsewhere ends nothing for this address. */
		if (e->kind == EPOCH_FAULT && e->va >> PAGE_SHIFT != va >> PAGE_SHIFT)
			continue;
		if (path_any(&a->cpu, &e->root, va, e->since, until, answer, &q))
			return 0;
		if (e->kind == EPOCH_LOCAL)
			q.only_global = true;
		until = e->since;
	}
	return q.open;
}

struct match {
	const struct allowed *a;
	const struct allowed_outcome *o;
	unsigned access;
	uint64_t since;
};

static bool matches(const struct path *p, void *arg)
{
	const struct match *m = arg;
	const struct ref_cpu *c = &m->a->cpu;
	uint64_t gfn = p->gpa >> PAGE_SHIFT;
	bool write = m->access & REF_W, permits = false;

	if (p->end == REF_PAGE)
		permits = ref_permits(c, p->rights, m->access);
	if (m->o->result == MMU_INJECT)
		return !permits && ref_error(c, m->access, p->end != REF_ABSENT,
					     p->end == REF_RESERVED) == m->o->error_code;
	if (!permits || !p->accessed || (write && !p->dirty) || p->gpa != m->o->gpa)
		return false;
	return m->o->result == MMU_MMIO ? world_was_mmio(gfn, write, m->since)
					: world_was_memory(gfn, write, m->since);
}

bool allowed_walk(const struct allowed *a, uint64_t va, unsigned access, uint64_t since,
		  const struct allowed_outcome *o)
{
	struct match m = { a, o, access, since };
	struct path p;

	path_now(&a->cpu, &a->root, va, &p);
	return matches(&p, &m) || path_any(&a->cpu, &a->root, va, since, world_now, matches, &m);
}

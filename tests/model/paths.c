/* SPDX-License-Identifier: MIT */
/* See paths.h. */
#include "tests/model/paths.h"

#define E_W (UINT64_C(1) << 1)
#define E_U (UINT64_C(1) << 2)
#define E_A (UINT64_C(1) << 5)
#define E_D (UINT64_C(1) << 6)
#define E_G (UINT64_C(1) << 8)
#define E_NX (UINT64_C(1) << 63)

struct search {
	const struct ref_cpu *c;
	const struct ref_format *f;
	uint64_t va, since, until;
	bool (*found)(const struct path *p, void *arg);
	void *arg;
};

/* A and D are lost on what is not RAM. */
static bool keeps_bits(const struct path_step *s, uint64_t since)
{
	return world_stayed_ram(s->gpa >> PAGE_SHIFT, since);
}

static void path_begin(struct path *p)
{
	p->depth = 0;
	p->rights = (struct ref_rights){ .w = true, .u = true };
	p->accessed = p->dirty = true;
	p->global = false;
}

/* Paging is off: an address is what it says. */
static void path_off(uint64_t va, struct path *p)
{
	path_begin(p);
	p->end = REF_PAGE;
	p->gpa = (uint32_t)va;
	p->shift = PAGE_SHIFT;
}

static void path_finish(struct path *p, struct ref_entry e, uint64_t va, uint64_t since)
{
	const struct path_step *leaf = &p->step[p->depth - 1];

	p->end = e.kind;
	if (e.kind != REF_PAGE)
		return;
	p->shift = e.shift;
	p->gpa = e.base | (va & ((UINT64_C(1) << e.shift) - 1));
	p->global = leaf->value & E_G;
	p->rights = (struct ref_rights){ .w = true, .u = true };
	p->accessed = true;
	for (unsigned i = 0; i < p->depth; i++) {
		uint64_t v = p->step[i].value;

		p->rights.w = p->rights.w && (v & E_W);
		p->rights.u = p->rights.u && (v & E_U);
		p->rights.nx = p->rights.nx || (v & E_NX);
		if (!(v & E_A) && keeps_bits(&p->step[i], since))
			p->accessed = false;
	}
	p->dirty = (leaf->value & E_D) || !keeps_bits(leaf, since);
}

static uint64_t entry_gpa(const struct ref_format *f, uint64_t table, unsigned level, uint64_t va)
{
	uint64_t index = va >> ref_shift(f, level) & ((UINT64_C(1) << f->index_bits) - 1);

	return table + index * f->entry_bytes;
}

void path_now(const struct ref_cpu *c, const struct path_root *r, uint64_t va, struct path *p)
{
	enum ref_mode mode = ref_mode(&c->regs);
	const struct ref_format *f = ref_format(mode);
	uint64_t table;

	if (mode == REF_OFF) {
		path_off(va, p);
		return;
	}
	path_begin(p);
	p->end = REF_ABSENT;
	if (!ref_root(c, r->cr3, r->pdpte, va, &table))
		return;
	for (unsigned level = f->levels;; level--) {
		struct path_step *s = &p->step[p->depth++];
		struct ref_entry e;

		s->gpa = entry_gpa(f, table, level, va);
		s->level = level;
		world_steady(s->gpa, f->entry_bytes, world_now, &s->value);
		e = ref_decode(c, level, s->value);
		if (e.kind != REF_TABLE) {
			path_finish(p, e, va, world_now);
			return;
		}
		table = e.base;
	}
}

static bool descend(const struct search *s, struct path *p, uint64_t table, unsigned level)
{
	struct path_step *step = &p->step[p->depth++];
	struct held h;

	step->gpa = entry_gpa(s->f, table, level, s->va);
	step->level = level;
	world_held(step->gpa, s->f->entry_bytes, s->since, s->until, &h);
	if (h.too_many)
		return true;
	for (unsigned i = 0; i < h.n; i++) {
		struct ref_entry e = ref_decode(s->c, level, h.value[i]);

		step->value = h.value[i];
		if (e.kind == REF_TABLE) {
			if (descend(s, p, e.base, level - 1))
				return true;
			continue;
		}
		path_finish(p, e, s->va, s->since);
		if (s->found(p, s->arg))
			return true;
	}
	p->depth--;
	return false;
}

bool path_any(const struct ref_cpu *c, const struct path_root *r, uint64_t va, uint64_t since,
	      uint64_t until, bool (*found)(const struct path *p, void *arg), void *arg)
{
	enum ref_mode mode = ref_mode(&c->regs);
	struct search s = { c, ref_format(mode), va, since, until, found, arg };
	struct path p;
	uint64_t table;

	path_begin(&p);
	if (mode == REF_OFF) {
		path_off(va, &p);
		return found(&p, arg);
	}
	p.end = REF_ABSENT;
	if (!ref_root(c, r->cr3, r->pdpte, va, &table))
		return found(&p, arg);
	return descend(&s, &p, table, s.f->levels);
}

/* SPDX-License-Identifier: MIT */
/* See watch.h. */
#include "tests/model/watch.h"

#include "tests/model/dirty.h"
#include "tests/model/fail.h"
#include "tests/model/vcpus.h"

#define E_A (UINT64_C(1) << 5)
#define E_D (UINT64_C(1) << 6)
#define LINE_WORDS 8u /* a cache line of entries */

struct visit {
	struct vcpu *v;
	unsigned bytes; /* of an entry */
};

/* The entry at `gpa`: which bits may have been set in it? Others that have are another entry's
 * in the same word, or a mistake: watch_audit() sees it. */
static void judge_entry(const struct visit *s, uint64_t gpa, uint64_t may_set)
{
	enum p2m_kind kind;
	unsigned frame = world_frame(gpa >> PAGE_SHIFT, &kind), w = gpa % PAGE_SIZE / 8;
	uint64_t set, gfn;

	if (world_in_change()) /* a frame that is being replaced may still be written */
		dirty_tried(gpa >> PAGE_SHIFT);
	if (frame == NO_FRAME || world_mem(frame, w) == world_known(frame, w))
		return;
	if (s->bytes < 8)
		may_set = (may_set & UINT32_MAX) << 8 * (gpa % 8);
	set = world_mem(frame, w) & ~world_known(frame, w) & may_set;
	if (!set)
		return;
	MODEL_CHECK(kind == P2M_RAM || world_in_change(), "the library writes to what is no RAM",
		    "gpa 0x%llx", LLX(gpa));
	world_accept(frame, w, set);
	if (world_owner(frame, &gfn))
		dirty_wrote(gfn);
}

static bool visit(const struct path *p, void *arg)
{
	struct visit *s = arg;
	const struct call *call = &s->v->call;
	bool writes = p->end == REF_PAGE && (call->access & REF_W) &&
		      ref_permits(&s->v->allowed.cpu, p->rights, call->access);

	for (unsigned i = 0; i < p->depth; i++)
		judge_entry(s, p->step[i].gpa, E_A | (writes && i + 1 == p->depth ? E_D : 0));
	if (writes)
		dirty_tried(p->gpa >> PAGE_SHIFT);
	return false;
}

/* Each walk that the call could have made so far. */
static void visit_all(struct vcpu *v)
{
	struct allowed *a = &v->allowed;
	struct visit s = { v, ref_format(ref_mode(&a->cpu.regs))->entry_bytes };
	struct path p;

	if (!v->call.walks || ref_mode(&a->cpu.regs) == REF_OFF)
		return;
	if ((v->call.since_here == world_now || !v->left) && !world_in_change()) {
		path_now(&a->cpu, &a->root, v->call.va, &p);
		visit(&p, &s);
	} else {
		path_any(&a->cpu, &a->root, v->call.va, v->call.since, world_now, visit, &s);
	}
}

void watch_attempt(struct vcpu *v)
{
	struct path p;

	if (!v->call.active || !dirty_is_on() || !v->call.walks || !(v->call.access & REF_W))
		return;
	path_now(&v->allowed.cpu, &v->allowed.root, v->call.va, &p);
	if (p.end == REF_PAGE)
		dirty_tried(p.gpa >> PAGE_SHIFT);
}

/* Neighbours of the leaf's entry: a prefetch that sets bits would set theirs. */
static void check_line(const struct vcpu *v)
{
	struct path p;
	enum p2m_kind kind;
	unsigned frame, first;

	path_now(&v->allowed.cpu, &v->allowed.root, v->call.va, &p);
	if (!p.depth)
		return;
	frame = world_frame(p.step[p.depth - 1].gpa >> PAGE_SHIFT, &kind);
	first = p.step[p.depth - 1].gpa % PAGE_SIZE / 8 / LINE_WORDS * LINE_WORDS;
	for (unsigned w = first; frame != NO_FRAME && w < first + LINE_WORDS; w++)
		MODEL_CHECK(world_mem(frame, w) == world_known(frame, w),
			    "I11: the library wrote to guest memory where it had no reason to",
			    "frame 0x%x, offset 0x%x: 0x%llx, was 0x%llx", frame, w * 8,
			    LLX(world_mem(frame, w)), LLX(world_known(frame, w)));
}

void watch_library(struct vcpu *v)
{
	if (!v->call.active)
		return;
	visit_all(v);
	if (v->call.walks)
		check_line(v);
}

void watch_audit(void)
{
	unsigned w, frame = world_find_stray(&w);

	MODEL_CHECK(frame == NO_FRAME,
		    "I11: the library wrote to guest memory where it had no reason to",
		    "frame 0x%x, offset 0x%x: 0x%llx, was 0x%llx", frame, w * 8,
		    LLX(world_mem(frame, w)), LLX(world_known(frame, w)));
}

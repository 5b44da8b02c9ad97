/* SPDX-License-Identifier: MIT */
/* The p2m of the world, and guest memory by its addresses (world.h). */
#include <string.h>

#include "mmu/util.h"
#include "tests/model/fail.h"
#include "tests/model/memory.h"

#define SCATTER 37u /* coprime to the number of loose frames: none lies beside its neighbour */
#define STREAM_SLOTS 4096u /* more than gfns in the world of a stream; a power of two */
#define MAX_RANGES 64u

/* A gfn that is or was memory. */
struct slot {
	uint64_t gfn; /* ~0: free */
	unsigned home, frame; /* where it was at first, and is; NO_FRAME: nowhere */
	enum p2m_kind kind;
	uint32_t past; /* frames before */
	bool large; /* of a recorded guest: in a piece */
};

/* Memory of a recorded guest: it gets frames when it is touched. */
struct range {
	uint64_t gfn, n;
	enum p2m_kind kind;
	bool large;
};

struct piece {
	uint64_t gfn;
	unsigned away; /* frames that are not at home or no RAM */
};

static struct slot slots[WORLD_SLOTS];
static unsigned nr_slots;
static struct range ranges[MAX_RANGES];
static unsigned nr_ranges, next_loose, next_piece;
static struct piece pieces[WORLD_PIECES];
static uint64_t owner[WORLD_FRAMES]; /* gfn of each frame; ~0: none */
static unsigned spare[WORLD_FRAMES], nr_spare;

static struct {
	struct slot *slot; /* NULL: none */
	unsigned old_frame;
} change;

/* ---- p2m ---- */

static struct slot *find_slot(uint64_t gfn)
{
	unsigned i = (unsigned)(gfn ^ gfn >> 10) % nr_slots;

	while (slots[i].gfn != gfn && slots[i].gfn != ~UINT64_C(0))
		i = (i + 1) % nr_slots;
	return &slots[i];
}

static void settle(uint64_t gfn, unsigned frame, enum p2m_kind kind)
{
	struct slot *s = find_slot(gfn);

	*s = (struct slot){ .gfn = gfn, .home = frame, .frame = frame, .kind = kind };
	owner[frame] = gfn;
}

static void empty_p2m(unsigned slots_now)
{
	nr_slots = slots_now;
	nr_ranges = next_loose = next_piece = nr_spare = 0;
	memset(slots, 0xff, nr_slots * sizeof(slots[0]));
	change.slot = NULL;
}

static void settle_piece(const struct range *r, uint64_t gfn)
{
	MODEL_CHECK(next_piece < WORLD_RECORDED_PIECES, "model: too much memory is touched", " ");
	for (unsigned i = 0; i < PIECE_FRAMES; i++) {
		settle(gfn + i, next_piece * PIECE_FRAMES + i, r->kind);
		find_slot(gfn + i)->large = true;
	}
	next_piece++;
}

static cold void settle_touched(uint64_t gfn)
{
	const struct range *r = &ranges[nr_ranges];

	while (r-- > ranges) {
		if (gfn < r->gfn || gfn - r->gfn >= r->n)
			continue;
		if (r->kind == P2M_NONE)
			return;
		if (r->large) {
			settle_piece(r, gfn / PIECE_FRAMES * PIECE_FRAMES);
			return;
		}
		MODEL_CHECK(next_loose < WORLD_RECORDED_LOOSE, "model: too much memory is touched",
			    " ");
		settle(gfn, WORLD_RECORDED_PIECES * PIECE_FRAMES + next_loose++, r->kind);
		return;
	}
}

static struct slot *slot_of(uint64_t gfn)
{
	struct slot *s = find_slot(gfn);

	if (likely(s->gfn == gfn || !nr_ranges))
		return s;
	settle_touched(gfn);
	return find_slot(gfn);
}

void world_add(uint64_t gfn, uint64_t n, enum p2m_kind kind, bool large)
{
	MODEL_CHECK(nr_ranges < MAX_RANGES, "model: too many ranges of memory", "%u", nr_ranges);
	ranges[nr_ranges++] = (struct range){ gfn, n, kind, large };
}

static void reset_p2m(bool high)
{
	unsigned frame = 0;

	empty_p2m(STREAM_SLOTS);
	for (unsigned i = 0; i < WORLD_PIECES; i++)
		pieces[i] = (struct piece){ .gfn = i * PIECE_FRAMES };
	for (; frame < WORLD_LOOSE_GFN; frame++)
		settle(frame, frame, P2M_RAM);
	for (unsigned i = 0; i < WORLD_LOOSE_FRAMES; i++, frame++) {
		/* not in order, and none beside its neighbour */
		unsigned f = WORLD_LOOSE_GFN + (i * SCATTER) % WORLD_LOOSE_FRAMES;

		settle(WORLD_LOOSE_GFN + i, f,
		       i < WORLD_LOOSE_FRAMES - WORLD_ROM_FRAMES ? P2M_RAM : P2M_ROM);
	}
	for (unsigned i = 0; i < WORLD_HIGH_FRAMES && high; i++, frame++)
		settle(WORLD_HIGH_GFN + i, frame, P2M_RAM);
	frame = WORLD_LOW_END + WORLD_HIGH_FRAMES;
	for (nr_spare = 0; nr_spare < WORLD_SPARE_FRAMES; nr_spare++, frame++) {
		spare[nr_spare] = frame;
		owner[frame] = ~UINT64_C(0);
	}
}

static bool in_large_piece(uint64_t gfn)
{
	if (nr_ranges)
		return slot_of(gfn)->large;
	return gfn < WORLD_LOOSE_GFN && !pieces[gfn / PIECE_FRAMES].away;
}

unsigned world_frame(uint64_t gfn, enum p2m_kind *kind)
{
	const struct slot *s = slot_of(gfn);

	if (s->gfn != gfn) {
		*kind = P2M_NONE;
		return NO_FRAME;
	}
	*kind = s->kind;
	return s->frame;
}

struct p2m_entry world_p2m(uint64_t gfn)
{
	struct p2m_entry e = { .kind = P2M_NONE };
	unsigned frame = world_frame(gfn, &e.kind);

	if (e.kind == P2M_NONE)
		return e;
	e.pfn = PFN(world_pfn(frame));
	e.large = in_large_piece(gfn);
	return e;
}

bool world_maps(uint64_t gfn, unsigned frame, bool write)
{
	const struct slot *s = slot_of(gfn);

	if (s->gfn != gfn)
		return false;
	if (s == change.slot && change.old_frame == frame)
		return true;
	return s->frame == frame && (s->kind == P2M_RAM || (s->kind == P2M_ROM && !write));
}

static bool changed_since(const struct slot *s, uint64_t since)
{
	const struct past *p = past_get(s->past);

	return s == change.slot || (p && p->end > since);
}

bool world_was_mmio(uint64_t gfn, bool write, uint64_t since)
{
	const struct slot *s = slot_of(gfn);

	if (s->gfn != gfn)
		return true;
	return s->kind == P2M_NONE || (s->kind == P2M_ROM && write) || changed_since(s, since);
}

bool world_was_memory(uint64_t gfn, bool write, uint64_t since)
{
	const struct slot *s = slot_of(gfn);

	if (s->gfn != gfn)
		return false;
	return s->kind == P2M_RAM || (s->kind == P2M_ROM && !write) || changed_since(s, since);
}

bool world_stayed_ram(uint64_t gfn, uint64_t since)
{
	const struct slot *s = slot_of(gfn);

	return s->gfn == gfn && s->kind == P2M_RAM && !changed_since(s, since);
}

unsigned world_slot(uint64_t gfn)
{
	const struct slot *s = slot_of(gfn);

	return s->gfn == gfn ? (unsigned)(s - slots) : NO_FRAME;
}

uint64_t world_slot_gfn(unsigned slot)
{
	return slots[slot].gfn;
}

bool world_owner(unsigned frame, uint64_t *gfn)
{
	*gfn = owner[frame];
	return *gfn != ~UINT64_C(0);
}

/* ..., with what a walk reads where there is nothing. */
static void slot_set(struct slot *s, unsigned frame, enum p2m_kind kind)
{
	bool was_home = s->frame == s->home && s->kind == P2M_RAM;
	bool is_home = frame == s->home && kind == P2M_RAM;

	world_now++;
	s->past = past_add(s->past, s->frame, ~UINT64_C(0));
	change.slot = s;
	change.old_frame = s->frame;
	s->frame = frame;
	s->kind = kind;
	if (frame != NO_FRAME)
		owner[frame] = s->gfn;
	if (s->gfn < WORLD_LOOSE_GFN && !nr_ranges)
		pieces[s->gfn / PIECE_FRAMES].away += was_home - is_home;
}

static unsigned take_spare(unsigned frame)
{
	for (unsigned i = 0; i < nr_spare; i++) {
		if (frame != NO_FRAME && spare[i] != frame)
			continue;
		frame = spare[i];
		spare[i] = spare[--nr_spare];
		return frame;
	}
	return NO_FRAME;
}

bool world_change_p2m(uint64_t gfn, enum p2m_change what)
{
	struct slot *s = slot_of(gfn);
	unsigned frame;

	if (change.slot || s->gfn != gfn)
		return false;
	switch (what) {
	case P2M_MOVE:
		frame = take_spare(NO_FRAME);
		if (frame != NO_FRAME)
			slot_set(s, frame, P2M_RAM);
		break;
	case P2M_DROP:
		if (s->kind != P2M_NONE)
			slot_set(s, NO_FRAME, P2M_NONE);
		break;
	case P2M_MAKE_ROM:
		if (s->kind == P2M_RAM)
			slot_set(s, s->frame, P2M_ROM);
		break;
	default:
		if (s->frame == s->home && s->kind != P2M_RAM)
			slot_set(s, s->home, P2M_RAM);
		else if (s->frame != s->home && take_spare(s->home) != NO_FRAME)
			slot_set(s, s->home, P2M_RAM);
		break;
	}
	return change.slot != NULL;
}

void world_end_change(void)
{
	unsigned old = change.old_frame;

	past_end(change.slot->past);
	if (old != NO_FRAME && old != change.slot->frame) {
		owner[old] = ~UINT64_C(0);
		spare[nr_spare++] = old;
		memory_poison(old);
	}
	change.slot = NULL;
}

bool world_in_change(void)
{
	return change.slot != NULL;
}

void world_forget(uint64_t before)
{
	memory_forget(before);
	for (unsigned i = 0; i < nr_slots; i++)
		if (slots[i].gfn != ~UINT64_C(0) && slots[i].past)
			past_cut(&slots[i].past, before);
}

/* ---- guest memory by gpa ---- */

static void held_nobody(struct held *h, unsigned bytes)
{
	if (h->n < HELD_MAX)
		h->value[h->n++] = ~UINT64_C(0) >> 8 * (sizeof(uint64_t) - bytes);
	else
		h->too_many = true;
}

static void held_at(unsigned frame, uint64_t gpa, unsigned bytes, uint64_t since, uint64_t until,
		    struct held *h)
{
	if (frame == NO_FRAME)
		held_nobody(h, bytes);
	else
		memory_held(frame, gpa % PAGE_SIZE, bytes, since, until, h);
}

void world_held(uint64_t gpa, unsigned bytes, uint64_t since, uint64_t until, struct held *h)
{
	uint64_t gfn = gpa >> PAGE_SHIFT;
	const struct slot *s = slot_of(gfn);
	const struct past *p;

	h->n = 0;
	h->too_many = false;
	if (s->gfn != gfn) {
		held_nobody(h, bytes);
		return;
	}
	/* While a frame is about to change, and the library is being told, both are right. */
	p = past_get(s->past);
	held_at(s->frame, gpa, bytes, since, until, h);
	for (; p && p->end > since; p = past_get(p->next))
		held_at((unsigned)p->value, gpa, bytes, since,
			until < p->end - 1 ? until : p->end - 1, h);
}

bool world_steady(uint64_t gpa, unsigned bytes, uint64_t since, uint64_t *value)
{
	uint64_t gfn = gpa >> PAGE_SHIFT;
	const struct slot *s = slot_of(gfn);
	const struct past *p;
	bool steady;

	if (s->gfn != gfn) {
		*value = ~UINT64_C(0) >> 8 * (sizeof(uint64_t) - bytes);
		return true;
	}
	p = past_get(s->past);
	steady = !p || p->end <= since;
	if (s->frame != NO_FRAME)
		return memory_steady(s->frame, gpa % PAGE_SIZE, bytes, since, value) && steady;
	*value = ~UINT64_C(0) >> 8 * (sizeof(uint64_t) - bytes);
	return steady;
}

uint64_t world_read(uint64_t gpa, unsigned bytes)
{
	enum p2m_kind kind;
	unsigned frame = world_frame(gpa >> PAGE_SHIFT, &kind);
	uint64_t value = ~UINT64_C(0);

	if (frame != NO_FRAME)
		value = 0;
	if (frame != NO_FRAME)
		memcpy(&value, (const uint8_t *)memory_at(frame) + gpa % PAGE_SIZE, bytes);
	return value;
}

/* ---- new worlds ---- */

void world_reset(bool high)
{
	host_reset();
	memory_size(WORLD_STREAM_FRAMES);
	memory_reset();
	reset_p2m(high);
}

void world_reset_recorded(void)
{
	host_reset();
	memory_size(WORLD_FRAMES);
	memory_reset();
	empty_p2m(WORLD_SLOTS);
	memset(owner, 0xff, sizeof(owner));
}

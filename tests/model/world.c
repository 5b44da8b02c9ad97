/* SPDX-License-Identifier: MIT */
/* The p2m and the host's pages. Host frame numbers: each kind of memory has its own range. */
#include <stdlib.h>
#include <string.h>

#include "tests/model/fail.h"
#include "tests/model/memory.h"
#include "mmu/util.h"

#define ENOMEM 12

#define GUEST_PFN UINT64_C(0x140000) /* above 4 GiB, 2 MiB aligned */
#define LOW_PFN UINT64_C(0x1000) /* pages below 4 GiB */
#define LOW_PAGES 16u
#define HIGH_PFN UINT64_C(0x200000)
#define HIGH_PAGES 4096u
#define SCATTER 37u /* coprime to both: pages are not handed out in order */
#define MAX_BLOCKS 64u
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

static uint64_t low_pages[LOW_PAGES][WORDS_PER_FRAME] __attribute__((aligned(4096)));
static uint64_t high_pages[HIGH_PAGES][WORDS_PER_FRAME] __attribute__((aligned(4096)));
static bool low_used[LOW_PAGES], high_used[HIGH_PAGES];
static unsigned next_page;
static unsigned pages_out;
static void *blocks[MAX_BLOCKS];
static unsigned blocks_out;

int world_allocs_left = -1;

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

/* ---- host frames ---- */

uint64_t world_pfn(unsigned frame)
{
	return GUEST_PFN + frame;
}

unsigned world_frame_of_pfn(uint64_t pfn)
{
	return pfn >= GUEST_PFN && pfn < GUEST_PFN + WORLD_FRAMES ? (unsigned)(pfn - GUEST_PFN)
								  : NO_FRAME;
}

const uint64_t *world_table(uint64_t pfn)
{
	if (pfn >= LOW_PFN && pfn < LOW_PFN + LOW_PAGES && low_used[pfn - LOW_PFN])
		return low_pages[pfn - LOW_PFN];
	if (pfn >= HIGH_PFN && pfn < HIGH_PFN + HIGH_PAGES && high_used[pfn - HIGH_PFN])
		return high_pages[pfn - HIGH_PFN];
	model_fail("I1: a shadow entry leads to a frame that is no table of the library's",
		   "pfn 0x%llx", LLX(pfn));
}

unsigned world_pages_out(void)
{
	return pages_out;
}

unsigned world_blocks_out(void)
{
	return blocks_out;
}

/* ---- the platform's part of it ---- */

void *mmu_map_pfn(pfn_t pfn)
{
	unsigned frame = world_frame_of_pfn(pfn.v);

	if (frame != NO_FRAME)
		return memory_at(frame);
	return (void *)(uintptr_t)world_table(pfn.v);
}

static bool may_allocate(void)
{
	if (!world_allocs_left)
		return false;
	if (world_allocs_left > 0)
		world_allocs_left--;
	return true;
}

static int take_page(bool *used, uint64_t (*pages)[WORDS_PER_FRAME], unsigned n, unsigned *page)
{
	for (unsigned i = 0; i < n; i++) {
		unsigned at = (next_page += SCATTER) % n;

		if (used[at])
			continue;
		used[at] = true;
		memset(pages[at], 0, PAGE_SIZE);
		*page = at;
		pages_out++;
		return 0;
	}
	return -ENOMEM;
}

int mmu_page_alloc(struct mmu *m, bool below_4g, pfn_t *pfn)
{
	unsigned page;
	int err;

	(void)m;
	if (!may_allocate())
		return -ENOMEM;
	err = below_4g ? take_page(low_used, low_pages, LOW_PAGES, &page)
		       : take_page(high_used, high_pages, HIGH_PAGES, &page);
	if (!err)
		*pfn = PFN((below_4g ? LOW_PFN : HIGH_PFN) + page);
	return err;
}

void mmu_page_free(struct mmu *m, pfn_t pfn)
{
	(void)m;
	world_table(pfn.v); /* that it is one */
	if (pfn.v < HIGH_PFN)
		low_used[pfn.v - LOW_PFN] = false;
	else
		high_used[pfn.v - HIGH_PFN] = false;
	pages_out--;
}

void *mmu_mem_alloc(size_t bytes)
{
	void *p = may_allocate() && blocks_out < MAX_BLOCKS ? calloc(1, bytes) : NULL;

	if (p)
		blocks[blocks_out++] = p;
	return p;
}

void mmu_mem_free(void *p, size_t bytes)
{
	(void)bytes;
	for (unsigned i = 0; i < blocks_out; i++) {
		if (blocks[i] != p)
			continue;
		blocks[i] = blocks[--blocks_out];
		free(p);
		return;
	}
	model_fail("the library gives back memory that it does not have", "%p", p);
}

static void free_leftovers(void)
{
	while (blocks_out)
		free(blocks[--blocks_out]);
	memset(low_used, 0, sizeof(low_used));
	memset(high_used, 0, sizeof(high_used));
	pages_out = next_page = 0;
}

void world_reset(bool high)
{
	free_leftovers();
	memory_size(WORLD_STREAM_FRAMES);
	memory_reset();
	reset_p2m(high);
	world_allocs_left = -1;
}

void world_reset_recorded(void)
{
	free_leftovers();
	memory_size(WORLD_FRAMES);
	memory_reset();
	empty_p2m(WORLD_SLOTS);
	memset(owner, 0xff, sizeof(owner));
	world_allocs_left = -1;
}

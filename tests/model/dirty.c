/* SPDX-License-Identifier: MIT */
/* See dirty.h. */
#include "tests/model/dirty.h"

#include <string.h>

#include "tests/model/fail.h"
#include "tests/model/world.h"

enum {
	MUST = 1 << 0, /* written since the latest collect ended */
	MUST_SOON = 1 << 1, /* written while a collect is under way */
	MAY = 1 << 2, /* an attempt was made since the latest collect began */
	MAY_SOON = 1 << 3,
};

static uint8_t note[WORLD_SLOTS];
static uint32_t noted[WORLD_SLOTS];
static unsigned nr_noted;
static bool is_on, collecting;

static void forget_all(void)
{
	for (unsigned i = 0; i < nr_noted; i++)
		note[noted[i]] = 0;
	nr_noted = 0;
}

void dirty_reset(void)
{
	forget_all();
	is_on = collecting = false;
}

bool dirty_is_on(void)
{
	return is_on;
}

static void add(uint64_t gfn, unsigned bits)
{
	unsigned slot = world_slot(gfn);

	if (slot == NO_FRAME)
		return;
	if (!note[slot])
		noted[nr_noted++] = slot;
	note[slot] |= bits;
}

void dirty_wrote(uint64_t gfn)
{
	if (is_on)
		add(gfn, collecting ? MUST_SOON | MAY_SOON : MUST | MAY);
}

void dirty_tried(uint64_t gfn)
{
	if (is_on)
		add(gfn, collecting ? MAY_SOON : MAY);
}

void dirty_starting(void)
{
	/* From now on a note may be made, and none must be. */
	forget_all();
	is_on = collecting = true;
}

void dirty_started(bool on)
{
	is_on = on;
	collecting = false;
	for (unsigned i = 0; i < nr_noted; i++)
		note[noted[i]] = MAY;
}

void dirty_stopping(void)
{
	is_on = collecting = false;
	forget_all();
}

bool dirty_collecting(void)
{
	if (collecting)
		return false;
	collecting = true;
	return true;
}

static bool is_reported(const uint64_t *bitmap, uint64_t gfn)
{
	return bitmap[gfn / 64] >> gfn % 64 & 1;
}

static void check_reported(uint64_t gfn)
{
	unsigned slot = world_slot(gfn);

	MODEL_CHECK(slot != NO_FRAME && note[slot],
		    "the dirty log names a frame that nobody has written or tried to", "gfn 0x%llx",
		    LLX(gfn));
}

void dirty_collected(const uint64_t *bitmap, uint64_t words, uint64_t n)
{
	uint64_t reported = 0;
	unsigned left = 0;

	for (uint64_t w = 0; w < words; w++) {
		for (uint64_t b = bitmap[w]; b; b &= b - 1, reported++)
			check_reported(w * 64 + (unsigned)__builtin_ctzll(b));
	}
	MODEL_CHECK(reported == n, "the dirty log's count is not its bitmap's", "%llu, %llu",
		    LLX(reported), LLX(n));
	for (unsigned i = 0; i < nr_noted; i++) {
		unsigned slot = noted[i], bits = note[slot], next = 0;
		uint64_t gfn = world_slot_gfn(slot);
		bool is = is_reported(bitmap, gfn);

		MODEL_CHECK(is || !(bits & MUST), "the dirty log misses a frame that was written",
			    "gfn 0x%llx", LLX(gfn));
		if (bits & MUST_SOON)
			next = is ? MAY : MUST | MAY;
		else if (bits & MAY_SOON)
			next = MAY;
		note[slot] = next;
		if (next)
			noted[left++] = slot;
	}
	nr_noted = left;
	collecting = false;
}

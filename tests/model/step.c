/* SPDX-License-Identifier: MIT */
/* Streams: from bytes to steps (step.h). */
#include "tests/model/step.h"

#include "tests/model/hw.h"
#include "tests/model/world.h"

#define LOOSE(n) (WORLD_LOOSE_GFN + (n))
#define PIECE1(n) (PIECE_FRAMES + (n))
#define ROM(n) (WORLD_LOOSE_GFN + WORLD_LOOSE_FRAMES - WORLD_ROM_FRAMES + (n))
#define NOWHERE 2000u
#define NEXT_SLOT (UINT64_C(1) << 48) /* the next entry of a table at level 5 */

const uint64_t step_target[STEP_TARGETS] = {
	/* tables */
	8, 9, 10, 11, 12, 13, 14, 15, LOOSE(0), LOOSE(1), LOOSE(2), LOOSE(3), LOOSE(4), PIECE1(7),
	ROM(0), WORLD_HIGH_GFN,
	/* data */
	32, 33, 34, 35, PIECE1(0), PIECE1(1), PIECE1(2), PIECE1(3), LOOSE(8), LOOSE(9), LOOSE(10),
	LOOSE(11), LOOSE(12), LOOSE(13), ROM(1), WORLD_HIGH_GFN + 1,
	/* what is seldom a good idea */
	NOWHERE, 0xfee00, 0, PIECE1(511), LOOSE(63), WORLD_HIGH_GFN + 3, 0xfffff, 0x3ffffff
};

/* Those that the addresses of step_va() use, in tables of 512 and of 1024 entries, and others. */
const uint16_t step_index[STEP_INDEXES] = { 0,	 1,   2,   3,	8,   16,  20,  511, 255, 256,  257,
					    512, 513, 514, 515, 520, 528, 532, 768, 769, 1023, 4,
					    5,	 6,   7,   9,	17,  18,  19,  21,  510, 767 };

static const uint16_t level1_index[] = { 0, 1, 2, 3, 8, 16, 20, 511 };
static const uint16_t level2_index[] = { 0, 3, 1, 511 };
static const uint16_t level3_index[] = { 0, 1, 3, 511 };

static uint64_t step_va(uint8_t low, uint8_t high)
{
	uint64_t va = (uint64_t)level1_index[low & 7] << 12 |
		      (uint64_t)level2_index[low >> 3 & 3] << 21 |
		      (uint64_t)level3_index[low >> 5 & 3] << 30;

	if (low >> 7)
		va |= UINT64_C(0xffffff8000000000); /* the last entry of the top table */
	else if (high & 1)
		va |= UINT64_C(0xffff800000000000); /* its middle */
	return va;
}

/* A processor without LA57 has four modes. */
static uint8_t decode_mode(uint8_t b, bool five)
{
	return b % 4 == REF_4LEVEL && five ? REF_5LEVEL : b % 4;
}

void head_decode(const uint8_t *b, struct head *h)
{
	static const uint8_t widths[] = { 40, 36, 46, 52, 32, 39, 41, 48 };

	bool la57 = (b[7] & 0xf0) == HEAD_LA57;

	*h = (struct head){
		.engine = b[0],
		.nr_vcpus = 1 + b[1] % MMU_MAX_VCPUS % 4,
		.high = b[1] >> 5 == 7, /* seldom: a dirty log of so many frames takes its time */
		.pool = b[2] >> 5 == 7 ? b[2] : b[2] % 16,
		.maxphyaddr = widths[b[3] % 8],
		.has_1g = b[3] >> 3 & 1,
		.without = b[4],
		.mode = decode_mode(b[5], la57 && (b[7] & HEAD_5LEVEL)),
		.table_flags = b[5] >> 2,
		.regs = b[6],
		.la57 = la57,
	};
}

static void decode_access(const uint8_t *b, struct step *s)
{
	unsigned access = b[3] >> 1 & 15;

	s->va = step_va(b[2], b[3]);
	if (access & REF_X)
		access &= ~(unsigned)(REF_W | REF_AC);
	if (access & REF_U)
		access &= ~(unsigned)REF_AC;
	s->access = access;
	s->implicit = (b[3] >> 5 & 3) == 3 && !(access & (REF_U | REF_X));
	if (s->implicit)
		s->access &= ~(unsigned)REF_AC;
	s->hint = b[3] >> 7;
}

static void decode_value(const uint8_t *b, struct step *s)
{
	s->target = b[4] % STEP_TARGETS;
	s->flags = b[5];
	s->raw = b[6];
}

bool step_decode(const uint8_t *b, size_t left, const struct head *h, struct step *s)
{
	bool five;

	if (left < STEP_BYTES)
		return false;
	five = h->la57 && (b[7] & STEP_5LEVEL);
	*s = (struct step){ .kind = b[0] % NR_STEPS,
			    .vcpu = (b[1] & 3) % h->nr_vcpus,
			    .raw = 0xff };
	if (h->nr_vcpus > 1)
		s->leave = b[1] >> 2;
	s->size = b[7] & 7;
	s->whim = b[7] >> 4;
	s->what = b[2];
	switch (s->kind) {
	case STEP_ACCESS:
	case STEP_TRANSLATE:
		decode_access(b, s);
		decode_value(b, s);
		s->index = step_index[b[6] % STEP_INDEXES];
		s->raw = 0xff;
		break;
	case STEP_REMAP:
	case STEP_SET:
	case STEP_HOST_SET:
	case STEP_FLIP:
		s->table = b[2] % STEP_TABLES;
		s->index = step_index[b[3] % STEP_INDEXES];
		s->va = step_va(b[6], b[6] >> 1);
		s->access = b[2] >> 7 ? REF_U | REF_W : REF_W;
		decode_value(b, s);
		break;
	case STEP_FILL:
		s->table = b[2] % STEP_TABLES;
		s->index = step_index[b[3] % STEP_INDEXES];
		s->access = REF_W;
		s->what = 2 + b[6] % 15;
		decode_value(b, s);
		s->raw = 0xff;
		break;
	case STEP_CR3:
		s->table = b[2] % STEP_TABLES;
		s->what = b[3];
		break;
	case STEP_MODE:
		s->what = decode_mode(b[2], five);
		s->table = b[3] % STEP_TABLES;
		s->flags = b[4];
		break;
	case STEP_P2M:
		s->target = b[2] % STEP_TARGETS;
		s->what = b[3];
		break;
	case STEP_REGS:
		s->what |= five << FLIP_LA57;
		break;
	default:
		s->va = step_va(b[2], b[3]);
		break;
	}
	if (five)
		s->va ^= NEXT_SLOT;
	return true;
}

/* An entry for `target` with these flags; a large page's address is brought in line. */
uint64_t step_entry(const struct step *s, unsigned bytes)
{
	uint64_t e = step_target[s->target] << 12;
	bool large = s->flags & 1 << 5;

	e |= (s->flags & 7) | (uint64_t)(s->flags & 0x38) << 2 | (uint64_t)(s->flags >> 6 & 1) << 8;
	if (bytes == 8)
		e |= (uint64_t)(s->flags >> 7) << 63;
	if (large)
		e &= ~(bytes == 8 ? UINT64_C(0x1ff000) : UINT64_C(0x3ff000));
	if (s->raw < 64)
		e ^= UINT64_C(1) << s->raw;
	return bytes == 8 ? e : (uint32_t)e;
}

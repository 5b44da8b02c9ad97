/* SPDX-License-Identifier: MIT */
/*
 * Streams out of a random number. Each stream draws a theme first: few addresses, the tables and
 * entries on their way, few targets and flags, and how often each kind of step comes. Within a
 * theme the steps meet each other, which steps drawn from everything hardly do.
 */
#include "tests/model/gen.h"

#include <string.h>

#include "tests/model/hw.h"
#include "tests/model/step.h"

#define MAX_VAS 6u
#define MAX_PALETTE 6u
#define ODDS 256u

/* The root table (step_target) of each mode, as the first tables are. */
static const uint8_t root_of[NR_REF_MODES] = { 0, 5, 8, 0, 9 };

struct theme {
	uint8_t va[MAX_VAS][3]; /* as steps have them: two bytes, and a bit of their last one */
	unsigned nr_vas;
	uint8_t target[MAX_PALETTE], flags[MAX_PALETTE];
	unsigned palette;
	uint16_t weight[NR_STEPS]; /* running sums */
	unsigned wild; /* odds that a byte is any */
	unsigned leave; /* odds that a step gives way */
	unsigned vcpus;
	uint8_t mode; /* enum ref_mode */
	bool la57;
};

static uint64_t state[2];

/* xorshift128+ */
static uint64_t next(void)
{
	uint64_t a = state[0], b = state[1];

	state[0] = b;
	a ^= a << 23;
	state[1] = a ^ b ^ a >> 17 ^ b >> 26;
	return state[1] + b;
}

static unsigned below(unsigned n)
{
	return (unsigned)(next() >> 32) % n;
}

static bool chance(unsigned odds)
{
	return below(ODDS) < odds;
}

/* ---- themes ---- */

static void draw_weights(struct theme *t)
{
	static const uint8_t usual[NR_STEPS] = {
		[STEP_ACCESS] = 60, [STEP_SET] = 20,	[STEP_HOST_SET] = 6,  [STEP_FLIP] = 15,
		[STEP_FILL] = 2,    [STEP_INVLPG] = 12, [STEP_CR3] = 8,	      [STEP_REGS] = 4,
		[STEP_MODE] = 2,    [STEP_FLUSH] = 3,	[STEP_TRANSLATE] = 8, [STEP_PEEK] = 2,
		[STEP_GUESS] = 6,   [STEP_P2M] = 3,	[STEP_DIRTY] = 4,     [STEP_MOVE] = 1,
		[STEP_GO_ON] = 10,  [STEP_AUDIT] = 1,	[STEP_ENGINE] = 1,    [STEP_REMAP] = 20,
	};
	static const uint8_t factors[] = { 0, 1, 2, 4, 4, 4, 8, 20 };
	unsigned sum = 0;

	for (unsigned i = 0; i < NR_STEPS; i++) {
		sum += usual[i] * (i == STEP_ACCESS ? 4 : factors[below(8)]);
		t->weight[i] = sum;
	}
}

/* P nearly always, and what goes with it. */
static uint8_t draw_flags(void)
{
	static const uint8_t usual[] = { 0x0f, 0x1f, 0x07, 0x03, 0x1b, 0x3f, 0x1d, 0x0d,
					 0x5f, 0x5b, 0x9f, 0x00, 0x17, 0x2f, 0x7f, 0x1e };

	return chance(40) ? below(256) : usual[below(sizeof(usual))];
}

static void draw_theme(struct theme *t)
{
	t->nr_vas = 1 + below(MAX_VAS);
	for (unsigned i = 0; i < t->nr_vas; i++) {
		t->va[i][0] = chance(160) ? below(32) : below(256);
		t->va[i][1] = chance(200) ? 0 : 1;
		t->va[i][2] = chance(160) ? 0 : STEP_5LEVEL;
		/* often another page of the same table */
		if (i && chance(128))
			t->va[i][0] = (t->va[i - 1][0] & 0xf8) | below(8);
	}
	t->palette = 1 + below(MAX_PALETTE);
	for (unsigned i = 0; i < t->palette; i++) {
		t->target[i] = chance(230) ? below(32) : below(STEP_TARGETS);
		t->flags[i] = draw_flags();
	}
	draw_weights(t);
	t->wild = chance(64) ? 64 : below(12);
	t->leave = chance(80) ? 0 : below(ODDS);
	t->mode = below(16) ? 1 + below(REF_5LEVEL) : REF_OFF;
	t->la57 = t->mode == REF_5LEVEL || chance(32);
}

/* As heads and steps have it, but for the bit that makes it five levels. */
static uint8_t mode_byte(uint8_t mode)
{
	return mode == REF_5LEVEL ? REF_4LEVEL : mode;
}

static void draw_head(struct theme *t, uint8_t *b)
{
	b[0] = below(256);
	b[1] = below(256);
	b[2] = chance(100) ? 0 : below(256);
	b[3] = below(256);
	b[4] = chance(128) ? 0 : below(256);
	b[5] = mode_byte(t->mode) | (chance(128) ? below(256) & ~3u : 0);
	b[6] = chance(64) ? below(256) : (below(2) << FLIP_PGE) | 1u << FLIP_PSE | 1u << FLIP_WP;
	b[7] = t->la57 ? HEAD_LA57 | (t->mode == REF_5LEVEL ? HEAD_5LEVEL : 0) : 0;
	t->vcpus = 1 + b[1] % 4;
}

/* ---- steps ---- */

static unsigned draw_kind(const struct theme *t)
{
	unsigned x = below(t->weight[NR_STEPS - 1]), kind = 0;

	while (t->weight[kind] <= x)
		kind++;
	return kind;
}

/* A table on the way to an address as the first tables are, and the number of its entry there. */
static void draw_entry(const struct theme *t, uint8_t *table, uint8_t *index)
{
	/* step_target of each level for each mode, by what step.c's level2_index says */
	static const uint8_t level1[][2] = { { 4, 7 }, { 3, 6 }, { 4, 7 }, { 4, 7 } };
	/* 0, 1, 510, 511 */
	static const uint8_t level5_index[] = { 0, 1, 30, 7 };
	const uint8_t *va = t->va[below(t->nr_vas)];
	unsigned level = below(8);

	*index = va[0] & 7;
	switch (level) {
	case 0:
		*table = t->mode == REF_PAE ? 8 : 1; /* level 3 */
		*index = below(4);
		break;
	case 1:
		*table = 0;
		*index = va[0] >> 7 ? 7 : 0;
		if (t->mode == REF_5LEVEL && chance(160)) {
			*table = 9;
			*index = level5_index[(va[0] >> 7 ? 3 : 0) ^ (va[2] ? 1 : 0)];
		}
		break;
	case 2:
	case 3:
		*table = t->mode == 1 ? 5 : 2;
		*index = (const uint8_t[]){ 0, t->mode == 1 ? 1 : 3, t->mode == 1 ? 0 : 1,
					    7 }[va[0] >> 3 & 3];
		break;
	default:
		*table = level1[va[0] >> 3 & 3][t->mode == 1];
		break;
	}
	if (chance(30))
		*table = t->target[below(t->palette)] % STEP_TABLES;
}

static void draw_value(const struct theme *t, uint8_t *b)
{
	b[4] = t->target[below(t->palette)];
	b[5] = t->flags[below(t->palette)];
}

/* The bit of an address that lies in the last byte of a step. */
static void put_slot(uint8_t *b, const uint8_t *va)
{
	b[7] = (b[7] & ~STEP_5LEVEL) | va[2];
}

static void set_mode(uint8_t *b, uint8_t mode)
{
	b[2] = mode_byte(mode);
	b[7] = mode == REF_5LEVEL ? STEP_5LEVEL : 0;
}

/* The mode that a step chooses. */
static uint8_t mode_of(const struct theme *t, const uint8_t *b)
{
	uint8_t mode = b[2] % 4;

	return mode == REF_4LEVEL && t->la57 && (b[7] & STEP_5LEVEL) ? REF_5LEVEL : mode;
}

static void draw_operands(const struct theme *t, uint8_t *b)
{
	const uint8_t *va = t->va[below(t->nr_vas)];
	uint8_t index;

	switch (b[0]) {
	case STEP_ACCESS:
	case STEP_TRANSLATE:
		b[2] = va[0];
		b[3] = va[1] | (b[3] & 0xfe);
		put_slot(b, va);
		draw_value(t, b);
		break;
	case STEP_SET:
	case STEP_HOST_SET:
	case STEP_REMAP:
	case STEP_FLIP:
		draw_entry(t, &b[2], &b[3]);
		draw_value(t, b);
		b[6] = b[0] == STEP_REMAP ? va[0] : chance(20) ? b[6] : 0xff;
		if (b[0] == STEP_FLIP)
			b[5] = 1u << below(8);
		if (chance(180))
			b[7] &= 0xf0;
		put_slot(b, va);
		break;
	case STEP_FILL:
		draw_entry(t, &b[2], &b[3]);
		draw_value(t, b);
		break;
	case STEP_CR3:
		if (chance(200)) {
			b[2] = root_of[t->mode];
			b[3] = 0;
		}
		break;
	case STEP_MODE:
		if (chance(160))
			set_mode(b, t->mode);
		b[3] = root_of[mode_of(t, b)];
		b[4] = chance(128) ? 0 : b[4];
		break;
	case STEP_REGS:
		b[2] = 1u << below(8);
		b[7] = chance(32) ? STEP_5LEVEL : 0;
		break;
	case STEP_P2M:
		/* what the addresses lead to, or a table on the way */
		draw_entry(t, &b[2], &index);
		if (chance(128))
			b[2] = t->target[below(t->palette)];
		break;
	case STEP_INVLPG:
	case STEP_PEEK:
	case STEP_GUESS:
		b[2] = va[0];
		b[3] = va[1];
		put_slot(b, va);
		break;
	default:
		break;
	}
}

/* Mostly one of the first switch points: a step has few. */
static unsigned draw_leave(void)
{
	return 1 + (chance(100) ? 0 : below(chance(200) ? 6 : 60));
}

static void draw_step(const struct theme *t, uint8_t *b)
{
	uint64_t any = next();

	memcpy(b, &any, STEP_BYTES);
	b[0] = draw_kind(t);
	b[1] = below(t->vcpus) | (chance(t->leave) ? draw_leave() : 0) << 2;
	draw_operands(t, b);
	for (unsigned i = 2; i < STEP_BYTES; i++)
		if (chance(t->wild))
			b[i] = below(256);
}

size_t gen_stream(uint64_t seed, uint64_t n, uint8_t *bytes)
{
	struct theme t;

	state[0] = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
	state[1] = n * UINT64_C(0xd1b54a32d192ed03) ^ UINT64_C(0x94d049bb133111eb);
	for (unsigned i = 0; i < 8; i++)
		next();
	draw_theme(&t);
	draw_head(&t, bytes);
	for (unsigned i = 0; i < GEN_STEPS; i++)
		draw_step(&t, bytes + HEAD_BYTES + i * STEP_BYTES);
	return HEAD_BYTES + GEN_STEPS * STEP_BYTES;
}

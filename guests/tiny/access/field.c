/* SPDX-License-Identifier: MIT */
/* See field.h. */
#include "field.h"

#define FIELD_GIGABYTE 2u /* of the address space, or of its PML4 entry's part */
#define FIELD_PML4_INDEX 0x181u /* the upper half: bits 63:48 are ones */
#define VA_LOW (FIELD_GIGABYTE << 30 | FIELD_OFFSET)
#define VA_LONG (0xffff000000000000ull | (uint64_t)FIELD_PML4_INDEX << 39 | VA_LOW)
#define VA_LA57 (0xff11000000000000ull | (uint64_t)FIELD_PML4_INDEX << 39 | VA_LOW)

/* Right and left of each of our entries: never used, so their A and D stay as they are. */
#define NEIGHBOUR_LEFT (PTE_P | PTE_W | PTE_U | PTE_A)
#define NEIGHBOUR_RIGHT (PTE_P | PTE_W | PTE_U)

#define MOV_EAX 0xb8u
#define RET 0xc3u
#define IMM_A 0x11a0a0a0u
#define IMM_B 0x11b0b0b0u

struct field field;

/* Tables of the levels below the mode's top one, and one that neighbours point at. */
static uint8_t tables[RULES_MAX_LEVELS][PAGE] __attribute__((aligned(4096)));
static uint8_t neighbours_table[PAGE] __attribute__((aligned(4096)));
static uint32_t entry_at[RULES_MAX_LEVELS + 1]; /* where our entries lie */

static unsigned entry_bytes(void)
{
	return field.format == RULES_2LEVEL ? 4 : 8;
}

static uint32_t table_of(unsigned level)
{
	if (level < field.levels)
		return (uint32_t)tables[level];
	/* PAE: the page directory that the latched PDPTE points at */
	return field.format == RULES_PAE ? (uint32_t)paging_get(&field.pg, VA_LOW, 3) & ~(PAGE - 1)
					 : field.pg.root;
}

static unsigned index_in(unsigned level)
{
	unsigned bits = field.format == RULES_2LEVEL ? 10 : 9;

	return (unsigned)(field.va >> (12 + (level - 1) * bits)) & ((1u << bits) - 1);
}

static uint64_t neighbour(unsigned level, bool right)
{
	uint32_t target = level > 1 ? (uint32_t)neighbours_table : right ? FRAME_B : FRAME_A;

	return target | (right ? NEIGHBOUR_RIGHT : NEIGHBOUR_LEFT);
}

/* Without large pages, which CR4.PSE would take from under our feet. */
static void map_small(void)
{
	for (uint32_t va = 0; va < IDENTITY_END; va += field.pg.large)
		paging_set(&field.pg, va, 2, 0);
	for (uint32_t va = 0; va < IDENTITY_END; va += PAGE)
		paging_set(&field.pg, va, 1, va | PTE_P | PTE_W);
}

void field_build(enum paging_mode mode)
{
	paging_build(&field.pg, mode);
	if (mode == PAGING_32)
		map_small();
	field.format = (enum rules_format)mode;
	field.levels = rules_levels(field.format);
	field.va = mode == PAGING_LA57 ? VA_LA57 : mode == PAGING_LONG ? VA_LONG : VA_LOW;
	memset(tables, 0, sizeof(tables));
	for (unsigned level = 1; level <= field.levels; level++) {
		entry_at[level] = table_of(level) + index_in(level) * entry_bytes();
		paging_write(&field.pg, entry_at[level] - entry_bytes(), neighbour(level, false));
		paging_write(&field.pg, entry_at[level] + entry_bytes(), neighbour(level, true));
	}
}

uint64_t field_get(unsigned level)
{
	return paging_read(&field.pg, entry_at[level]);
}

void field_set(unsigned level, uint64_t entry)
{
	paging_write(&field.pg, entry_at[level], entry);
}

uint32_t field_table_below(unsigned level)
{
	return (uint32_t)tables[level - 1];
}

static bool neighbours_ok(unsigned level)
{
	return paging_read(&field.pg, entry_at[level] - entry_bytes()) == neighbour(level, false) &&
	       paging_read(&field.pg, entry_at[level] + entry_bytes()) == neighbour(level, true);
}

bool field_neighbours_untouched(void)
{
	bool ok = true;

	for (unsigned level = 1; level <= field.levels; level++)
		ok = ok && neighbours_ok(level);
	return ok;
}

/* Everything but the three entries in the middle is 0. */
static bool rest_is_empty(unsigned level)
{
	uint32_t mine = entry_at[level] - entry_bytes();
	uint32_t all = 0;

	for (uint32_t at = (uint32_t)tables[level]; at < (uint32_t)tables[level + 1]; at += 4)
		if (at < mine || at >= mine + 3 * entry_bytes())
			all |= *(volatile uint32_t *)at;
	return !all;
}

bool field_tables_untouched(void)
{
	bool ok = field_neighbours_untouched();

	for (unsigned level = 1; level < field.levels; level++)
		ok = ok && rest_is_empty(level);
	for (unsigned i = 0; i < PAGE; i++)
		ok = ok && !neighbours_table[i];
	return ok;
}

static void frame_reset(uint32_t frame, uint32_t imm)
{
	volatile uint32_t *words = (volatile uint32_t *)frame;

	words[0] = MOV_EAX | imm << 8;
	words[1] = imm >> 24 | RET << 8;
	words[FIELD_WORD / 4] = 0;
}

void field_frames_reset(void)
{
	frame_reset(FRAME_A, IMM_A);
	frame_reset(FRAME_B, IMM_B);
}

uint32_t field_value(uint32_t frame, enum rules_kind kind)
{
	uint32_t imm = frame == FRAME_A ? IMM_A : IMM_B;

	return kind == RULES_FETCH ? imm : MOV_EAX | imm << 8;
}

void field_invlpg(uint32_t bytes)
{
	if (field.format >= RULES_4LEVEL)
		invlpg64(field.va + bytes);
	else
		invlpg((uint32_t)field.va + bytes);
}

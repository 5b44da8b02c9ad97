/* SPDX-License-Identifier: MIT */
/*
 * Where the access test plays: one linear address whose entries are its own at every level,
 * with neighbours that nobody may touch, and two frames that the pages of all sizes can map.
 */
#ifndef TINY_ACCESS_FIELD_H
#define TINY_ACCESS_FIELD_H

#include "paging.h"
#include "rules.h"

/*
 * The address and the frames agree in their low bits, so that a page of any size reaches the
 * same bytes: a page of 2 or 4 MiB either frame, one of 1 GiB frame A. Around B not all is
 * memory, so that under a hypervisor no page of its own can be as large as ours.
 */
#define FIELD_OFFSET 0xc05000u
#define FRAME_A FIELD_OFFSET
#define FRAME_B 0x5000u

/* Accesses hit these bytes of the page: `MOV EAX, imm32; RET`, and a word to write. */
#define FIELD_CODE 0u
#define FIELD_WORD 8u
#define FIELD_WRITTEN 0x5a5a5a5au /* by rt/access.asm */

struct field {
	struct paging pg;
	enum rules_format format;
	unsigned levels; /* that rules.h knows */
	uint64_t va;
};

extern struct field field;

/* Make all tables for the mode; everything at `va` is absent. Paging is off. */
void field_build(enum paging_mode mode);

/* The entry for `va` at `level`; and what it must point at to reach the table below. */
uint64_t field_get(unsigned level);
void field_set(unsigned level, uint64_t entry);
uint32_t field_table_below(unsigned level);

/* The neighbours are as they were; or, slowly, all of our tables but for our entries. */
bool field_neighbours_untouched(void);
bool field_tables_untouched(void);

/* Prepare both frames: code in place, word 0. */
void field_frames_reset(void);
/* What reading, or calling, at FIELD_CODE gives in that frame. */
uint32_t field_value(uint32_t frame, enum rules_kind kind);

/* INVLPG `bytes` beyond the address. */
void field_invlpg(uint32_t bytes);

#endif

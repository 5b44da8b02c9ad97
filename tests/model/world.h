/* SPDX-License-Identifier: MIT */
/*
 * The world behind the platform seam: guest memory that remembers its past, the p2m, and
 * the host's pages. There is one at a time.
 *
 * Time is a number that moves on with every change of guest memory or of the p2m. A value
 * was held from the time of its write until just before the next.
 */
#ifndef TESTS_MODEL_WORLD_H
#define TESTS_MODEL_WORLD_H

#include "mmu/platform.h"

#define WORDS_PER_FRAME ((unsigned)(PAGE_SIZE / sizeof(uint64_t)))
#define PIECE_FRAMES 512u /* of 2 MiB */

/* Where guest memory lies at first. */
#define WORLD_PIECES 2u /* from gfn 0: 2 MiB each, contiguous on the host */
#define WORLD_LOOSE_GFN (WORLD_PIECES * PIECE_FRAMES) /* frames in no order */
#define WORLD_LOOSE_FRAMES 64u
#define WORLD_ROM_FRAMES 4u /* the last of the loose ones */
#define WORLD_HIGH_GFN UINT64_C(0x100000) /* at 4 GiB */
#define WORLD_HIGH_FRAMES 4u
#define WORLD_LOW_END (WORLD_LOOSE_GFN + WORLD_LOOSE_FRAMES)
#define WORLD_SPARE_FRAMES 32u
#define WORLD_STREAM_FRAMES (WORLD_LOW_END + WORLD_HIGH_FRAMES + WORLD_SPARE_FRAMES)

/* A recorded guest has its memory where it says. Frames that it touches: in 2 MiB pieces, others. */
#define WORLD_RECORDED_PIECES 112u
#define WORLD_RECORDED_LOOSE 8192u
#define WORLD_FRAMES (WORLD_RECORDED_LOOSE + WORLD_RECORDED_PIECES * PIECE_FRAMES)

#define NO_FRAME (~0u)

extern uint64_t world_now;

/* A new world, with memory above 4 GiB or without; what the library has allocated in the old
 * one is gone. */
void world_reset(bool high);

/* The same without memory; then `n` frames of it from `gfn`. */
void world_reset_recorded(void);
void world_add(uint64_t gfn, uint64_t n, enum p2m_kind kind, bool large);

/* ---- guest memory ---- */

/* As the guest reads it now; all ones where there is no memory. 1 to 8 bytes in one page. */
uint64_t world_read(uint64_t gpa, unsigned bytes);

/* Bytes of guest memory change now. By frame, because a TLB knows nothing of gfns. */
void world_write_frame(unsigned frame, unsigned offset, const void *bytes, unsigned len);

/* The library may have set bits itself. The word as it is in memory and as last known. */
uint64_t world_mem(unsigned frame, unsigned word);
uint64_t world_known(unsigned frame, unsigned word);
/* ..., and it was right to set these of them. */
void world_accept(unsigned frame, unsigned word, uint64_t bits);

/* Memory that the guest or we have not changed and that is not as last known: its frame,
 * and *word; or NO_FRAME. */
unsigned world_find_stray(unsigned *word);

#define HELD_MAX 32

struct held {
	uint64_t value[HELD_MAX];
	unsigned n;
	bool too_many; /* there were more */
};

/* Every value that the entry of 4 or 8 bytes at `gpa` held in the time (since, until]. */
void world_held(uint64_t gpa, unsigned bytes, uint64_t since, uint64_t until, struct held *h);

/* The same in one word, if there was but one: the usual case. */
bool world_steady(uint64_t gpa, unsigned bytes, uint64_t since, uint64_t *value);

/* Nobody will ask for a time before this one. */
void world_forget(uint64_t before);

/* So much past is kept that it should be forgotten. */
bool world_is_full(void);

/* ---- p2m ---- */

struct p2m_entry world_p2m(uint64_t gfn);

/* The frame that is at `gfn`, NO_FRAME: none. Memory, ROM too. */
unsigned world_frame(uint64_t gfn, enum p2m_kind *kind);

/* The gfn at which `frame` is, or was until the change that is under way. False: nowhere. */
bool world_owner(unsigned frame, uint64_t *gfn);

/* May a translation of `gfn`, for writes or not, lead to `frame` now? */
bool world_maps(uint64_t gfn, unsigned frame, bool write);

/* Was an access to `gfn` one to no memory, or to ROM and a write, at some time after `since`? Was
 * it the contrary? */
bool world_was_mmio(uint64_t gfn, bool write, uint64_t since);
bool world_was_memory(uint64_t gfn, bool write, uint64_t since);

/* Was it RAM, and the same, all the time since then? */
bool world_stayed_ram(uint64_t gfn, uint64_t since);

enum p2m_change { P2M_MOVE, P2M_DROP, P2M_MAKE_ROM, P2M_HOME, NR_P2M_CHANGES };

/* Begin a change at `gfn`. False: nothing changes. One at a time. */
bool world_change_p2m(uint64_t gfn, enum p2m_change what);
/* The library has been told. */
void world_end_change(void);
bool world_in_change(void);

/* A small number for a gfn that is or was memory, below WORLD_SLOTS; or NO_FRAME. */
#define WORLD_SLOTS (1u << 17)
unsigned world_slot(uint64_t gfn);
uint64_t world_slot_gfn(unsigned slot);

/* ---- host frames ---- */

/* Frame of guest memory, or NO_FRAME. */
unsigned world_frame_of_pfn(uint64_t pfn);
uint64_t world_pfn(unsigned frame);

/* A page that the library has allocated. */
const uint64_t *world_table(uint64_t pfn);

/* Pages and blocks that are allocated. */
unsigned world_pages_out(void);
unsigned world_blocks_out(void);

/* Allocations fail after so many; -1: never. */
extern int world_allocs_left;

#endif

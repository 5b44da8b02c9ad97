/* SPDX-License-Identifier: MIT */
/*
 * Guest frames to host frames. Written while the VM is made only, read by anybody afterwards.
 */
#include "hv/p2m.h"

#include "hv/errno.h"
#include "hv/page.h"

#define PIECE_SHIFT 21
#define PIECE_SIZE (UINT64_C(1) << PIECE_SHIFT)
#define PIECE_FRAMES (PIECE_SIZE >> PAGE_SHIFT)

uint64_t p2m_low_end(const struct p2m *p)
{
	return MIN(p->ram, BOARD_PCI_HOLE);
}

uint64_t p2m_high_end(const struct p2m *p)
{
	return BOARD_HIGH_RAM + (p->ram - p2m_low_end(p));
}

uint64_t p2m_frames(uint64_t ram)
{
	uint64_t end = ram > BOARD_PCI_HOLE ? ram - BOARD_PCI_HOLE + BOARD_HIGH_RAM : ram;

	return end >> PAGE_SHIFT;
}

static int fill(struct p2m *p, uint64_t from, uint64_t to)
{
	for (uint64_t gpa = from; gpa < to; gpa += PIECE_SIZE) {
		pfn_t pfn;
		int err = page_alloc(PAGE_ORDER_2M, 0, &pfn);

		if (err)
			return err;
		p->piece[gpa >> PIECE_SHIFT] = pfn.v;
	}
	return 0;
}

int p2m_init(struct p2m *p, uint64_t ram)
{
	int err;

	p->ram = ram;
	p->cleared = 0;
	p->nr_pieces = p2m_frames(ram) / PIECE_FRAMES;
	p->piece = mem_alloc(p->nr_pieces * sizeof(*p->piece));
	if (!p->piece)
		return -ENOMEM;
	err = fill(p, 0, p2m_low_end(p));
	if (!err)
		err = fill(p, BOARD_HIGH_RAM, p2m_high_end(p));
	if (err)
		p2m_fini(p);
	return err;
}

bool p2m_clear_next(struct p2m *p)
{
	while (p->cleared < p->nr_pieces && !p->piece[p->cleared])
		p->cleared++;
	if (p->cleared < p->nr_pieces)
		page_clear(PFN(p->piece[p->cleared++]), PAGE_ORDER_2M);
	return p->cleared < p->nr_pieces;
}

void p2m_fini(struct p2m *p)
{
	if (!p->piece)
		return;
	for (uint64_t i = 0; i < p->nr_pieces; i++)
		if (p->piece[i])
			page_free(PFN(p->piece[i]), PAGE_ORDER_2M);
	mem_free(p->piece, p->nr_pieces * sizeof(*p->piece));
	p->piece = NULL;
}

/* The first 2 MiB hold the legacy holes and the ROM. */
static enum p2m_kind low_kind(uint64_t gpa)
{
	if (gpa >= BOARD_LOW_RAM_END && gpa < BOARD_ROM_BASE)
		return P2M_NONE;
	if (gpa >= BOARD_ROM_BASE && gpa < BOARD_ROM_END)
		return P2M_ROM;
	return P2M_RAM;
}

struct p2m_entry p2m_lookup(const struct p2m *p, gfn_t gfn)
{
	uint64_t i = gfn.v / PIECE_FRAMES;
	struct p2m_entry e = { .kind = P2M_NONE };

	if (unlikely(i >= p->nr_pieces || !p->piece[i]))
		return e;
	e.pfn = PFN(p->piece[i] + gfn.v % PIECE_FRAMES);
	if (unlikely(i == 0)) {
		e.kind = low_kind(gfn_to_gpa(gfn).v);
		return e;
	}
	e.kind = P2M_RAM;
	e.large = true;
	return e;
}

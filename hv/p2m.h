/* SPDX-License-Identifier: MIT */
/*
 * Guest frames to host frames. RAM comes in 2 MiB pieces; the first 2 MiB of a guest hold
 * the legacy holes and ROM and so are described page by page.
 */
#ifndef HV_P2M_H
#define HV_P2M_H

#include "hv/compiler.h"
#include "mmu/platform.h"

/* The board's map (guests/README.md draws it). */
#define BOARD_LOW_RAM_END UINT64_C(0xa0000)
#define BOARD_ROM_BASE UINT64_C(0xe0000) /* ACPI, MP tables; readable, up to 1 MiB */
#define BOARD_ROM_END UINT64_C(0x100000)
#define BOARD_PCI_HOLE UINT64_C(0xc0000000) /* RAM goes on at 4 GiB */
#define BOARD_HIGH_RAM UINT64_C(0x100000000)

struct p2m {
	uint64_t *piece; /* per 2 MiB of gpa: host frame number, 0 none */
	uint64_t nr_pieces;
	uint64_t ram; /* bytes */
	uint64_t cleared; /* pieces from 0 on whose memory is zero */
};

/* Allocate `ram` bytes (multiple of 2 MiB) of guest memory. It holds what its last owner left there,
 * until p2m_clear_next() has been called until it returns false. 0 or -ENOMEM. */
must_check int p2m_init(struct p2m *p, uint64_t ram);
/* Clear the next 2 MiB. Is there more to clear? */
bool p2m_clear_next(struct p2m *p);
void p2m_fini(struct p2m *p);

/* Any frame: RAM, ROM or nothing. Any CPU without a lock, for it changes with p2m_init() only. */
struct p2m_entry p2m_lookup(const struct p2m *p, gfn_t gfn);

/* One more than the highest frame number of a guest with `ram` bytes. */
uint64_t p2m_frames(uint64_t ram);

/* End of RAM below the PCI hole, and of RAM above 4 GiB (BOARD_HIGH_RAM: none). */
uint64_t p2m_low_end(const struct p2m *p);
uint64_t p2m_high_end(const struct p2m *p);

#endif

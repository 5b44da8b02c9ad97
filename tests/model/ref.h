/* SPDX-License-Identifier: MIT */
/*
 * Paging as the manual has it (Intel SDM Vol. 3A chapter 4), for the models: what an entry
 * means, what an access may do, what a load of a control register flushes. Shares nothing
 * with mmu/ but the types of its interface. Plain before fast.
 */
#ifndef TESTS_MODEL_REF_H
#define TESTS_MODEL_REF_H

#include "mmu/mmu.h"

#define REF_MAX_LEVELS 5

/* What of a vCPU translation depends on. */
struct ref_cpu {
	struct mmu_regs regs;
	uint64_t pdpte[4]; /* PAE: the registers */
	unsigned maxphyaddr;
	bool has_1g;
};

enum ref_mode { REF_OFF, REF_2LEVEL, REF_PAE, REF_4LEVEL, REF_5LEVEL, NR_REF_MODES };
extern const char *const ref_mode_name[NR_REF_MODES];

enum ref_mode ref_mode(const struct mmu_regs *r);

/* ---- entries ---- */

enum ref_kind { REF_ABSENT, REF_RESERVED, REF_TABLE, REF_PAGE };

struct ref_entry {
	enum ref_kind kind;
	uint64_t base; /* of the table or page */
	unsigned shift; /* of the page */
};

struct ref_format {
	unsigned levels; /* read from memory */
	unsigned entry_bytes;
	unsigned index_bits;
};

/* Of the mode; not REF_OFF. */
const struct ref_format *ref_format(enum ref_mode mode);

/* Lowest bit of an address that selects the entry at `level` (1: page table). */
unsigned ref_shift(const struct ref_format *f, unsigned level);

/* What entry `e` at `level` means to the processor. */
struct ref_entry ref_decode(const struct ref_cpu *c, unsigned level, uint64_t e);

/* The table that a walk of `va` begins with; false: an absent PDPTE. */
bool ref_root(const struct ref_cpu *c, uint64_t cr3, const uint64_t pdpte[4], uint64_t va,
	      uint64_t *table);

/* A present PDPTE that CR3 cannot be loaded with. */
bool ref_pdpte_is_bad(const struct ref_cpu *c, uint64_t pdpte);

/* ---- accesses ---- */

/* Kinds of access, to be used as bit numbers of a set. */
enum ref_access {
	REF_W = 1 << 0,
	REF_U = 1 << 1,
	REF_X = 1 << 2, /* never with REF_W */
	REF_AC = 1 << 3, /* explicit supervisor data access with EFLAGS.AC; never with U or X */
	NR_REF_ACCESSES = 16,
};

#define REF_SET(access) (1u << (access))

/* Is it one of the kinds that there are? */
bool ref_is_access(unsigned access);

struct ref_rights {
	bool w, u, nx; /* W and U of all levels; NX of any */
};

bool ref_permits(const struct ref_cpu *c, struct ref_rights r, unsigned access);

/* Error code of a page fault. */
uint32_t ref_error(const struct ref_cpu *c, unsigned access, bool present, bool reserved);

/* ---- registers ---- */

enum ref_flush { REF_FLUSH_NOTHING, REF_FLUSH_LOCAL, REF_FLUSH_ALL };

/* What the processor forgets when it goes from one set of registers to the other. */
enum ref_flush ref_flush(const struct mmu_regs *old, const struct mmu_regs *new);

/* Are the PDPTE registers loaded? */
bool ref_loads_pdptes(const struct mmu_regs *old, const struct mmu_regs *new, bool mov_cr3);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * What paging must do with an access: the rules of Intel SDM Vol. 3A 4.3-4.8 (AMD APM Vol. 2
 * 5.3-5.6) as plain tables. The access test predicts by them and so checks them against
 * QEMU's processor; the unit test of mmu/ uses the same ones, which share nothing with mmu/.
 * Needs no runtime: it is compiled for the guest and for the host.
 */
#ifndef TINY_ACCESS_RULES_H
#define TINY_ACCESS_RULES_H

#include <stdbool.h>
#include <stdint.h>

enum rules_format { RULES_2LEVEL, RULES_PAE, RULES_4LEVEL, RULES_5LEVEL, RULES_NR_FORMATS };
enum rules_kind { RULES_READ, RULES_WRITE, RULES_FETCH };

#define RULES_MAX_LEVELS 5

/* The processor and its registers. */
struct rules_setting {
	enum rules_format format;
	bool wp, nxe, smep, smap, pse;
	unsigned maxphyaddr; /* bits */
	bool has_1g; /* CPUID says 1 GiB pages */
};

struct rules_access {
	enum rules_kind kind;
	bool user; /* CPL 3 */
	bool ac; /* EFLAGS.AC */
};

/* Entries of one walk by level; level 1 is a page table's. [0] is not used. */
struct rules_walk {
	uint64_t entry[RULES_MAX_LEVELS + 1];
};

struct rules_outcome {
	bool allowed;
	uint32_t error; /* !allowed: of the #PF */
	unsigned level; /* of the leaf, or of the entry that ended the walk */
	uint64_t base, bytes; /* where a leaf was reached: the page in physical memory */
	struct rules_walk after; /* the entries as the access must leave them */
};

/* Levels that are walked in memory: PAE's third are registers. */
unsigned rules_levels(enum rules_format format);

/* This entry maps a page. */
bool rules_is_leaf(const struct rules_setting *s, unsigned level, uint64_t entry);

/* The bits that must be 0 in such a present entry. */
uint64_t rules_reserved(const struct rules_setting *s, unsigned level, uint64_t entry);

/* Bits of a present PDPTE of PAE that make MOV to CR3 raise #GP(0). */
uint64_t rules_pdpte_reserved(const struct rules_setting *s);

void rules_predict(const struct rules_setting *s, const struct rules_walk *walk,
		   const struct rules_access *access, struct rules_outcome *out);

/* How many rows of the permission table permit this: 0 or, if it has no mistake, 1. */
unsigned rules_rows(const struct rules_setting *s, const struct rules_access *access,
		    bool user_page, bool writable, bool xd);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * The processor below: it walks the shadow tables, and its TLB is the worst that the manual
 * permits. It caches what it could have walked, leaves and tables, and forgets only when
 * told; whether it uses what it has is the stream's to say. It runs with CR0.WP = 1,
 * EFER.NXE = 1 and the guest's SMEP and SMAP (mmu/spte.h).
 */
#ifndef TESTS_MODEL_HW_H
#define TESTS_MODEL_HW_H

#include "mmu/mmu.h"
#include "tests/model/ref.h"

#define HW_LEAVES 24u
#define HW_TABLES 16u

/* Which of its ways the processor takes. */
enum hw_whim {
	HW_FORGETFUL = 1 << 0, /* does not look into the TLB */
	HW_FROM_ROOT = 1 << 1, /* nor into the paging-structure caches */
	HW_NO_FILL = 1 << 2, /* does not cache this walk */
	HW_GUESS =
		1
		<< 3, /* caches also more than one entry of a page; translates again after a fault */
};

struct hw_leaf {
	uint64_t page, hpa; /* va >> shift; of the page's first byte */
	unsigned shift; /* 0: empty */
	bool w, u, nx;
};

struct hw_table {
	uint64_t tag, pfn; /* va >> shift; of the table below */
	unsigned shift; /* of the entry; 0: empty */
	bool w, u, nx;
};

/* The translations of one vCPU on one CPU. */
struct hw_tlb {
	struct hw_leaf leaf[HW_LEAVES];
	struct hw_table table[HW_TABLES];
	unsigned next_leaf, next_table; /* to be replaced */
};

void hw_forget_all(struct hw_tlb *t);
/* INVVPID or INVLPGA of one address: its translations, and the tables on its way only. */
void hw_forget_page(struct hw_tlb *t, uint64_t va);

/* A translation. */
struct hw_result {
	bool present;
	uint64_t hpa;
	bool w, u, nx;
};

/* Translate without asking for rights; also what a speculative walk does. */
struct hw_result hw_translate(struct hw_tlb *t, const struct mmu_hw *hw, uint64_t va,
			      unsigned whim);

/* Does a translation let an access (enum ref_access) through, in a guest with these registers? */
bool hw_permits(const struct mmu_regs *guest, const struct hw_result *r, unsigned access);

/* All of these that it lets through, REF_SET each. */
unsigned hw_permitted(const struct mmu_regs *guest, const struct hw_result *r);

/* An entry of a shadow table at `level` is one that may be there at all (I1, I13, mmu/spte.h). */
void hw_check_entry(const struct mmu_hw *hw, unsigned level, uint64_t spte);

/* What of `va` the entry at `level` maps, log2 bytes; is it a leaf? */
static inline unsigned hw_shift(unsigned level)
{
	return 12 + 9 * (level - 1);
}

static inline bool hw_is_leaf(unsigned level, uint64_t spte)
{
	return level == 1 || (spte & 0x80);
}

/* The linear address that the processor makes of `va`: as many bits as the tables translate, the
 * upper ones like the last of them, as every address of 64-bit code that is no #GP has them. */
uint64_t hw_linear(const struct mmu_hw *hw, uint64_t va);

static inline unsigned hw_levels(const struct mmu_hw *hw)
{
	return hw->levels;
}

#define HW_ADDR UINT64_C(0x000ffffffffff000)

#endif

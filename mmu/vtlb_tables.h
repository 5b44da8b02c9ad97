/* SPDX-License-Identifier: MIT */
/*
 * The shadow tables of one vCPU under the engine `vtlb`: entries, tables, and dropping them.
 * What goes into them and when is mmu/vtlb.c's. All under mmu_lock.
 */
#ifndef MMU_VTLB_TABLES_H
#define MMU_VTLB_TABLES_H

#include "mmu/engine.h"
#include "mmu/guard.h"
#include "mmu/list.h"
#include "mmu/paging.h"
#include "mmu/pool.h"
#include "mmu/spte.h"

struct vtlb_table {
	struct mmu_spage page; /* first: the pool's */
	struct mmu_list node MMU_GUARDED; /* in vtlb.local or vtlb.quiet */
	struct vtlb_table *parent MMU_GUARDED; /* NULL: fixed */
	uint16_t parent_index MMU_GUARDED;
	/* entries outside lo..hi are 0; lo > hi: all are */
	uint16_t lo MMU_GUARDED, hi MMU_GUARDED;
	uint16_t nr_present MMU_GUARDED;
	uint16_t nr_global MMU_GUARDED; /* leaves with SPTE_GLOBAL */
	uint8_t level MMU_GUARDED;
	bool is_local MMU_GUARDED; /* in vtlb.local */
	bool has_pieces MMU_GUARDED; /* some entry has or had SPTE_SPLIT */
};

struct vtlb {
	struct mmu_pool pool;
	struct mmu_list local MMU_GUARDED; /* tables that may hold leaves which a CR3 load drops */
	struct mmu_list quiet MMU_GUARDED; /* all others */
	struct vtlb_table *top; /* of a guest in long mode: of v->hw.levels */
	struct vtlb_table *pd[PAE_PDPTES]; /* of any other */
	/* The level-1 table that was used last and the 2 MiB that it maps, where nothing on the
	 * path to it has_pieces; NULL: none. Faults and INVLPGs come in runs. */
	struct vtlb_table *recent MMU_GUARDED;
	uint64_t recent_2m MMU_GUARDED;
	pfn_t pae_root; /* holds the four PDPTEs */
	bool has_pae_root;
};

static inline unsigned vtlb_level_shift(unsigned level)
{
	return PAGE_SHIFT + (level - 1) * SPTE_INDEX_BITS;
}

static inline bool vtlb_is_leaf(unsigned level, uint64_t spte)
{
	return level == 1 || spte_is_large(spte);
}

static inline struct vtlb_table *vtlb_child_of(const struct vtlb *t, uint64_t spte)
{
	return (struct vtlb_table *)mmu_pool_find(&t->pool, spte_pfn(spte));
}

/* `old` is what entry `i` holds: callers have looked, and the compiler drops what can not be. */
static always_inline void vtlb_set_entry(struct vtlb_table *s, unsigned i, uint64_t old,
					 uint64_t new) MMU_LOCKED
{
	__atomic_store_n(&s->page.spt[i], new, __ATOMIC_RELAXED);
	if (old) {
		s->nr_present--;
		s->nr_global -= (old & SPTE_GLOBAL) != 0 && GUARD(I16_COUNT);
	}
	if (new) {
		s->nr_present++;
		s->nr_global += (new &SPTE_GLOBAL) != 0;
		if (i < s->lo)
			s->lo = i;
		if (i > s->hi)
			s->hi = i;
	}
}

/* A table that nothing leads to yet. The pool is not empty. */
struct vtlb_table *vtlb_take_table(struct vtlb *t, unsigned level) MMU_LOCKED;

/* A new table below entry `i` of `parent`, which is empty. */
struct vtlb_table *vtlb_add_table(struct vtlb *t, struct vtlb_table *parent, unsigned i) MMU_LOCKED;

/* A CR3 load has to look at it from now on. */
void vtlb_make_local(struct vtlb *t, struct vtlb_table *s) MMU_LOCKED;

/* Drop entry `i` with all below it. */
void vtlb_zap_entry(struct vtlb *t, struct vtlb_table *s, unsigned i) MMU_LOCKED;

/* Drop everything; everything but global leaves. Who calls tells the hardware. */
void vtlb_drop_all(struct vtlb *t) MMU_LOCKED;
void vtlb_drop_local(struct vtlb *t) MMU_LOCKED;

/* Recount what is counted (I7, I16); add what there is to a summary. */
void vtlb_audit_tables(struct vtlb *t, struct mmu_audit *out) MMU_LOCKED;
/* From `s`, a root, down. */
void vtlb_audit_way(const struct vtlb *t, const struct vtlb_table *s, gva_t va,
		    struct mmu_audit *out) MMU_LOCKED;
void vtlb_sum_up(struct vtlb *t, struct mmu_summary *out) MMU_LOCKED;

#endif

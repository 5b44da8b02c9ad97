/* SPDX-License-Identifier: MIT */
/* See hw.h. */
#include "tests/model/hw.h"

#include "tests/model/fail.h"
#include "tests/model/world.h"

#define S_P (UINT64_C(1) << 0)
#define S_W (UINT64_C(1) << 1)
#define S_U (UINT64_C(1) << 2)
#define S_A (UINT64_C(1) << 5)
#define S_D (UINT64_C(1) << 6)
#define S_PS (UINT64_C(1) << 7)
#define S_G (UINT64_C(1) << 8)
#define S_NX (UINT64_C(1) << 63)

/* Reserved in an entry of a host with 46 address bits (Intel SDM Vol. 3A 4.4.2, 4.5.4). */
#define RSVD_HOST UINT64_C(0x000fc00000000000)
#define RSVD_PAE UINT64_C(0x7ff0000000000000)
#define RSVD_PAE_PDPTE UINT64_C(0x80000000000001e6)
#define RSVD_2M UINT64_C(0x001fe000)
#define RSVD_1G UINT64_C(0x3fffe000)

#define CR0_PG_BIT (UINT64_C(1) << 31)
#define CR4_SMEP_BIT (UINT64_C(1) << 20)
#define CR4_SMAP_BIT (UINT64_C(1) << 21)

#define FOUR_GIB (UINT64_C(1) << 32)

void hw_forget_all(struct hw_tlb *t)
{
	for (unsigned i = 0; i < HW_LEAVES; i++)
		t->leaf[i].shift = 0;
	for (unsigned i = 0; i < HW_TABLES; i++)
		t->table[i].shift = 0;
}

void hw_forget_page(struct hw_tlb *t, uint64_t va)
{
	for (unsigned i = 0; i < HW_LEAVES; i++)
		if (t->leaf[i].page == va >> t->leaf[i].shift)
			t->leaf[i].shift = 0;
	for (unsigned i = 0; i < HW_TABLES; i++)
		if (t->table[i].tag == va >> t->table[i].shift)
			t->table[i].shift = 0;
}

static uint64_t reserved_bits(bool long_mode, unsigned level, uint64_t spte)
{
	uint64_t rsvd = RSVD_HOST | S_G; /* G is not reserved, but must not be there */

	if (!long_mode) {
		rsvd |= RSVD_PAE;
		if (level == 3)
			rsvd |= RSVD_PAE_PDPTE;
	}
	if (level > 3)
		rsvd |= S_PS;
	if (level == 3 && (spte & S_PS))
		rsvd |= RSVD_1G;
	if (level == 2 && (spte & S_PS))
		rsvd |= RSVD_2M;
	return rsvd;
}

static void check_leaf(unsigned level, uint64_t spte)
{
	uint64_t base = spte & HW_ADDR & ~((UINT64_C(1) << hw_shift(level)) - 1), gfn;
	unsigned frame = world_frame_of_pfn(base >> 12);
	enum p2m_kind kind;

	MODEL_CHECK(!(spte & S_W) || (spte & S_D),
		    "D is not set where W is: the processor "
		    "would write to the library's tables",
		    "spte 0x%llx", LLX(spte));
	MODEL_CHECK(frame != NO_FRAME && world_owner(frame, &gfn),
		    "I1: a shadow entry maps a frame that is not the guest's",
		    "spte 0x%llx at level %u", LLX(spte), level);
	world_frame(gfn, &kind);
	MODEL_CHECK(!(spte & S_W) || kind == P2M_RAM || world_in_change(),
		    "I1: a shadow entry allows writes to what is no RAM", "spte 0x%llx, gfn 0x%llx",
		    LLX(spte), LLX(gfn));
	MODEL_CHECK(level == 1 || world_in_change() ||
			    (level == 2 && gfn % PIECE_FRAMES == 0 && world_p2m(gfn).large),
		    "I1: a large shadow entry maps more than one piece of the guest's memory",
		    "spte 0x%llx at level %u, gfn 0x%llx", LLX(spte), level, LLX(gfn));
}

void hw_check_entry(const struct mmu_hw *hw, unsigned level, uint64_t spte)
{
	if (!(spte & S_P)) {
		MODEL_CHECK(!spte, "I13: a shadow entry that is not present is not 0",
			    "spte 0x%llx at level %u", LLX(spte), level);
		return;
	}
	MODEL_CHECK(!(spte & reserved_bits(hw->long_mode, level, spte)),
		    "a reserved bit or G in a shadow entry", "spte 0x%llx at level %u", LLX(spte),
		    level);
	MODEL_CHECK((spte & S_A) || (!hw->long_mode && level == 3),
		    "A is not set: the processor would write to the library's tables",
		    "spte 0x%llx at level %u", LLX(spte), level);
	if (hw_is_leaf(level, spte))
		check_leaf(level, spte);
	else
		world_table((spte & HW_ADDR) >> 12);
}

uint64_t hw_linear(const struct mmu_hw *hw, uint64_t va)
{
	unsigned unused = 64 - hw_shift(hw_levels(hw) + 1);

	if (!hw->long_mode)
		return (uint32_t)va;
	return (uint64_t)((int64_t)(va << unused) >> unused);
}

/* ---- a walk ---- */

struct walk {
	unsigned level;
	uint64_t pfn; /* of the table at `level` */
	bool w, u, nx;
};

/* Some processors hang of a page that they know by two sizes, the small one first (CVE-2018-12207). */
static void check_sizes(const struct hw_tlb *t, uint64_t va, unsigned shift)
{
	for (unsigned i = 0; i < HW_LEAVES; i++) {
		const struct hw_leaf *e = &t->leaf[i];

		MODEL_CHECK(!e->shift || e->shift >= shift ||
				    e->page >> (shift - e->shift) != va >> shift,
			    "I17: a large page comes where the TLB may hold a small one",
			    "va 0x%llx, small page at 0x%llx", LLX(va), LLX(e->page << e->shift));
	}
}

static void cache_leaf(struct hw_tlb *t, uint64_t va, unsigned shift, const struct hw_result *r,
		       unsigned whim)
{
	uint64_t page = va >> shift;
	unsigned i = t->next_leaf;

	if (whim & HW_NO_FILL)
		return;
	check_sizes(t, va, shift);
	/* Two translations of one page may be there at once; it is the older that is found. */
	if (!(whim & HW_GUESS))
		for (unsigned j = 0; j < HW_LEAVES; j++)
			if (t->leaf[j].shift == shift && t->leaf[j].page == page)
				i = j;
	if (i == t->next_leaf)
		t->next_leaf = (t->next_leaf + 1) % HW_LEAVES;
	t->leaf[i] = (struct hw_leaf){ page,  r->hpa & ~((UINT64_C(1) << shift) - 1),
				       shift, r->w,
				       r->u,  r->nx };
}

static void cache_table(struct hw_tlb *t, uint64_t va, const struct walk *w)
{
	unsigned shift = hw_shift(w->level + 1);

	for (unsigned i = 0; i < HW_TABLES; i++)
		if (t->table[i].shift == shift && t->table[i].tag == va >> shift &&
		    t->table[i].pfn == w->pfn)
			return;
	t->table[t->next_table] =
		(struct hw_table){ va >> shift, w->pfn, shift, w->w, w->u, w->nx };
	t->next_table = (t->next_table + 1) % HW_TABLES;
}

/* The lowest table that the paging-structure caches lead to. */
static void begin_walk(const struct hw_tlb *t, const struct mmu_hw *hw, uint64_t va, unsigned whim,
		       struct walk *w)
{
	*w = (struct walk){ hw_levels(hw), hw->root.v >> 12, true, true, false };
	MODEL_CHECK(hw->long_mode || hw->root.v < FOUR_GIB,
		    "I10: the root of PAE tables is not below 4 GiB", "0x%llx", LLX(hw->root.v));
	if (whim & HW_FROM_ROOT)
		return;
	for (unsigned i = 0; i < HW_TABLES; i++) {
		const struct hw_table *e = &t->table[i];
		unsigned level = (e->shift - 12) / 9;

		if (e->shift && e->tag == va >> e->shift && level < w->level)
			*w = (struct walk){ level, e->pfn, e->w, e->u, e->nx };
	}
}

static struct hw_result walk(struct hw_tlb *t, const struct mmu_hw *hw, uint64_t va, unsigned whim)
{
	struct walk w;

	for (begin_walk(t, hw, va, whim, &w);; w.level--) {
		unsigned shift = hw_shift(w.level);
		uint64_t mask = (UINT64_C(1) << shift) - 1;
		uint64_t spte = world_table(w.pfn)[va >> shift & 511];
		struct hw_result r;

		hw_check_entry(hw, w.level, spte);
		if (!(spte & S_P))
			return (struct hw_result){ .present = false };
		if (hw->long_mode || w.level < 3) {
			w.w = w.w && (spte & S_W);
			w.u = w.u && (spte & S_U);
			w.nx = w.nx || (spte & S_NX);
		}
		if (hw_is_leaf(w.level, spte)) {
			r = (struct hw_result){ true, (spte & HW_ADDR & ~mask) | (va & mask), w.w,
						w.u, w.nx };
			cache_leaf(t, va, shift, &r, whim);
			return r;
		}
		w.pfn = (spte & HW_ADDR) >> 12;
		if (!(whim & HW_NO_FILL)) {
			w.level--;
			cache_table(t, va, &w);
			w.level++;
		}
	}
}

struct hw_result hw_translate(struct hw_tlb *t, const struct mmu_hw *hw, uint64_t va, unsigned whim)
{
	va = hw_linear(hw, va);
	for (unsigned i = 0; i < HW_LEAVES && !(whim & HW_FORGETFUL); i++) {
		const struct hw_leaf *e = &t->leaf[i];

		if (e->shift && e->page == va >> e->shift)
			return (struct hw_result){ true,
						   e->hpa | (va & ((UINT64_C(1) << e->shift) - 1)),
						   e->w, e->u, e->nx };
	}
	return walk(t, hw, va, whim);
}

bool hw_permits(const struct mmu_regs *guest, const struct hw_result *r, unsigned access)
{
	bool paging = guest->cr0 & CR0_PG_BIT;
	bool smep = paging && (guest->cr4 & CR4_SMEP_BIT),
	     smap = paging && (guest->cr4 & CR4_SMAP_BIT);

	if (((access & REF_W) && !r->w) || ((access & REF_X) && r->nx))
		return false;
	if (access & REF_U)
		return r->u;
	if (!r->u)
		return true;
	return access & REF_X ? !smep : !smap || (access & REF_AC);
}

unsigned hw_permitted(const struct mmu_regs *guest, const struct hw_result *r)
{
	unsigned set = 0;

	for (unsigned access = 0; access < NR_REF_ACCESSES; access++)
		if (ref_is_access(access) && hw_permits(guest, r, access))
			set |= REF_SET(access);
	return set;
}

/* SPDX-License-Identifier: MIT */
/* The processor of fake_platform.h: its walks through the shadow tables, and its TLB. */
#include "tests/unit/fake_platform.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool paging_on(const struct mmu_vcpu *v)
{
	return v->regs.cr0 >> 31 & 1;
}

/* Reserved bits of an entry of ours: a host with 46 address bits, NXE on. G counts as one:
 * mmu/spte.h says why it is never set. */
static bool bad_bits(const struct mmu_vcpu *v, int level, uint64_t e)
{
	if (e & 0x100)
		return true;
	uint64_t rsvd = UINT64_C(0x000fc00000000000);

	if (!v->hw.long_mode) {
		rsvd |= UINT64_C(0x7ff0000000000000);
		if (level == 3)
			return e & (rsvd | UINT64_C(0x80000000000001e6));
	}
	if (level > 3 && (e & 0x80))
		return true;
	if (level == 3 && (e & 0x80))
		rsvd |= 0x3fffe000;
	if (level == 2 && (e & 0x80))
		rsvd |= 0x1fe000;
	return e & rsvd;
}

static bool refuses(const struct mmu_vcpu *v, bool w, bool u, bool x, unsigned access)
{
	bool user = access & MMU_ACC_USER, write = access & MMU_ACC_WRITE;
	bool fetch = access & MMU_ACC_FETCH, ac = access & MMU_ACC_AC;
	bool smep = paging_on(v) && (v->regs.cr4 >> 20 & 1);
	bool smap = paging_on(v) && (v->regs.cr4 >> 21 & 1);

	if (user && !u)
		return true;
	if (write && !w)
		return true;
	if (fetch && !x)
		return true;
	if (!user && u && fetch && smep)
		return true;
	return !user && u && !fetch && smap && !ac;
}

/* What a walk found, as a TLB keeps it. */
struct translation {
	bool valid;
	uint64_t va; /* of the page */
	unsigned shift;
	uint64_t hpa;
	bool w, u, x;
	uint64_t table; /* that the last entry read lies in, */
	int level; /* and its level */
};

static uint64_t page_of(uint64_t va, unsigned shift)
{
	return va & ~((UINT64_C(1) << shift) - 1);
}

static struct fake_hw_result walk(const struct mmu_vcpu *v, uint64_t va, unsigned access,
				  uint64_t table, int level, struct translation *t)
{
	uint32_t ec = access & (MMU_ACC_WRITE | MMU_ACC_USER | MMU_ACC_FETCH);

	t->w = t->u = t->x = true;
	for (;; level--) {
		int shift = 12 + 9 * (level - 1);
		uint64_t e = ((uint64_t *)mmu_map_pfn(PFN(table >> 12)))[va >> shift & 511];
		bool leaf = level == 1 || (e & 0x80);

		t->table = table;
		t->level = level;
		if (!(e & 1)) {
			if (e) /* I13 */
				abort();
			return (struct fake_hw_result){ .error_code = ec, .spte = e };
		}
		if (bad_bits(v, level, e)) {
			fprintf(stderr, "reserved bits in level %d: 0x%llx\n", level,
				(unsigned long long)e);
			abort();
		}
		if (v->hw.long_mode || level < 3) {
			t->w = t->w && (e & 2);
			t->u = t->u && (e & 4);
			t->x = t->x && !(e >> 63);
		}
		table = e & UINT64_C(0x000ffffffffff000);
		if (!leaf)
			continue;
		if (refuses(v, t->w, t->u, t->x, access))
			return (struct fake_hw_result){ .error_code = ec | 1, .spte = e };
		t->shift = shift;
		t->va = page_of(va, shift);
		t->hpa = page_of(table, shift);
		return (struct fake_hw_result){
			.ok = true, .hpa = t->hpa | (va - t->va), .spte = e, .large = level > 1
		};
	}
}

static struct fake_hw_result walk_all(const struct mmu_vcpu *v, uint64_t va, unsigned access,
				      struct translation *t)
{
	if (!v->hw.long_mode && v->hw.root.v >> 32)
		abort();
	return walk(v, va, access, v->hw.root.v, v->hw.levels, t);
}

static uint64_t effective(const struct mmu_vcpu *v, uint64_t va)
{
	return v->hw.long_mode ? va : va & 0xffffffff;
}

struct fake_hw_result fake_hw_access(const struct mmu_vcpu *v, uint64_t va, unsigned access)
{
	struct translation t;

	return walk_all(v, effective(v, va), access, &t);
}

/* ---- its TLB ---- */

#define TLB_ENTRIES 64
#define PDE_SHIFT 21

/* A pde is a translation whose `table` holds the 512 leaves of the 2 MiB at `va`. */
static struct tlb {
	struct translation leaf[TLB_ENTRIES], pde[TLB_ENTRIES];
	unsigned next_leaf, next_pde;
	/* Outside long mode the four PDPTEs are registers, loaded with CR3: at a flush. */
	uint64_t pdpte[4];
	bool has_pdptes;
} tlbs[MMU_MAX_VCPUS];

void fake_tlb_reset(void)
{
	memset(tlbs, 0, sizeof(tlbs));
}

void fake_tlb_flush(const struct mmu_vcpu *v)
{
	memset(&tlbs[v->id], 0, sizeof(tlbs[v->id]));
}

/* INVLPG drops every paging-structure cache entry (Intel SDM Vol. 3A 4.10.4.1). */
void fake_tlb_flush_page(const struct mmu_vcpu *v, uint64_t va)
{
	struct tlb *tlb = &tlbs[v->id];

	va = effective(v, va);
	for (unsigned i = 0; i < TLB_ENTRIES; i++)
		if (tlb->leaf[i].va == page_of(va, tlb->leaf[i].shift))
			tlb->leaf[i].valid = false;
	memset(tlb->pde, 0, sizeof(tlb->pde));
}

/* A page fault drops the translation that it went by. (It drops paging-structure cache entries,
 * too, says one manual; the other does not, so here they stay.) */
static void drop_faulting(struct tlb *tlb, uint64_t va)
{
	for (unsigned i = 0; i < TLB_ENTRIES; i++)
		if (tlb->leaf[i].va == page_of(va, tlb->leaf[i].shift))
			tlb->leaf[i].valid = false;
}

static const struct translation *lookup(const struct translation *list, uint64_t va)
{
	for (unsigned i = 0; i < TLB_ENTRIES; i++)
		if (list[i].valid && list[i].va == page_of(va, list[i].shift))
			return &list[i];
	return NULL;
}

/* Some processors hang of a page that they know by two sizes (CVE-2018-12207). */
static void must_not_overlap(const struct tlb *tlb, const struct translation *t)
{
	for (unsigned i = 0; i < TLB_ENTRIES; i++) {
		const struct translation *old = &tlb->leaf[i];

		if (!old->valid || old->shift >= t->shift || page_of(old->va, t->shift) != t->va)
			continue;
		fprintf(stderr, "0x%llx: a large page comes, and the TLB holds a small one\n",
			(unsigned long long)old->va);
		abort();
	}
}

static void keep_leaf(struct tlb *tlb, const struct translation *t)
{
	must_not_overlap(tlb, t);
	tlb->leaf[tlb->next_leaf] = *t;
	tlb->leaf[tlb->next_leaf].valid = true;
	tlb->next_leaf = (tlb->next_leaf + 1) % TLB_ENTRIES;
}

/* `table`: where the 512 leaves lie, present or not. */
static void keep_pde(struct tlb *tlb, uint64_t va, uint64_t table)
{
	tlb->pde[tlb->next_pde] = (struct translation){
		.valid = true, .va = page_of(va, PDE_SHIFT), .shift = PDE_SHIFT, .table = table
	};
	tlb->next_pde = (tlb->next_pde + 1) % TLB_ENTRIES;
}

/* The walk below the PDPTE that was latched. */
static struct fake_hw_result walk_latched(const struct mmu_vcpu *v, struct tlb *tlb, uint64_t va,
					  unsigned access, struct translation *t)
{
	uint64_t pdpte;

	if (v->hw.long_mode)
		return walk_all(v, va, access, t);
	if (!tlb->has_pdptes)
		memcpy(tlb->pdpte, mmu_map_pfn(hpa_to_pfn(v->hw.root)), sizeof(tlb->pdpte));
	tlb->has_pdptes = true;
	pdpte = tlb->pdpte[va >> 30];
	if (pdpte & 1)
		return walk(v, va, access, pdpte & ~UINT64_C(0xfff), 2, t);
	t->level = 3;
	return (struct fake_hw_result){ .error_code = access & 0x16 };
}

struct fake_hw_result fake_tlb_access(const struct mmu_vcpu *v, uint64_t va, unsigned access)
{
	struct tlb *tlb = &tlbs[v->id];
	const struct translation *leaf, *pde;
	struct fake_hw_result r;
	struct translation t;

	va = effective(v, va);
	leaf = lookup(tlb->leaf, va);
	pde = lookup(tlb->pde, va);
	if (leaf) {
		r = (struct fake_hw_result){ .ok = !refuses(v, leaf->w, leaf->u, leaf->x, access),
					     .hpa = leaf->hpa | (va - leaf->va),
					     .error_code = (access & 0x16) | 1 };
	} else {
		r = pde ? walk(v, va, access, pde->table, 1, &t)
			: walk_latched(v, tlb, va, access, &t);
		if (!pde && t.level == 1)
			keep_pde(tlb, va, t.table);
		if (r.ok)
			keep_leaf(tlb, &t);
	}
	if (!r.ok)
		drop_faulting(tlb, va);
	return r;
}

/* ---- the way of a fault ---- */

static enum mmu_result
run(struct mmu_vcpu *v, uint64_t va, unsigned access, struct mmu_fault *fault, uint64_t *hpa,
    unsigned *faults, struct fake_hw_result (*cpu)(const struct mmu_vcpu *, uint64_t, unsigned))
{
	for (unsigned i = 0; i < 4; i++) {
		struct fake_hw_result r = cpu(v, va, access);
		enum mmu_result res;

		if (r.ok) {
			if (hpa)
				*hpa = r.hpa;
			return MMU_FIXED;
		}
		if (faults)
			++*faults;
		res = mmu_fault(v, GVA(va), r.error_code | (access & MMU_ACC_AC), fault);
		if (fake_log.locked)
			abort();
		if (res != MMU_FIXED && res != MMU_RETRY)
			return res;
	}
	fprintf(stderr, "access to 0x%llx never ends\n", (unsigned long long)va);
	abort();
}

enum mmu_result fake_access(struct mmu_vcpu *v, uint64_t va, unsigned access,
			    struct mmu_fault *fault, uint64_t *hpa, unsigned *faults)
{
	return run(v, va, access, fault, hpa, faults, fake_hw_access);
}

enum mmu_result fake_tlb_run(struct mmu_vcpu *v, uint64_t va, unsigned access,
			     struct mmu_fault *fault, uint64_t *hpa, unsigned *faults)
{
	return run(v, va, access, fault, hpa, faults, fake_tlb_access);
}

static unsigned count(const struct mmu_vcpu *v, uint64_t table, int level)
{
	const uint64_t *e = mmu_map_pfn(PFN(table >> 12));
	unsigned n = 0;

	for (int i = 0; i < (level == 3 && !v->hw.long_mode ? 4 : 512); i++) {
		if (!(e[i] & 1))
			continue;
		if (level == 1 || (e[i] & 0x80))
			n++;
		else
			n += count(v, e[i] & UINT64_C(0x000ffffffffff000), level - 1);
	}
	return n;
}

unsigned fake_count_leaves(const struct mmu_vcpu *v)
{
	return count(v, v->hw.root.v, v->hw.levels);
}

/* SPDX-License-Identifier: MIT */
/*
 * From guest entries to shadow entries, for the engine `xi`.
 *
 * Keeps: I1 by spte.h and xi_is_protected(); I4: what an entry is made from is the guest's
 * entry and the role, nothing of the vCPU at hand; I9: reserved bits of the role's format;
 * I11: nothing here sets A or D.
 */
#include "mmu/xi_leaf.h"

#define SLOT_LEVEL 4 /* of tables whose entries lead to 512 GiB each */

static void set_rights(union xi_role *r, uint64_t rights)
{
	r->w = (rights & PTE_W) != 0;
	r->u = (rights & PTE_U) != 0;
	r->nx = (rights & PTE_NX) != 0;
}

struct xi_key xi_child_key(const struct xi_spage *s, unsigned i, uint64_t gpte)
{
	struct xi_key k = { .gfn = (gpte & PTE_ADDR) >> PAGE_SHIFT, .role = s->key.role };

	k.role.level--;
	k.role.quadrant = s->key.role.mode == PAGING_2LEVEL ? i % 2 : 0;
	set_rights(&k.role, xi_rights_below(s, gpte));
	return k;
}

struct xi_key xi_direct_key(union xi_role role, unsigned level, uint64_t gfn, uint64_t rights,
			    uint64_t gpte)
{
	struct xi_key k = { .gfn = gfn >> level * SPTE_INDEX_BITS << level * SPTE_INDEX_BITS,
			    .role = role };

	k.role.level = level;
	k.role.direct = 1;
	k.role.quadrant = 0;
	set_rights(&k.role, rights);
	k.role.dirty = (gpte & PTE_D) != 0;
	k.role.global = (gpte & PTE_G) != 0;
	return k;
}

uint64_t xi_direct_leaf(struct xi *x, const struct xi_spage *s, unsigned i)
{
	union xi_role r = s->key.role;
	uint64_t gpte = PTE_P | PTE_A | (r.dirty ? PTE_D : 0) | (r.global ? PTE_G : 0);

	return xi_make_leaf(x, s, xi_rights_below(s, PTE_W | PTE_U), gpte, s->key.gfn + i, 0);
}

bool xi_refresh_leaf(struct xi *x, struct xi_spage *s, unsigned i, bool fill)
{
	return xi_renew_leaf(x, s, i, fill);
}

/* A present, accessed entry for a table, without a reserved bit. */
static bool is_table(const struct xi_spage *s, uint64_t gpte)
{
	unsigned level = s->key.role.level;

	return (gpte & PTE_P) && ((gpte & PTE_A) || s->rom) && !(gpte & s->masks->odd[level]);
}

/* All that a guest root has: a 2-level one has a spage for each quadrant. */
static void note_torn(struct xi *x, uint64_t gfn) MMU_LOCKED
{
	for (struct xi_spage *s = xi_first_table(x, gfn); s; s = xi_next_table(x, s))
		s->torn = true;
}

/* An address space goes: its own tables, which nothing else leads to, go at once, and the root
 * is written freely until it is left. */
static void abandon(struct xi *x, struct xi_spage *root) MMU_LOCKED
{
	xi_for_each_used(i, root) {
		struct xi_spage *child = xi_child(x, root, i);

		if (!xi_entry_next(x, child->parents) && !child->roots)
			xi_zap(x, child, true);
	}
	xi_let_loose(x, root->key.gfn);
}

/*
 * The guest cleared the entry of `s` that led to `child`, as it does before it gives a table
 * back: unless another way leads to that, it goes. More of `s` is likely to be cleared next,
 * so it goes too (what it leads to stays, should this be wrong), and so do those above that
 * this leaves empty: writes to them need no exit then. Where that empties a whole slot of
 * 512 GiB, the address space is being taken down: its table of such slots goes with all below it,
 * if that is not the root itself. So is an address space that nobody is in.
 */
static void torn_down(struct xi *x, struct xi_spage *s, struct xi_spage *child) MMU_LOCKED
{
	if (!child->key.role.direct && xi_is_orphan(child))
		xi_zap(x, child, true);
	while (!s->roots) {
		struct xi_spage *parent;

		if (!s->parents) {
			xi_zap_orphans(x, s->key.gfn);
			return;
		}
		if (xi_entry_next(x, s->parents))
			return;
		parent = xi_entry_page(x, s->parents);
		xi_zap(x, s, s->key.role.level == SLOT_LEVEL);
		s = parent;
		if (s->nr_present && !s->roots && s->key.role.level < SLOT_LEVEL)
			return;
	}
	note_torn(x, s->key.gfn);
	if (s->key.role.level >= SLOT_LEVEL)
		abandon(x, s);
}

void xi_refresh_table(struct xi *x, struct xi_spage *s, unsigned i)
{
	uint64_t old = s->page.spt[i], gpte = xi_guest_entry(s, i);
	struct xi_spage *child;

	if (!old || !GUARD(I18_TABLES))
		return;
	if (spte_is_large(old)) {
		xi_set(x, s, i, 0, 0);
		return;
	}
	child = xi_child(x, s, i);
	if (is_table(s, gpte)) {
		struct xi_key want = xi_child_key(s, i, gpte);

		if (xi_same_key(&child->key, &want))
			return;
	}
	xi_set(x, s, i, 0, 0);
	if (!(gpte & PTE_P) && xi_has(x, MMU_OPT_TEARDOWN))
		torn_down(x, s, child);
}

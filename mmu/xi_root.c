/* SPDX-License-Identifier: MIT */
/*
 * What the processor's CR3 points to, for the engine `xi`. All under mmu_lock.
 *
 * A guest in long mode has one root spage, of level 4 or 5. Any other has four page directories,
 * and a page of the vCPU's own below 4 GiB with the PDPTEs that lead to them. Roots stay when CR3
 * leaves them, and are found again by their keys.
 *
 * Keeps: I6: a root is counted until the vCPU, which is out of guest mode now, has another;
 * I10: an absent PDPTE stays 0. A directory that goes while vCPUs have it is emptied and
 * stays behind their PDPTEs, so no PDPTE that another processor has latched ever changes.
 */
#include "mmu/xi.h"

#define FRAMES_1G_SHIFT (PAE_PDPTE_SHIFT - PAGE_SHIFT)

#define ROOT(mode_, level_) .level = (level_), .mode = (mode_), .w = 1, .u = 1

/* What of a root's role the mode decides. */
static const union xi_role root_of_mode[NR_PAGING_MODES] = {
	[PAGING_OFF] = { ROOT(PAGING_OFF, XI_TOP_PAE), .direct = 1, .dirty = 1 },
	[PAGING_2LEVEL] = { ROOT(PAGING_2LEVEL, XI_TOP_PAE) },
	[PAGING_PAE] = { ROOT(PAGING_PAE, XI_TOP_PAE) },
	[PAGING_4LEVEL] = { ROOT(PAGING_4LEVEL, 4) },
	[PAGING_5LEVEL] = { ROOT(PAGING_5LEVEL, 5) },
};

/* The role of a root of `v`, from its registers. */
static union xi_role role_of(const struct mmu_vcpu *v)
{
	enum mmu_paging_mode mode = v->pg.mode;
	union xi_role r = root_of_mode[mode];
	unsigned perm = v->pg.perm;
	bool wp = perm & PERM_WP;

	r.nxe = mode >= PAGING_PAE && (v->regs.efer & EFER_NXE);
	r.pse = mode == PAGING_2LEVEL && (v->regs.cr4 & CR4_PSE);
	r.wp = wp;
	r.smep = !wp && (perm & PERM_SMEP);
	r.smap = !wp && (perm & PERM_SMAP);
	return r;
}

static unsigned nr_roots(const struct mmu_vcpu *v)
{
	return v->hw.long_mode ? 1 : XI_ROOTS;
}

/* What leads to root number `i`, as far as that changes while the role does not. */
static inline uint64_t source_of(const struct mmu_vcpu *v, unsigned i)
{
	return v->pg.mode == PAGING_PAE ? v->pdpte[i] : v->pg.root;
}

/* The frame of root number `i` and its role; false: there is nothing there. */
static inline bool root_key(const struct mmu_vcpu *v, unsigned i, struct xi_key *k)
{
	const struct xi_vcpu *t = v->priv;

	k->role = t->role;
	switch (v->pg.mode) {
	case PAGING_OFF:
		k->gfn = (uint64_t)i << FRAMES_1G_SHIFT;
		return true;
	case PAGING_PAE:
		k->gfn = (v->pdpte[i] & PTE_ADDR) >> PAGE_SHIFT;
		return v->pdpte[i] & PTE_P;
	case PAGING_2LEVEL:
		k->role.quadrant = i;
		break;
	default:
		break;
	}
	k->gfn = v->pg.root >> PAGE_SHIFT;
	return true;
}

/* One that was being torn down while it was in use is let go with its last user: the guest is
 * about to give its table back. */
static void put(struct xi *x, struct xi_vcpu *t, unsigned i) MMU_LOCKED
{
	struct xi_spage *s = t->root[i];

	x->nr_turns++;
	t->root[i] = NULL;
	t->pdpte[i] = 0;
	if (!s)
		return;
	xi_put_root(x, s);
	if (s->state == XI_LIVE && s->torn && !s->roots)
		xi_zap(x, s, false);
}

static void set(struct xi_vcpu *t, unsigned i, struct xi_spage *s) MMU_LOCKED
{
	xi_get_root(s);
	t->root[i] = s;
	if (s->key.role.level == XI_TOP_PAE)
		t->pdpte[i] = pfn_to_hpa(s->page.pfn).v | SPTE_PDPTE;
}

static void set_hw_root(struct mmu_vcpu *v) MMU_LOCKED
{
	const struct xi_vcpu *t = v->priv;

	if (!v->hw.long_mode)
		v->hw.root = pfn_to_hpa(t->pdpt);
	else
		v->hw.root = pfn_to_hpa(t->root[0] ? t->root[0]->page.pfn : t->nothing);
}

/* Does each entry of `s` come from what the guest's table holds? Not where writes are let through,
 * nor in ROM, where an A bit that is set is lost. */
static bool says_all(const struct xi *x, const struct xi_spage *s) MMU_LOCKED
{
	return !s->rom && !xi_is_loose(x, s->key.gfn);
}

/* What the guest has in both, the kernel's half as a rule, leads to the same tables and large
 * pages: it is linked at once, where each entry would cost a fault. No way to them is new to the
 * vCPU, and the flush at hand brings in step what it covers. */
static void link_as(struct xi *x, struct xi_spage *s, const struct xi_spage *like) MMU_LOCKED
{
	xi_for_each_used(i, like) {
		if (xi_guest_entry(s, i) == xi_guest_entry(like, i))
			xi_set(x, s, i, like->page.spt[i], like->link[i].head);
	}
}

/* `like`: the root that was there before, or NULL. */
static struct xi_spage *new_root(struct xi *x, struct mmu_vcpu *v, const struct xi_key *k,
				 const struct xi_spage *like) MMU_LOCKED
{
	struct xi_spage *s = xi_new(x, v, k);

	if (!s)
		return NULL;
	xi_count(v, MMU_CNT_NEW_ROOT);
	if (like && !k->role.direct && like->key.role.word == k->role.word && says_all(x, like) &&
	    xi_has(x, MMU_OPT_PREFILL))
		link_as(x, s, like);
	return s;
}

/* Root number `i` is another one now: `k`, or none. Parts of an address space that were not used
 * in the one before are left for the fault that needs them. */
static void change_root(struct xi *x, struct mmu_vcpu *v, unsigned i,
			const struct xi_key *k) MMU_LOCKED
{
	struct xi_vcpu *t = v->priv;
	struct xi_spage *s = NULL;

	if (k && k->gfn < x->mmu->config.frames) {
		s = xi_find(x, k);
		if (!s && (t->root[i] || k->role.level > XI_TOP_PAE))
			s = new_root(x, v, k, t->root[i]);
	}
	if (s == t->root[i])
		return;
	put(x, t, i);
	if (s)
		set(t, i, s);
}

void xi_set_roots(struct xi *x, struct mmu_vcpu *v)
{
	struct xi_vcpu *t = v->priv;
	unsigned n = nr_roots(v);

	for (unsigned i = 0; i < n; i++) {
		const struct xi_spage *s = t->root[i];
		uint64_t source = source_of(v, i);
		struct xi_key k;

		if (likely(t->source[i] == source && (!s || s->state == XI_LIVE)))
			continue;
		t->source[i] = source;
		change_root(x, v, i, root_key(v, i, &k) ? &k : NULL);
	}
	set_hw_root(v);
}

void xi_set_role(struct xi *x, struct mmu_vcpu *v)
{
	struct xi_vcpu *t = v->priv;

	t->role = role_of(v);
	for (unsigned i = 0; i < XI_ROOTS; i++)
		t->source[i] = XI_NO_SOURCE;
	for (unsigned i = nr_roots(v); i < XI_ROOTS; i++)
		put(x, t, i);
}

struct xi_spage *xi_make_root_for(struct xi *x, struct mmu_vcpu *v, unsigned i)
{
	struct xi_vcpu *t = v->priv;
	struct xi_spage *s;
	struct xi_key k;

	put(x, t, i);
	xi_tighten(x);
	if (!root_key(v, i, &k) || k.gfn >= x->mmu->config.frames)
		return NULL;
	s = xi_find(x, &k);
	if (!s)
		s = new_root(x, v, &k, NULL);
	else if (GUARD(I2_NEW_PATH))
		xi_sync_below(x, v, s);
	if (!s)
		return NULL;
	set(t, i, s);
	set_hw_root(v);
	xi_flush_hw(x, v); /* the processor may have latched what was there */
	return s;
}

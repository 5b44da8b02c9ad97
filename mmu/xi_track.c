/* SPDX-License-Identifier: MIT */
/*
 * Writes to guest tables, for the engine `xi`: protection, going out of sync and back.
 *
 * Keeps: I2: a frame that gets another spage is in step first; I3: in sync only when W is gone
 * from every mapping and no processor holds it; I18: only tables of level 1 go OOS.
 */
#include "mmu/xi.h"

#define FLOOD 3 /* writes in a row, with no use between them, that tell a torn-down table */
#define MIN_WRITE 4 /* bytes: PAE kernels write entries by halves, nobody by less */

void xi_forbid_frame(struct xi *x, uint64_t gfn)
{
	for (uint32_t n = x->frame[gfn].rmap; n; n = xi_entry_next(x, n))
		xi_forbid_write(x, xi_entry_page(x, n), xi_entry_index(n));
}

/* Take W from all that maps `gfn`. Large leaves go whole: the region has a table now. */
static void protect(struct xi *x, uint64_t gfn) MMU_LOCKED
{
	uint32_t *large = &x->region[gfn / SPTE_ENTRIES].rmap;

	xi_forbid_frame(x, gfn);
	while (*large)
		xi_set(x, xi_entry_page(x, *large), xi_entry_index(*large), 0, 0);
}

void xi_resync(struct xi *x, struct mmu_vcpu *v, uint64_t gfn)
{
	if (GUARD(I3_PROTECT))
		protect(x, gfn);
	if (GUARD(I3_SETTLE))
		xi_settle(x, v);
	/* Before they are compared: one may map the very frame. */
	for (struct xi_spage *s = xi_first_table(x, gfn); s; s = xi_next_table(x, s)) {
		s->oos = false;
		x->nr_oos--;
		list_del(&s->oos_node);
	}
	for (struct xi_spage *s = xi_first_table(x, gfn); s; s = xi_next_table(x, s))
		xi_sync(x, v, s);
	xi_count(v, MMU_CNT_RESYNC);
}

static bool may_unsync(struct xi *x, uint64_t gfn, bool *unused) MMU_LOCKED
{
	*unused = true;
	for (struct xi_spage *s = xi_first_table(x, gfn); s; s = xi_next_table(x, s)) {
		if (s->key.role.level > 1 && GUARD(I18_LEAVES))
			return false;
		if (s->parents || s->roots)
			*unused = false;
	}
	return xi_has(x, MMU_OPT_OOS);
}

/* Too many are OOS. One that nothing leads to is no table any more. */
static void evict_oldest(struct xi *x, struct mmu_vcpu *v) MMU_LOCKED
{
	struct xi_spage *s = list_entry(x->oos.prev, struct xi_spage, oos_node);

	if (s->parents)
		xi_resync(x, v, s->key.gfn);
	else
		xi_zap(x, s, false);
}

/* Has it spages that are in step with it? All of a frame are, or none is. */
static bool is_in_step(const struct xi *x, uint64_t gfn) MMU_LOCKED
{
	const struct xi_spage *s = xi_first_table(x, gfn);

	return s && !s->oos;
}

static void go_oos(struct xi *x, struct xi_spage *s) MMU_LOCKED
{
	s->oos = true;
	s->calm = 0;
	list_add(&x->oos, &s->oos_node);
	x->nr_oos++;
}

bool xi_unsync(struct xi *x, struct mmu_vcpu *v, uint64_t gfn)
{
	bool unused;

	if (!may_unsync(x, gfn, &unused))
		return false;
	if (unused && xi_has(x, MMU_OPT_TEARDOWN)) {
		xi_zap_frame(x, gfn, true);
		xi_count(v, MMU_CNT_UNSHADOW);
		return true;
	}
	if (x->nr_oos >= x->max_oos)
		evict_oldest(x, v);
	for (struct xi_spage *s = xi_first_table(x, gfn); s; s = xi_next_table(x, s))
		go_oos(x, s);
	xi_count(v, MMU_CNT_UNSYNC);
	return true;
}

/*
 * A leaf table that is new is being filled as a rule, so it is born out of sync: its first
 * write needs no exit, and W stays where it is. Its entries are made from what the guest's
 * table holds at that moment, like all of OOS tables.
 */
static bool born_oos(struct xi *x, struct mmu_vcpu *v, struct xi_spage *s) MMU_LOCKED
{
	uint64_t gfn = s->key.gfn;

	if (s->key.role.level > 1 || !xi_has(x, MMU_OPT_OOS) || !xi_has(x, MMU_OPT_BORN))
		return false;
	if (x->nr_oos >= x->max_oos && !is_in_step(x, gfn))
		evict_oldest(x, v);
	/* Asked once more: the oldest may have been of this frame. */
	if (is_in_step(x, gfn))
		return false;
	go_oos(x, s);
	return true;
}

void xi_track(struct xi *x, struct mmu_vcpu *v, struct xi_spage *s)
{
	uint64_t gfn = s->key.gfn;
	const struct xi_spage *other;

	if (born_oos(x, v, s))
		return;
	other = xi_first_table(x, gfn);
	if (other && other->oos) {
		xi_resync(x, v, gfn);
	} else if (!other) {
		if (GUARD(I3_TRACK))
			protect(x, gfn);
		xi_settle(x, v);
	}
}

/* The entries of `s` behind bytes offset..offset+len-1 of its guest table. */
static void refresh_range(struct xi *x, struct xi_spage *s, unsigned offset,
			  unsigned len) MMU_LOCKED
{
	bool is_2level = s->key.role.mode == PAGING_2LEVEL;
	unsigned bytes = xi_entry_bytes(s);
	unsigned each = is_2level && s->key.role.level == XI_TOP_PAE ? 2 : 1;
	int first = (int)(offset / bytes), last = (int)((offset + len - 1) / bytes);
	int skip = (int)(s->key.role.quadrant * (SPTE_ENTRIES / each));

	for (int i = (first - skip) * (int)each; i < (last + 1 - skip) * (int)each; i++) {
		if (i < 0 || i >= (int)SPTE_ENTRIES)
			continue;
		if (s->key.role.level == 1)
			xi_refresh_leaf(x, s, (unsigned)i, xi_has(x, MMU_OPT_PREFILL));
		else
			xi_refresh_table(x, s, (unsigned)i);
		if (s->state != XI_LIVE)
			return;
	}
}

/* Is this how a table is cleared away or reused, and no vCPU stands on it? */
static bool looks_reused(struct xi *x, uint64_t gfn, unsigned offset, unsigned len) MMU_LOCKED
{
	bool reused = len < MIN_WRITE || offset % MIN_WRITE;

	for (struct xi_spage *s = xi_first_table(x, gfn); s; s = xi_next_table(x, s)) {
		if (s->roots)
			return false;
		if (s->key.role.level > 1 && ++s->writes > FLOOD)
			reused = true;
	}
	return reused && xi_has(x, MMU_OPT_TEARDOWN);
}

void xi_table_written(struct xi *x, uint64_t gfn, unsigned offset, unsigned len)
{
	struct xi_spage *s = xi_first_table(x, gfn);

	if (likely(!s))
		return;
	if (looks_reused(x, gfn, offset, len)) {
		xi_zap_frame(x, gfn, true);
		return;
	}
	while (s) {
		unsigned zaps = x->nr_zaps;

		refresh_range(x, s, offset, len);
		/* A table that went may have been one of this frame: look at all again. */
		s = zaps == x->nr_zaps ? xi_next_table(x, s) : xi_first_table(x, gfn);
	}
}

void xi_zap_other_size(struct xi *x, uint64_t gfn, unsigned bytes)
{
	struct xi_spage *s = xi_first_table(x, gfn);

	while (s) {
		if (likely(xi_entry_bytes(s) == bytes)) {
			s = xi_next_table(x, s);
			continue;
		}
		xi_zap(x, s, false);
		s = xi_first_table(x, gfn);
	}
}

void xi_tighten(struct xi *x)
{
	for (unsigned i = 0; i < XI_MAX_LOOSE; i++) {
		uint64_t gfn = x->loose[i];

		x->loose[i] = XI_NO_FRAME;
		if (gfn != XI_NO_FRAME)
			xi_zap_frame(x, gfn, false);
	}
	x->mmu->is_behind = false;
}

void xi_let_loose(struct xi *x, uint64_t gfn)
{
	if (xi_is_loose(x, gfn))
		return;
	if (x->loose[0] != XI_NO_FRAME && x->loose[1] != XI_NO_FRAME)
		xi_tighten(x);
	x->loose[x->loose[0] != XI_NO_FRAME] = gfn;
	x->mmu->is_behind = true;
}

bool xi_let_go(struct xi *x, struct mmu_vcpu *v, uint64_t gfn)
{
	if (!xi_is_protected(x, gfn))
		return false;
	if (x->let_go == gfn)
		xi_let_loose(x, gfn);
	else
		xi_zap_frame(x, gfn, true);
	x->let_go = gfn;
	xi_count(v, MMU_CNT_UNSHADOW);
	return true;
}

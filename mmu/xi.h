/* SPDX-License-Identifier: MIT */
/*
 * The engine `xi`: its structures, and what its files call of each other.
 *
 * A shadow page (spage) is one shadow table. An *indirect* one shadows a guest table; a
 * *direct* one maps guest-physical memory as it is: a piece of a large guest page, or memory
 * under a guest with paging off. An spage is found by its key (gfn, role), which holds all
 * that its entries depend on and never changes (I4); it is shared by every path and root
 * that leads to the same key, and kept when nobody uses it.
 *
 * A guest table with an spage is *protected*: no entry lets the guest write it, so every
 * change is seen and its spages are in step with it. Only a table whose spages are all of
 * level 1 may go *out of sync* (OOS): the guest writes it freely, and at each flush that
 * covers it, it is compared with what its entries were made from. Tables above are never OOS
 * (I18), so a walk down the shadow is a walk down the guest's tables as they are.
 *
 * A present entry is linked into one list (I7): a leaf into that of the frame or, if large,
 * the 2 MiB region that it maps (the reverse map, I8), a table entry into that of the spage
 * that it leads to. Links lie beside the entries, so that linking needs no memory (I6).
 *
 * Everything here is guarded by mmu_lock.
 */
#ifndef MMU_XI_H
#define MMU_XI_H

#include "mmu/engine.h"
#include "mmu/guard.h"
#include "mmu/list.h"
#include "mmu/pool.h"
#include "mmu/spte.h"

#define XI_TOP_PAE 2 /* level of the four directories of a guest that is not in long mode */
#define XI_ROOTS PAE_PDPTES
#define XI_MAX_OOS 64 /* tables; the oldest is brought back when there are more, */
#define XI_OOS_SHARE 4 /* or in a small pool when they are this part of it */
#define XI_MAX_LOOSE 2
#define XI_NO_FRAME (~UINT64_C(0))
#define XI_NO_SOURCE (~UINT64_C(0)) /* reserved bits: no register holds it */
#define XI_LONGEST_PATH MMU_MAX_LEVELS /* spages that one fill may take */

/* The second half of the key. Rights are those of all guest entries above the table, so that a
 * leaf holds the effective ones (I1) and table entries hold none. */
union xi_role {
	uint32_t word;
	struct {
		uint32_t level: 3; /* of the shadow table, 1: leaves */
		uint32_t mode: 3; /* enum mmu_paging_mode: the format of the guest's tables */
		uint32_t direct: 1;
		uint32_t quadrant: 2; /* which part of a 2-level table of 1024 entries */
		uint32_t w: 1, u: 1, nx: 1; /* inherited rights; direct: the page's own too */
		uint32_t dirty: 1, global: 1; /* direct: D and G of the large guest entry */
		uint32_t nxe: 1, pse: 1; /* they decide what is a reserved bit, a large page */
		uint32_t wp: 1, smep: 1, smap: 1; /* the last two only without WP */
	};
};

struct xi_key {
	uint64_t gfn; /* of the guest table; direct: the first frame mapped */
	union xi_role role;
};

/* Beside each entry: its neighbours in the list that it is in, by number of entry (0: none),
 * and which list that is: stored, never recomputed (I8). */
struct xi_link {
	uint32_t next, prev;
	uint64_t head; /* XI_HEAD_... | number */
};

#define XI_HEAD_FRAME (UINT64_C(0) << 62)
#define XI_HEAD_REGION (UINT64_C(1) << 62)
#define XI_HEAD_PAGE (UINT64_C(2) << 62)
#define XI_HEAD_KIND (UINT64_C(3) << 62)

/* I5: no part of the key. DYING: a vCPU still has it as root; it is empty, nobody finds it. */
enum xi_state { XI_FREE, XI_LIVE, XI_DYING };

struct xi_spage {
	struct mmu_spage page; /* first: the pool's */
	struct xi_link *link; /* one an entry */
	uint64_t *snap; /* indirect, level 1: guest entries that present entries were made from */
	const uint8_t *guest; /* indirect: the part of the guest table that it shadows */
	const struct pt_masks *masks; /* indirect: reserved bits of its format */
	struct xi_key key;
	uint64_t rights_and, rights_or; /* the role's: xi_rights_below() */
	uint32_t index; /* its own number */
	uint32_t next_same MMU_GUARDED; /* next spage of the same frame or region, by number + 1 */
	uint32_t parents MMU_GUARDED; /* list of the entries that lead here */
	uint32_t roots MMU_GUARDED; /* vCPUs that have it as root, or part of it */
	uint64_t used[SPTE_ENTRIES / 64] MMU_GUARDED; /* a bit for each present entry */
	uint16_t nr_present MMU_GUARDED;
	uint16_t nr_local MMU_GUARDED; /* leaves that a CR3 load flushes */
	/* neighbours that the next fill looks at, if it begins there */
	uint16_t window MMU_GUARDED, window_end MMU_GUARDED;
	uint8_t state MMU_GUARDED; /* enum xi_state */
	uint8_t calm MMU_GUARDED; /* OOS: flushes in a row that found no change */
	/* above level 1: seen writes since the latest fill that went through */
	uint8_t writes MMU_GUARDED;
	bool oos MMU_GUARDED;
	bool torn MMU_GUARDED; /* an entry was cleared while vCPUs had it as root */
	bool rom; /* the guest table lies in ROM: A and D bits written to it are lost */
	struct mmu_list lru MMU_GUARDED; /* in xi.lru: all LIVE, most recently linked first */
	struct mmu_list oos_node MMU_GUARDED; /* in xi.oos, most recent first */
};

/* A guest frame. */
struct xi_frame {
	uint32_t rmap MMU_GUARDED; /* list of the 4 KiB leaves that map it */
	uint32_t tables MMU_GUARDED; /* its indirect spages, by number + 1 */
};

/* 2 MiB of guest-physical memory. */
struct xi_region {
	uint32_t rmap MMU_GUARDED; /* list of the large leaves that map it */
	uint32_t direct MMU_GUARDED; /* direct spages that begin here, by number + 1 */
	/* Frames in it that have spages: then nothing large is made for it, and where one of
	 * them is protected, nothing large maps it. */
	uint32_t nr_tables MMU_GUARDED;
	/* It had one, and is mapped in small pieces still: tables come and go, and to split it
	 * each time costs more than small pieces do. Until a piece is let go. */
	bool split MMU_GUARDED;
};

struct xi {
	struct mmu *mmu;
	unsigned options; /* enum mmu_option */
	struct mmu_pool pool;
	struct xi_link *links; /* of all spages */
	uint64_t *snaps;
	struct mmu_spage *limbo MMU_GUARDED; /* freed, but some processor may still walk them */
	unsigned nr_limbo MMU_GUARDED;
	struct xi_frame *frame; /* config.frames of them */
	struct xi_region *region;
	uint64_t nr_regions;
	struct mmu_list lru MMU_GUARDED, oos MMU_GUARDED;
	unsigned nr_oos MMU_GUARDED;
	unsigned max_oos; /* see XI_MAX_OOS */
	/*
	 * vCPUs, a bit each, whose hardware may know what the shadow no longer says: an
	 * entry dropped or narrowed (stale), a table entry or a large leaf among them, so that
	 * more than one page is meant (mmu->wide). A hardware flush clears both.
	 */
	unsigned stale MMU_GUARDED, everybody MMU_GUARDED;
	unsigned nr_vcpus MMU_GUARDED; /* bits in `everybody` */
	uint64_t nr_changes MMU_GUARDED; /* of entries, so far */
	/* table entries and roots that lead elsewhere now, so far */
	uint64_t nr_turns MMU_GUARDED;
	/* so far: whoever goes along a list sees that it has changed */
	unsigned nr_zaps MMU_GUARDED;
	/*
	 * A table that an instruction writes which the emulator lacks is let go. If it comes back
	 * at once, because the instruction's own way goes through it, it is let *loose*: shadowed
	 * and yet not protected, until anybody flushes or a way to it is added, when it is
	 * let go. No instruction writes more than two. The root of an address space that is
	 * being taken down is loose too.
	 */
	uint64_t let_go MMU_GUARDED, loose[XI_MAX_LOOSE] MMU_GUARDED; /* frames; XI_NO_FRAME */
	struct pt_masks masks[NR_PAGING_MODES][2][2]; /* by mode, NXE, PSE */
};

struct xi_vcpu {
	union xi_role role; /* of its roots */
	struct xi_spage *root[XI_ROOTS]; /* long mode: the first only; NULL: not made yet */
	uint64_t source[XI_ROOTS]; /* the register that each is for, so that a change shows */
	uint64_t *pdpte; /* the four PDPTEs that lead to them, below 4 GiB */
	pfn_t pdpt;
	/* The leaf table that was used last and the 2 MiB that it maps, good while no way has
	 * turned: faults and INVLPGs come in runs. */
	struct xi_spage *recent;
	uint64_t recent_2m, recent_turns;
	gva_t refused; /* address of the latest fault that found its entry made already, */
	uint64_t refused_at; /* and xi.nr_changes then */
	pfn_t nothing; /* an empty table: root of long mode where CR3 points to no memory */
	uint8_t has_pages; /* how many of the two are allocated */
};

static inline struct xi *xi_of(const struct mmu *m)
{
	return m->priv;
}

static inline bool xi_has(const struct xi *x, enum mmu_option o)
{
	return x->options & o;
}

static inline void xi_count(struct mmu_vcpu *v, enum mmu_counter c)
{
	if (v)
		v->stats.count[c]++;
}

static inline unsigned xi_level_shift(unsigned level)
{
	return PAGE_SHIFT + (level - 1) * SPTE_INDEX_BITS;
}

static inline struct xi_spage *xi_page(const struct xi *x, uint32_t index)
{
	return (struct xi_spage *)(void *)(x->pool.items + (size_t)index * sizeof(struct xi_spage));
}

/* The spage that table entry `i` of `s` leads to. */
static inline struct xi_spage *xi_child(const struct xi *x, const struct xi_spage *s, unsigned i)
{
	return xi_page(x, (uint32_t)s->link[i].head);
}

static inline bool xi_is_leaf(const struct xi_spage *s, uint64_t spte)
{
	return s->key.role.level == 1 || spte_is_large(spte);
}

static inline bool xi_same_key(const struct xi_key *a, const struct xi_key *b)
{
	return a->gfn == b->gfn && a->role.word == b->role.word;
}

/* The indirect spages of a frame, one by one. */
static inline struct xi_spage *xi_first_table(const struct xi *x, uint64_t gfn) MMU_LOCKED
{
	uint32_t n = x->frame[gfn].tables;

	return n ? xi_page(x, n - 1) : NULL;
}

static inline struct xi_spage *xi_next_table(const struct xi *x,
					     const struct xi_spage *s) MMU_LOCKED
{
	return s->next_same ? xi_page(x, s->next_same - 1) : NULL;
}

/* Nothing leads to it. */
static inline bool xi_is_orphan(const struct xi_spage *s) MMU_LOCKED
{
	return s->state == XI_LIVE && !s->parents && !s->roots;
}

/* ---- xi_list.c: entries and the lists that they are in ---- */

/* Entries by number, 1 and up. */
static inline uint32_t xi_entry_nr(const struct xi_spage *s, unsigned i)
{
	return s->index * SPTE_ENTRIES + i + 1;
}

static inline struct xi_spage *xi_entry_page(const struct xi *x, uint32_t nr)
{
	return xi_page(x, (nr - 1) / SPTE_ENTRIES);
}

static inline unsigned xi_entry_index(uint32_t nr)
{
	return (nr - 1) % SPTE_ENTRIES;
}

/* The next entry in the same list, or 0. */
static inline uint32_t xi_entry_next(const struct xi *x, uint32_t nr)
{
	return xi_entry_page(x, nr)->link[xi_entry_index(nr)].next;
}

/* The first present entry of `s` from `i` on, which may go before the next one is asked for;
 * SPTE_ENTRIES: none. */
static inline unsigned xi_next_used(const struct xi_spage *s, unsigned i) MMU_LOCKED
{
	while (i < SPTE_ENTRIES) {
		uint64_t used = s->used[i / 64] >> i % 64;

		if (used)
			return i + (unsigned)__builtin_ctzll(used);
		i = (i / 64 + 1) * 64;
	}
	return i;
}

#define xi_for_each_used(i, s) \
	for (unsigned i = xi_next_used(s, 0); i < SPTE_ENTRIES; i = xi_next_used(s, i + 1))

/* The first entry of the list `head`. */
uint32_t *xi_head(struct xi *x, uint64_t head) MMU_LOCKED;

/*
 * How entries change (I7): entry `i` of `s` becomes `spte`, in the list `head` (which means nothing
 * if `spte` is 0). Marks what the hardware may know too much of now.
 */
void xi_set(struct xi *x, struct xi_spage *s, unsigned i, uint64_t spte, uint64_t head) MMU_LOCKED;

/* Is it a leaf that a CR3 load flushes? */
static inline bool xi_is_local(const struct xi_spage *s, uint64_t spte)
{
	return xi_is_leaf(s, spte) && !(spte & SPTE_GLOBAL);
}

/* Somebody's hardware may know more of `s` than it says now. */
static inline void xi_note_stale(struct xi *x, const struct xi_spage *s) MMU_LOCKED
{
	if (GUARD(I17_STALE))
		x->stale = x->everybody;
	if (s->key.role.level > 1) {
		x->mmu->wide = x->everybody;
		x->nr_turns++;
	}
}

/* xi_set() where the entry is in that list already. */
static inline void xi_change(struct xi *x, struct xi_spage *s, unsigned i, uint64_t spte) MMU_LOCKED
{
	uint64_t old = s->page.spt[i];

	x->nr_changes++;
	__atomic_store_n(&s->page.spt[i], spte, __ATOMIC_RELAXED);
	if (unlikely((spte ^ old) & (SPTE_GLOBAL | PTE_PS)))
		s->nr_local += xi_is_local(s, spte) - xi_is_local(s, old);
	xi_note_stale(x, s);
}

/* Take W away from entry `i`. */
void xi_forbid_write(struct xi *x, struct xi_spage *s, unsigned i) MMU_LOCKED;

/* ---- xi_pages.c: spages from birth to death ---- */

struct xi_spage *xi_find(struct xi *x, const struct xi_key *key) MMU_LOCKED;

/* A new spage; the pool is not empty and no spage has this key. Its guest table is protected, in
 * step and settled when this returns. NULL: there is no memory at its frame (now: the p2m
 * may change without the lock, so it is asked once). */
struct xi_spage *xi_new(struct xi *x, struct mmu_vcpu *v, const struct xi_key *key) MMU_LOCKED;

/* Let `s` go: no entry leads to it, it has none, nobody finds it. `deep`: and what only it led
 * to. It stays DYING while a vCPU has it as root. */
void xi_zap(struct xi *x, struct xi_spage *s, bool deep) MMU_LOCKED;

/* All spages of a frame; those that nothing leads to. */
void xi_zap_frame(struct xi *x, uint64_t gfn, bool deep) MMU_LOCKED;
void xi_zap_orphans(struct xi *x, uint64_t gfn) MMU_LOCKED;
void xi_zap_all(struct xi *x) MMU_LOCKED;

void xi_get_root(struct xi_spage *s) MMU_LOCKED;
void xi_put_root(struct xi *x, struct xi_spage *s) MMU_LOCKED;

/* Make sure that XI_LONGEST_PATH spages can be taken (I6). `v` may be anywhere but in a fill. */
void xi_reserve(struct xi *x, struct mmu_vcpu *v) MMU_LOCKED;

/* Nobody's hardware knows more than the shadow any more. `v`: on whose CPU we are, or NULL. */
void xi_settle(struct xi *x, struct mmu_vcpu *v) MMU_LOCKED;

/* The same, of `v` alone, as the guest asked. */
void xi_flush_hw(struct xi *x, struct mmu_vcpu *v) MMU_LOCKED;

/* ---- xi_track.c: writes to guest tables ---- */

static inline bool xi_is_loose(const struct xi *x, uint64_t gfn) MMU_LOCKED
{
	return gfn == x->loose[0] || gfn == x->loose[1];
}

/* May no entry let the guest write this frame? */
static inline bool xi_is_protected(const struct xi *x, uint64_t gfn) MMU_LOCKED
{
	uint32_t t = x->frame[gfn].tables;

	return unlikely(t) && !xi_page(x, t - 1)->oos && !xi_is_loose(x, gfn);
}

/* Take W from all small leaves that map frame `gfn`. */
void xi_forbid_frame(struct xi *x, uint64_t gfn) MMU_LOCKED;

/* Nothing is loose any more. */
void xi_tighten(struct xi *x) MMU_LOCKED;

/* `gfn` is loose from now on; none of the earlier ones if there are two. */
void xi_let_loose(struct xi *x, uint64_t gfn) MMU_LOCKED;

/* See mmu_unshadow(). */
bool xi_let_go(struct xi *x, struct mmu_vcpu *v, uint64_t gfn) MMU_LOCKED;

/* `s` is about to join the spages of its frame: protect that and bring those that it has in
 * step; or `s` is OOS from the beginning. */
void xi_track(struct xi *x, struct mmu_vcpu *v, struct xi_spage *s) MMU_LOCKED;

/* A guest table is protected, compared for the last time and no longer OOS. */
void xi_resync(struct xi *x, struct mmu_vcpu *v, uint64_t gfn) MMU_LOCKED;

/* The guest writes to a protected frame. True: it may; false: the write must be emulated. */
bool xi_unsync(struct xi *x, struct mmu_vcpu *v, uint64_t gfn) MMU_LOCKED;

/* Let the spages of a frame go whose guest entries have not `bytes` bytes. */
void xi_zap_other_size(struct xi *x, uint64_t gfn, unsigned bytes) MMU_LOCKED;

/* We wrote to it. */
void xi_table_written(struct xi *x, uint64_t gfn, unsigned offset, unsigned len) MMU_LOCKED;

/* ---- xi_entry.c: from guest entries to shadow entries ---- */

/* Bytes of a guest entry. */
static inline unsigned xi_entry_bytes(const struct xi_spage *s)
{
	return s->key.role.mode == PAGING_2LEVEL ? sizeof(uint32_t) : sizeof(uint64_t);
}

/* Where in s->guest the entry behind entry `i` is. A guest directory's entry of the 2-level
 * format maps 4 MiB, two of ours. */
static inline unsigned xi_guest_index(const struct xi_spage *s, unsigned i)
{
	return s->key.role.mode == PAGING_2LEVEL && s->key.role.level == XI_TOP_PAE ? i / 2 : i;
}

/* The guest's entry behind entry `i`, now. */
static inline uint64_t xi_guest_entry(const struct xi_spage *s, unsigned i)
{
	const void *g = s->guest;

	if (unlikely(s->key.role.mode == PAGING_2LEVEL))
		return __atomic_load_n((const uint32_t *)g + xi_guest_index(s, i),
				       __ATOMIC_RELAXED);
	return __atomic_load_n((const uint64_t *)g + i, __ATOMIC_RELAXED);
}

/* Is the guest's entry, which is `now`, still what a walk saw? */
static inline bool xi_is_still(const struct xi_spage *s, uint64_t now, uint64_t gpte)
{
	uint64_t differ = now ^ gpte;

	if (unlikely(s->rom))
		differ &= ~(PTE_A | PTE_D);
	return !differ;
}

/* Note what entry `i` of level 1 is made from. */
static inline void xi_note_snap(struct xi_spage *s, unsigned i, uint64_t gpte)
{
	if (unlikely(s->key.role.mode == PAGING_2LEVEL))
		((uint32_t *)s->snap)[i] = (uint32_t)gpte;
	else
		s->snap[i] = gpte;
}

/* What a leaf in `s` may do whose own entry is `gpte`: effective rights, as of a walk. W and U of
 * both, NX of either. */
static inline uint64_t xi_rights_below(const struct xi_spage *s, uint64_t gpte)
{
	return (gpte & s->rights_and) | s->rights_or;
}

/* The frame that guest entry `gpte` of a table at level 1 maps. */
static inline uint64_t xi_leaf_gfn(uint64_t gpte)
{
	return (gpte & PTE_ADDR) >> PAGE_SHIFT;
}

/* The leaf for entry `i` of a direct spage of level 1, made without an access. 0: no memory. */
uint64_t xi_direct_leaf(struct xi *x, const struct xi_spage *s, unsigned i) MMU_LOCKED;

/* The key of the spage that the guest's table entry `gpte` at entry `i` of `s` leads to. */
struct xi_key xi_child_key(const struct xi_spage *s, unsigned i, uint64_t gpte);

/* The key of the direct spage that maps `gfn` at `level`, part of a guest page with `rights`. */
struct xi_key xi_direct_key(union xi_role role, unsigned level, uint64_t gfn, uint64_t rights,
			    uint64_t gpte);

/* Bring entry `i` in step with the guest's. `fill`: also where there was none. True: changed. */
bool xi_refresh_leaf(struct xi *x, struct xi_spage *s, unsigned i, bool fill) MMU_LOCKED;
void xi_refresh_table(struct xi *x, struct xi_spage *s, unsigned i) MMU_LOCKED;

/* ---- xi_sync.c: at flush points ---- */

/* Bring all entries of `s` in step with the guest's table, now. True: some had changed. */
bool xi_sync(struct xi *x, struct mmu_vcpu *v, struct xi_spage *s) MMU_LOCKED;

/* Every OOS table that is `top` or below it: it becomes reachable by a new way (I2). */
void xi_sync_below(struct xi *x, struct mmu_vcpu *v, const struct xi_spage *top) MMU_LOCKED;

/* Those that a flush by `v` covers (`all`: global entries too); its roots were `old` before. */
void xi_sync_for_flush(struct xi *x, struct mmu_vcpu *v, bool all,
		       struct xi_spage *const old[XI_ROOTS]) MMU_LOCKED;

/* ---- xi_fill.c ---- */

enum mmu_result xi_fill(struct mmu_vcpu *v, gva_t va, unsigned access, const struct mmu_walk *w,
			struct mmu_fault *fault);

/* ---- xi_root.c ---- */

/* The registers of `v` may demand another role. */
void xi_set_role(struct xi *x, struct mmu_vcpu *v) MMU_LOCKED;

/* Give `v` the roots for its registers. Pool pages are reserved. */
void xi_set_roots(struct xi *x, struct mmu_vcpu *v) MMU_LOCKED;

/* The root, or part of it, under which `va` lies, made where it is not there. NULL: CR3 points
 * to no memory. Pool pages are reserved. */
struct xi_spage *xi_make_root_for(struct xi *x, struct mmu_vcpu *v, unsigned i) MMU_LOCKED;

/* The table of level 1 on the way to `va`, if it is remembered. */
static inline struct xi_spage *xi_recent(const struct xi *x, const struct mmu_vcpu *v,
					 gva_t va) MMU_LOCKED
{
	const struct xi_vcpu *t = v->priv;

	if (t->recent_2m == va.v >> PAGE_SHIFT_2M && t->recent_turns == x->nr_turns)
		return t->recent;
	return NULL;
}

static inline void xi_remember(const struct xi *x, struct mmu_vcpu *v, struct xi_spage *s,
			       gva_t va) MMU_LOCKED
{
	struct xi_vcpu *t = v->priv;

	t->recent = s;
	t->recent_2m = va.v >> PAGE_SHIFT_2M;
	t->recent_turns = x->nr_turns;
}

/* From `s`, a root or NULL, down to the spage whose entry for `va` is a leaf or empty. */
static inline struct xi_spage *xi_way_down(const struct xi *x, struct xi_spage *s,
					   gva_t va) MMU_LOCKED
{
	while (s && s->key.role.level > 1) {
		unsigned i = spte_index(va, xi_level_shift(s->key.role.level));
		uint64_t e = s->page.spt[i];

		if (!e || spte_is_large(e))
			break;
		s = xi_child(x, s, i);
	}
	return s;
}

static inline unsigned xi_root_nr(const struct mmu_vcpu *v, gva_t va)
{
	return v->hw.long_mode ? 0 : (va.v >> PAE_PDPTE_SHIFT) % PAE_PDPTES;
}

static inline struct xi_spage *xi_root_for(struct xi *x, struct mmu_vcpu *v, gva_t va) MMU_LOCKED
{
	unsigned i = xi_root_nr(v, va);
	struct xi_spage *s = ((const struct xi_vcpu *)v->priv)->root[i];

	if (likely(s && (s->state == XI_LIVE || !GUARD(I5_DYING))))
		return s;
	return xi_make_root_for(x, v, i);
}

/* ---- xi_audit.c ---- */

void xi_audit(struct mmu *m, struct mmu_audit *out);
void xi_audit_way(struct mmu_vcpu *v, gva_t va, struct mmu_audit *out);
void xi_summary(struct mmu *m, struct mmu_summary *out);

#endif

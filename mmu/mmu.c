/* SPDX-License-Identifier: MIT */
/*
 * The part of the shadow MMU that no engine changes: the guest's paging registers and what
 * they oblige to (Intel SDM Vol. 3A 4.4.1, 4.10.4.1), the way of a fault, statistics.
 *
 * A struct mmu_vcpu is touched only on the CPU that runs or holds it; p2m_gen under mmu_lock.
 */
#include "mmu/errno.h"
#include "mmu/guard.h"
#include "mmu/mmu.h"
#include "mmu/engine.h"
#include "mmu/perm.h"
#include "mmu/record.h"
#include "mmu/spte.h"

#define MIN_PHYADDR 32
#define MAX_PHYADDR 52
#define MAX_FRAMES (UINT64_C(1) << 32)
#define WALK_TRIES 8 /* each failure is another vCPU's success in changing the entry */

#define ACCESS_BITS (MMU_ACC_WRITE | MMU_ACC_USER | MMU_ACC_FETCH | MMU_ACC_AC)

static const struct mmu_engine *const engines[] = {
	&mmu_engine_xi, /* the first is the default */
	&mmu_engine_vtlb,
};

_Static_assert((int)MMU_CNT_PF_FATAL == (int)MMU_FATAL, "results and counters are in one order");
_Static_assert((int)MMU_ACC_WRITE == (int)MMU_PFEC_W && (int)MMU_ACC_USER == (int)MMU_PFEC_U &&
		       (int)MMU_ACC_FETCH == (int)MMU_PFEC_I,
	       "accesses are told in error-code bits");

static bool same(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return *a == *b;
}

static const struct mmu_engine *find_engine(const char *name)
{
	if (!name)
		return engines[0];
	for (size_t i = 0; i < sizeof(engines) / sizeof(engines[0]); i++)
		if (same(engines[i]->name, name))
			return engines[i];
	return NULL;
}

const char *mmu_engine_name(unsigned i)
{
	return i < sizeof(engines) / sizeof(engines[0]) ? engines[i]->name : NULL;
}

int mmu_init(struct mmu *m, const struct mmu_config *config)
{
	const struct mmu_engine *e = find_engine(config->engine);
	int err;

	if (!e || config->maxphyaddr < MIN_PHYADDR || config->maxphyaddr > MAX_PHYADDR ||
	    !config->frames || config->frames > MAX_FRAMES)
		return -EINVAL;
	*m = (struct mmu){ .engine = e, .config = *config };
	m->config.engine = e->name;
	err = e->init(m);
	if (err)
		m->engine = NULL; /* there is nothing to undo */
	return err;
}

void mmu_fini(struct mmu *m)
{
	mmu_record_stop(m);
	mmu_dirty_stop(m);
	m->engine->fini(m);
}

int mmu_vcpu_init(struct mmu_vcpu *v, struct mmu *m)
{
	int err;

	if (m->nr_vcpus == MMU_MAX_VCPUS)
		return -EINVAL;
	mmu_record_stop(m);
	*v = (struct mmu_vcpu){ .mmu = m, .id = m->nr_vcpus };
	mmu_walk_cache_reset(v);
	mmu_paging_derive(v);
	err = m->engine->vcpu_init(v);
	if (!err)
		m->vcpus[m->nr_vcpus++] = v;
	else
		v->mmu = NULL; /* there is nothing to undo */
	return err;
}

void mmu_vcpu_fini(struct mmu_vcpu *v)
{
	struct mmu *m = v->mmu;

	mmu_record_stop(m);
	v->mmu->engine->vcpu_fini(v);
	for (unsigned i = 0; i < m->nr_vcpus; i++) {
		if (m->vcpus[i] == v) {
			m->vcpus[i] = m->vcpus[--m->nr_vcpus];
			break;
		}
	}
}

/* The parts of one engine in a guest, while another one's are made. */
struct parts {
	const struct mmu_engine *engine;
	void *priv, *vcpu_priv[MMU_MAX_VCPUS];
	struct mmu_hw hw[MMU_MAX_VCPUS];
	bool is_behind;
	unsigned wide;
};

static void take_parts(struct mmu *m, struct parts *p)
{
	p->engine = m->engine;
	p->priv = m->priv;
	p->is_behind = m->is_behind;
	p->wide = m->wide;
	for (unsigned i = 0; i < m->nr_vcpus; i++) {
		p->vcpu_priv[i] = m->vcpus[i]->priv;
		p->hw[i] = m->vcpus[i]->hw;
	}
}

static void put_parts(struct mmu *m, const struct parts *p)
{
	m->engine = p->engine;
	m->config.engine = p->engine->name;
	m->priv = p->priv;
	m->is_behind = p->is_behind;
	m->wide = p->wide;
	for (unsigned i = 0; i < m->nr_vcpus; i++) {
		m->vcpus[i]->priv = p->vcpu_priv[i];
		m->vcpus[i]->hw = p->hw[i];
	}
}

/* Undo what is there of the engine in `m`: its part of the first `vcpus` vCPUs, its own. */
static void free_parts(struct mmu *m, unsigned vcpus)
{
	for (unsigned i = 0; i < vcpus; i++)
		m->engine->vcpu_fini(m->vcpus[i]);
	m->engine->fini(m);
}

int mmu_switch_engine(struct mmu *m, const char *engine)
{
	const struct mmu_engine *e = find_engine(engine);
	struct parts old, new;
	unsigned made = 0;
	int err;

	if (!e)
		return -EINVAL;
	take_parts(m, &old);
	m->engine = e;
	m->is_behind = false;
	m->wide = 0;
	err = e->init(m);
	if (err) {
		put_parts(m, &old);
		return err;
	}
	for (; made < m->nr_vcpus && !err; made += !err)
		err = e->vcpu_init(m->vcpus[made]);
	take_parts(m, &new);
	/* What goes: the new engine's parts if there are not all of them, else the old one's. */
	if (!err)
		put_parts(m, &old);
	free_parts(m, err ? made : m->nr_vcpus);
	put_parts(m, err ? &old : &new);
	if (err)
		return err;
	mmu_lock(m);
	if (GUARD(I17_SWITCH))
		mmu_shootdown(m, NULL);
	mmu_unlock(m);
	return 0;
}

static void flush(struct mmu_vcpu *v, enum mmu_flush what)
{
	uint64_t start = mmu_clock();

	v->mmu->engine->flush(v, what);
	mmu_op_ended(v, MMU_OP_SYNC_ALL, start);
}

/*
 * Does the step from `old` to `new` load PDPTEs? SDM Vol. 3A 4.4.1: MOV to CR0 or CR4 that
 * modifies one of these bits with PAE paging in use afterwards, or a new CR3.
 */
static bool loads_pdptes(const struct mmu_regs *old, const struct mmu_regs *new)
{
	uint64_t cr0 = old->cr0 ^ new->cr0, cr4 = old->cr4 ^ new->cr4;

	if (mmu_mode_of(new) != PAGING_PAE)
		return false;
	return old->cr3 != new->cr3 || mmu_mode_of(old) != PAGING_PAE ||
	       (cr0 & (CR0_CD | CR0_NW | CR0_PG)) ||
	       (cr4 & (CR4_PAE | CR4_PGE | CR4_PSE | CR4_SMEP));
}

/*
 * Shadow entries hold rights as the guest's settings make them (I4's role), where a TLB
 * holds R/W and U/S as they are: so more changes than the manual lists mean a flush. To
 * forget more is always right.
 */
static bool changes_role(const struct mmu_regs *old, const struct mmu_regs *new)
{
	return ((old->cr0 ^ new->cr0) & CR0_WP) ||
	       ((old->cr4 ^ new->cr4) & (CR4_PSE | CR4_PAE | CR4_PGE | CR4_SMEP | CR4_SMAP)) ||
	       ((old->efer ^ new->efer) & EFER_NXE);
}

static int set_regs(struct mmu_vcpu *v, const struct mmu_regs *regs)
{
	const struct mmu_regs old = v->regs;
	bool mode = mmu_mode_of(&old) != mmu_mode_of(regs);
	bool role = changes_role(&old, regs);
	bool root = old.cr3 != regs->cr3 || loads_pdptes(&old, regs);

	if (loads_pdptes(&old, regs) && GUARD(I10_LATCH) && mmu_load_pdptes(v, regs->cr3, v->pdpte))
		return -EINVAL;
	v->regs = *regs;
	if (mode || role)
		mmu_paging_derive(v);
	else
		mmu_paging_set_root(v);

	if (mode)
		flush(v, MMU_FLUSH_MODE);
	else if (role && v->pg.mode != PAGING_OFF && GUARD(I4_ROLE))
		flush(v, MMU_FLUSH_ALL);
	else if (root && v->pg.mode != PAGING_OFF)
		flush(v, MMU_FLUSH_LOCAL); /* other PDPTEs are another root */
	return 0;
}

int mmu_set_regs(struct mmu_vcpu *v, const struct mmu_regs *regs)
{
	int err = set_regs(v, regs);

	if (mmu_vcpu_recorded(v))
		mmu_rec_regs(v, regs, err);
	return err;
}

static int set_cr3(struct mmu_vcpu *v, uint64_t cr3)
{
	if (v->pg.mode == PAGING_PAE && GUARD(I10_CR3) && mmu_load_pdptes(v, cr3, v->pdpte))
		return -EINVAL;
	v->regs.cr3 = cr3;
	mmu_paging_set_root(v);
	if (v->pg.mode != PAGING_OFF)
		flush(v, MMU_FLUSH_LOCAL);
	return 0;
}

int mmu_set_cr3(struct mmu_vcpu *v, uint64_t cr3)
{
	int err = set_cr3(v, cr3);

	if (mmu_vcpu_recorded(v))
		mmu_rec_cr3(v, cr3, err);
	return err;
}

void mmu_flush(struct mmu_vcpu *v, bool global)
{
	flush(v, global ? MMU_FLUSH_ALL : MMU_FLUSH_LOCAL);
	if (mmu_vcpu_recorded(v))
		mmu_rec_flush(v, global);
}

/* The processor found nothing at an address: can there be something all the same? */
static bool may_hold_all_the_same(const struct mmu_vcpu *v)
{
	return unlikely(v->mmu->is_behind || (v->mmu->wide & 1u << v->id && GUARD(I2_WIDE)));
}

static enum mmu_result fault(struct mmu_vcpu *v, gva_t va, unsigned access, struct mmu_walk *w,
			     struct mmu_fault *fault)
{
	enum walk_status s = mmu_walk_guest(v, va, access & ACCESS_BITS, w);

	if (s == WALK_OK)
		return v->mmu->engine->fill(v, va, access & ACCESS_BITS, w, fault);
	if (unlikely(s == WALK_RETRY || (walk_is_stale(v) && GUARD(I2_INJECT_STALE))))
		return MMU_RETRY;
	if (!(access & MMU_ACC_NOT_PRESENT) || may_hold_all_the_same(v))
		v->mmu->engine->forget(v, va);
	fault->error_code = w->error_code;
	return MMU_INJECT;
}

/* Becomes a part of each back end's run loop, at link time. */
always_inline enum mmu_result mmu_fault(struct mmu_vcpu *v, gva_t va, unsigned access,
					struct mmu_fault *f)
{
	struct mmu_walk w;
	enum mmu_result r = fault(v, va, access, &w, f);

	v->stats.count[r]++;
	mmu_op_ended(v, MMU_OP_PFAULT, v->t_start);
	if (mmu_vcpu_recorded(v))
		mmu_rec_walk(v, MMU_REC_FAULT, va, access, r, f, &w);
	return r;
}

void mmu_invlpg(struct mmu_vcpu *v, gva_t va)
{
	v->mmu->engine->invlpg(v, va);
	mmu_op_ended(v, MMU_OP_INVL_PG, v->t_start);
	if (mmu_vcpu_recorded(v))
		mmu_rec_invlpg(v, va);
}

static enum walk_status walk_some_times(struct mmu_vcpu *v, gva_t va, unsigned access,
					struct mmu_walk *w)
{
	enum walk_status s = WALK_RETRY;

	for (unsigned i = 0; i < WALK_TRIES && s == WALK_RETRY; i++) {
		s = mmu_walk_guest(v, va, access, w);
		if (s == WALK_RETRY || (walk_is_stale(v) && GUARD(I2_TRANSLATE_STALE))) {
			s = WALK_RETRY;
			mmu_yield(v->mmu);
		}
	}
	return s;
}

static enum mmu_result translate(struct mmu_vcpu *v, gva_t va, unsigned access, struct mmu_walk *w,
				 struct mmu_fault *fault)
{
	switch (walk_some_times(v, va, access & ACCESS_BITS, w)) {
	case WALK_OK:
		fault->gpa = mmu_walk_gpa(w, va);
		return mmu_is_mmio(mmu_p2m_lookup(v->mmu, w->gfn).kind, access) ? MMU_MMIO
										: MMU_FIXED;
	case WALK_FAULT:
		if (GUARD(I2_TRANSLATE))
			v->mmu->engine->forget(v, va);
		v->lock_start = 0; /* no operation to note it in */
		fault->error_code = w->error_code;
		return MMU_INJECT;
	default:
		return MMU_RETRY;
	}
}

enum mmu_result mmu_translate(struct mmu_vcpu *v, gva_t va, unsigned access,
			      struct mmu_fault *fault)
{
	struct mmu_walk w;
	enum mmu_result r = translate(v, va, access, &w, fault);

	if (mmu_vcpu_recorded(v))
		mmu_rec_walk(v, MMU_REC_TRANSLATE, va, access, r, fault, &w);
	return r;
}

bool mmu_peek(const struct mmu_vcpu *v, gva_t va, hpa_t *hpa)
{
	unsigned shift = PAGE_SHIFT + (v->hw.levels - 1) * SPTE_INDEX_BITS;
	uint64_t spte = v->hw.root.v;

	if (!v->hw.long_mode)
		va.v = (uint32_t)va.v;
	for (;; shift -= SPTE_INDEX_BITS) {
		const uint64_t *table = mmu_map_pfn(spte_pfn(spte));

		spte = __atomic_load_n(&table[spte_index(va, shift)], __ATOMIC_RELAXED);
		if (!(spte & PTE_P))
			return false;
		if (shift == PAGE_SHIFT || spte_is_large(spte))
			break;
	}
	*hpa = HPA((spte & PTE_ADDR & ~(BIT(shift) - 1)) | (va.v & (BIT(shift) - 1)));
	return true;
}

void mmu_pool_use(const struct mmu_vcpu *v, unsigned *pages, unsigned *unused)
{
	v->mmu->engine->pool_use(v, pages, unused);
}

void mmu_p2m_changed(struct mmu *m, gfn_t gfn, uint64_t n)
{
	mmu_lock(m);
	if (GUARD(I6_P2M_GEN))
		__atomic_store_n(&m->p2m_gen, m->p2m_gen + 1, __ATOMIC_RELEASE);
	m->engine->p2m_changed(m, gfn, n);
	if (GUARD(I17_P2M))
		mmu_shootdown(m, NULL);
	if (mmu_recorded(m))
		mmu_rec_p2m_changed(m);
	mmu_unlock(m);
}

/* SPDX-License-Identifier: MIT */
/* What the steps do (act.h): registers, flushes, table writes, and the host's acts. */
#include "tests/model/act.h"

#include <string.h>

#include "tests/model/dirty.h"
#include "tests/model/fail.h"

#define B(n) (UINT64_C(1) << (n))
#define CR0_PG_BIT B(31)
#define CR4_PAE_BIT B(5)
#define CR4_LA57_BIT B(12)
#define EFER_LME_BIT B(8)
#define PDPT_BYTES 32u

/* ---- registers ---- */

/* Where in the time since `since` can the PDPTE at `at` have been this one? */
static bool was_pdpte(uint64_t at, uint64_t value, uint64_t since)
{
	struct held h;

	world_held(at, 8, since, world_now, &h);
	for (unsigned i = 0; i < h.n; i++)
		if (h.value[i] == value)
			return true;
	return h.too_many;
}

static bool could_be_bad(const struct ref_cpu *c, uint64_t at, uint64_t since)
{
	struct held h;

	world_held(at, 8, since, world_now, &h);
	for (unsigned i = 0; i < h.n; i++)
		if (ref_pdpte_is_bad(c, h.value[i]))
			return true;
	return h.too_many;
}

/* The library latched PDPTEs: are they what the table held? Take them. */
static void take_pdptes(struct vcpu *v, const struct mmu_regs *regs, uint64_t since)
{
	uint64_t at = regs->cr3 & UINT64_C(0xffffffe0);

	for (unsigned i = 0; i < 4; i++) {
		uint64_t e = v->mmu.pdpte[i];

		MODEL_CHECK(was_pdpte(at + 8 * i, e, since) &&
				    !ref_pdpte_is_bad(&v->allowed.cpu, e),
			    "I10: a latched PDPTE is not what memory held",
			    "vcpu %u: pdpte %u is 0x%llx", v->id, i, LLX(e));
		v->allowed.root.pdpte[i] = e;
	}
}

static void check_refusal(struct vcpu *v, const struct mmu_regs *regs, uint64_t since)
{
	uint64_t at = regs->cr3 & UINT64_C(0xffffffe0);

	for (unsigned i = 0; i < 4; i++)
		if (could_be_bad(&v->allowed.cpu, at + 8 * i, since))
			return;
	model_fail("I9: #GP for a load of PDPTEs that are right", "vcpu %u, cr3 0x%llx", v->id,
		   LLX(regs->cr3));
}

/* CR4.LA57 is the guest's in the processor too. */
static void check_hw(const struct vcpu *v)
{
	enum ref_mode mode = ref_mode(&v->allowed.cpu.regs);
	unsigned levels = mode < REF_4LEVEL ? 3 : ref_format(mode)->levels;

	MODEL_CHECK(v->mmu.hw.long_mode == (mode >= REF_4LEVEL) && v->mmu.hw.levels == levels,
		    "the processor is to walk tables of another form than it will",
		    "vcpu %u, mode %s: %u levels", v->id, ref_mode_name[mode], v->mmu.hw.levels);
}

/* The registers are `regs` now, or (err) are not. */
static void regs_were_set(struct vcpu *v, const struct mmu_regs *regs, bool mov_cr3, int err,
			  uint64_t since)
{
	struct allowed *a = &v->allowed;
	const struct mmu_regs old = a->cpu.regs;
	bool loads = ref_loads_pdptes(&old, regs, mov_cr3);
	enum ref_flush flush = ref_flush(&old, regs);
	enum epoch_kind kind = EPOCH_LATCH;

	if (err) {
		MODEL_CHECK(loads, "registers are refused without a load of PDPTEs", "%d", err);
		check_refusal(v, regs, since);
		return;
	}
	a->cpu.regs = *regs;
	check_hw(v);
	a->root.cr3 = regs->cr3;
	if (loads)
		take_pdptes(v, regs, since);
	if (flush == REF_FLUSH_ALL)
		kind = EPOCH_ALL;
	else if (mov_cr3 || flush == REF_FLUSH_LOCAL)
		kind = EPOCH_LOCAL;
	else if (!loads)
		return;
	allowed_begin(a, kind, since, 0);
}

void act_set_regs(struct vcpu *v, const struct mmu_regs *regs)
{
	uint64_t since = world_now;
	int err;

	call_begin(v, since);
	err = mmu_set_regs(&v->mmu, regs);
	call_end(v);
	regs_were_set(v, regs, false, err, since);
}

void act_set_cr3(struct vcpu *v, uint64_t cr3)
{
	struct mmu_regs regs = v->mmu.regs;
	uint64_t since = world_now;
	int err;

	regs.cr3 = cr3;
	call_begin(v, since);
	err = mmu_set_cr3(&v->mmu, cr3);
	call_end(v);
	regs_were_set(v, &regs, true, err, since);
}

void act_flush(struct vcpu *v, bool global)
{
	uint64_t since = world_now;

	call_begin(v, since);
	mmu_flush(&v->mmu, global);
	call_end(v);
	allowed_begin(&v->allowed, global ? EPOCH_ALL : EPOCH_LOCAL, since, 0);
}

void act_invlpg(struct vcpu *v, uint64_t va)
{
	uint64_t since = world_now;

	call_begin(v, since);
	v->mmu.t_start = 0;
	mmu_invlpg(&v->mmu, GVA(va));
	call_end(v);
	allowed_begin(&v->allowed, EPOCH_PAGE, since, va);
}

static void flip_regs(struct vcpu *v, unsigned mask)
{
	static const struct {
		uint64_t cr0, cr4, efer;
	} flips[NR_FLIPS] = {
		[FLIP_WP] = { .cr0 = B(16) },	       [FLIP_PGE] = { .cr4 = B(7) },
		[FLIP_PSE] = { .cr4 = B(4) },	       [FLIP_SMEP] = { .cr4 = B(20) },
		[FLIP_SMAP] = { .cr4 = B(21) },	       [FLIP_NXE] = { .efer = B(11) },
		[FLIP_CD] = { .cr0 = B(30) },	       [FLIP_PAE] = { .cr4 = CR4_PAE_BIT },
		[FLIP_LA57] = { .cr4 = CR4_LA57_BIT },
	};
	struct mmu_regs r = v->mmu.regs;

	for (unsigned i = 0; i < NR_FLIPS; i++) {
		if (!(mask >> i & 1))
			continue;
		r.cr0 ^= flips[i].cr0;
		r.cr4 ^= flips[i].cr4;
		r.efer ^= flips[i].efer;
	}
	/* In IA-32e mode PAE cannot be cleared, nor LA57 changed. */
	if ((r.cr0 & CR0_PG_BIT) && (r.efer & EFER_LME_BIT))
		r.cr4 = (r.cr4 & ~CR4_LA57_BIT) | CR4_PAE_BIT | (v->mmu.regs.cr4 & CR4_LA57_BIT);
	act_set_regs(v, &r);
}

/* As a guest does it: paging off, the rest of the bits, paging on. */
static void set_mode(struct vcpu *v, enum ref_mode mode, uint64_t cr3, unsigned flips)
{
	struct mmu_regs r = v->mmu.regs;

	if (r.cr0 & CR0_PG_BIT) {
		r.cr0 &= ~CR0_PG_BIT;
		act_set_regs(v, &r);
	}
	r = v->mmu.regs;
	r.cr4 = mode == REF_2LEVEL ? r.cr4 & ~CR4_PAE_BIT : r.cr4 | CR4_PAE_BIT;
	if (mode >= REF_4LEVEL)
		r.cr4 = mode == REF_5LEVEL ? r.cr4 | CR4_LA57_BIT : r.cr4 & ~CR4_LA57_BIT;
	r.efer = mode >= REF_4LEVEL ? r.efer | EFER_LME_BIT : r.efer & ~EFER_LME_BIT;
	act_set_regs(v, &r);
	if (flips)
		flip_regs(v, flips & ~(1u << FLIP_PAE));
	if (mode == REF_OFF)
		return;
	r = v->mmu.regs;
	r.cr0 |= CR0_PG_BIT;
	r.cr3 = cr3;
	act_set_regs(v, &r);
}

/* ---- writes ---- */

static unsigned entry_bytes(const struct vcpu *v)
{
	return ref_mode(&v->allowed.cpu.regs) == REF_2LEVEL ? 4 : 8;
}

/* A write of a step: where in the page, how much of the value. */
struct part {
	unsigned offset, skip, len;
};

static struct part part_of(const struct step *s, unsigned bytes)
{
	unsigned at = s->index * bytes % PAGE_SIZE;
	struct part p = { at, 0, bytes };

	switch (s->size) {
	case SIZE_LOW:
		p.len = 4;
		break;
	case SIZE_HIGH:
		p = (struct part){ at + bytes / 2, bytes / 2, bytes / 2 };
		break;
	case SIZE_BYTE:
		p.len = 1;
		break;
	case SIZE_WORD:
		p.len = 2;
		break;
	case SIZE_8:
		p.len = 8;
		break;
	case SIZE_ACROSS:
		p = (struct part){ at + bytes / 2, 0, bytes };
		break;
	default:
		break;
	}
	if (p.offset + p.len > PAGE_SIZE)
		p.len = PAGE_SIZE - p.offset;
	return p;
}

static uint64_t window_va(unsigned target, unsigned offset)
{
	return STEP_WINDOW + target % STEP_WINDOW_PAGES * PAGE_SIZE + offset;
}

/* Write to the page of `table` as the guest; where its mapping is broken, from outside. */
static void write_table(struct vcpu *v, const struct step *s, unsigned offset, const void *bytes,
			unsigned len)
{
	struct act_access a = {
		.va = window_va(s->table, offset),
		.access = s->access,
		.whim = s->whim,
		.bytes = bytes,
		.len = len,
		.unshadow = s->size & 1,
	};

	if (s->kind == STEP_HOST_SET || act_access(v, &a) == ACT_FAULT)
		act_host_write(v, (step_target[s->table] << PAGE_SHIFT) + offset, bytes, len);
	act_check_shadow(v, a.va);
}

static void set_entry(struct vcpu *v, const struct step *s)
{
	unsigned bytes = entry_bytes(v);
	uint64_t entry[2] = { step_entry(s, bytes), 0 };
	struct part p = part_of(s, bytes);

	entry[1] = entry[0]; /* whatever is read behind it */
	write_table(v, s, p.offset, (uint8_t *)entry + p.skip, p.len);
}

static void flip_entry(struct vcpu *v, const struct step *s)
{
	unsigned bytes = entry_bytes(v), offset = s->index * bytes % PAGE_SIZE;
	struct step flags_only = *s;
	uint64_t e = world_read((step_target[s->table] << PAGE_SHIFT) + offset, bytes);

	flags_only.target = 0;
	e ^= step_entry(&flags_only, bytes) & ~(step_target[0] << PAGE_SHIFT);
	write_table(v, s, offset, &e, bytes);
}

static void fill_entries(struct vcpu *v, const struct step *s)
{
	unsigned bytes = entry_bytes(v);
	uint64_t e = step_entry(s, bytes);

	for (unsigned i = 0; i < s->what; i++)
		write_table(v, s, (s->index + i) * bytes % PAGE_SIZE, &e, bytes);
}

static void access_memory(struct vcpu *v, const struct step *s)
{
	unsigned bytes = entry_bytes(v);
	uint64_t value = step_entry(s, bytes);
	struct part p = part_of(s, bytes);
	struct act_access a = {
		.va = s->va + p.offset,
		.access = s->access,
		.implicit = s->implicit,
		.hint = s->hint,
		.whim = s->whim,
		.bytes = &value,
		.len = p.len,
		.unshadow = s->raw & 1,
	};

	a.va = hw_linear(&v->mmu.hw, a.va);
	act_access(v, &a);
	act_check_shadow(v, a.va);
}

/* ---- what the hypervisor and the processor do ---- */

static void translate(struct vcpu *v, const struct step *s)
{
	struct act_access a = {
		.va = hw_linear(&v->mmu.hw, s->va),
		.access = s->access,
	};

	act_translate(v, &a);
}

static void peek(struct vcpu *v, const struct step *s)
{
	uint64_t va = hw_linear(&v->mmu.hw, s->va);
	static struct hw_tlb none;
	struct hw_result r =
		hw_translate(&none, &v->mmu.hw, va, HW_FORGETFUL | HW_FROM_ROOT | HW_NO_FILL);
	hpa_t hpa = HPA(0);
	bool present = mmu_peek(&v->mmu, GVA(va), &hpa);

	MODEL_CHECK(present == r.present && (!present || hpa.v == r.hpa),
		    "mmu_peek does not say what the shadow says", "va 0x%llx", LLX(va));
	act_check_shadow(v, va);
}

static void guess(struct vcpu *v, const struct step *s)
{
	uint64_t va = hw_linear(&v->mmu.hw, s->va);

	hw_translate(&v->tlb, &v->mmu.hw, va, s->whim & ~(unsigned)HW_NO_FILL);
}

static void change_p2m(struct vcpu *v, const struct step *s)
{
	uint64_t gfn = step_target[s->target];

	if (!world_change_p2m(gfn, s->what % NR_P2M_CHANGES))
		return;
	vm.changer = v;
	call_begin(v, world_now);
	if (s->what & 0x80)
		mmu_p2m_changed(&vm.mmu, GFN(gfn & ~UINT64_C(511)), PIECE_FRAMES);
	else
		mmu_p2m_changed(&vm.mmu, GFN(gfn), 1);
	world_end_change();
	vm.changer = NULL;
	call_end(v);
}

static void dirty_step(struct vcpu *v, const struct step *s)
{
	static uint64_t bitmap[(WORLD_HIGH_GFN + WORLD_HIGH_FRAMES + 63) / 64];
	uint64_t n;

	if (!dirty_is_on()) {
		call_begin(v, world_now);
		dirty_starting();
		MODEL_CHECK(!mmu_dirty_start(&vm.mmu), "mmu_dirty_start fails", " ");
		dirty_started(true);
		call_end(v);
	} else if (dirty_collecting()) {
		call_begin(v, world_now);
		if (s->what % 4) {
			n = mmu_dirty_collect(&vm.mmu, bitmap);
			dirty_collected(bitmap, (vm.mmu.config.frames + 63) / 64, n);
		} else {
			mmu_dirty_stop(&vm.mmu);
			dirty_stopping();
		}
		call_end(v);
	}
}

static void move(struct vcpu *v)
{
	/* A vCPU that changes CPU gets a new ASID there (I17): the hypervisor's part. */
	hw_forget_all(&v->tlb);
	v->pending.all = false;
	v->pending.pages = 0;
}

static uint64_t cr3_of(const struct step *s)
{
	uint64_t cr3 = step_target[s->table] << PAGE_SHIFT;

	/* PWT, PCD; the other PDPTs of a page; and what makes it no RAM */
	if (s->what & 4)
		cr3 |= (uint64_t)(s->what & 0x18);
	if (s->what & 0x40)
		cr3 |= PDPT_BYTES * (s->what & 3u);
	return cr3;
}

static void remap(struct vcpu *v, const struct step *s)
{
	set_entry(v, s);
	act_invlpg(v, hw_linear(&v->mmu.hw, s->va));
	act_check_shadow(v, hw_linear(&v->mmu.hw, s->va));
}

void act(struct vcpu *v, const struct step *s)
{
	switch (s->kind) {
	case STEP_ACCESS:
		access_memory(v, s);
		break;
	case STEP_SET:
	case STEP_HOST_SET:
		set_entry(v, s);
		break;
	case STEP_REMAP:
		remap(v, s);
		break;
	case STEP_FLIP:
		flip_entry(v, s);
		break;
	case STEP_FILL:
		fill_entries(v, s);
		break;
	case STEP_INVLPG:
		act_invlpg(v, hw_linear(&v->mmu.hw, s->va));
		break;
	case STEP_CR3:
		act_set_cr3(v, cr3_of(s));
		break;
	case STEP_REGS:
		flip_regs(v, s->what);
		break;
	case STEP_MODE:
		set_mode(v, s->what, step_target[s->table] << PAGE_SHIFT, s->flags);
		break;
	case STEP_FLUSH:
		act_flush(v, s->what & 1);
		break;
	case STEP_TRANSLATE:
		translate(v, s);
		break;
	case STEP_PEEK:
		peek(v, s);
		break;
	case STEP_GUESS:
		guess(v, s);
		break;
	case STEP_P2M:
		change_p2m(v, s);
		break;
	case STEP_DIRTY:
		dirty_step(v, s);
		break;
	case STEP_MOVE:
		move(v);
		break;
	default:
		break;
	}
}

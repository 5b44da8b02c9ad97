/* SPDX-License-Identifier: MIT */
/* See audit.h. */
#include "tests/model/audit.h"

#include "tests/model/fail.h"
#include "tests/model/vcpus.h"
#include "tests/model/watch.h"

#define S_P (UINT64_C(1) << 0)
#define S_W (UINT64_C(1) << 1)
#define S_U (UINT64_C(1) << 2)
#define S_NX (UINT64_C(1) << 63)
#define PDPTES 4u

static void audit_translation(struct vcpu *v, uint64_t va, const struct hw_result *r,
			      const char *kind)
{
	unsigned frame = world_frame_of_pfn(r->hpa >> PAGE_SHIFT);
	unsigned refused = ~0u;

	if (frame != NO_FRAME)
		refused = allowed_refuses(&v->allowed, va, hw_permitted(&v->mmu.regs, r), frame,
					  r->hpa % PAGE_SIZE);
	MODEL_CHECK(!refused, kind, "vcpu %u, va 0x%llx, frame 0x%x, accesses 0x%x", v->id, LLX(va),
		    frame, refused);
}

static void audit_table(struct vcpu *v, unsigned level, uint64_t pfn, uint64_t va,
			struct hw_result r)
{
	const uint64_t *table = world_table(pfn);
	bool is_pdpt = !v->mmu.hw.long_mode && level == 3;

	for (unsigned i = 0; i < (is_pdpt ? PDPTES : 512); i++) {
		uint64_t spte = table[i], at = va | (uint64_t)i << hw_shift(level);
		struct hw_result below = r;

		if (!spte)
			continue;
		hw_check_entry(&v->mmu.hw, level, spte);
		if (!is_pdpt) {
			below.w = r.w && (spte & S_W);
			below.u = r.u && (spte & S_U);
			below.nx = r.nx || (spte & S_NX);
		}
		if (!hw_is_leaf(level, spte)) {
			audit_table(v, level - 1, (spte & HW_ADDR) >> PAGE_SHIFT, at, below);
			continue;
		}
		below.hpa = spte & HW_ADDR & ~((UINT64_C(1) << hw_shift(level)) - 1);
		audit_translation(v, hw_linear(&v->mmu.hw, at), &below,
				  "the shadow holds a translation that the vCPU may not have");
	}
}

static void audit_tlb(struct vcpu *v)
{
	for (unsigned i = 0; i < HW_LEAVES; i++) {
		const struct hw_leaf *e = &v->tlb.leaf[i];
		struct hw_result r = { true, e->hpa, e->w, e->u, e->nx };

		if (e->shift)
			audit_translation(v, e->page << e->shift, &r,
					  "the TLB holds a translation that the vCPU may not have");
	}
}

static void check(const struct mmu_audit *a)
{
	MODEL_CHECK(!a->errors, "the library's audit finds something",
		    "I%u: %s: 0x%llx 0x%llx 0x%llx", a->invariant, a->what, LLX(a->detail[0]),
		    LLX(a->detail[1]), LLX(a->detail[2]));
}

void audit_touched(struct vcpu *v)
{
	struct mmu_audit a;

	if (!v->touched || vm.owner || vm.changer)
		return;
	v->touched = false;
	mmu_audit_way(&v->mmu, GVA(v->touched_va), &a);
	check(&a);
}

void audit_all(void)
{
	struct mmu_audit a;

	mmu_audit(&vm.mmu, &a);
	check(&a);
	watch_audit();
	for (unsigned i = 0; i < vm.nr_vcpus; i++) {
		struct vcpu *v = &vm.vcpu[i];
		struct hw_result all = { true, 0, true, true, false };

		audit_table(v, hw_levels(&v->mmu.hw), v->mmu.hw.root.v >> PAGE_SHIFT, 0, all);
		audit_tlb(v);
	}
}

/* SPDX-License-Identifier: MIT */
/*
 * A memory access of the guest: through the processor, and where that faults through the
 * library, as hv/exit_handlers.c and hv/emulate.c do it, until it is done or the guest has
 * got a page fault. Each outcome is held against what may be.
 */
#include <string.h>

#include "tests/model/act.h"
#include "tests/model/dirty.h"
#include "tests/model/fail.h"
#include "tests/model/memory.h"

#define TRIES 12u /* ... and one for each time that others ran */

#define EC_BITS (MMU_ACC_WRITE | MMU_ACC_USER | MMU_ACC_FETCH)

static unsigned library_access(unsigned access)
{
	return (access & REF_W ? MMU_ACC_WRITE : 0) | (access & REF_U ? MMU_ACC_USER : 0) |
	       (access & REF_X ? MMU_ACC_FETCH : 0);
}

static void wrote(unsigned frame, unsigned offset, const void *bytes, unsigned len)
{
	uint64_t gfn;

	if (len)
		world_write_frame(frame, offset, bytes, len);
	if (world_owner(frame, &gfn))
		dirty_wrote(gfn);
}

/* The processor has let an access through. */
static void went_through(struct vcpu *v, const struct act_access *a, uint64_t hpa)
{
	unsigned frame = world_frame_of_pfn(hpa >> PAGE_SHIFT), offset = hpa % PAGE_SIZE;

	MODEL_CHECK(frame != NO_FRAME, "I1: an access reaches a frame that is not guest memory",
		    "va 0x%llx, hpa 0x%llx", LLX(a->va), LLX(hpa));
	MODEL_CHECK(!allowed_refuses(&v->allowed, a->va, REF_SET(a->access), frame, offset),
		    "an access goes where no translation that the vCPU may have leads",
		    "vcpu %u, va 0x%llx, access 0x%x, gpa was to be another than frame 0x%x", v->id,
		    LLX(a->va), a->access, frame);
	if (a->access & REF_W)
		wrote(frame, offset, a->bytes, a->len);
}

/* The library cannot tell an implicit access from one that AC excuses before there is a shadow
 * entry that would let the latter through: it takes it for that. */
static unsigned taken_for(const struct act_access *a)
{
	return a->implicit ? a->access | REF_AC : a->access;
}

static void check_outcome(struct vcpu *v, const struct act_access *a, uint64_t since,
			  enum mmu_result result, const struct mmu_fault *f)
{
	struct allowed_outcome o = { result, f->gpa.v, f->error_code };
	unsigned access = result == MMU_INJECT ? a->access : taken_for(a);

	if (result == MMU_INJECT)
		MODEL_CHECK(allowed_walk(&v->allowed, a->va, a->access, since, &o),
			    "a page fault that the tables do not demand",
			    "vcpu %u, va 0x%llx, access 0x%x, error code 0x%x", v->id, LLX(a->va),
			    a->access, f->error_code);
	else
		MODEL_CHECK(allowed_walk(&v->allowed, a->va, access, since, &o),
			    "an access that is emulated is not what the tables say",
			    "vcpu %u, va 0x%llx, access 0x%x, result %d, gpa 0x%llx", v->id,
			    LLX(a->va), a->access, result, LLX(f->gpa.v));
}

static enum act_end finish(struct vcpu *v, const struct act_access *a, uint64_t since,
			   enum mmu_result r)
{
	if (r != MMU_INJECT)
		return ACT_DONE;
	allowed_begin(&v->allowed, EPOCH_FAULT, since, a->va);
	return ACT_FAULT;
}

/* ---- what the hypervisor does ---- */

struct host_write {
	uint64_t gpa;
	const void *bytes;
	unsigned len;
};

static void change(void *host, void *arg)
{
	const struct host_write *w = arg;
	unsigned frame = memory_frame(host);

	MODEL_CHECK(frame != NO_FRAME && world_maps(w->gpa >> PAGE_SHIFT, frame, true) &&
			    host == (uint8_t *)memory_at(frame) + w->gpa % PAGE_SIZE,
		    "a host write goes to the wrong place", "gpa 0x%llx", LLX(w->gpa));
	wrote(frame, w->gpa % PAGE_SIZE, w->bytes, w->len);
}

bool act_host_write(struct vcpu *v, uint64_t gpa, const void *bytes, unsigned len)
{
	struct host_write w = { gpa, bytes, len };
	bool done;

	call_begin(v, world_now);
	dirty_tried(gpa >> PAGE_SHIFT);
	done = mmu_guest_update(&vm.mmu, GPA(gpa), len, change, &w);
	call_end(v);
	return done;
}

/* Done or not: false, the library asks to try again. */
static bool emulate(struct vcpu *v, const struct act_access *a, enum act_end *end)
{
	struct mmu_fault f = { .error_code = 0 };
	unsigned access = library_access(a->access) | (a->access & REF_AC ? MMU_ACC_AC : 0);
	uint64_t since = world_now;
	enum mmu_result r;

	call_begin_walk(v, a->va, taken_for(a), since);
	r = mmu_translate(&v->mmu, GVA(a->va), access, &f);
	call_end(v);
	if (r == MMU_RETRY) {
		if (vm.changer)
			vcpus_wait_for_change(v);
		return false;
	}
	check_outcome(v, a, since, r, &f);
	*end = finish(v, a, since, r);
	if (r == MMU_FIXED && (a->access & REF_W))
		return act_host_write(v, f.gpa.v, a->bytes, a->len);
	return true;
}

bool act_unshadow(struct vcpu *v, uint64_t gpa)
{
	bool gone;

	call_begin(v, world_now);
	gone = mmu_unshadow(&v->mmu, GPA(gpa));
	call_end(v);
	return gone;
}

/* The processor has faulted. True: the access is over. */
static bool handle_fault(struct vcpu *v, struct act_access *a, bool present, uint64_t since,
			 enum act_end *end)
{
	unsigned access = library_access(a->access) & EC_BITS;
	struct mmu_fault f = { .error_code = 0 };
	enum mmu_result r;

	if ((a->access & REF_AC) || a->implicit)
		access |= MMU_ACC_AC;
	if (!present && a->hint)
		access |= MMU_ACC_NOT_PRESENT;
	call_begin_walk(v, a->va, taken_for(a), since);
	v->mmu.t_start = 0;
	r = mmu_fault(&v->mmu, GVA(a->va), access, &f);
	call_end(v);
	a->result = r;
	a->fault = f;
	switch (r) {
	case MMU_RETRY:
		if (vm.changer)
			vcpus_wait_for_change(v);
		return false;
	case MMU_FIXED:
		return false;
	case MMU_EMULATE:
		if (a->unshadow && act_unshadow(v, f.gpa.v))
			return false;
		return emulate(v, a, end);
	case MMU_MMIO:
	case MMU_INJECT:
		check_outcome(v, a, since, r, &f);
		*end = finish(v, a, since, r);
		return true;
	default:
		model_fail("the library gives up a guest", "result %d", r);
	}
}

enum act_end act_access(struct vcpu *v, struct act_access *a)
{
	unsigned before = v->left, whim = a->whim;
	enum act_end end;

	a->result = MMU_NR_RESULTS;
	for (unsigned tries = 0; tries < TRIES + 4 * (v->left - before); tries++) {
		uint64_t since = world_now;
		struct hw_result r = hw_translate(&v->tlb, &v->mmu.hw, a->va, whim);

		if (r.present && hw_permits(&v->mmu.regs, &r, a->access)) {
			went_through(v, a, r.hpa);
			return ACT_DONE;
		}
		hw_forget_page(&v->tlb, hw_linear(&v->mmu.hw, a->va));
		if (whim & HW_GUESS) /* ... before the exit, what is still there */
			hw_translate(&v->tlb, &v->mmu.hw, a->va, 0);
		if (handle_fault(v, a, r.present, since, &end))
			return end;
		whim &= ~(unsigned)HW_NO_FILL;
	}
	model_fail("an access never ends", "vcpu %u, va 0x%llx, access 0x%x", v->id, LLX(a->va),
		   a->access);
}

void act_translate(struct vcpu *v, struct act_access *a)
{
	unsigned access = library_access(a->access) | (a->access & REF_AC ? MMU_ACC_AC : 0);
	unsigned left = v->left;
	uint64_t since = world_now;

	a->fault = (struct mmu_fault){ .error_code = 0 };
	call_begin_walk(v, a->va, a->access, since);
	a->result = mmu_translate(&v->mmu, GVA(a->va), access, &a->fault);
	call_end(v);
	if (a->result == MMU_RETRY)
		MODEL_CHECK(v->left != left || vm.changer,
			    "mmu_translate wants to try again and nobody came between", "va 0x%llx",
			    LLX(a->va));
	else
		check_outcome(v, a, since, a->result, &a->fault);
	finish(v, a, since, a->result);
}

void act_check_shadow(struct vcpu *v, uint64_t va)
{
	static struct hw_tlb none;
	struct hw_result r =
		hw_translate(&none, &v->mmu.hw, va, HW_FORGETFUL | HW_FROM_ROOT | HW_NO_FILL);
	unsigned frame, refused;

	v->touched = true;
	v->touched_va = va;
	if (!r.present)
		return;
	frame = world_frame_of_pfn(r.hpa >> PAGE_SHIFT);
	MODEL_CHECK(frame != NO_FRAME, "I1: a shadow entry maps a frame that is not the guest's",
		    "va 0x%llx", LLX(va));
	refused = allowed_refuses(&v->allowed, va, hw_permitted(&v->mmu.regs, &r), frame,
				  r.hpa % PAGE_SIZE);
	MODEL_CHECK(!refused, "the shadow holds a translation that the vCPU may not have",
		    "vcpu %u, va 0x%llx, frame 0x%x, accesses 0x%x", v->id, LLX(va), frame,
		    refused);
}

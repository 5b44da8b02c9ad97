/* SPDX-License-Identifier: MIT */
/*
 * The instruction that caused an exit: fetched after the fact, decoded, remembered.
 * Another vCPU may have changed the bytes meanwhile; then what is decoded may not fit the
 * exit, and the caller runs the guest again. Guarded by the CPU that runs the vCPU.
 */
#include "hv/errno.h"
#include "hv/insn_cache.h"
#include "hv/page.h"
#include "hv/string.h"
#include "hv/vendor.h"
#include "hv/vm.h"

static uint64_t linear_rip(struct vcpu *v, unsigned mode)
{
	struct segment cs;

	if (mode == 8)
		return v->regs.rip;
	vendor->get_segment(v, SEG_CS, &cs);
	return (uint32_t)(cs.base + v->regs.rip);
}

/* Where the processor fetched `la` from: its TLB's view first, then the tables'. */
static const uint8_t *code_at(struct vcpu *v, uint64_t la)
{
	unsigned access = MMU_ACC_FETCH;
	struct mmu_fault fault;
	hpa_t hpa;

	if (mmu_peek(&v->mmu, GVA(la), &hpa))
		return hpa_to_ptr(hpa);
	if (vendor->get_cpl(v) == 3)
		access |= MMU_ACC_USER;
	if (mmu_translate(&v->mmu, GVA(la), access, &fault) != MMU_FIXED)
		return NULL;
	hpa = pfn_to_hpa(p2m_lookup(&v->vm->p2m, gpa_to_gfn(fault.gpa)).pfn);
	hpa.v += fault.gpa.v & ~PAGE_MASK;
	return hpa_to_ptr(hpa);
}

static unsigned fetch(struct vcpu *v, uint64_t la, uint8_t *bytes)
{
	unsigned n = MIN(INSN_MAX, PAGE_SIZE - (la & ~PAGE_MASK));
	const uint8_t *code = code_at(v, la);

	if (!code)
		return 0;
	memcpy(bytes, code, n);
	if (n < INSN_MAX) {
		code = code_at(v, la + n);
		if (code)
			memcpy(bytes + n, code, INSN_MAX - n);
		else
			return n;
	}
	return INSN_MAX;
}

static bool same_bytes(const uint8_t *a, const uint8_t *b, unsigned n)
{
	while (n--)
		if (a[n] != b[n])
			return false;
	return true;
}

/* The place was forgotten, or never known: ask the shadow, as the processor would. */
static bool find_code(struct vcpu *v, struct insn_cache_entry *e)
{
	hpa_t hpa;

	if ((e->la & ~PAGE_MASK) + e->insn.len > PAGE_SIZE || !mmu_peek(&v->mmu, GVA(e->la), &hpa))
		return false;
	e->code = hpa_to_ptr(hpa);
	e->generation = v->icache->generation;
	return true;
}

static bool is_known(struct vcpu *v, struct insn_cache_entry *e, uint64_t la, unsigned mode)
{
	if (unlikely(e->la != la || e->insn.mode != mode || !e->insn.len))
		return false;
	if (unlikely(e->generation != v->icache->generation) && !find_code(v, e))
		return false;
	return same_bytes(e->code, e->insn.bytes, e->insn.len);
}

/* Entries of another region than the latest one don't hear of page flushes there. */
static void note_region(struct insn_cache *c, uint64_t la)
{
	if (unlikely(la >> INSN_CACHE_REGION_SHIFT != c->region)) {
		c->region = la >> INSN_CACHE_REGION_SHIFT;
		c->generation++;
	}
}

const struct insn *vcpu_insn(struct vcpu *v, bool *unsupported)
{
	unsigned mode = vendor->get_mode(v), n;
	uint64_t la = linear_rip(v, mode);
	struct insn_cache_entry *e = &v->icache->entry[la % INSN_CACHE_ENTRIES];
	uint8_t bytes[INSN_MAX];

	*unsupported = false;
	note_region(v->icache, la);
	if (likely(is_known(v, e, la, mode)))
		return &e->insn;
	e->la = la;
	e->generation = v->icache->generation - 1;
	n = fetch(v, la, bytes);
	if (n && insn_decode(&e->insn, bytes, n, mode) == 0)
		return &e->insn;
	e->insn.len = 0;
	*unsupported = n > 0;
	return NULL;
}

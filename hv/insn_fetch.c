/* SPDX-License-Identifier: MIT */
/*
 * The instruction that caused an exit: fetched after the fact, decoded, remembered.
 * Another vCPU may have changed the bytes meanwhile; then what is decoded may not fit the
 * exit, and the caller runs the guest again. Guarded by the CPU that runs the vCPU.
 */
#include "hv/emul_table.h"
#include "hv/errno.h"
#include "hv/insn_cache.h"
#include "hv/page.h"
#include "hv/string.h"
#include "hv/vendor.h"
#include "hv/vm.h"

/* What the processor's TLB may know. The vCPU counts as in guest mode meanwhile: the tables stay
 * what they are as long as somebody may be on his way through them. */
static bool peek(struct vcpu *v, uint64_t la, hpa_t *hpa)
{
	bool there;

	vcpu_is_entering(v);
	there = mmu_peek(&v->mmu, GVA(la), hpa);
	vcpu_has_left(v);
	return there;
}

/* Where the processor fetched `la` from: its TLB's view first, then the tables'. */
static const uint8_t *code_at(struct vcpu *v, uint64_t la)
{
	unsigned access = MMU_ACC_FETCH;
	struct mmu_fault fault;
	hpa_t hpa;

	if (peek(v, la, &hpa))
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

/* Eight bytes at once: true only if that is possible (most instructions are shorter and lie
 * in one page) and they are the same. */
static bool same_short_bytes(const uint8_t *code, const uint8_t *bytes, unsigned n)
{
	uint64_t a, b;

	if (unlikely(n > sizeof(a) || ((uintptr_t)code & ~PAGE_MASK) > PAGE_SIZE - sizeof(a)))
		return false;
	__builtin_memcpy(&a, code, sizeof(a));
	__builtin_memcpy(&b, bytes, sizeof(b));
	return (a ^ b) << (64 - 8 * n) == 0;
}

/* Entries of another region than the latest one don't hear of page flushes there. */
static void note_region(struct insn_cache *c, uint64_t la)
{
	if (la >> INSN_CACHE_REGION_SHIFT != c->region) {
		c->region = la >> INSN_CACHE_REGION_SHIFT;
		c->generation++;
	}
}

/* What lies outside the emulator's scope, whatever it is. */
static const struct insn outside = { .op = INSN_NONE };

/* A processor does that by itself, before the exit; QEMU's lets LOCK CLTS through to here,
 * where running the guest again would never end. */
static void refuse(struct vcpu *v, const struct insn *undefined)
{
	if (undefined->len)
		vcpu_inject_ud(v);
	else
		vcpu_inject_gp(v);
}

static __attribute__((noinline)) const struct insn *
decode(struct vcpu *v, struct insn_cache_entry *e, uint64_t la, unsigned mode)
{
	uint8_t bytes[INSN_MAX];
	unsigned n;
	int err;

	e->la = la;
	e->generation = v->icache->generation - 1;
	n = fetch(v, la, bytes);
	err = n ? insn_decode(&e->insn, bytes, n, mode) : -ENOENT;
	if (!err)
		return &e->insn;
	if (err == -EINVAL)
		refuse(v, &e->insn);
	e->insn.len = 0;
	return n && err != -EINVAL ? &outside : NULL;
}

/* The place was forgotten, or never known: ask the shadow, as the processor would. Apart from the
 * usual case, which then needs no stack. */
static __attribute__((noinline)) const struct insn *
find_or_decode(struct vcpu *v, struct insn_cache_entry *e, uint64_t la, unsigned mode)
{
	hpa_t hpa;

	note_region(v->icache, la);
	if (e->la != la || e->insn.mode != mode || !e->insn.len ||
	    (la & ~PAGE_MASK) + e->insn.len > PAGE_SIZE || !peek(v, la, &hpa))
		return decode(v, e, la, mode);
	e->code = hpa_to_ptr(hpa);
	e->generation = v->icache->generation;
	if (same_short_bytes(e->code, e->insn.bytes, e->insn.len) ||
	    memcmp(e->code, e->insn.bytes, e->insn.len) == 0)
		return &e->insn;
	return decode(v, e, la, mode);
}

const struct insn *vcpu_insn_at(struct vcpu *v, uint64_t la, unsigned mode)
{
	struct insn_cache *c = v->icache;
	struct insn_cache_entry *e = &c->entry[la % INSN_CACHE_ENTRIES];

	/* An entry of this generation is of this region, and holds an instruction. */
	if (likely(e->la == la && e->generation == c->generation && e->insn.mode == mode &&
		   same_short_bytes(e->code, e->insn.bytes, e->insn.len)))
		return &e->insn;
	return find_or_decode(v, e, la, mode);
}

const struct insn *vcpu_insn(struct vcpu *v)
{
	unsigned mode;
	uint64_t la = vendor->get_linear_rip(v, &mode);

	return vcpu_insn_at(v, la, mode);
}

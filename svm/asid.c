/* SPDX-License-Identifier: MIT */
/*
 * Address-space identifiers (AMD APM Vol. 2 15.16). A flush is a new ASID, so it needs no
 * help from the processor; when they run out, everything is flushed and a new generation
 * starts. With flush-by-ASID a vCPU keeps its number. Per-CPU data, used on that CPU only.
 */
#include "hv/percpu.h"
#include "hv/cpu.h"
#include "svm/svm.h"

#define FIRST_ASID 1 /* 0 is the host's */

static struct svm_asid_pool pool[CPUS_MAX]; /* by host CPU */

struct svm_asid_pool *svm_asid_pool(void)
{
	return &pool[this_cpu()->index];
}

void svm_asid_cpu_init(void)
{
	svm_asid_pool()->generation++;
	svm_asid_pool()->next = FIRST_ASID;
}

static void take_new_asid(struct svm_vcpu *s)
{
	struct svm_asid_pool *p = svm_asid_pool();

	s->vmcb->tlb_control = TLB_CONTROL_NONE;
	if (p->next >= svm_features.nr_asids) {
		p->generation++;
		p->next = FIRST_ASID;
		s->vmcb->tlb_control = TLB_CONTROL_FLUSH_ALL;
	}
	s->vmcb->asid = p->next++;
	s->asid_generation = p->generation;
	s->asid_pool = p;
	svm_dirty(s->vmcb, CLEAN_ASID);
}

static bool asid_is_ours(const struct svm_vcpu *s)
{
	return s->asid_pool == svm_asid_pool() && s->asid_generation == svm_asid_pool()->generation;
}

/* An ASID of another CPU's pool means nothing to this one's TLB, and what this one may remember of
 * the VMCB nothing any more (APM Vol. 2 15.15.1). */
void svm_arrive(struct svm_vcpu *s)
{
	if (s->asid_pool == svm_asid_pool())
		return;
	s->flush = true;
	s->vmcb->clean = 0;
}

/* A flush means the PDPTEs too, which a processor may keep until CR3 is marked as changed (APM Vol. 2
 * 5.3.2, 15.15.3). */
void svm_change_asid(struct svm_vcpu *s)
{
	svm_dirty(s->vmcb, CLEAN_CR);
	if (asid_is_ours(s) && svm_features.flush_by_asid)
		s->vmcb->tlb_control = TLB_CONTROL_FLUSH_ASID;
	else
		take_new_asid(s);
	s->flush = false;
}

void svm_tlb_flush(struct vcpu *v)
{
	to_svm(v)->flush = true;
}

/* The manual does not say that INVLPGA takes an address of 57 bits in the host's 4-level mode,
 * where it is not canonical (APM Vol. 3, INVLPGA). */
static bool is_beyond_host(const struct vcpu *v, uint64_t va)
{
	return unlikely(v->mmu.hw.levels > 4) && !is_canonical(va, LINEAR_BITS_4LEVEL);
}

void svm_tlb_flush_page(struct vcpu *v, uint64_t va)
{
	struct svm_vcpu *s = to_svm(v);

	if (s->flush)
		return;
	if (asid_is_ours(s) && !is_beyond_host(v, va))
		__asm__ volatile("invlpga %%rax, %%ecx" : : "a"(va), "c"(s->vmcb->asid) : "memory");
	else
		s->flush = true;
}

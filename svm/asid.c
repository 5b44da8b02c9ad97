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

static struct asid_pool {
	uint64_t generation;
	uint32_t next;
} pool[1]; /* by host CPU */

static struct asid_pool *this_pool(void)
{
	return &pool[this_cpu()->index];
}

void svm_asid_cpu_init(void)
{
	this_pool()->generation++;
	this_pool()->next = FIRST_ASID;
}

static void take_new_asid(struct svm_vcpu *s)
{
	struct asid_pool *p = this_pool();

	s->vmcb->tlb_control = TLB_CONTROL_NONE;
	if (p->next >= svm_features.nr_asids) {
		p->generation++;
		p->next = FIRST_ASID;
		s->vmcb->tlb_control = TLB_CONTROL_FLUSH_ALL;
	}
	s->vmcb->asid = p->next++;
	s->asid_generation = p->generation;
	s->cpu = this_cpu()->index;
	s->vmcb->clean &= ~(uint32_t)CLEAN_ASID;
}

static bool asid_is_ours(const struct svm_vcpu *s)
{
	return s->cpu == this_cpu()->index && s->asid_generation == this_pool()->generation;
}

/* Called before each entry: the common case must cost nothing. */
void svm_choose_asid(struct vcpu *v)
{
	struct svm_vcpu *s = to_svm(v);

	if (likely(asid_is_ours(s))) {
		if (likely(!s->flush)) {
			s->vmcb->tlb_control = TLB_CONTROL_NONE;
			return;
		}
		if (svm_features.flush_by_asid) {
			s->vmcb->tlb_control = TLB_CONTROL_FLUSH_ASID;
			s->flush = false;
			return;
		}
	}
	take_new_asid(s);
	s->flush = false;
}

void svm_tlb_flush(struct vcpu *v)
{
	to_svm(v)->flush = true;
}

void svm_tlb_flush_page(struct vcpu *v, uint64_t va)
{
	struct svm_vcpu *s = to_svm(v);

	if (s->flush)
		return;
	if (asid_is_ours(s))
		__asm__ volatile("invlpga %%rax, %%ecx" : : "a"(va), "c"(s->vmcb->asid) : "memory");
	else
		s->flush = true;
}

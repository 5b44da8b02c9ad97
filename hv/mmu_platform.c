/* SPDX-License-Identifier: MIT */
/*
 * The hypervisor behind the shadow MMU's platform seam (mmu/platform.h).
 */
#include "mmu/platform.h"

#include "hv/cpu.h"
#include "hv/insn_cache.h"
#include "hv/page.h"
#include "hv/print.h"
#include "hv/vendor.h"
#include "hv/vm.h"

static struct vm *to_vm(struct mmu *m)
{
	return container_of(m, struct vm, mmu);
}

static struct vcpu *to_vcpu(struct mmu_vcpu *v)
{
	return container_of(v, struct vcpu, mmu);
}

struct p2m_entry mmu_p2m_lookup(struct mmu *m, gfn_t gfn)
{
	return p2m_lookup(&to_vm(m)->p2m, gfn);
}

void *mmu_map_pfn(pfn_t pfn)
{
	return pfn_to_ptr(pfn);
}

int mmu_page_alloc(struct mmu *m, bool below_4g, pfn_t *pfn)
{
	(void)m;
	return page_alloc(0, PAGE_ZERO | (below_4g ? PAGE_BELOW_4G : 0), pfn);
}

void mmu_page_free(struct mmu *m, pfn_t pfn)
{
	(void)m;
	page_free(pfn, 0);
}

void *mmu_mem_alloc(size_t bytes)
{
	return mem_alloc(bytes);
}

void mmu_mem_free(void *p, size_t bytes)
{
	mem_free(p, bytes);
}

void mmu_hw_flush(struct mmu_vcpu *v)
{
	vendor->tlb_flush(to_vcpu(v));
	insn_cache_flush(to_vcpu(v)->icache);
}

void mmu_hw_flush_page(struct mmu_vcpu *v, gva_t va)
{
	vendor->tlb_flush_page(to_vcpu(v), va.v);
	insn_cache_flush_page(to_vcpu(v)->icache, va.v);
}

/* All are asked before one is waited for. Who waits for the MMU's lock is not in guest mode, so
 * waiting for the others with the lock held ends. */
void mmu_shootdown(struct mmu *m, const struct mmu_vcpu *except)
{
	for (unsigned i = 0; i < m->nr_vcpus; i++)
		if (m->vcpus[i] != except)
			vcpu_ask_flush(to_vcpu(m->vcpus[i]));
	for (unsigned i = 0; i < m->nr_vcpus; i++)
		if (m->vcpus[i] != except)
			vcpu_wait_flush(to_vcpu(m->vcpus[i]));
}

void mmu_lock(struct mmu *m)
{
	spin_lock(&to_vm(m)->mmu_lock);
}

void mmu_unlock(struct mmu *m)
{
	spin_unlock(&to_vm(m)->mmu_lock);
}

void mmu_yield(struct mmu *m)
{
	(void)m;
	cpu_relax();
}

uint64_t mmu_clock(void)
{
	return rdtsc();
}

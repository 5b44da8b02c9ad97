/* SPDX-License-Identifier: MIT */
/*
 * KVM's steal-time page (hv/pv.h): how long the vCPU waited for a CPU, and whether it runs, which
 * lets the guest leave it alone: a TLB flush it then leaves as a request.
 * Guarded by the CPU that runs the vCPU; the page is shared with the guest, which changes
 * `preempted` by compare-exchange.
 */
#include "hv/cpu.h"
#include "hv/pv.h"
#include "hv/pvclock.h"
#include "hv/timer.h"
#include "hv/vm.h"

#define STEAL_ENABLE BIT(0)
#define STEAL_RESERVED UINT64_C(0x3e)
#define STEAL_PREEMPTED 1u /* it does not run */
#define STEAL_FLUSH_TLB 2u /* before it runs again */

#define LONG_NS NSEC_PER_SEC /* a wait that the guest is told of as a stop */
#define WRITE_NS NSEC_PER_MSEC /* less waiting than that is told with the next */

struct steal_page {
	uint64_t steal; /* nanoseconds */
	uint32_t version; /* odd while it is being written */
	uint32_t flags;
	uint8_t preempted;
	uint8_t pad[47];
};
_Static_assert(sizeof(struct steal_page) == 64, "the ABI's");

static bool update(struct vcpu *v, void (*change)(void *host, void *arg), void *arg)
{
	return mmu_guest_update(&v->vm->mmu, GPA(v->kvm_steal_time & ~STEAL_ENABLE),
				sizeof(struct steal_page), change, arg);
}

static void write_steal(void *host, void *arg)
{
	struct steal_page *p = host;
	uint32_t version = p->version | 1;

	__atomic_store_n(&p->version, version, __ATOMIC_RELEASE);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	p->steal = *(const uint64_t *)arg;
	__atomic_store_n(&p->version, version + 1, __ATOMIC_RELEASE);
}

static void set_preempted(void *host, void *arg)
{
	struct steal_page *p = host;

	(void)arg;
	__atomic_store_n(&p->preempted, STEAL_PREEMPTED, __ATOMIC_SEQ_CST);
}

static void take_preempted(void *host, void *arg)
{
	struct steal_page *p = host;

	*(uint8_t *)arg = __atomic_exchange_n(&p->preempted, 0, __ATOMIC_SEQ_CST);
}

bool steal_time_set(struct vcpu *v, uint64_t val)
{
	uint64_t before = v->kvm_steal_time;

	if (val & STEAL_RESERVED)
		return false;
	v->kvm_steal_time = val;
	if ((val & STEAL_ENABLE) && !update(v, write_steal, &v->steal_told)) {
		v->kvm_steal_time = before;
		return false;
	}
	v->stopped = false;
	return true;
}

void steal_time_stops(struct vcpu *v)
{
	if (v->state != VCPU_RUNNABLE)
		v->waits_since = 0;
	else if (!v->waits_since) /* it has run since it waited */
		v->waits_since = rdtsc();
	if (!(v->kvm_steal_time & STEAL_ENABLE) || v->vm->nr_vcpus == 1 || v->stopped)
		return;
	v->stopped = update(v, set_preempted, NULL);
}

/* What it has waited, in pieces that are worth telling. */
static void tell_waiting(struct vcpu *v)
{
	uint64_t total, wait;

	if (!v->waits_since)
		return;
	wait = rdtsc() - v->waits_since;
	v->waited += wait;
	v->waits_since = 0;
	if (tsc_to_ns(wait) >= LONG_NS)
		pvclock_tell_stopped(v);
	total = tsc_to_ns(v->waited);
	if (!(v->kvm_steal_time & STEAL_ENABLE) || total - v->steal_told < WRITE_NS)
		return;
	v->steal_told = total;
	(void)update(v, write_steal, &total);
}

void steal_time_runs(struct vcpu *v)
{
	uint8_t was = 0;

	tell_waiting(v);
	if (!v->stopped)
		return;
	v->stopped = false;
	if (update(v, take_preempted, &was) && (was & STEAL_FLUSH_TLB))
		mmu_flush(&v->mmu, true);
}

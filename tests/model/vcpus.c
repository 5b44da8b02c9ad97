/* SPDX-License-Identifier: MIT */
/* See vcpus.h; and the part of the platform seam that is about locks and TLBs. */
#include "tests/model/vcpus.h"

#include <string.h>

#include "tests/model/fail.h"
#include "tests/model/watch.h"

struct vm vm;

static void (*run_step)(struct vcpu *v);
static struct vcpu *running; /* whose coroutine runs; NULL: the scheduler */
static uint64_t ticks;

static struct vcpu *to_vcpu(const struct mmu_vcpu *v)
{
	return &vm.vcpu[(const struct vcpu *)(const void *)v - vm.vcpu];
}

static void body(void *arg)
{
	struct vcpu *v = arg;

	for (;;) {
		run_step(v);
		v->busy = false;
		co_give_way(&v->co);
	}
}

void vcpus_reset(unsigned nr, void (*step)(struct vcpu *v))
{
	run_step = step;
	running = NULL;
	ticks = 0;
	vm.nr_vcpus = nr;
	vm.owner = vm.changer = NULL;
	for (unsigned i = 0; i < nr; i++) {
		struct vcpu *v = &vm.vcpu[i];

		v->id = i;
		v->busy = v->waits_lock = v->waits_change = v->call.active = false;
		v->pending.all = false;
		v->pending.pages = 0;
		hw_forget_all(&v->tlb);
		co_init(&v->co, body, v);
	}
}

void vcpus_run(struct vcpu *v, unsigned leave)
{
	if (!v->busy)
		v->left = 0;
	v->busy = true;
	v->leave = leave;
	running = v;
	co_run(&v->co);
	running = NULL;
}

struct vcpu *vcpus_who(struct vcpu *v)
{
	if (v->waits_change && vm.changer)
		v = vm.changer;
	return v->waits_lock && vm.owner ? vm.owner : v;
}

bool vcpus_abandon(void)
{
	if (running)
		co_leave(&running->co);
	return true;
}

/* ---- library calls ---- */

void call_begin(struct vcpu *v, uint64_t since)
{
	v->call = (struct call){ .active = true, .since = since, .since_here = world_now };
}

void call_begin_walk(struct vcpu *v, uint64_t va, unsigned access, uint64_t since)
{
	v->call = (struct call){ true, true, va, access, since, world_now };
	watch_attempt(v);
}

void call_end(struct vcpu *v)
{
	watch_library(v);
	v->call.active = false;
	vcpu_enter(v);
}

static void give_way(struct vcpu *v)
{
	watch_library(v);
	v->left++;
	co_give_way(&v->co);
	watch_attempt(v);
}

void vcpus_wait_for_change(struct vcpu *v)
{
	v->waits_change = true;
	while (vm.changer)
		give_way(v);
	v->waits_change = false;
}

static void switch_point(void)
{
	struct vcpu *v = running;

	if (v && v->leave && !--v->leave)
		give_way(v);
}

/* ---- the platform's part of it ---- */

struct p2m_entry mmu_p2m_lookup(struct mmu *m, gfn_t gfn)
{
	struct p2m_entry e = world_p2m(gfn.v);

	(void)m;
	switch_point();
	return e;
}

void vcpu_enter(struct vcpu *v)
{
	if (v->pending.all)
		hw_forget_all(&v->tlb);
	for (unsigned i = 0; i < v->pending.pages; i++)
		hw_forget_page(&v->tlb, v->pending.page[i]);
	v->pending.all = false;
	v->pending.pages = 0;
}

void mmu_hw_flush(struct mmu_vcpu *v)
{
	to_vcpu(v)->pending.all = true;
	switch_point();
}

void mmu_hw_flush_page(struct mmu_vcpu *mv, gva_t va)
{
	struct vcpu *v = to_vcpu(mv);

	if (v->pending.pages < PENDING_PAGES)
		v->pending.page[v->pending.pages++] = hw_linear(&v->mmu.hw, va.v);
	else
		v->pending.all = true;
	switch_point();
}

void mmu_shootdown(struct mmu *m, const struct mmu_vcpu *except)
{
	(void)m;
	switch_point();
	for (unsigned i = 0; i < vm.nr_vcpus; i++) {
		struct vcpu *v = &vm.vcpu[i];

		if (&v->mmu == except)
			continue;
		v->pending.all = true;
		if (!v->call.active)
			vcpu_enter(v);
	}
}

void mmu_lock(struct mmu *m)
{
	struct vcpu *v = running;

	(void)m;
	switch_point();
	MODEL_CHECK(!v || vm.owner != v, "the lock is taken by the one who has it", "vcpu %u",
		    v->id);
	while (v && vm.owner) {
		v->waits_lock = true;
		give_way(v);
	}
	if (v)
		v->waits_lock = false;
	vm.owner = v;
}

void mmu_unlock(struct mmu *m)
{
	(void)m;
	MODEL_CHECK(vm.owner == running, "the lock is given back by one who does not have it", " ");
	vm.owner = NULL;
	switch_point();
}

void mmu_yield(struct mmu *m)
{
	(void)m;
	switch_point();
}

uint64_t mmu_clock(void)
{
	return ++ticks;
}

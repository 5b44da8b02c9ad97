/* SPDX-License-Identifier: MIT */
/*
 * The virtual machine under test: its vCPUs are coroutines that change at the library's
 * locks, at its flushes and where it looks at the p2m. A vCPU between two steps is in guest
 * mode; one that was left inside a library call is not.
 */
#ifndef TESTS_MODEL_VCPUS_H
#define TESTS_MODEL_VCPUS_H

#include "tests/model/allowed.h"
#include "tests/model/co.h"
#include "tests/model/hw.h"

#define MODEL_VCPUS 4u
#define PENDING_PAGES 8u

/* A library call under way. What it may write to guest memory: A and D where it walks. */
struct call {
	bool active;
	bool walks;
	uint64_t va;
	unsigned access; /* enum ref_access */
	uint64_t since; /* of the access that led to it */
	uint64_t since_here; /* others may have run after it */
};

struct vcpu {
	struct mmu_vcpu mmu;
	unsigned id;
	struct allowed allowed;
	struct hw_tlb tlb;
	struct {
		bool all;
		unsigned pages;
		uint64_t page[PENDING_PAGES];
	} pending; /* to be flushed at the next entry */

	struct co co;
	bool busy; /* in the middle of a step */
	bool waits_lock, waits_change; /* for the lock's owner; for the p2m to be in order */
	unsigned leave; /* gives way at this switch point; 0: at none */
	unsigned left; /* how often it gave way in this step */
	struct call call;
	bool touched; /* the step at hand was about touched_va: to be audited */
	uint64_t touched_va;
};

struct vm {
	struct mmu mmu;
	struct vcpu vcpu[MODEL_VCPUS];
	unsigned nr_vcpus;
	struct vcpu *owner; /* of the lock; NULL: free */
	struct vcpu *changer; /* is changing the p2m */
};

extern struct vm vm;

/* `step` is run by each vCPU's coroutine when vcpus_run() lets it. */
void vcpus_reset(unsigned nr, void (*step)(struct vcpu *v));

/* Begin a step on an idle vCPU, or let a busy one go on; until it is done or gives way at
 * the `leave`th switch point. */
void vcpus_run(struct vcpu *v, unsigned leave);

/* Who must run that v can go on: v, or whom it waits for. */
struct vcpu *vcpus_who(struct vcpu *v);

/* From v's coroutine: no progress before the change of the p2m is over. */
void vcpus_wait_for_change(struct vcpu *v);

/* Out of the coroutine that runs, for good. True: there is none, this is the scheduler. */
bool vcpus_abandon(void);

/* Guest mode is entered: what was requested is flushed. */
void vcpu_enter(struct vcpu *v);

/* Around each library call that v's coroutine makes: one that walks for an access, or not. */
void call_begin(struct vcpu *v, uint64_t since);
void call_begin_walk(struct vcpu *v, uint64_t va, unsigned access, uint64_t since);
void call_end(struct vcpu *v);

#endif

/* SPDX-License-Identifier: MIT */
/* What the steps do: the part of the guest and of the hypervisor around the library. */
#ifndef TESTS_MODEL_ACT_H
#define TESTS_MODEL_ACT_H

#include "tests/model/step.h"
#include "tests/model/vcpus.h"

#define MAX_STEP_EPOCHS 16u /* more than one step begins */

/* Run a step on v's coroutine. Those that are about no vCPU are run.c's own. */
void act(struct vcpu *v, const struct step *s);

/* One memory access of the guest, to its end. */
enum act_end {
	ACT_DONE, /* *frame and *offset say where; NO_FRAME: it went to a device */
	ACT_FAULT, /* the guest has got a page fault */
};

struct act_access {
	uint64_t va;
	unsigned access; /* enum ref_access; as the processor sees it */
	bool implicit, hint;
	unsigned whim;
	const void *bytes; /* REF_W: what is written */
	unsigned len; /* in one page */
	bool unshadow; /* the emulator cannot do the instruction */

	/* The latest of the library's answers; MMU_NR_RESULTS: the processor needed none. */
	enum mmu_result result;
	struct mmu_fault fault;
};

enum act_end act_access(struct vcpu *v, struct act_access *a);

/* mmu_translate(); the answer in a->result and a->fault. */
void act_translate(struct vcpu *v, struct act_access *a);

/* The paging registers change, as MOV to them does. */
void act_set_regs(struct vcpu *v, const struct mmu_regs *regs);
void act_set_cr3(struct vcpu *v, uint64_t cr3);
void act_flush(struct vcpu *v, bool global);
void act_invlpg(struct vcpu *v, uint64_t va);

/* mmu_unshadow(). */
bool act_unshadow(struct vcpu *v, uint64_t gpa);

/* A host write to guest memory. False: there is no RAM. */
bool act_host_write(struct vcpu *v, uint64_t gpa, const void *bytes, unsigned len);

/* Would the shadow as it is let v do something at `va` that it may not? Changes nothing. */
void act_check_shadow(struct vcpu *v, uint64_t va);

#endif

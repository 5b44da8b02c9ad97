/* SPDX-License-Identifier: MIT */
/*
 * The neutral side of a back end, for host tests: what it is told is written down, one word
 * or phrase after the other, and what the next entries into the guest bring is the test's.
 */
#ifndef TESTS_UNIT_FAKE_EXITS_H
#define TESTS_UNIT_FAKE_EXITS_H

#include "hv/vm.h"
#include "tests/unit/fake_vmx.h"
#include "vmx/vmx.h"

extern struct vm fake_vm;
extern struct vcpu fake_vcpu; /* of the VM; in 64-bit mode, with a VMCS */

/* Since the latest call: what the neutral side was told. */
const char *fake_told(void);

/* What entries bring, in turn; behind the last the vCPU leaves before it enters. */
#define FAKE_ENTRIES 8
struct fake_entry {
	enum vmx_entry_result result;
	uint32_t reason; /* of the exit */
	void (*in_guest)(void); /* what else happens there; may be NULL */
};
extern struct fake_entry fake_entries[FAKE_ENTRIES];
extern unsigned fake_nr_entries, fake_entered;
extern unsigned fake_host_setups; /* how often the VMCS was told which CPU it is on */
extern bool fake_launched; /* the latest entry was a VMRESUME */

/* Steps without an entry (hv/step.c): what happens in one, and whether it is in the scope. The
 * vCPU leaves when so many were made. */
extern void (*fake_in_step)(void);
extern bool fake_step_result;
extern unsigned fake_nr_steps, fake_stepped;

void fake_exits_reset(void);

/* An entry into the guest that ends with this exit. */
void fake_exit(uint32_t reason);
void fake_fields(enum vmcs_field f1, uint64_t v1, enum vmcs_field f2, uint64_t v2);

#endif

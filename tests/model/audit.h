/* SPDX-License-Identifier: MIT */
/* Looking at all of a step, and at everything at once. */
#ifndef TESTS_MODEL_AUDIT_H
#define TESTS_MODEL_AUDIT_H

#include "tests/model/vcpus.h"

/* The library's audit of the way to the address that the latest step of `v` was about, unless
 * somebody is in the middle of a change. */
void audit_touched(struct vcpu *v);

/* The library's own audit; all of guest memory; each entry of each vCPU's shadow and TLB against
 * what the vCPU may have. All vCPUs are idle. */
void audit_all(void);

#endif

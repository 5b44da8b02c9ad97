/* SPDX-License-Identifier: MIT */
/* Looking at everything at once. */
#ifndef TESTS_MODEL_AUDIT_H
#define TESTS_MODEL_AUDIT_H

/* The library's own audit; all of guest memory; each entry of each vCPU's shadow and TLB against
 * what the vCPU may have. All vCPUs are idle. */
void audit_all(void);

#endif

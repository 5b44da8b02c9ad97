/* SPDX-License-Identifier: MIT */
/* The virtual machine that a stream begins with, and its end. */
#ifndef TESTS_MODEL_SETUP_H
#define TESTS_MODEL_SETUP_H

#include "tests/model/step.h"
#include "tests/model/vcpus.h"

/* A new world, page tables for each mode, vCPUs in the head's mode. */
void setup(const struct head *h, const char *engine, void (*step)(struct vcpu *v));

/* vCPUs in reset state in a world of a recorded guest, which has no memory yet. */
void setup_recorded(const struct mmu_config *c, unsigned nr_vcpus);

/* Undo it. Nothing of the library's may be left. All vCPUs are idle. */
void teardown(void);

#endif

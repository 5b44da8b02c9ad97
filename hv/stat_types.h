/* SPDX-License-Identifier: MIT */
/*
 * What a vCPU counts, and what a VM remembers about it, so that the tables of the console
 * (hv/stats.c) can be cleared by the user, and survive the vCPU, without anybody ever writing
 * to a counter but the CPU that owns it.
 */
#ifndef HV_STAT_TYPES_H
#define HV_STAT_TYPES_H

#include "hv/exit.h"
#include "mmu/stats.h"

/* Profile ticks that were due while the vCPU was loaded; written by the CPU that runs it. */
struct tick_profile {
	uint64_t in_op[MMU_NR_OPS]; /* inside that operation */
	uint64_t locked[MMU_NR_OPS]; /* inside it, waiting for the shadow lock or holding it */
	uint64_t total; /* all, wherever the vCPU was */
};

/* All figures of one vCPU. */
struct stat_set {
	struct mmu_stats mmu;
	struct exit_stats exits;
	struct tick_profile ticks;
};

#endif

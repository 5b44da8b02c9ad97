/* SPDX-License-Identifier: MIT */
/*
 * Shadow statistics: one histogram for each timed operation, in the buckets of the XI
 * report of 2006. Kept per vCPU and so written without atomics by the CPU that runs it;
 * readers may see a vCPU mid-update and must tolerate one operation of skew.
 */
#ifndef MMU_STATS_H
#define MMU_STATS_H

#include "mmu/types.h"

enum mmu_op {
	MMU_OP_PFAULT, /* #PF exit to the decision (fixed, injected, MMIO, emulate) */
	MMU_OP_SYNC_ALL, /* full flush: CR3 load, CR4 change */
	MMU_OP_INVL_PG, /* INVLPG */
	/* the finer operations: counted and timed inside the ones above */
	MMU_OP_RECLAIM,
	MMU_NR_OPS
};

/* Outcomes, bumped exactly where they are decided. */
enum mmu_counter {
	/* results of mmu_fault, in the order of enum mmu_result */
	MMU_CNT_PF_FIXED,
	MMU_CNT_PF_RETRY,
	MMU_CNT_PF_INJECT,
	MMU_CNT_PF_MMIO,
	MMU_CNT_PF_EMULATE,
	MMU_CNT_PF_FATAL,
	MMU_CNT_LARGE_FILL, /* a 2 MiB shadow entry was made */
	MMU_CNT_SPURIOUS, /* the entry was there already */
	MMU_CNT_WP_TRICK, /* supervisor write to a read-only user page with CR0.WP = 0 */
	MMU_CNT_WINDOW, /* neighbours filled with a fault */
	MMU_CNT_NEW_TABLE, /* shadow tables made */
	MMU_CNT_NEW_ROOT, /* ..., as roots */
	MMU_CNT_UNSYNC, /* guest tables that went out of sync */
	MMU_CNT_RESYNC, /* ..., and came back */
	MMU_CNT_SYNC_TABLE, /* tables compared */
	MMU_CNT_SYNC_ENTRY, /* entries found changed */
	MMU_CNT_UNSHADOW, /* tables let go, reused or written by what is not emulated */
	MMU_CNT_SHOOTDOWN, /* other vCPUs made to flush */
	MMU_NR_COUNTERS
};

/* Buckets: <2, <3, <4, <8, <16, <32, <64, >=64 microseconds. */
#define MMU_NR_BUCKETS 8

struct mmu_op_stat {
	uint64_t bucket[MMU_NR_BUCKETS];
	uint64_t ticks; /* sum, in mmu_clock() ticks */
};

struct mmu_stats {
	struct mmu_op_stat op[MMU_NR_OPS];
	uint64_t count[MMU_NR_COUNTERS];
};

/* Upper bounds of all buckets but the last, in mmu_clock() ticks; set once at boot. */
extern uint64_t mmu_bucket_ticks[MMU_NR_BUCKETS - 1];

/* Name as the table prints it ("pfault", "sync_all", "invl_pg", ...). */
extern const char *const mmu_op_name[MMU_NR_OPS];
extern const char *const mmu_counter_name[MMU_NR_COUNTERS];

/* Set the bucket bounds from the clock's frequency. hz > 0. */
void mmu_stats_init(uint64_t clock_hz);

static inline void mmu_op_record(struct mmu_op_stat *s, uint64_t ticks)
{
	unsigned b = 0;

	while (b < MMU_NR_BUCKETS - 1 && ticks >= mmu_bucket_ticks[b])
		b++;
	s->bucket[b]++;
	s->ticks += ticks;
}

#endif

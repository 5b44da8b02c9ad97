/* SPDX-License-Identifier: MIT */
/* Names and bucket bounds of the shadow statistics. The bounds are written once at boot,
 * before any vCPU runs, and only read from then on. */
#include "mmu/stats.h"

#define USEC_PER_SEC 1000000

uint64_t mmu_bucket_ticks[MMU_NR_BUCKETS - 1];

const char *const mmu_op_name[MMU_NR_OPS] = {
	[MMU_OP_PFAULT] = "pfault",
	[MMU_OP_SYNC_ALL] = "sync_all",
	[MMU_OP_INVL_PG] = "invl_pg",
	[MMU_OP_RECLAIM] = "reclaim",
};

const char *const mmu_counter_name[MMU_NR_COUNTERS] = {
	[MMU_CNT_PF_FIXED] = "pf_fixed",     [MMU_CNT_PF_RETRY] = "pf_retry",
	[MMU_CNT_PF_INJECT] = "pf_inject",   [MMU_CNT_PF_MMIO] = "pf_mmio",
	[MMU_CNT_PF_EMULATE] = "pf_emulate", [MMU_CNT_PF_FATAL] = "pf_fatal",
	[MMU_CNT_LARGE_FILL] = "large_fill", [MMU_CNT_SPURIOUS] = "spurious",
	[MMU_CNT_WP_TRICK] = "wp_trick",     [MMU_CNT_WINDOW] = "window",
	[MMU_CNT_NEW_TABLE] = "new_table",   [MMU_CNT_NEW_ROOT] = "new_root",
	[MMU_CNT_UNSYNC] = "unsync",	     [MMU_CNT_RESYNC] = "resync",
	[MMU_CNT_SYNC_TABLE] = "sync_table", [MMU_CNT_SYNC_ENTRY] = "sync_entry",
	[MMU_CNT_UNSHADOW] = "unshadow",     [MMU_CNT_SHOOTDOWN] = "shootdown",
};

void mmu_stats_init(uint64_t clock_hz)
{
	static const uint8_t bound_usec[MMU_NR_BUCKETS - 1] = { 2, 3, 4, 8, 16, 32, 64 };

	/* Rounded up: a duration of n microseconds is never in the bucket "< n". */
	for (unsigned b = 0; b < MMU_NR_BUCKETS - 1; b++)
		mmu_bucket_ticks[b] = (bound_usec[b] * clock_hz + USEC_PER_SEC - 1) / USEC_PER_SEC;
}

/* SPDX-License-Identifier: MIT */
/*
 * A recording of what the shadow MMU was asked, and of the guest tables that it read: what the
 * flight recorder dumps and tests/model replays, through the models and any engine.
 *
 * A head, then records. All numbers are little-endian. Each vCPU may record into a ring of its
 * own; the order between them is `seq`, one counter for the machine. Where rings have
 * overwritten their beginnings, a replay begins behind the youngest first MMU_REC_STATE: from one such
 * record of every vCPU on, nothing depends on what was recorded before.
 *
 * As text, on a console, the head and each record are one line: MMU_STREAM_LINE, then its
 * bytes as hexadecimal digits. Other lines may come between.
 */
#ifndef MMU_STREAM_H
#define MMU_STREAM_H

#include "mmu/types.h"

#define MMU_STREAM_MAGIC UINT64_C(0x31756d6d76686978) /* "xihvmmu1": the version is its last byte */
#define MMU_STREAM_LINE "mmu-rec "
#define MMU_STREAM_ENGINE 8

struct mmu_stream_head {
	uint64_t magic;
	uint64_t frames; /* these as in struct mmu_config */
	uint32_t pool_pages;
	uint32_t without;
	uint16_t maxphyaddr;
	uint8_t has_1g;
	uint8_t nr_vcpus;
	uint32_t zero;
	char engine[MMU_STREAM_ENGINE]; /* NUL-padded */
};

_Static_assert(sizeof(struct mmu_stream_head) == 40, "it is the same for every compiler");

/*
 * Kinds of record; what is in `arg` and in the words behind the record. A call is recorded when it
 * has returned, and behind the entries that it read.
 */
enum mmu_rec {
	/* The vCPU as it is between two calls. All MMU_REC_TABLE of before are void: entries are
	 * recorded anew when they are read again.
	 * words: cr0 cr3 cr4 efer pdpte[4] */
	MMU_REC_STATE = 1,
	/* `arg` bytes (4 or 8) of a guest table as they were read, where they are not what
	 * was recorded before (but for A and D bits that the library set).
	 * words: gpa value */
	MMU_REC_TABLE,
	/* Guest frames as they are from now on; arg: enum p2m_kind, and MMU_REC_LARGE.
	 * words: gfn number */
	MMU_REC_P2M,
	MMU_REC_REGS, /* mmu_set_regs(); arg: 1 if refused. words: cr0 cr3 cr4 efer */
	MMU_REC_CR3, /* mmu_set_cr3(); arg: 1 if refused. words: cr3 */
	/* mmu_fault(), mmu_translate(); arg: enum mmu_result.
	 * words: va access; MMU_INJECT: error_code; MMU_MMIO, MMU_EMULATE, and MMU_FIXED of
	 * mmu_translate: gpa; else 0 */
	MMU_REC_FAULT,
	MMU_REC_TRANSLATE,
	MMU_REC_INVLPG, /* words: va */
	MMU_REC_FLUSH, /* arg: 1 if global */
	MMU_REC_UPDATE, /* mmu_guest_update(); arg: bytes, 1..64. words: gpa, then the bytes */
	MMU_REC_UNSHADOW, /* arg: 1 if true. words: gpa */
	MMU_REC_DIRTY, /* arg: enum mmu_rec_dirty. words: frames that were collected */
	MMU_REC_LOST, /* records are missing here: a replay stops */
	MMU_NR_RECS
};

#define MMU_REC_LARGE 0x80 /* p2m_entry.large */
#define MMU_REC_MAX_BYTES 64

enum mmu_rec_dirty { MMU_REC_DIRTY_START, MMU_REC_DIRTY_COLLECT, MMU_REC_DIRTY_STOP };

struct mmu_record {
	uint8_t kind; /* enum mmu_rec */
	uint8_t vcpu;
	uint8_t arg;
	uint8_t words; /* of 8 bytes that follow */
	uint32_t seq; /* wraps around */
};

#define MMU_REC_MAX_WORDS (1 + MMU_REC_MAX_BYTES / 8)

_Static_assert(sizeof(struct mmu_record) == 8, "it is the same for every compiler");

#endif

/* SPDX-License-Identifier: MIT */
/*
 * What the flight recorder (record.h) is made of, for its own files: rings of records, the cache of
 * what a replay knows, the memory map. All under mmu_lock.
 */
#ifndef MMU_RECORD_RING_H
#define MMU_RECORD_RING_H

#include "mmu/record.h"

#define MMU_REC_CACHE 4096u /* words of guest tables: what is evicted is recorded again */
#define MMU_REC_RANGES 64u /* as many as a replay takes (tests/model/world.c) */
#define MMU_REC_HEAD_WORDS (sizeof(struct mmu_record) / sizeof(uint64_t))

/* Records of one vCPU. Positions count words and run freely. */
struct mmu_rec_ring {
	struct mmu_recorder *recorder;
	unsigned nr; /* the vCPU, as records name it */
	uint64_t *word;
	uint64_t head, tail; /* written next; the oldest record */
	uint64_t key; /* behind the latest key frame */
	/* The vCPU as a replay of what is recorded has it. */
	struct mmu_regs regs;
	uint64_t pdpte[PAE_PDPTES];
	/* PDPTEs as they were read, until the call that they are for has returned. */
	uint64_t fresh_at, fresh[PAE_PDPTES];
	bool has_fresh;
};

/* A naturally aligned word of guest memory and which halves of it are known. */
struct mmu_rec_known {
	uint64_t gpa;
	uint64_t value;
	uint64_t mask; /* bits of `value` that count */
};

struct mmu_rec_range {
	uint64_t gfn, n;
	enum p2m_kind kind;
	bool large;
};

struct mmu_recorder {
	struct mmu *mmu;
	uint32_t seq; /* of the next record */
	unsigned nr_vcpus;
	uint64_t ring_words; /* a power of two */
	struct mmu_rec_ring ring[MMU_MAX_VCPUS];
	unsigned nr_ranges;
	struct mmu_rec_range range[MMU_REC_RANGES]; /* memory that was touched */
	struct mmu_rec_known known[MMU_REC_CACHE];
};

void mmu_rec_put(struct mmu_rec_ring *r, enum mmu_rec kind, unsigned arg, const uint64_t *word,
		 unsigned words) MMU_LOCKED;

/* Every vCPU's state; what is known is forgotten. */
void mmu_rec_key_frame(struct mmu_recorder *rec) MMU_LOCKED;

/* A call and what it read is recorded: only now may a key frame come. */
void mmu_rec_end_call(struct mmu_rec_ring *r) MMU_LOCKED;

/* `gfn` is used: is it memory? Notes the range around it. */
bool mmu_rec_touch(struct mmu_rec_ring *r, uint64_t gfn) MMU_LOCKED;

/* An entry of 4 or 8 bytes reads as `value` now: recorded if a replay does not know. */
void mmu_rec_entry(struct mmu_rec_ring *r, gpa_t at, unsigned bytes, uint64_t value) MMU_LOCKED;

/* A replay has it there, or does not know what is there. */
void mmu_rec_learn(struct mmu_recorder *rec, gpa_t at, unsigned bytes, uint64_t value) MMU_LOCKED;
void mmu_rec_unlearn(struct mmu_recorder *rec, gpa_t at, unsigned len) MMU_LOCKED;

#endif

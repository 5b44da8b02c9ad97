/* SPDX-License-Identifier: MIT */
/*
 * A stream: what a virtual machine is like, then steps of 8 bytes each. Every string of bytes is a
 * stream; operands are small, so that steps meet.
 */
#ifndef TESTS_MODEL_STEP_H
#define TESTS_MODEL_STEP_H

#include <stdio.h>

#include "mmu/mmu.h"

#define STEP_BYTES 8u
#define HEAD_BYTES 8u

/* The last byte of a head, its upper half: the processor has LA57 (streams of before that have
 * anything else there); its lowest bit: a stream that begins with four levels begins with five. And
 * the last byte of a step: four levels are five, LA57 is flipped, the address is one of the next
 * 256 TiB. */
#define HEAD_LA57 0x50u
#define HEAD_5LEVEL 1u
#define STEP_5LEVEL 8u

enum step_kind {
	STEP_ACCESS, /* the guest reads, writes or fetches */
	STEP_SET, /* the guest writes an entry of a table, through its own mapping of it */
	STEP_HOST_SET, /* the host writes one, as an emulator or a device does */
	STEP_FLIP, /* the guest changes flags of an entry */
	STEP_FILL, /* the guest writes one value into several entries in turn */
	STEP_INVLPG,
	STEP_CR3,
	STEP_REGS, /* the guest changes bits of CR0, CR4, EFER */
	STEP_MODE, /* the guest turns paging off, and on in another mode */
	STEP_FLUSH,
	STEP_TRANSLATE, /* the hypervisor does what the guest would */
	STEP_PEEK,
	STEP_GUESS, /* the processor translates without being asked to */
	STEP_P2M,
	STEP_DIRTY, /* the log starts, is collected, stops */
	STEP_MOVE, /* the vCPU goes to another CPU */
	STEP_GO_ON, /* one that was left inside the library goes on */
	STEP_AUDIT,
	STEP_ENGINE, /* another engine takes over */
	STEP_REMAP, /* the guest writes an entry, then INVLPG */
	NR_STEPS
};

/* Frames that entries and CR3 point to: tables first. */
#define STEP_TABLES 16u
#define STEP_TARGETS 40u
extern const uint64_t step_target[STEP_TARGETS]; /* gfn */

/* Entries of tables that are written. */
#define STEP_INDEXES 32u
extern const uint16_t step_index[STEP_INDEXES];

/* Where the guest has its tables and some data mapped: target n at its n-th page. */
#define STEP_WINDOW UINT64_C(0x600000)
#define STEP_WINDOW_PAGES 32u

enum step_size {
	SIZE_ENTRY,
	SIZE_LOW,
	SIZE_HIGH,
	SIZE_BYTE,
	SIZE_WORD,
	SIZE_TWO,
	SIZE_8,
	SIZE_ACROSS
};

/* Registers that STEP_REGS flips, by bit number. */
enum step_flag {
	FLIP_WP,
	FLIP_PGE,
	FLIP_PSE,
	FLIP_SMEP,
	FLIP_SMAP,
	FLIP_NXE,
	FLIP_CD,
	FLIP_PAE,
	FLIP_LA57, /* where the head says that there is such a thing */
	NR_FLIPS
};

struct step {
	uint8_t kind, vcpu;
	uint8_t leave; /* the switch point where it gives way; 0: none */
	uint8_t access; /* enum ref_access */
	bool implicit; /* a supervisor access that AC does not excuse */
	bool hint; /* MMU_ACC_NOT_PRESENT where it holds */
	uint8_t whim; /* enum hw_whim */
	uint8_t size; /* enum step_size */
	uint8_t table, target; /* numbers in step_target */
	uint16_t index; /* of an entry */
	uint8_t flags; /* P W U A D PS G NX, from bit 0 */
	uint8_t raw; /* one more bit to flip; >= 64: none */
	uint16_t what; /* the kind's own */
	uint64_t va;
};

struct head {
	uint8_t engine;
	uint8_t nr_vcpus;
	uint8_t pool; /* pages beyond the least */
	uint8_t without;
	uint8_t mode, regs; /* to begin with; the mode: enum ref_mode */
	uint8_t table_flags; /* of the tables to begin with */
	unsigned maxphyaddr;
	bool has_1g, high, la57;
};

void head_decode(const uint8_t *bytes, struct head *h);
void head_print(const struct head *h, FILE *f);

/* A step that is a mere rest of bytes means nothing: false. */
bool step_decode(const uint8_t *bytes, size_t left, const struct head *h, struct step *s);
void step_print(const struct step *s, FILE *f);

/* The entry that a step writes. `bytes`: of an entry, in the guest's mode. */
uint64_t step_entry(const struct step *s, unsigned bytes);

#endif

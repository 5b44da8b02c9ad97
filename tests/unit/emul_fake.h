/* SPDX-License-Identifier: MIT */
/* A vCPU for the emulator to work on: flat segments, one window of memory, one port. Freestanding. */
#ifndef TESTS_UNIT_EMUL_FAKE_H
#define TESTS_UNIT_EMUL_FAKE_H

#include "hv/emul.h"

struct fake {
	struct emul_ctx ctx;
	struct cpu_regs regs;
	struct segment seg[NR_SEGS];

	/* Linear addresses lo..hi-1 are memory at `mem`; the guards on both sides and
	 * [ro_lo, ro_hi) for writing give #PF; anything else sets `wild`. */
	uint64_t lo, hi, guard, ro_lo, ro_hi;
	uint8_t *mem;
	bool wild;

	/* Other CPUs: before that many atomic operations, one adds 1 to the first byte. */
	unsigned rivals;
	unsigned atomics; /* atomic operations made */

	/* The memory is a device's registers: no locks, and the first byte counts the reads. */
	bool is_device;
	unsigned reads, writes;

	struct descriptor_table gdt, idt;
	/* Linear table_la.. is memory at `table` for implicit accesses only. */
	uint8_t *table;
	uint64_t table_la, table_size;

	uint32_t in_value; /* what ports give; one more each time */
	uint16_t port;
	uint32_t out_value;
	unsigned ins, outs;

	enum emul_result memory_result; /* unless EMUL_OK, of every memory access */
};

/* `mode` 2, 4, 8; 2: real mode. */
void fake_init(struct fake *f, unsigned mode, uint8_t *mem, uint64_t la, uint64_t size);

#endif

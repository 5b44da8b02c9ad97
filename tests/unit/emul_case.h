/* SPDX-License-Identifier: MIT */
/*
 * One random instruction with random registers, segments and memory, made such that a CPU can
 * run it and the emulator can be compared with it. Freestanding, no C library: the host tests
 * and the tiny guest `emul` share it.
 */
#ifndef TESTS_UNIT_EMUL_CASE_H
#define TESTS_UNIT_EMUL_CASE_H

#include "hv/emul.h"
#include "hv/x86.h"
#include "tests/unit/emul_forms.h"

#define ARITH (RFLAGS_CF | RFLAGS_PF | RFLAGS_AF | RFLAGS_ZF | RFLAGS_SF | RFLAGS_OF)

/* Where cases run: memory and segments that are the same for the CPU and the emulator. */
struct emul_bed {
	unsigned mode; /* 2, 4, 8 */
	unsigned cpl;
	bool protected_mode;
	/* Linear data_la..+data_size-1 is memory at `data`, read-only from ro_la on; `guard`
	 * bytes before and behind it are not mapped. */
	uint8_t *data;
	uint64_t data_la, data_size, ro_la, guard;
	/* All INT3 but for the instruction. */
	uint8_t *code;
	uint64_t code_la, code_size;
	/* Segments to choose from; number 0 of each reaches all of data. 64-bit mode: one. */
	const struct segment *data_seg, *stack_seg, *code_seg;
	unsigned nr_data_segs, nr_stack_segs, nr_code_segs;
	/* The descriptors of these; what is behind them is in no table. */
	bool long_mode;
	uint8_t *table;
	uint64_t table_la, table_size;
	struct descriptor_table gdt;
	struct segment ldtr;
	uint64_t base_mask; /* 64-bit mode: bits that a random base of FS and GS may have */
	/* With a 16-bit stack segment ESP's upper half can only be this. */
	uint32_t esp_high;
	uint64_t flags_set; /* before each instruction */
	uint64_t flags; /* that may be random before the instruction, beside the arithmetic */
	/* Harmless ports; cpl 0 only. The byte before io_end is also that of wider accesses. */
	uint16_t io_end, io_imm_byte, io_imm_wide;
	/* What OUT has left behind them; puts it back to what it was at first. NULL: no ports. */
	uint64_t (*device_take)(void);
	bool no_segment_faults; /* this CPU has none: leave such cases out */
	/* Updates of memory ask for write access last, with the flags already changed. */
	bool updates_write_late;
	bool stays_in_code; /* leave out branches to anything but `code` */
	/* Real mode: the exception that ends a case leaves its frame below SP. */
	bool frames_on_stack;
};

struct emul_case {
	struct insn insn;
	uint8_t bytes[INSN_MAX];
	unsigned modrm_at, operand_at; /* offsets; operand_at: behind the opcode */
	struct cpu_regs regs; /* rip: an offset in CS */
	struct segment seg[NR_SEGS];
};

/* The stream of random numbers. */
void emul_seed(uint64_t seed);
uint64_t emul_random64(void);
unsigned emul_below(unsigned n);
uint64_t emul_random_value(void); /* near the edges more often than chance would */

/* Make a case of this variant and place its operands. False: try again. */
bool emul_case_make(struct emul_case *t, const struct emul_bed *bed, const struct emul_variant *v);

/* Bytes of the variant with random other prefixes and operands (emul_encode.c). False: they
 * are something else, or longer than 15 bytes. */
bool emul_encode(struct emul_case *t, unsigned mode, const struct emul_variant *v);

/* Where bed->code holds the case's bytes. */
uint8_t *emul_case_code(const struct emul_case *t, const struct emul_bed *bed);

/* Linear address of what a push of the operand size writes. */
uint64_t emul_stack_slot(const struct emul_case *t);

/* The descriptor that loads `s`. */
uint64_t emul_descriptor(const struct segment *s);

/* Give what loads segment registers its selectors (emul_case_far.c). `operand`, `stack`: where its
 * memory operand is, and what it pops. */
void emul_aim_selectors(struct emul_case *t, const struct emul_bed *bed, uint64_t operand,
			uint64_t stack);

/* Eight bytes of the bed's data, if they are there. */
void emul_put_at(const struct emul_bed *bed, uint64_t la, uint64_t v);

/* Put the memory operand at linear address `target` or close to it, by registers or
 * displacement. Returns where it is. */
uint64_t emul_aim_operand(struct emul_case *t, uint64_t target);

#endif

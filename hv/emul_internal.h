/* SPDX-License-Identifier: MIT */
/*
 * What the files of the emulator's executor share. An instruction works on a copy of the
 * registers that is committed at its end, so that a fault leaves them unchanged.
 * All state is the caller's: no lock.
 */
#ifndef HV_EMUL_INTERNAL_H
#define HV_EMUL_INTERNAL_H

#include "hv/emul.h"
#include "hv/emul_table.h"
#include "hv/x86.h"

#define RFLAGS_ARITH (RFLAGS_CF | RFLAGS_PF | RFLAGS_AF | RFLAGS_ZF | RFLAGS_SF | RFLAGS_OF)

struct exec {
	struct emul_ctx *c;
	const struct insn *i;
	struct cpu_regs r; /* the copy */
	uint64_t src, src2; /* second and third operand, once read */
	uint64_t old; /* what the destination held: XADD and XCHG hand it on */
	uint64_t la; /* linear address of the memory operand, once located */
};

static inline uint64_t size_mask(unsigned size)
{
	return size == 8 ? ~UINT64_C(0) : (UINT64_C(1) << (8 * size)) - 1;
}

static inline int64_t sign_extend(uint64_t v, unsigned size)
{
	unsigned shift = 64 - 8 * size;

	return (int64_t)(v << shift) >> shift;
}

static inline unsigned iopl(const struct exec *x)
{
	return (x->r.rflags & RFLAGS_IOPL) >> RFLAGS_IOPL_SHIFT;
}

static inline bool in_vm86(const struct exec *x)
{
	return x->r.rflags & RFLAGS_VM;
}

static inline bool is_memory(const struct insn *i)
{
	return i->mod != 3;
}

/* General registers as operands: AH..BH without REX; 32-bit results clear the upper half
 * (SDM Vol. 1 3.4.1.1). */
uint64_t emul_get_reg(const struct exec *x, unsigned reg, unsigned size);
void emul_set_reg(struct exec *x, unsigned reg, unsigned size, uint64_t v);

/* The same for rCX, rSI, rDI, rSP of a given address or stack size, never a high byte. */
static inline uint64_t addr_reg(const struct exec *x, unsigned reg, unsigned addr_size)
{
	return x->r.gpr[reg] & size_mask(addr_size);
}
void emul_set_addr_reg(struct exec *x, unsigned reg, unsigned addr_size, uint64_t v);

/* Make `vector` (with error code 0 where it has one) the instruction's outcome; or with the
 * selector that is to blame. */
enum emul_result emul_fault(struct exec *x, unsigned vector);
enum emul_result emul_fault_selector(struct exec *x, unsigned vector, uint16_t sel);

/* Segmentation (emul_mem.c): EMUL_OK and the linear address, or EMUL_FAULT. */
must_check enum emul_result emul_linear(struct exec *x, unsigned seg, uint64_t off, unsigned size,
					bool write, uint64_t *la);
bool emul_canonical(const struct emul_ctx *c, uint64_t la);

must_check enum emul_result emul_load(struct exec *x, unsigned seg, uint64_t off, unsigned size,
				      uint64_t *v);
must_check enum emul_result emul_store(struct exec *x, unsigned seg, uint64_t off, unsigned size,
				       uint64_t v);

/* Value of operand kind `k`, zero-extended; immediates as decoded. */
must_check enum emul_result emul_read_operand(struct exec *x, unsigned k, unsigned size,
					      uint64_t *v);

/* Change the memory operand at x->la: by reading and writing, or atomically. */
must_check enum emul_result emul_update(struct exec *x, unsigned size);
must_check enum emul_result emul_update_atomic(struct exec *x, unsigned size);

/* Compare-exchange at x->la; in parts where there is no lock. */
must_check enum emul_result emul_compare_exchange(struct exec *x, void *expected,
						  const void *desired, unsigned size, bool *done);

/* The pure part of an instruction (emul_alu.c): the destination's new value from its old
 * one and x->src, x->src2; x->r.rflags from the caller's. Can run more than once. */
uint64_t emul_compute(struct exec *x, uint64_t old);
bool emul_condition(const struct exec *x);

void emul_flags_sub(struct exec *x, uint64_t a, uint64_t b, unsigned size);
void emul_mul_wide(struct exec *x);
must_check enum emul_result emul_divide(struct exec *x); /* EMUL_FAULT: #DE */

must_check enum emul_result emul_exec_string(struct exec *x);
must_check enum emul_result emul_exec_flow(struct exec *x);
must_check enum emul_result emul_exec_stack(struct exec *x);

must_check enum emul_result emul_exec_segment(struct exec *x);
must_check enum emul_result emul_exec_far(struct exec *x);
must_check enum emul_result emul_exec_system(struct exec *x);

/* The stack (emul_flow.c). push_all: `n` values of `size` bytes, the first one deepest; nothing is
 * written unless all of it can be. */
#define EMUL_PUSH_MAX 8
must_check enum emul_result emul_push_all(struct exec *x, const uint64_t *v, unsigned n,
					  unsigned size);
must_check enum emul_result emul_pop(struct exec *x, uint64_t *v, unsigned size);
void emul_drop_stack(struct exec *x, uint64_t bytes);

/* Descriptors (emul_segment.c). What `sel` loads into a data segment register, SS, or CS by a far
 * branch to `rip` without a change of privilege: EMUL_OK and *out, EMUL_FAULT or
 * EMUL_UNHANDLED. */
must_check enum emul_result emul_load_data(struct exec *x, enum seg s, uint16_t sel,
					   struct segment *out);
must_check enum emul_result emul_load_code(struct exec *x, uint16_t sel, uint64_t rip,
					   bool is_return, struct segment *out);
/* LDTR, TR; `sel` is not null. */
must_check enum emul_result emul_load_system(struct exec *x, enum seg s, uint16_t sel,
					     struct segment *out);

/* A slot of the stack with a selector; the memory operand of a far branch, LSS, LFS, LGS. */
must_check enum emul_result emul_pop_selector(struct exec *x, uint16_t *sel);
must_check enum emul_result emul_load_pointer(struct exec *x, uint64_t *offset, uint16_t *sel);

static inline bool is_null_selector(uint16_t sel)
{
	return sel < 4;
}

/* A memory operation of a descriptor table. */
must_check enum emul_result emul_read_table(struct exec *x, uint64_t la, void *buf, unsigned size);

/* Commit: the copy becomes the state, rip goes behind the instruction, or to `rip`. */
enum emul_result emul_finish(struct exec *x);
enum emul_result emul_finish_at(struct exec *x, uint64_t rip);
uint64_t emul_next_rip(const struct exec *x);

#endif

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

/* Make `vector` (with error code 0 where it has one) the instruction's outcome. */
enum emul_result emul_fault(struct exec *x, unsigned vector);

/* Segmentation (emul_mem.c): EMUL_OK and the linear address, or EMUL_FAULT. */
must_check enum emul_result emul_linear(struct exec *x, unsigned seg, uint64_t off, unsigned size,
					bool write, uint64_t *la);
bool emul_canonical(const struct emul_ctx *c, uint64_t la);

/* Offset of the memory operand in its segment. */

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

/* Commit: the copy becomes the state, rip goes behind the instruction. */
enum emul_result emul_finish(struct exec *x);

#endif

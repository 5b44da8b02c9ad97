/* SPDX-License-Identifier: MIT */
/* Where processors differ because the manuals let them. Works on its arguments only. */
#include "tests/unit/emul_undefined.h"

#include "hv/string.h"

#define PF_WRITE 2 /* in the error code */
#define SELECTOR_BYTES 2
#define WIDEST 8 /* operand outside of 64-bit mode */

/* --- flags and results ------------------------------------------------------------------- */

static bool shifts(const struct insn *i)
{
	return i->op >= INSN_ROL && i->op <= INSN_SHRD;
}

static unsigned shift_count(const struct emul_case *t)
{
	const uint8_t *operand = t->insn.desc->opnd;
	enum emul_operand last = operand[2] ? operand[2] : operand[1];
	uint64_t count = last == OPN_IMM8U ? t->insn.imm
			 : last == OPN_CL  ? t->regs.gpr[REG_RCX]
					   : 1;

	return count & (t->insn.op_size == 8 ? 63 : 31);
}

/* SDM Vol. 2B, RCL/RCR/ROL/ROR, SAL/SAR/SHL/SHR, SHLD: by nothing, no flag changes. */
static uint64_t undefined_by_shift(const struct emul_case *t)
{
	const struct insn *i = &t->insn;
	unsigned count = shift_count(t);
	uint64_t flags = 0;

	if (count > 1)
		flags |= RFLAGS_OF;
	if (count && i->op >= INSN_SHL)
		flags |= RFLAGS_AF;
	if (count >= 8u * i->op_size && (i->op == INSN_SHL || i->op == INSN_SHR))
		flags |= RFLAGS_CF;
	return flags;
}

bool emul_undefined_result(const struct emul_case *t)
{
	const struct insn *i = &t->insn;

	return (i->op == INSN_SHLD || i->op == INSN_SHRD) && shift_count(t) > 8u * i->op_size;
}

/* SDM Vol. 1 appendix A, and each instruction's page. */
static uint64_t undefined_by_op(const struct insn *i)
{
	static const struct {
		uint16_t first, last;
		uint64_t flags;
	} undefined[] = {
		{ INSN_OR, INSN_OR, RFLAGS_AF },
		{ INSN_AND, INSN_AND, RFLAGS_AF },
		{ INSN_XOR, INSN_XOR, RFLAGS_AF },
		{ INSN_TEST, INSN_TEST, RFLAGS_AF },
		{ INSN_IMUL, INSN_IMUL_WIDE, RFLAGS_SF | RFLAGS_ZF | RFLAGS_AF | RFLAGS_PF },
		{ INSN_DIV, INSN_IDIV, ARITH },
		{ INSN_BT, INSN_BTC, RFLAGS_OF | RFLAGS_SF | RFLAGS_AF | RFLAGS_PF },
		{ INSN_BSF, INSN_BSR, ARITH & ~RFLAGS_ZF },
		{ INSN_TZCNT, INSN_LZCNT, ARITH & ~(RFLAGS_ZF | RFLAGS_CF) },
	};

	for (unsigned k = 0; k < ARRAY_SIZE(undefined); k++)
		if (i->op >= undefined[k].first && i->op <= undefined[k].last)
			return undefined[k].flags;
	return 0;
}

/* A fault in the middle of a repeated comparison: Intel restores the flags from before (SDM
 * Vol. 2B, REP), AMD keeps those of the last iteration. */
uint64_t emul_undefined_flags(const struct emul_run *r)
{
	const struct insn *i = &r->t->insn;

	if (r->res == EMUL_FAULT)
		return i->op == INSN_CMPS || i->op == INSN_SCAS ? ARITH : 0;
	return shifts(i) ? undefined_by_shift(r->t) : undefined_by_op(i);
}

/* --- faults ------------------------------------------------------------------------------- */

/* An access across the end of a segment of 4 GiB faults or wraps (SDM Vol. 3A 5.3), and where
 * it wraps our beds have no memory. */
static bool may_wrap(const struct emul_run *r)
{
	if (r->cpu.vector != VEC_PF || r->fake.ctx.fault.vector == VEC_PF || r->bed->mode == 8)
		return false;
	for (unsigned s = 0; s <= SEG_GS; s++) {
		const struct segment *seg = &r->t->seg[s];

		if (seg->limit == UINT32_MAX && (uint32_t)(seg->base - r->cpu.cr2) - 1 < WIDEST - 1)
			return true;
	}
	return false;
}

/* Two faults, and the CPU chose the other one. CALL: it may push before it looks at the offset;
 * the SDM's text has it the other way round. PUSHA and POPA: QEMU goes upwards. CMPXCHG16B by rBP:
 * alignment or canonical form. */
static bool order_is_the_cpus(const struct emul_run *r)
{
	unsigned cpu = r->cpu.vector, emulated = r->fake.ctx.fault.vector;

	if (r->t->insn.op == INSN_PUSHA || r->t->insn.op == INSN_POPA)
		return cpu == VEC_PF && emulated == VEC_PF;
	if (r->t->insn.op == INSN_CALL || r->t->insn.op == INSN_FAR_CALL)
		return emulated == VEC_GP &&
		       (cpu == VEC_SS || (cpu == VEC_PF && (r->cpu.error & PF_WRITE)));
	return r->t->insn.op == INSN_CMPXCHG8B && r->t->insn.op_size == 8 && emulated == VEC_SS &&
	       cpu == VEC_GP;
}

static bool is_memory_fault(unsigned vector)
{
	return vector == VEC_SS || vector == VEC_PF;
}

/* RETF, IRET: which slot is read first; and those and POP: whether of a selector's slot more is
 * read than the selector. */
static bool pops_otherwise(const struct emul_run *r)
{
	const struct insn *i = &r->t->insn;
	bool emulated = r->res == EMUL_FAULT && is_memory_fault(r->fake.ctx.fault.vector);

	if (!is_memory_fault(r->cpu.vector) ||
	    (i->op != INSN_POP_SREG && i->op != INSN_FAR_RET && i->op != INSN_IRET))
		return false;
	return emulated ? i->op != INSN_POP_SREG : i->op_size > SELECTOR_BYTES;
}

bool emul_undefined_fault(const struct emul_run *r)
{
	return pops_otherwise(r) || (r->res == EMUL_FAULT && (may_wrap(r) || order_is_the_cpus(r)));
}

/* --- registers and memory ----------------------------------------------------------------- */

/* A REP with an address size of 32 bits, of which no iteration is done: AMD changes nothing,
 * Intel has zero-extended count and pointers. POPA that faults: it may have loaded some. */
bool emul_undefined_register(const struct emul_run *r, unsigned reg)
{
	const struct insn *i = &r->t->insn;
	const uint64_t *before = r->t->regs.gpr;

	if (i->op == INSN_POPA)
		return r->res == EMUL_FAULT && reg != REG_RSP;
	if (!i->rep || i->op < INSN_MOVS || i->op > INSN_OUTS || i->addr_size != 4 ||
	    memcmp(r->fake.regs.gpr, before, sizeof(r->fake.regs.gpr)))
		return false;
	return (reg == REG_RCX || reg == REG_RSI || reg == REG_RDI) &&
	       r->cpu.gpr[reg] == (uint32_t)before[reg];
}

bool emul_pushes_selector(const struct insn *i)
{
	return i->op == INSN_PUSH && i->desc->opnd[0] == OPN_SEG && i->op_size == 4;
}

/* PUSH of a segment register writes a zero-extended value, or 16 bits (SDM Vol. 2B, PUSH). */
static void accept_selector(const uint8_t *cpu, const uint8_t *before, uint8_t *emulated)
{
	static const uint8_t zero[2];

	if (!memcmp(cpu + 2, before + 2, 2) && !memcmp(emulated + 2, zero, 2))
		memcpy(emulated + 2, before + 2, 2);
}

/* CALL: the return address may be there when the target faults. */
static void accept_return(const struct emul_run *r, const uint8_t *cpu, const uint8_t *before,
			  uint8_t *emulated)
{
	const struct insn *i = &r->t->insn;
	uint64_t rip = r->t->regs.rip + i->len;

	if (!memcmp(cpu, &rip, i->op_size) && !memcmp(emulated, before, i->op_size))
		memcpy(emulated, &rip, i->op_size);
}

unsigned emul_pushes(const struct insn *i)
{
	switch (i->op) {
	case INSN_CALL:
		return 1;
	case INSN_FAR_CALL:
		return 2;
	case INSN_PUSHA:
		return 8;
	default:
		return 0;
	}
}

/* Some of it may be there when a later push faults, or the target of a far CALL does. */
static void accept_pushes(const struct emul_run *r, uint64_t first, uint8_t *emulated)
{
	unsigned size = r->t->insn.op_size, n = emul_pushes(&r->t->insn);

	for (unsigned k = 0; k < n; k++) {
		uint64_t at = first - k * size;

		if (at <= r->bed->data_size - size)
			memcpy(emulated + at, r->bed->data + at, size);
	}
}

void emul_undefined_memory(const struct emul_run *r, const uint8_t *before, uint8_t *emulated)
{
	const struct insn *i = &r->t->insn;
	uint64_t at = emul_stack_slot(r->t) - r->bed->data_la;

	if (r->res == EMUL_FAULT && emul_pushes(i) > 1)
		accept_pushes(r, at, emulated);
	if (at > r->bed->data_size - i->op_size)
		return;
	if (emul_pushes_selector(i))
		accept_selector(r->bed->data + at, before + at, emulated + at);
	if (i->op == INSN_CALL && r->res == EMUL_FAULT)
		accept_return(r, r->bed->data + at, before + at, emulated + at);
}

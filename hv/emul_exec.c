/* SPDX-License-Identifier: MIT */
/*
 * The executor: takes each instruction of the scope table that is not decode-only to the
 * code that does it. Operands are read in order, the destination is written last, and the
 * registers change only when nothing can fault any more. Works on the caller's state: no lock.
 */
#include "hv/emul_internal.h"

#define LAHF_MASK (RFLAGS_SF | RFLAGS_ZF | RFLAGS_AF | RFLAGS_PF | RFLAGS_CF)

static enum emul_result finish_if(struct exec *x, enum emul_result res)
{
	return res == EMUL_OK ? emul_finish(x) : res;
}

/* BT with a register reaches beyond the operand (SDM Vol. 2A, BT): step to its word. */
static uint64_t bit_string_offset(struct exec *x, uint64_t off)
{
	unsigned size = x->i->op_size;
	int64_t bit = sign_extend(x->src, size);

	return (off + (uint64_t)(bit >> 3 & -(int64_t)size)) & size_mask(x->i->addr_size);
}

/* Linear address of a memory destination. */
static enum emul_result locate(struct exec *x, unsigned size)
{
	const struct insn *i = x->i;
	uint64_t off = insn_offset(&x->r, i);

	if (i->op >= INSN_BT && i->op <= INSN_BTC && i->desc->opnd[1] == OPN_REG)
		off = bit_string_offset(x, off);
	return emul_linear(x, i->seg, off, size, i->desc->flags & IF_W, &x->la);
}

static enum emul_result change_memory(struct exec *x, unsigned size)
{
	const struct insn *i = x->i;
	uint64_t v = 0;
	enum emul_result res = locate(x, size);

	if (res != EMUL_OK)
		return res;
	if (!(i->desc->flags & IF_W)) {
		res = x->c->ops->read(x->c, x->la, &v, size);
		if (res == EMUL_OK)
			emul_compute(x, v);
		return res;
	}
	if (!(i->desc->flags & IF_R)) {
		v = emul_compute(x, 0);
		return x->c->ops->write(x->c, x->la, &v, size);
	}
	/* XCHG locks with and without the prefix (SDM Vol. 2D, XCHG). */
	if (i->lock || i->op == INSN_XCHG)
		return emul_update_atomic(x, size);
	return emul_update(x, size);
}

static enum emul_result change_register(struct exec *x, unsigned size)
{
	const struct insn *i = x->i;
	unsigned k = i->desc->opnd[0];
	unsigned reg = k == OPN_REG ? i->reg : k == OPN_ACC ? REG_RAX : i->rm;
	uint64_t v = k == OPN_ACC ? x->r.gpr[REG_RAX] & size_mask(size)
				  : emul_get_reg(x, reg, size);

	v = emul_compute(x, v);
	if (!(i->desc->flags & IF_W))
		return EMUL_OK;
	/* The second destination first: with twice the same register the sum stays. */
	if (i->op == INSN_XADD || i->op == INSN_XCHG) {
		if (i->desc->opnd[1] == OPN_ACC)
			emul_set_addr_reg(x, REG_RAX, size, x->old);
		else
			emul_set_reg(x, i->reg, size, x->old);
	}
	if (i->op >= INSN_BSF && i->op <= INSN_LZCNT)
		size = 8;
	if (k == OPN_ACC)
		emul_set_addr_reg(x, REG_RAX, size, v);
	else
		emul_set_reg(x, reg, size, v);
	return EMUL_OK;
}

static bool destination_in_memory(const struct insn *i)
{
	unsigned k = i->desc->opnd[0];

	return is_memory(i) && (k == OPN_RM || k == OPN_MEM || k == OPN_MOFFS);
}

/* Everything of the form destination = f(destination, sources). */
static enum emul_result exec_operands(struct exec *x)
{
	const struct insn *i = x->i;
	const struct insn_desc *d = i->desc;
	enum emul_result res = EMUL_OK;

	if (d->opnd[1] != OPN_NONE)
		res = emul_read_operand(x, d->opnd[1], i->src_size, &x->src);
	if (res == EMUL_OK && d->opnd[2] != OPN_NONE)
		res = emul_read_operand(x, d->opnd[2], i->op_size, &x->src2);
	if (res != EMUL_OK)
		return res;
	if (!destination_in_memory(i))
		return change_register(x, i->op_size);
	res = change_memory(x, i->op_size);
	if (res == EMUL_OK && (i->op == INSN_XADD || i->op == INSN_XCHG))
		emul_set_reg(x, i->reg, i->op_size, x->old);
	return res;
}

/* A register that does not match is not written at all: 32 bits are not zero-extended. */
static void cmpxchg_register(struct exec *x)
{
	unsigned size = x->i->op_size;
	uint64_t acc = x->r.gpr[REG_RAX] & size_mask(size), old = emul_get_reg(x, x->i->rm, size);

	emul_flags_sub(x, acc, old, size);
	if (acc == old)
		emul_set_reg(x, x->i->rm, size, emul_get_reg(x, x->i->reg, size));
	else
		emul_set_addr_reg(x, REG_RAX, size, old);
}

/* With memory it is one atomic operation, locked or not. */
static enum emul_result cmpxchg_memory(struct exec *x)
{
	unsigned size = x->i->op_size;
	uint64_t acc = x->r.gpr[REG_RAX] & size_mask(size);
	uint64_t expected = acc, desired = emul_get_reg(x, x->i->reg, size);
	bool done = false;
	enum emul_result res = locate(x, size);

	if (res == EMUL_OK)
		res = emul_compare_exchange(x, &expected, &desired, size, &done);
	if (res != EMUL_OK)
		return res;
	emul_flags_sub(x, acc, expected, size);
	if (!done)
		emul_set_addr_reg(x, REG_RAX, size, expected);
	return EMUL_OK;
}

static enum emul_result exec_cmpxchg(struct exec *x)
{
	if (is_memory(x->i))
		return cmpxchg_memory(x);
	cmpxchg_register(x);
	return EMUL_OK;
}

/* CMPXCHG8B and, with REX.W, CMPXCHG16B, which wants alignment (SDM Vol. 2A). */
static enum emul_result exec_cmpxchg_pair(struct exec *x)
{
	unsigned half = x->i->op_size == 8 ? 8 : 4;
	uint64_t *gpr = x->r.gpr;
	uint64_t mask = size_mask(half);
	unsigned __int128 expected = (unsigned __int128)(gpr[REG_RDX] & mask) << (8 * half) |
				     (gpr[REG_RAX] & mask);
	unsigned __int128 desired = (unsigned __int128)(gpr[REG_RCX] & mask) << (8 * half) |
				    (gpr[REG_RBX] & mask);
	bool done = false;
	enum emul_result res = locate(x, 2 * half);

	if (res != EMUL_OK)
		return res;
	if (half == 8 && x->la % 16)
		return emul_fault(x, VEC_GP);
	res = emul_compare_exchange(x, &expected, &desired, 2 * half, &done);
	if (res != EMUL_OK)
		return res;
	x->r.rflags = (x->r.rflags & ~RFLAGS_ZF) | (done ? RFLAGS_ZF : 0);
	if (!done) {
		emul_set_addr_reg(x, REG_RAX, half, (uint64_t)expected);
		emul_set_addr_reg(x, REG_RDX, half, (uint64_t)(expected >> (8 * half)));
	}
	return EMUL_OK;
}

static enum emul_result exec_wide(struct exec *x)
{
	enum emul_result res = emul_read_operand(x, OPN_RM, x->i->op_size, &x->src);

	if (res != EMUL_OK)
		return res;
	if (x->i->op == INSN_DIV || x->i->op == INSN_IDIV)
		return emul_divide(x);
	emul_mul_wide(x);
	return EMUL_OK;
}

static enum emul_result exec_xlat(struct exec *x)
{
	uint64_t off = (x->r.gpr[REG_RBX] + (x->r.gpr[REG_RAX] & 0xff)) &
		       size_mask(x->i->addr_size);
	uint64_t v;
	enum emul_result res = emul_load(x, x->i->seg, off, 1, &v);

	if (res == EMUL_OK)
		emul_set_addr_reg(x, REG_RAX, 1, v);
	return res;
}

static enum emul_result exec_port(struct exec *x)
{
	const struct insn *i = x->i;
	bool in = i->op == INSN_IN;
	bool immediate = i->desc->opnd[in ? 1 : 0] == OPN_IMM8U;
	uint16_t port = immediate ? i->imm : x->r.gpr[REG_RDX];
	uint32_t v = 0;
	enum emul_result res;

	if (!in)
		return x->c->ops->io_out(x->c, port, i->op_size,
					 (uint32_t)(x->r.gpr[REG_RAX] & size_mask(i->op_size)));
	res = x->c->ops->io_in(x->c, port, i->op_size, &v);
	if (res == EMUL_OK)
		emul_set_addr_reg(x, REG_RAX, i->op_size, v);
	return res;
}

/* What touches only the accumulator, flags, or nothing. */
static enum emul_result exec_simple(struct exec *x)
{
	unsigned size = x->i->op_size;
	uint64_t *f = &x->r.rflags, acc = x->r.gpr[REG_RAX];

	switch (x->i->op) {
	case INSN_NOP:
		break;
	case INSN_LEA:
		emul_set_addr_reg(x, x->i->reg, size, insn_offset(&x->r, x->i));
		break;
	case INSN_CBW:
		emul_set_addr_reg(x, REG_RAX, size, sign_extend(acc, size / 2));
		break;
	case INSN_CWD:
		emul_set_addr_reg(x, REG_RDX, size, sign_extend(acc, size) < 0 ? ~UINT64_C(0) : 0);
		break;
	case INSN_LAHF:
		x->r.gpr[REG_RAX] = (acc & ~UINT64_C(0xff00)) | ((*f & LAHF_MASK) | RFLAGS_FIXED)
									<< 8;
		break;
	case INSN_SAHF:
		*f = (*f & ~LAHF_MASK) | ((acc >> 8) & LAHF_MASK);
		break;
	case INSN_CLC:
		*f &= ~RFLAGS_CF;
		break;
	case INSN_STC:
		*f |= RFLAGS_CF;
		break;
	case INSN_CMC:
		*f ^= RFLAGS_CF;
		break;
	case INSN_CLD:
		*f &= ~RFLAGS_DF;
		break;
	default: /* STD */
		*f |= RFLAGS_DF;
		break;
	}
	return EMUL_OK;
}

/* What the table says of where it is executed. */
static bool executed_here(const struct emul_ctx *c, uint32_t flags)
{
	if ((flags & IF_REAL) && (c->protected_mode || (c->regs->rflags & RFLAGS_VM)))
		return false;
	return !(flags & IF_LEGACY) || c->mode != 8;
}

enum emul_result emul_execute(struct emul_ctx *c, const struct insn *insn)
{
	struct exec x = { .c = c, .i = insn, .r = *c->regs };

	if (unlikely(!executed_here(c, insn->desc->flags)))
		return EMUL_UNHANDLED;
	switch (insn->op) {
	case INSN_CMPXCHG:
		return finish_if(&x, exec_cmpxchg(&x));
	case INSN_CMPXCHG8B:
		return finish_if(&x, exec_cmpxchg_pair(&x));
	case INSN_MUL:
	case INSN_IMUL_WIDE:
	case INSN_DIV:
	case INSN_IDIV:
		return finish_if(&x, exec_wide(&x));
	case INSN_XLAT:
		return finish_if(&x, exec_xlat(&x));
	case INSN_IN:
	case INSN_OUT:
		return finish_if(&x, exec_port(&x));
	case INSN_LEA:
	case INSN_CBW:
	case INSN_CWD:
	case INSN_NOP:
	case INSN_LAHF ... INSN_STD:
		return finish_if(&x, exec_simple(&x));
	case INSN_PUSH ... INSN_LEAVE:
		return emul_exec_stack(&x);
	case INSN_CALL ... INSN_JCXZ:
		return emul_exec_flow(&x);
	case INSN_MOVS ... INSN_OUTS:
		return emul_exec_string(&x);
	case INSN_MOV_TO_SREG ... INSN_LGS:
		return emul_exec_segment(&x);
	case INSN_FAR_JMP ... INSN_INTO:
		return emul_exec_far(&x);
	case INSN_CLI ... INSN_LTR:
		return emul_exec_system(&x);
	case INSN_ADD ... INSN_IMUL:
	case INSN_BT ... INSN_BSWAP:
	case INSN_XCHG:
	case INSN_XADD:
	case INSN_SETCC:
	case INSN_CMOVCC:
		return finish_if(&x, exec_operands(&x));
	default:
		return EMUL_UNHANDLED;
	}
}

/* SPDX-License-Identifier: MIT */
/*
 * The stack and near branches. Works on the caller's state: no lock.
 */
#include "hv/emul_internal.h"

#define OPCODE_LOOPNE 0xe0
#define OPCODE_LOOPE 0xe1

/* Stack address size: SS.B, and 64-bit mode's (SDM Vol. 1 6.2.3, 6.2.5). */
static unsigned stack_size(struct exec *x)
{
	struct segment ss;

	if (x->c->mode == 8)
		return 8;
	x->c->ops->get_segment(x->c, SEG_SS, &ss);
	return ss.attr & SEG_DB ? 4 : 2;
}

static enum emul_result push(struct exec *x, uint64_t v, unsigned size)
{
	unsigned width = stack_size(x);
	uint64_t sp = (x->r.gpr[REG_RSP] - size) & size_mask(width);
	enum emul_result res = emul_store(x, SEG_SS, sp, size, v);

	if (res == EMUL_OK)
		emul_set_addr_reg(x, REG_RSP, width, sp);
	return res;
}

enum emul_result emul_push_all(struct exec *x, const uint64_t *v, unsigned n, unsigned size)
{
	unsigned width = stack_size(x);
	uint64_t sp = x->r.gpr[REG_RSP], la[EMUL_PUSH_MAX];
	enum emul_result res = EMUL_OK;

	for (unsigned i = 0; i < n && res == EMUL_OK; i++) {
		sp = (sp - size) & size_mask(width);
		res = emul_linear(x, SEG_SS, sp, size, true, &la[i]);
		if (res == EMUL_OK)
			res = x->c->ops->check_write(x->c, la[i], size);
	}
	for (unsigned i = 0; i < n && res == EMUL_OK; i++)
		res = x->c->ops->write(x->c, la[i], &v[i], size);
	if (res == EMUL_OK)
		emul_set_addr_reg(x, REG_RSP, width, sp);
	return res;
}

enum emul_result emul_pop(struct exec *x, uint64_t *v, unsigned size)
{
	unsigned width = stack_size(x);
	uint64_t sp = addr_reg(x, REG_RSP, width);
	enum emul_result res = emul_load(x, SEG_SS, sp, size, v);

	if (res == EMUL_OK)
		emul_set_addr_reg(x, REG_RSP, width, sp + size);
	return res;
}

static enum emul_result exec_push(struct exec *x)
{
	unsigned size = x->i->op_size;
	uint64_t v;
	enum emul_result res = emul_read_operand(x, x->i->desc->opnd[0], size, &v);

	return res == EMUL_OK ? push(x, v, size) : res;
}

/* A destination that is addressed by rSP sees it incremented (SDM Vol. 2B, POP). */
static enum emul_result exec_pop(struct exec *x)
{
	const struct insn *i = x->i;
	uint64_t v;
	enum emul_result res = emul_pop(x, &v, i->op_size);

	if (res != EMUL_OK)
		return res;
	if (is_memory(i))
		return emul_store(x, i->seg, insn_offset(&x->r, i), i->op_size, v);
	emul_set_reg(x, i->rm, i->op_size, v);
	return EMUL_OK;
}

void emul_drop_stack(struct exec *x, uint64_t bytes)
{
	emul_set_addr_reg(x, REG_RSP, stack_size(x), x->r.gpr[REG_RSP] + bytes);
}

/* SDM Vol. 2B, PUSHF: VM and RF are pushed as 0. */
static enum emul_result exec_pushf(struct exec *x)
{
	if (in_vm86(x) && iopl(x) < 3)
		return emul_fault(x, VEC_GP);
	return push(x, x->r.rflags & ~(RFLAGS_VM | RFLAGS_RF), x->i->op_size);
}

/* SDM Vol. 2B, POPF, table 4-16: who may change what. */
static uint64_t popf_mask(const struct exec *x)
{
	uint64_t mask = RFLAGS_ARITH | RFLAGS_TF | RFLAGS_DF | RFLAGS_NT;

	if (x->i->op_size >= 4)
		mask |= RFLAGS_RF | RFLAGS_AC | RFLAGS_ID;
	if (in_vm86(x))
		return mask | RFLAGS_IF;
	if (x->c->cpl == 0)
		mask |= RFLAGS_IOPL;
	if (x->c->cpl <= iopl(x))
		mask |= RFLAGS_IF;
	return mask;
}

static enum emul_result exec_popf(struct exec *x)
{
	uint64_t mask = popf_mask(x), v;
	enum emul_result res;

	if (in_vm86(x) && iopl(x) < 3)
		return emul_fault(x, VEC_GP);
	res = emul_pop(x, &v, x->i->op_size);
	if (res == EMUL_OK)
		x->r.rflags = (x->r.rflags & ~mask) | (v & mask & ~RFLAGS_RF);
	return res;
}

static enum emul_result exec_leave(struct exec *x)
{
	unsigned width = stack_size(x);
	uint64_t v;
	enum emul_result res;

	emul_set_addr_reg(x, REG_RSP, width, x->r.gpr[REG_RBP]);
	res = emul_pop(x, &v, x->i->op_size);
	if (res == EMUL_OK)
		emul_set_addr_reg(x, REG_RBP, x->i->op_size, v);
	return res;
}

/* rAX to rDI in encoding order; rSP as it was. */
static enum emul_result exec_pusha(struct exec *x)
{
	return emul_push_all(x, x->r.gpr, REG_RDI + 1, x->i->op_size);
}

static enum emul_result exec_popa(struct exec *x)
{
	unsigned size = x->i->op_size;

	for (int reg = REG_RDI; reg >= REG_RAX; reg--) {
		uint64_t v;
		enum emul_result res = emul_pop(x, &v, size);

		if (res != EMUL_OK)
			return res;
		if (reg != REG_RSP)
			emul_set_addr_reg(x, reg, size, v);
	}
	return EMUL_OK;
}

enum emul_result emul_exec_stack(struct exec *x)
{
	enum emul_result res;

	switch (x->i->op) {
	case INSN_PUSH:
		res = exec_push(x);
		break;
	case INSN_POP:
		res = exec_pop(x);
		break;
	case INSN_PUSHF:
		res = exec_pushf(x);
		break;
	case INSN_POPF:
		res = exec_popf(x);
		break;
	case INSN_PUSHA:
		res = exec_pusha(x);
		break;
	case INSN_POPA:
		res = exec_popa(x);
		break;
	default:
		res = exec_leave(x);
		break;
	}
	return res == EMUL_OK ? emul_finish(x) : res;
}

uint64_t emul_next_rip(const struct exec *x)
{
	return (x->r.rip + x->i->len) & size_mask(x->c->mode == 8 ? 8 : 4);
}

enum emul_result emul_finish_at(struct exec *x, uint64_t rip)
{
	x->r.rip = rip;
	*x->c->regs = x->r;
	return EMUL_OK;
}

enum emul_result emul_finish(struct exec *x)
{
	return emul_finish_at(x, emul_next_rip(x));
}

/* The target is checked before the branch is taken (SDM Vol. 2A, CALL, JMP, Jcc). */
static enum emul_result check_target(struct exec *x, uint64_t rip)
{
	struct segment cs;

	if (x->c->mode == 8)
		return emul_canonical(x->c, rip) ? EMUL_OK : emul_fault(x, VEC_GP);
	x->c->ops->get_segment(x->c, SEG_CS, &cs);
	return rip <= cs.limit ? EMUL_OK : emul_fault(x, VEC_GP);
}

static enum emul_result branch(struct exec *x, uint64_t rip)
{
	enum emul_result res;

	rip &= size_mask(x->i->op_size);
	res = check_target(x, rip);
	return res == EMUL_OK ? emul_finish_at(x, rip) : res;
}

static enum emul_result branch_if(struct exec *x, bool taken)
{
	return taken ? branch(x, emul_next_rip(x) + x->i->imm) : emul_finish(x);
}

/* Target of CALL and JMP: relative, or the operand's value. */
static enum emul_result branch_target(struct exec *x, uint64_t *rip)
{
	unsigned k = x->i->desc->opnd[0];

	if (k == OPN_RM)
		return emul_read_operand(x, k, x->i->op_size, rip);
	*rip = emul_next_rip(x) + x->i->imm;
	return EMUL_OK;
}

static enum emul_result exec_call(struct exec *x)
{
	uint64_t rip;
	enum emul_result res = branch_target(x, &rip);

	if (res != EMUL_OK)
		return res;
	rip &= size_mask(x->i->op_size);
	res = check_target(x, rip);
	if (res == EMUL_OK)
		res = push(x, emul_next_rip(x), x->i->op_size);
	return res == EMUL_OK ? emul_finish_at(x, rip) : res;
}

static enum emul_result exec_jmp(struct exec *x)
{
	uint64_t rip;
	enum emul_result res = branch_target(x, &rip);

	return res == EMUL_OK ? branch(x, rip) : res;
}

static enum emul_result exec_ret(struct exec *x)
{
	uint64_t rip;
	enum emul_result res = emul_pop(x, &rip, x->i->op_size);

	if (res != EMUL_OK)
		return res;
	emul_drop_stack(x, x->i->imm);
	return branch(x, rip);
}

static enum emul_result exec_loop(struct exec *x)
{
	unsigned width = x->i->addr_size;
	bool zf = x->r.rflags & RFLAGS_ZF, taken;

	emul_set_addr_reg(x, REG_RCX, width, x->r.gpr[REG_RCX] - 1);
	taken = addr_reg(x, REG_RCX, width) != 0;
	if (x->i->opcode == OPCODE_LOOPNE)
		taken = taken && !zf;
	else if (x->i->opcode == OPCODE_LOOPE)
		taken = taken && zf;
	return branch_if(x, taken);
}

enum emul_result emul_exec_flow(struct exec *x)
{
	switch (x->i->op) {
	case INSN_CALL:
		return exec_call(x);
	case INSN_RET:
		return exec_ret(x);
	case INSN_JMP:
		return exec_jmp(x);
	case INSN_JCC:
		return branch_if(x, emul_condition(x));
	case INSN_LOOP:
		return exec_loop(x);
	default:
		return branch_if(x, !addr_reg(x, REG_RCX, x->i->addr_size));
	}
}

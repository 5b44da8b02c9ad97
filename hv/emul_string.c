/* SPDX-License-Identifier: MIT */
/*
 * String instructions, with and without REP. Each completed iteration is committed, but
 * flags only at the end: an interrupted CMPS or SCAS starts again with those it had
 * (SDM Vol. 2B, REP). Works on the caller's state: no lock.
 */
#include "hv/emul_internal.h"

/* Iterations in one call, so that an exit ends (I14). */
#define REP_BOUND 256

#define PREFIX_REPNE 0xf2

static uint64_t source_offset(const struct exec *x)
{
	return addr_reg(x, REG_RSI, x->i->addr_size);
}

static uint64_t destination_offset(const struct exec *x)
{
	return addr_reg(x, REG_RDI, x->i->addr_size);
}

/* DS:rSI, or another segment by prefix; ES:rDI always. */
static enum emul_result load_source(struct exec *x, uint64_t *v)
{
	return emul_load(x, x->i->seg, source_offset(x), x->i->op_size, v);
}

static enum emul_result load_destination(struct exec *x, uint64_t *v)
{
	return emul_load(x, SEG_ES, destination_offset(x), x->i->op_size, v);
}

static enum emul_result store_destination(struct exec *x, uint64_t v)
{
	return emul_store(x, SEG_ES, destination_offset(x), x->i->op_size, v);
}

static void advance(struct exec *x, unsigned reg)
{
	uint64_t step = x->r.rflags & RFLAGS_DF ? -(uint64_t)x->i->op_size : x->i->op_size;

	emul_set_addr_reg(x, reg, x->i->addr_size, x->r.gpr[reg] + step);
}

static enum emul_result step_movs(struct exec *x)
{
	uint64_t v;
	enum emul_result res = load_source(x, &v);

	if (res == EMUL_OK)
		res = store_destination(x, v);
	if (res != EMUL_OK)
		return res;
	advance(x, REG_RSI);
	advance(x, REG_RDI);
	return EMUL_OK;
}

static enum emul_result step_stos(struct exec *x)
{
	enum emul_result res = store_destination(x, x->r.gpr[REG_RAX]);

	if (res == EMUL_OK)
		advance(x, REG_RDI);
	return res;
}

static enum emul_result step_lods(struct exec *x)
{
	uint64_t v;
	enum emul_result res = load_source(x, &v);

	if (res != EMUL_OK)
		return res;
	emul_set_addr_reg(x, REG_RAX, x->i->op_size, v);
	advance(x, REG_RSI);
	return EMUL_OK;
}

static enum emul_result step_cmps(struct exec *x)
{
	uint64_t a, b;
	enum emul_result res = load_source(x, &a);

	if (res == EMUL_OK)
		res = load_destination(x, &b);
	if (res != EMUL_OK)
		return res;
	emul_flags_sub(x, a, b, x->i->op_size);
	advance(x, REG_RSI);
	advance(x, REG_RDI);
	return EMUL_OK;
}

static enum emul_result step_scas(struct exec *x)
{
	uint64_t b;
	enum emul_result res = load_destination(x, &b);

	if (res != EMUL_OK)
		return res;
	emul_flags_sub(x, x->r.gpr[REG_RAX] & size_mask(x->i->op_size), b, x->i->op_size);
	advance(x, REG_RDI);
	return EMUL_OK;
}

/* Whether the destination of INS can be written, before the port gives away its data. */
static enum emul_result probe_destination(struct exec *x)
{
	uint64_t la;
	unsigned size = x->i->op_size;
	enum emul_result res = emul_linear(x, SEG_ES, destination_offset(x), size, true, &la);

	return res == EMUL_OK ? x->c->ops->check_write(x->c, la, size) : res;
}

static enum emul_result step_ins(struct exec *x)
{
	uint32_t v = 0;
	enum emul_result res = probe_destination(x);

	if (res == EMUL_OK)
		res = x->c->ops->io_in(x->c, (uint16_t)x->r.gpr[REG_RDX], x->i->op_size, &v);
	if (res == EMUL_OK)
		res = store_destination(x, v);
	if (res == EMUL_OK)
		advance(x, REG_RDI);
	return res;
}

static enum emul_result step_outs(struct exec *x)
{
	uint64_t v;
	enum emul_result res = load_source(x, &v);

	if (res == EMUL_OK)
		res = x->c->ops->io_out(x->c, (uint16_t)x->r.gpr[REG_RDX], x->i->op_size,
					(uint32_t)v);
	if (res == EMUL_OK)
		advance(x, REG_RSI);
	return res;
}

static enum emul_result step(struct exec *x)
{
	switch (x->i->op) {
	case INSN_MOVS:
		return step_movs(x);
	case INSN_STOS:
		return step_stos(x);
	case INSN_LODS:
		return step_lods(x);
	case INSN_CMPS:
		return step_cmps(x);
	case INSN_SCAS:
		return step_scas(x);
	case INSN_INS:
		return step_ins(x);
	default:
		return step_outs(x);
	}
}

static bool compares(const struct insn *i)
{
	return i->op == INSN_CMPS || i->op == INSN_SCAS;
}

static void commit_iteration(struct exec *x)
{
	uint64_t flags = x->c->regs->rflags;

	*x->c->regs = x->r;
	x->c->regs->rflags = flags;
}

/* Anything but a fault that stops a later iteration comes again, alone, at the next call. */
static enum emul_result exec_rep(struct exec *x)
{
	bool until_equal = x->i->rep == PREFIX_REPNE;
	unsigned width = x->i->addr_size;

	for (unsigned n = 0; n < REP_BOUND; n++) {
		enum emul_result res;

		if (!addr_reg(x, REG_RCX, width))
			return emul_finish(x);
		res = step(x);
		if (res != EMUL_OK)
			return n && res != EMUL_FAULT ? EMUL_OK : res;
		emul_set_addr_reg(x, REG_RCX, width, x->r.gpr[REG_RCX] - 1);
		if (compares(x->i) && !(x->r.rflags & RFLAGS_ZF) != until_equal)
			return emul_finish(x);
		if (!addr_reg(x, REG_RCX, width))
			return emul_finish(x);
		commit_iteration(x);
	}
	return EMUL_OK;
}

enum emul_result emul_exec_string(struct exec *x)
{
	enum emul_result res;

	if (x->i->rep)
		return exec_rep(x);
	res = step(x);
	return res == EMUL_OK ? emul_finish(x) : res;
}

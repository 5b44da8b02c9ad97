/* SPDX-License-Identifier: MIT */
/*
 * The interrupt flag, descriptor-table registers, LDTR and TR (Intel SDM Vol. 2A, 2B). Works on
 * the caller's state: no lock.
 */
#include "hv/emul_internal.h"

#define BASE_24_BITS 0xffffffu /* LGDT, LIDT with an operand size of 16 bits */

/* The rest of who may is up to CR4.VME, PVI and UMIP, which nobody here knows. */
static bool may_change_if(const struct exec *x)
{
	if (x->c->protected_mode)
		return x->c->cpl <= iopl(x);
	return !in_vm86(x) || iopl(x) == 3;
}

static enum emul_result exec_if(struct exec *x, bool on)
{
	if (!may_change_if(x))
		return EMUL_UNHANDLED;
	x->c->sti_shadow = on && !(x->r.rflags & RFLAGS_IF);
	x->r.rflags = on ? x->r.rflags | RFLAGS_IF : x->r.rflags & ~RFLAGS_IF;
	return emul_finish(x);
}

/* --- GDTR, IDTR -------------------------------------------------------------------------- */

static unsigned base_size(const struct exec *x)
{
	return x->c->mode == 8 ? 8 : 4;
}

static uint64_t base_offset(const struct exec *x)
{
	return (insn_offset(&x->r, x->i) + sizeof(uint16_t)) & size_mask(x->i->addr_size);
}

static enum emul_result exec_load_table(struct exec *x)
{
	struct descriptor_table table[2], *t = &table[x->i->op == INSN_LIDT];
	uint64_t limit, base;
	enum emul_result res;

	if ((x->c->protected_mode && x->c->cpl) || in_vm86(x))
		return emul_fault(x, VEC_GP);
	res = emul_load(x, x->i->seg, insn_offset(&x->r, x->i), sizeof(t->limit), &limit);
	if (res == EMUL_OK)
		res = emul_load(x, x->i->seg, base_offset(x), base_size(x), &base);
	if (res != EMUL_OK)
		return res;
	if (x->i->op_size == 2 && x->c->mode != 8)
		base &= BASE_24_BITS;
	if (!emul_canonical(x->c, base))
		return emul_fault(x, VEC_GP);
	x->c->ops->get_tables(x->c, &table[0], &table[1]);
	*t = (struct descriptor_table){ .base = base, .limit = (uint16_t)limit };
	x->c->ops->set_tables(x->c, &table[0], &table[1]);
	return emul_finish(x);
}

/* The base is written in full whatever the operand size is. */
static enum emul_result exec_store_table(struct exec *x)
{
	struct descriptor_table table[2];
	const struct descriptor_table *t = &table[x->i->op == INSN_SIDT];
	unsigned size = base_size(x);
	uint64_t la;
	enum emul_result res;

	if (x->c->cpl || in_vm86(x))
		return EMUL_UNHANDLED;
	x->c->ops->get_tables(x->c, &table[0], &table[1]);
	res = emul_linear(x, x->i->seg, base_offset(x), size, true, &la);
	if (res == EMUL_OK)
		res = x->c->ops->check_write(x->c, la, size);
	if (res == EMUL_OK)
		res = emul_store(x, x->i->seg, insn_offset(&x->r, x->i), sizeof(t->limit),
				 t->limit);
	if (res == EMUL_OK)
		res = x->c->ops->write(x->c, la, &t->base, size);
	return res == EMUL_OK ? emul_finish(x) : res;
}

/* --- LDTR, TR ---------------------------------------------------------------------------- */

static enum seg system_register(const struct insn *i)
{
	return i->op == INSN_LLDT || i->op == INSN_SLDT ? SEG_LDTR : SEG_TR;
}

static enum emul_result exec_load_system(struct exec *x)
{
	enum seg s = system_register(x->i);
	struct segment seg = { .attr = SEG_UNUSABLE };
	uint64_t sel;
	enum emul_result res;

	if (x->c->cpl)
		return emul_fault(x, VEC_GP);
	res = emul_read_operand(x, OPN_RM16, sizeof(uint16_t), &sel);
	if (res != EMUL_OK)
		return res;
	seg.sel = (uint16_t)sel;
	if (!is_null_selector(seg.sel))
		res = emul_load_system(x, s, seg.sel, &seg);
	else if (s == SEG_TR)
		res = emul_fault(x, VEC_GP);
	if (res != EMUL_OK)
		return res;
	x->c->ops->set_segment(x->c, s, &seg);
	return emul_finish(x);
}

static enum emul_result exec_store_system(struct exec *x)
{
	struct segment seg;
	enum emul_result res = EMUL_OK;

	if (x->c->cpl)
		return EMUL_UNHANDLED;
	x->c->ops->get_segment(x->c, system_register(x->i), &seg);
	if (is_memory(x->i))
		res = emul_store(x, x->i->seg, insn_offset(&x->r, x->i), sizeof(seg.sel), seg.sel);
	else
		emul_set_reg(x, x->i->rm, x->i->op_size, seg.sel);
	return res == EMUL_OK ? emul_finish(x) : res;
}

enum emul_result emul_exec_system(struct exec *x)
{
	switch (x->i->op) {
	case INSN_CLI:
	case INSN_STI:
		return exec_if(x, x->i->op == INSN_STI);
	case INSN_LGDT:
	case INSN_LIDT:
		return exec_load_table(x);
	case INSN_SGDT:
	case INSN_SIDT:
		return exec_store_table(x);
	}
	if (!x->c->protected_mode)
		return emul_fault(x, VEC_UD);
	if (x->i->op == INSN_LLDT || x->i->op == INSN_LTR)
		return exec_load_system(x);
	return exec_store_system(x);
}

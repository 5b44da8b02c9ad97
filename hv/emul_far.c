/* SPDX-License-Identifier: MIT */
/*
 * Far branches to code of the same privilege, and interrupts in real mode (Intel SDM Vol. 2A, 2B:
 * JMP, CALL, RET, IRET, INT n; Vol. 3B 20.1.4). Works on the caller's state: no lock.
 */
#include "hv/emul_internal.h"

#define IVT_ENTRY_BYTES 4

/* IRET: all but VM, VIF and VIP, which real mode does not have. */
#define IRET_FLAGS                                                                                \
	(RFLAGS_ARITH | RFLAGS_TF | RFLAGS_IF | RFLAGS_DF | RFLAGS_IOPL | RFLAGS_NT | RFLAGS_RF | \
	 RFLAGS_AC | RFLAGS_ID)

static enum emul_result go_to(struct exec *x, const struct segment *cs, uint64_t rip)
{
	x->c->ops->set_segment(x->c, SEG_CS, cs);
	return emul_finish_at(x, rip);
}

static enum emul_result branch_target(struct exec *x, uint64_t *rip, struct segment *cs)
{
	uint16_t sel = x->i->sel;
	enum emul_result res = EMUL_OK;

	*rip = x->i->imm;
	if (x->i->desc->opnd[0] == OPN_MEM)
		res = emul_load_pointer(x, rip, &sel);
	return res == EMUL_OK ? emul_load_code(x, sel, *rip, false, cs) : res;
}

static enum emul_result exec_jmp(struct exec *x)
{
	struct segment cs;
	uint64_t rip;
	enum emul_result res = branch_target(x, &rip, &cs);

	return res == EMUL_OK ? go_to(x, &cs, rip) : res;
}

static enum emul_result exec_call(struct exec *x)
{
	uint64_t rip, back[2] = { 0, emul_next_rip(x) };
	struct segment cs, old;
	enum emul_result res = branch_target(x, &rip, &cs);

	if (res != EMUL_OK)
		return res;
	x->c->ops->get_segment(x->c, SEG_CS, &old);
	back[0] = old.sel;
	res = emul_push_all(x, back, ARRAY_SIZE(back), x->i->op_size);
	return res == EMUL_OK ? go_to(x, &cs, rip) : res;
}

static enum emul_result pop_target(struct exec *x, uint64_t *rip, struct segment *cs)
{
	uint16_t sel;
	enum emul_result res = emul_pop(x, rip, x->i->op_size);

	if (res == EMUL_OK)
		res = emul_pop_selector(x, &sel);
	return res == EMUL_OK ? emul_load_code(x, sel, *rip, true, cs) : res;
}

static enum emul_result exec_ret(struct exec *x)
{
	struct segment cs;
	uint64_t rip;
	enum emul_result res = pop_target(x, &rip, &cs);

	if (res != EMUL_OK)
		return res;
	emul_drop_stack(x, x->i->imm);
	return go_to(x, &cs, rip);
}

static enum emul_result exec_iret(struct exec *x)
{
	uint64_t rip, flags, mask = IRET_FLAGS & size_mask(x->i->op_size);
	struct segment cs;
	enum emul_result res = pop_target(x, &rip, &cs);

	if (res == EMUL_OK)
		res = emul_pop(x, &flags, x->i->op_size);
	if (res != EMUL_OK)
		return res;
	x->r.rflags = (x->r.rflags & ~mask) | (flags & mask);
	return go_to(x, &cs, rip);
}

static enum emul_result interrupt(struct exec *x, unsigned vector, uint64_t back)
{
	struct descriptor_table gdt, idt;
	uint16_t entry[2]; /* IP, CS */
	struct segment cs;
	uint64_t frame[3] = { x->r.rflags, 0, back };
	enum emul_result res;

	x->c->ops->get_tables(x->c, &gdt, &idt);
	if (vector * IVT_ENTRY_BYTES + IVT_ENTRY_BYTES - 1 > idt.limit)
		return emul_fault(x, VEC_GP);
	res = emul_read_table(x, (uint32_t)(idt.base + vector * IVT_ENTRY_BYTES), entry,
			      sizeof(entry));
	if (res != EMUL_OK)
		return res;
	x->c->ops->get_segment(x->c, SEG_CS, &cs);
	frame[1] = cs.sel;
	res = emul_load_code(x, entry[1], entry[0], false, &cs);
	if (res == EMUL_OK)
		res = emul_push_all(x, frame, ARRAY_SIZE(frame), sizeof(uint16_t));
	if (res != EMUL_OK)
		return res;
	x->r.rflags &= ~(RFLAGS_IF | RFLAGS_TF | RFLAGS_AC | RFLAGS_RF);
	return go_to(x, &cs, entry[0]);
}

enum emul_result emul_real_interrupt(struct emul_ctx *c, uint8_t vector)
{
	struct exec x = { .c = c, .r = *c->regs };

	return interrupt(&x, vector, x.r.rip);
}

enum emul_result emul_exec_far(struct exec *x)
{
	switch (x->i->op) {
	case INSN_FAR_JMP:
		return exec_jmp(x);
	case INSN_FAR_CALL:
		return exec_call(x);
	case INSN_FAR_RET:
		return exec_ret(x);
	case INSN_IRET:
		return exec_iret(x);
	case INSN_INT:
		return interrupt(x, x->i->imm, emul_next_rip(x));
	case INSN_INT3:
		return interrupt(x, VEC_BP, emul_next_rip(x));
	default: /* INTO */
		if (!(x->r.rflags & RFLAGS_OF))
			return emul_finish(x);
		return interrupt(x, VEC_OF, emul_next_rip(x));
	}
}

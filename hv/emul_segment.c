/* SPDX-License-Identifier: MIT */
/*
 * Segment registers: what a selector loads into them, and the instructions that load data
 * segments (Intel SDM Vol. 3A 3.4, 5.4 to 5.6; Vol. 3B 20.1.1). Works on the caller's state: no
 * lock.
 */
#include "hv/emul_internal.h"

#define SEL_INDEX_MASK 0xfff8u
#define DESC_BYTES 8
#define DESC64_BYTES 16 /* of a system segment in IA-32e mode */
#define DESC_ACCESSED BIT(40)
#define DESC_TSS_BUSY BIT(41)

struct descriptor {
	uint64_t la; /* where it lies */
	uint64_t low, high; /* high: of a system segment in IA-32e mode */
};

/* --- descriptors ------------------------------------------------------------------------ */

enum emul_result emul_read_table(struct exec *x, uint64_t la, void *buf, unsigned size)
{
	enum emul_result res;

	x->c->implicit = true;
	res = x->c->ops->read(x->c, la, buf, size);
	x->c->implicit = false;
	return res;
}

static uint64_t table_address(const struct exec *x, uint64_t la)
{
	return x->c->long_mode ? la : (uint32_t)la;
}

/* The table that `sel` is of; its limit, or false if there is none. */
static bool find_table(struct exec *x, uint16_t sel, uint64_t *base, uint32_t *limit)
{
	struct descriptor_table gdt, idt;
	struct segment ldtr;

	if (!(sel & SEL_TI)) {
		x->c->ops->get_tables(x->c, &gdt, &idt);
		*base = gdt.base;
		*limit = gdt.limit;
		return true;
	}
	x->c->ops->get_segment(x->c, SEG_LDTR, &ldtr);
	*base = ldtr.base;
	*limit = ldtr.limit;
	return !(ldtr.attr & SEG_UNUSABLE);
}

static enum emul_result read_descriptor(struct exec *x, uint16_t sel, unsigned bytes,
					struct descriptor *d)
{
	unsigned offset = sel & SEL_INDEX_MASK;
	uint64_t base;
	uint32_t limit;

	if (!find_table(x, sel, &base, &limit) || offset + bytes - 1 > limit)
		return emul_fault_selector(x, VEC_GP, sel);
	d->la = table_address(x, base + offset);
	d->high = 0;
	return emul_read_table(x, d->la, &d->low, bytes);
}

/* Set `bit` of the descriptor where it is not set, as one atomic operation if that can be had. */
static enum emul_result mark(struct exec *x, const struct descriptor *d, uint64_t bit)
{
	uint64_t expected = d->low, desired = d->low | bit;
	bool done = false;
	enum emul_result res;

	if (d->low & bit)
		return EMUL_OK;
	x->c->implicit = true;
	res = x->c->ops->cmpxchg(x->c, d->la, &expected, &desired, sizeof(desired), &done);
	if (res == EMUL_NO_LOCK)
		res = x->c->ops->write(x->c, d->la, &desired, sizeof(desired));
	else if (res == EMUL_OK && !done)
		res = EMUL_RETRY;
	x->c->implicit = false;
	return res;
}

/* SDM Vol. 3A figure 3-8 */
static struct segment segment_of(uint16_t sel, const struct descriptor *d)
{
	struct segment s = {
		.sel = sel,
		.attr = (d->low >> 40 & 0xff) | (d->low >> 52 & 0xf) << 12,
		.limit = (d->low & 0xffff) | (d->low >> 32 & 0xf0000),
		.base = (d->low >> 16 & 0xffffff) | d->low >> 56 << 24 | d->high << 32,
	};

	if (s.attr & SEG_G)
		s.limit = s.limit << 12 | 0xfff;
	return s;
}

static unsigned dpl(const struct segment *s)
{
	return s->attr >> SEG_DPL_SHIFT & 3;
}

/* --- segment registers ------------------------------------------------------------------- */

/* Limit and rights stay, in real mode whatever they are. */
static void real_segment(struct exec *x, enum seg s, uint16_t sel, struct segment *out)
{
	x->c->ops->get_segment(x->c, s, out);
	if (out->attr & SEG_UNUSABLE) {
		out->attr = SEG_ATTR_DATA_RW;
		out->limit = UINT16_MAX;
	}
	out->sel = sel;
	out->base = (uint64_t)sel << 4;
}

static bool fits_stack(const struct exec *x, const struct segment *s)
{
	return (s->attr & SEG_S) && !(s->attr & SEG_TYPE_CODE) && (s->attr & SEG_TYPE_WRITABLE) &&
	       (s->sel & SEL_RPL) == x->c->cpl && dpl(s) == x->c->cpl;
}

static bool fits_data(const struct exec *x, const struct segment *s)
{
	bool code = s->attr & SEG_TYPE_CODE;

	if (!(s->attr & SEG_S) || (code && !(s->attr & SEG_TYPE_READABLE)))
		return false;
	if (code && (s->attr & SEG_TYPE_CONFORMING))
		return true;
	return dpl(s) >= (s->sel & SEL_RPL) && dpl(s) >= x->c->cpl;
}

enum emul_result emul_load_data(struct exec *x, enum seg s, uint16_t sel, struct segment *out)
{
	struct descriptor d;
	enum emul_result res;

	if (!x->c->protected_mode) {
		real_segment(x, s, sel, out);
		return EMUL_OK;
	}
	if (is_null_selector(sel)) {
		*out = (struct segment){ .sel = sel, .attr = SEG_UNUSABLE };
		return s == SEG_SS ? emul_fault(x, VEC_GP) : EMUL_OK;
	}
	res = read_descriptor(x, sel, DESC_BYTES, &d);
	if (res != EMUL_OK)
		return res;
	*out = segment_of(sel, &d);
	if (!(s == SEG_SS ? fits_stack(x, out) : fits_data(x, out)))
		return emul_fault_selector(x, VEC_GP, sel);
	if (!(out->attr & SEG_P))
		return emul_fault_selector(x, s == SEG_SS ? VEC_SS : VEC_NP, sel);
	out->attr |= SEG_TYPE_ACCESSED;
	return mark(x, &d, DESC_ACCESSED);
}

/* A gate or a task: JMP and CALL go on elsewhere. */
static bool is_detour(const struct segment *s)
{
	const unsigned types = 1u << SEG_TYPE_TSS16 | 1u << SEG_TYPE_TSS |
			       1u << SEG_TYPE_CALL_GATE16 | 1u << SEG_TYPE_CALL_GATE |
			       1u << SEG_TYPE_TASK_GATE;

	return !(s->attr & SEG_S) && (types >> (s->attr & SEG_TYPE_MASK) & 1);
}

/* SDM Vol. 2A, JMP, CALL, RET: to the same privilege. */
static bool fits_code(const struct exec *x, const struct segment *s, bool is_return)
{
	unsigned rpl = s->sel & SEL_RPL;

	if (x->c->long_mode && (s->attr & SEG_L) && (s->attr & SEG_DB))
		return false;
	if (is_return && rpl != x->c->cpl)
		return false;
	if (s->attr & SEG_TYPE_CONFORMING)
		return dpl(s) <= x->c->cpl;
	return dpl(s) == x->c->cpl && rpl <= x->c->cpl;
}

/* 64-bit code has no limit, and an offset of 32 bits is canonical. */
static enum emul_result check_offset(struct exec *x, const struct segment *cs, uint64_t rip)
{
	if (rip <= cs->limit || (x->c->long_mode && (cs->attr & SEG_L)))
		return EMUL_OK;
	return emul_fault(x, VEC_GP);
}

static enum emul_result check_code(struct exec *x, struct segment *cs, bool is_return)
{
	uint16_t sel = cs->sel;

	if (is_detour(cs) && !is_return)
		return EMUL_UNHANDLED;
	if (!(cs->attr & SEG_S) || !(cs->attr & SEG_TYPE_CODE) || !fits_code(x, cs, is_return))
		return emul_fault_selector(x, VEC_GP, sel);
	if (!(cs->attr & SEG_P))
		return emul_fault_selector(x, VEC_NP, sel);
	cs->sel = (sel & ~SEL_RPL) | x->c->cpl;
	cs->attr |= SEG_TYPE_ACCESSED;
	return EMUL_OK;
}

enum emul_result emul_load_code(struct exec *x, uint16_t sel, uint64_t rip, bool is_return,
				struct segment *out)
{
	struct descriptor d;
	enum emul_result res;

	if (!x->c->protected_mode) {
		real_segment(x, SEG_CS, sel, out);
		return check_offset(x, out, rip);
	}
	if (is_null_selector(sel))
		return emul_fault(x, VEC_GP);
	if (is_return && (sel & SEL_RPL) > x->c->cpl)
		return EMUL_UNHANDLED;
	res = read_descriptor(x, sel, DESC_BYTES, &d);
	if (res != EMUL_OK)
		return res;
	*out = segment_of(sel, &d);
	res = check_code(x, out, is_return);
	if (res == EMUL_OK)
		res = check_offset(x, out, rip);
	return res == EMUL_OK ? mark(x, &d, DESC_ACCESSED) : res;
}

static bool fits_system(const struct exec *x, enum seg s, const struct segment *seg)
{
	unsigned type = seg->attr & SEG_TYPE_MASK;

	if (seg->attr & SEG_S)
		return false;
	if (s == SEG_LDTR)
		return type == SEG_TYPE_LDT;
	return type == SEG_TYPE_TSS || (type == SEG_TYPE_TSS16 && !x->c->long_mode);
}

enum emul_result emul_load_system(struct exec *x, enum seg s, uint16_t sel, struct segment *out)
{
	struct descriptor d;
	enum emul_result res;

	if (sel & SEL_TI)
		return emul_fault_selector(x, VEC_GP, sel);
	res = read_descriptor(x, sel, x->c->long_mode ? DESC64_BYTES : DESC_BYTES, &d);
	if (res != EMUL_OK)
		return res;
	*out = segment_of(sel, &d);
	if (!fits_system(x, s, out))
		return emul_fault_selector(x, VEC_GP, sel);
	if (!(out->attr & SEG_P))
		return emul_fault_selector(x, VEC_NP, sel);
	if (s == SEG_LDTR)
		return EMUL_OK;
	out->attr |= SEG_TYPE_BUSY;
	return mark(x, &d, DESC_TSS_BUSY);
}

/* --- instructions ------------------------------------------------------------------------ */

/* Loading SS holds off what comes between it and a load of rSP (SDM Vol. 3A 6.8.3); LSS needs no
 * such help. */
static enum emul_result finish_load(struct exec *x, enum seg s, const struct segment *seg)
{
	x->c->ops->set_segment(x->c, s, seg);
	if (s == SEG_SS && x->i->op != INSN_LSS)
		x->c->ss_shadow = true;
	return emul_finish(x);
}

static enum emul_result exec_mov(struct exec *x)
{
	enum seg s = x->i->reg & 7;
	struct segment seg;
	uint64_t sel;
	enum emul_result res = emul_read_operand(x, OPN_RM16, sizeof(uint16_t), &sel);

	if (res == EMUL_OK)
		res = emul_load_data(x, s, (uint16_t)sel, &seg);
	return res == EMUL_OK ? finish_load(x, s, &seg) : res;
}

/* Of a wider slot only the selector is read. */
enum emul_result emul_pop_selector(struct exec *x, uint16_t *sel)
{
	uint64_t v = 0;
	enum emul_result res = emul_pop(x, &v, sizeof(*sel));

	emul_drop_stack(x, x->i->op_size - sizeof(*sel));
	*sel = (uint16_t)v;
	return res;
}

static enum emul_result exec_pop(struct exec *x)
{
	enum seg s = x->i->opcode >> 3 & 7;
	struct segment seg;
	uint16_t sel;
	enum emul_result res = emul_pop_selector(x, &sel);

	if (res == EMUL_OK)
		res = emul_load_data(x, s, sel, &seg);
	return res == EMUL_OK ? finish_load(x, s, &seg) : res;
}

enum emul_result emul_load_pointer(struct exec *x, uint64_t *offset, uint16_t *sel)
{
	uint64_t at = insn_offset(&x->r, x->i), v = 0;
	unsigned size = x->i->op_size;
	enum emul_result res = emul_load(x, x->i->seg, at, size, offset);

	at = (at + size) & size_mask(x->i->addr_size);
	if (res == EMUL_OK)
		res = emul_load(x, x->i->seg, at, sizeof(*sel), &v);
	*sel = (uint16_t)v;
	return res;
}

static enum emul_result exec_load_far(struct exec *x)
{
	enum seg s = x->i->op == INSN_LSS ? SEG_SS : x->i->op == INSN_LFS ? SEG_FS : SEG_GS;
	struct segment seg;
	uint64_t offset;
	uint16_t sel;
	enum emul_result res = emul_load_pointer(x, &offset, &sel);

	if (res == EMUL_OK)
		res = emul_load_data(x, s, sel, &seg);
	if (res != EMUL_OK)
		return res;
	emul_set_addr_reg(x, x->i->reg, x->i->op_size, offset);
	return finish_load(x, s, &seg);
}

enum emul_result emul_exec_segment(struct exec *x)
{
	switch (x->i->op) {
	case INSN_MOV_TO_SREG:
		return exec_mov(x);
	case INSN_POP_SREG:
		return exec_pop(x);
	default:
		return exec_load_far(x);
	}
}

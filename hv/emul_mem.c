/* SPDX-License-Identifier: MIT */
/*
 * Registers and memory as operands: addresses, segmentation, reads, writes, atomic updates
 * (I12). Works on the caller's state: no lock.
 */
#include "hv/emul_internal.h"
#include "hv/string.h"

/* Other vCPUs may win that often before the guest is let run, so that an exit ends (I14). */
#define ATOMIC_TRIES 64

uint64_t emul_get_reg(const struct exec *x, unsigned reg, unsigned size)
{
	if (size == 1 && !x->i->rex && reg >= 4)
		return (x->r.gpr[reg - 4] >> 8) & 0xff;
	return x->r.gpr[reg] & size_mask(size);
}

void emul_set_reg(struct exec *x, unsigned reg, unsigned size, uint64_t v)
{
	if (size == 1 && !x->i->rex && reg >= 4)
		x->r.gpr[reg - 4] = (x->r.gpr[reg - 4] & ~UINT64_C(0xff00)) | (v & 0xff) << 8;
	else
		emul_set_addr_reg(x, reg, size, v);
}

void emul_set_addr_reg(struct exec *x, unsigned reg, unsigned size, uint64_t v)
{
	uint64_t kept = size < 4 ? ~size_mask(size) : 0;

	x->r.gpr[reg] = (x->r.gpr[reg] & kept) | (v & size_mask(size));
}

/* Real mode pushes no error codes; virtual-8086 mode faults into protected mode. */
enum emul_result emul_fault(struct exec *x, unsigned vector)
{
	bool coded = vector == VEC_SS || vector == VEC_GP;

	x->c->fault = (struct emul_fault){
		.vector = vector,
		.has_error = coded && (x->c->protected_mode || in_vm86(x)),
	};
	return EMUL_FAULT;
}

/* SDM Vol. 3A 6.13 */
enum emul_result emul_fault_selector(struct exec *x, unsigned vector, uint16_t sel)
{
	x->c->fault = (struct emul_fault){
		.vector = vector,
		.has_error = true,
		.error = sel & ~SEL_RPL,
	};
	return EMUL_FAULT;
}

bool emul_canonical(const struct emul_ctx *c, uint64_t la)
{
	unsigned shift = c->la57 ? 64 - 57 : 64 - 48;

	return (uint64_t)((int64_t)(la << shift) >> shift) == la;
}

static bool within_limit(const struct segment *s, uint64_t off, unsigned size, bool protected_mode)
{
	uint64_t last = off + size - 1;
	bool expand_down = protected_mode && !(s->attr & SEG_TYPE_CODE) &&
			   (s->attr & SEG_TYPE_EXPAND_DOWN);

	if (expand_down) /* SDM Vol. 3A 5.3 */
		return off > s->limit && last <= (s->attr & SEG_DB ? 0xffffffffu : 0xffffu);
	return last <= s->limit;
}

static bool access_allowed(const struct segment *s, bool write)
{
	if (s->attr & SEG_UNUSABLE)
		return false;
	if (s->attr & SEG_TYPE_CODE)
		return !write && (s->attr & SEG_TYPE_READABLE);
	return !write || (s->attr & SEG_TYPE_WRITABLE);
}

static enum emul_result linear64(struct exec *x, unsigned seg, uint64_t off, unsigned size,
				 uint64_t *la)
{
	struct segment s = { .base = 0 };

	if (seg == SEG_FS || seg == SEG_GS)
		x->c->ops->get_segment(x->c, seg, &s);
	*la = s.base + off;
	if (emul_canonical(x->c, *la) && emul_canonical(x->c, *la + size - 1))
		return EMUL_OK;
	return emul_fault(x, seg == SEG_SS ? VEC_SS : VEC_GP);
}

enum emul_result emul_linear(struct exec *x, unsigned seg, uint64_t off, unsigned size, bool write,
			     uint64_t *la)
{
	struct segment s;

	if (x->c->mode == 8)
		return linear64(x, seg, off, size, la);
	x->c->ops->get_segment(x->c, seg, &s);
	if (x->c->protected_mode && !access_allowed(&s, write))
		return emul_fault(x, seg == SEG_SS ? VEC_SS : VEC_GP);
	if (!within_limit(&s, off, size, x->c->protected_mode))
		return emul_fault(x, seg == SEG_SS ? VEC_SS : VEC_GP);
	*la = (uint32_t)(s.base + off);
	return EMUL_OK;
}

uint64_t insn_offset(const struct cpu_regs *r, const struct insn *i)
{
	uint64_t off = i->disp;

	if (i->base >= 0)
		off += r->gpr[i->base];
	else if (i->base == -2)
		off += r->rip + i->len;
	if (i->index >= 0)
		off += r->gpr[i->index] << i->scale;
	return off & size_mask(i->addr_size);
}

uint64_t insn_ea(const struct emul_ctx *c, const struct insn *i)
{
	uint64_t off = insn_offset(c->regs, i);
	struct segment s;

	if (c->mode == 8 && i->seg != SEG_FS && i->seg != SEG_GS)
		return off;
	c->ops->get_segment((struct emul_ctx *)c, i->seg, &s);
	return c->mode == 8 ? s.base + off : (uint32_t)(s.base + off);
}

enum emul_result emul_locate(struct emul_ctx *c, const struct insn *i, unsigned size, bool write,
			     uint64_t *la)
{
	struct exec x = { .c = c, .i = i, .r = *c->regs };

	return emul_linear(&x, i->seg, insn_offset(c->regs, i), size, write, la);
}

enum emul_result emul_load(struct exec *x, unsigned seg, uint64_t off, unsigned size, uint64_t *v)
{
	uint64_t la;
	enum emul_result res = emul_linear(x, seg, off, size, false, &la);

	if (res != EMUL_OK)
		return res;
	*v = 0;
	return x->c->ops->read(x->c, la, v, size);
}

enum emul_result emul_store(struct exec *x, unsigned seg, uint64_t off, unsigned size, uint64_t v)
{
	uint64_t la;
	enum emul_result res = emul_linear(x, seg, off, size, true, &la);

	if (res != EMUL_OK)
		return res;
	return x->c->ops->write(x->c, la, &v, size);
}

static uint64_t segment_selector(struct exec *x, unsigned seg)
{
	struct segment s;

	x->c->ops->get_segment(x->c, seg, &s);
	return s.sel;
}

enum emul_result emul_read_operand(struct exec *x, unsigned k, unsigned size, uint64_t *v)
{
	const struct insn *i = x->i;

	switch (k) {
	case OPN_ACC:
		*v = x->r.gpr[REG_RAX] & size_mask(size);
		return EMUL_OK;
	case OPN_CL:
		*v = x->r.gpr[REG_RCX] & 0xff;
		return EMUL_OK;
	case OPN_ONE:
		*v = 1;
		return EMUL_OK;
	case OPN_SEG:
		*v = segment_selector(x, (i->opcode >> 3) & 7);
		return EMUL_OK;
	case OPN_SREG:
		*v = segment_selector(x, i->reg & 7);
		return EMUL_OK;
	case OPN_REG:
		*v = emul_get_reg(x, i->reg, size);
		return EMUL_OK;
	case OPN_OPREG:
	case OPN_RM:
	case OPN_RM8:
	case OPN_RM16:
	case OPN_RM32:
	case OPN_MEM:
	case OPN_MOFFS:
		if (is_memory(i))
			return emul_load(x, i->seg, insn_offset(&x->r, i), size, v);
		*v = emul_get_reg(x, i->rm, size);
		return EMUL_OK;
	default:
		*v = i->imm;
		return EMUL_OK;
	}
}

/* The CPU asks for write access right away, page by page. */
static enum emul_result read_to_update(struct exec *x, void *v, unsigned size)
{
	enum emul_result res = x->c->ops->check_write(x->c, x->la, size);

	return res == EMUL_OK ? x->c->ops->read(x->c, x->la, v, size) : res;
}

enum emul_result emul_update(struct exec *x, unsigned size)
{
	uint64_t v = 0;
	enum emul_result res = read_to_update(x, &v, size);

	if (res != EMUL_OK)
		return res;
	v = emul_compute(x, v);
	return x->c->ops->write(x->c, x->la, &v, size);
}

/* Read first, not guessed: where there is no lock the second access is a write. */
enum emul_result emul_update_atomic(struct exec *x, unsigned size)
{
	uint64_t expected = 0, desired = 0;
	enum emul_result res = read_to_update(x, &expected, size);
	bool done = false;

	for (unsigned i = 0; res == EMUL_OK && !done; i++) {
		if (i == ATOMIC_TRIES)
			return EMUL_RETRY;
		desired = emul_compute(x, expected);
		res = x->c->ops->cmpxchg(x->c, x->la, &expected, &desired, size, &done);
	}
	return res == EMUL_NO_LOCK ? x->c->ops->write(x->c, x->la, &desired, size) : res;
}

enum emul_result emul_compare_exchange(struct exec *x, void *expected, const void *desired,
				       unsigned size, bool *done)
{
	const struct emul_ops *ops = x->c->ops;
	enum emul_result res = ops->cmpxchg(x->c, x->la, expected, desired, size, done);
	uint64_t old[2];

	if (res != EMUL_NO_LOCK)
		return res;
	res = read_to_update(x, old, size);
	if (res != EMUL_OK)
		return res;
	*done = memcmp(old, expected, size) == 0;
	res = ops->write(x->c, x->la, *done ? desired : old, size);
	if (res == EMUL_OK && !*done)
		__builtin_memcpy(expected, old, size);
	return res;
}

/* SPDX-License-Identifier: MIT */
/*
 * The decoder (Intel SDM Vol. 2A ch. 2, AMD APM Vol. 3 ch. 1). It is on the exit path of
 * every intercepted instruction where the CPU gives no length, so it goes forward once,
 * table by table, and stores each field once. Works on its arguments only: no lock.
 */
#include "hv/emul.h"
#include "hv/emul_table.h"
#include "hv/errno.h"

#define never_inline __attribute__((noinline))

#define REX_B 1
#define REX_X 2
#define REX_R 4
#define REX_W 8

#define SEG_NO_OVERRIDE 0xff

#define IF_TO_CHECK (IF_NO64 | IF_ONLY64 | IF_F64 | IF_SREG) /* by check_form */

struct cursor {
	const uint8_t *p, *end;
};

struct prefixes {
	uint8_t rex, rep, seg;
	bool lock, opsize, addrsize;
};

/* 16-bit addressing (SDM Vol. 2A table 2-1). */
static const int8_t base16[8] = { REG_RBX, REG_RBX, REG_RBP, REG_RBP,
				  REG_RSI, REG_RDI, REG_RBP, REG_RBX };
static const int8_t index16[8] = { REG_RSI, REG_RDI, REG_RSI, REG_RDI, -1, -1, -1, -1 };

static inline bool next_byte(struct cursor *c, uint8_t *b)
{
	if (unlikely(c->p == c->end))
		return false;
	*b = *c->p++;
	return true;
}

/* A little-endian number of 1, 2, 4 or 8 bytes, sign-extended. */
static inline bool next_signed(struct cursor *c, unsigned size, int64_t *v)
{
	int16_t w;
	int32_t d;

	if (unlikely((size_t)(c->end - c->p) < size))
		return false;
	if (size == 1) {
		*v = (int8_t)*c->p;
	} else if (size == 2) {
		__builtin_memcpy(&w, c->p, sizeof(w));
		*v = w;
	} else if (size == 4) {
		__builtin_memcpy(&d, c->p, sizeof(d));
		*v = d;
	} else {
		__builtin_memcpy(v, c->p, sizeof(*v));
	}
	c->p += size;
	return true;
}

/* One legacy prefix. In 64-bit mode ES, CS, SS and DS are no overrides (APM Vol. 3 1.2.4). */
static void take_prefix(struct prefixes *p, uint8_t b, unsigned mode)
{
	switch (b) {
	case 0x26:
	case 0x2e:
	case 0x36:
	case 0x3e:
		if (mode != 8)
			p->seg = (b >> 3) & 3;
		break;
	case 0x64:
		p->seg = SEG_FS;
		break;
	case 0x65:
		p->seg = SEG_GS;
		break;
	case 0x66:
		p->opsize = true;
		break;
	case 0x67:
		p->addrsize = true;
		break;
	case 0xf0:
		p->lock = true;
		break;
	default: /* F2, F3: the last one counts */
		p->rep = b;
		break;
	}
}

static inline bool decode_prefixes(struct cursor *c, struct prefixes *p, unsigned mode,
				   uint8_t *opcode)
{
	for (;;) {
		if (!next_byte(c, opcode))
			return false;
		if (mode == 8 && (*opcode & 0xf0) == 0x40) {
			p->rex = *opcode;
		} else if (emul_map_1byte[*opcode].op == INSN_PREFIX) {
			p->rex = 0; /* REX counts only right before the opcode */
			take_prefix(p, *opcode, mode);
		} else {
			return true;
		}
	}
}

static inline const struct insn_desc *decode_opcode(struct cursor *c, const struct prefixes *p,
						    uint8_t *b)
{
	if (*b != 0x0f) {
		if (unlikely(*b == 0x90 && (p->rex & REX_B)))
			return &emul_map_1byte[0x91]; /* xchg r8, rAX */
		return &emul_map_1byte[*b];
	}
	if (!next_byte(c, b))
		return NULL;
	if (*b != 0x38)
		return &emul_map_0f[*b];
	if (!next_byte(c, b))
		return NULL;
	return &emul_map_0f38[*b];
}

static never_inline bool decode_mem16(struct cursor *c, struct insn *o, uint8_t modrm)
{
	unsigned rm = modrm & 7;
	unsigned disp_size = o->mod;

	o->base = base16[rm];
	o->index = index16[rm];
	if (o->mod == 0 && rm == 6) {
		o->base = -1;
		disp_size = 2;
	}
	return !disp_size || next_signed(c, disp_size, &o->disp);
}

static never_inline bool decode_sib(struct cursor *c, struct insn *o, uint8_t rex,
				    unsigned *disp_size)
{
	uint8_t sib;

	if (!next_byte(c, &sib))
		return false;
	o->scale = sib >> 6;
	o->index = ((sib >> 3) & 7) | (rex & REX_X ? 8 : 0);
	if (o->index == REG_RSP)
		o->index = -1;
	o->base = (sib & 7) | (rex & REX_B ? 8 : 0);
	if ((sib & 7) == REG_RBP && o->mod == 0) {
		o->base = -1;
		*disp_size = 4;
	}
	return true;
}

/* The memory operand that a ModRM byte with mod 0 to 2 asks for (SDM Vol. 2A 2.1.5, 2.2.1). */
static always_inline bool decode_mem(struct cursor *c, struct insn *o, uint8_t modrm, uint8_t rex)
{
	unsigned rm = modrm & 7;
	unsigned disp_size = o->mod == 2 ? 4 : o->mod;

	if (unlikely(o->addr_size == 2))
		return decode_mem16(c, o, modrm);
	if (rm == REG_RSP) {
		if (!decode_sib(c, o, rex, &disp_size))
			return false;
	} else if (rm == REG_RBP && o->mod == 0) {
		o->base = o->mode == 8 ? -2 : -1;
		disp_size = 4;
	} else {
		o->base = rm | (rex & REX_B ? 8 : 0);
	}
	return !disp_size || next_signed(c, disp_size, &o->disp);
}

static inline unsigned operand_size(uint32_t flags, const struct prefixes *p, unsigned mode)
{
	unsigned size;

	if (flags & IF_BYTE)
		return 1;
	if (flags & IF_NATURAL)
		return mode == 8 ? 8 : 4;
	if (mode != 8)
		return (mode == 4) != p->opsize || (flags & IF_MIN32) ? 4 : 2;
	if (p->rex & REX_W)
		size = 8;
	else if (p->opsize)
		size = 2;
	else
		size = flags & (IF_D64 | IF_F64) ? 8 : 4;
	return size == 8 && (flags & IF_MAX32) ? 4 : size;
}

/* One operand of the instruction's own bytes. */
static inline bool decode_imm(struct cursor *c, struct insn *o, unsigned k)
{
	int64_t v;

	switch (k) {
	case OPN_IMM8:
	case OPN_REL8:
		return next_signed(c, 1, (int64_t *)&o->imm);
	case OPN_IMM8U:
		if (!next_signed(c, 1, &v))
			return false;
		o->imm = (uint8_t)v;
		return true;
	case OPN_IMM16:
		if (!next_signed(c, 2, &v))
			return false;
		o->imm = (uint16_t)v;
		return true;
	case OPN_IMMZ:
	case OPN_RELZ:
		return next_signed(c, MIN(o->op_size, 4), (int64_t *)&o->imm);
	case OPN_IMMV:
		return next_signed(c, o->op_size, (int64_t *)&o->imm);
	case OPN_PTR:
		if (!next_signed(c, MIN(o->op_size, 4), (int64_t *)&o->imm) ||
		    !next_signed(c, sizeof(o->sel), &v))
			return false;
		o->imm &= o->op_size == 2 ? UINT16_MAX : UINT32_MAX;
		o->sel = (uint16_t)v;
		return true;
	default: /* OPN_MOFFS */
		o->mod = 0;
		return next_signed(c, o->addr_size, &o->disp);
	}
}

/* No row has two of them. */
static never_inline bool decode_imms(struct cursor *c, struct insn *o, const struct insn_desc *d)
{
	for (unsigned i = 0; i < ARRAY_SIZE(d->opnd); i++)
		if (d->opnd[i] >= OPN_FIRST_IMM)
			return decode_imm(c, o, d->opnd[i]);
	return true;
}

/* rBP and rSP as a base mean the stack segment (SDM Vol. 1 3.7.4). */
static inline uint8_t memory_segment(const struct insn *o)
{
	if (o->seg_override != SEG_NO_OVERRIDE)
		return o->seg_override;
	return o->base == REG_RSP || o->base == REG_RBP ? SEG_SS : SEG_DS;
}

static inline unsigned address_size(const struct prefixes *p, unsigned mode)
{
	if (mode == 8)
		return p->addrsize ? 4 : 8;
	return (mode == 4) != p->addrsize ? 4 : 2;
}

static unsigned source_size(const struct insn_desc *d, unsigned op_size)
{
	for (unsigned i = 0; i < 2; i++) {
		if (d->opnd[i] == OPN_RM8)
			return 1;
		if (d->opnd[i] == OPN_RM16)
			return 2;
		if (d->opnd[i] == OPN_RM32)
			return 4;
	}
	return op_size;
}

/* What is undefined, or outside the scope, although the opcode has a row. */
static int check_form(struct insn *o, const struct prefixes *p, uint32_t flags)
{
	if (o->mode == 8) {
		if (flags & IF_NO64)
			return -EINVAL;
		/* Intel ignores 66 on near branches, AMD cuts rip to 16 bits (SDM Vol. 2A
		 * 2.2.1.7, APM Vol. 3 1.2.2): leave those to the CPU. */
		if ((flags & IF_F64) && p->opsize && !(p->rex & REX_W))
			return -ENOTSUP;
		/* MOVSXD to 16 bits: Intel reads 16, AMD 32 (SDM Vol. 2B, APM Vol. 3, MOVSXD). */
		if ((flags & IF_ONLY64) && o->op_size == 2)
			return -ENOTSUP;
	} else if (flags & IF_ONLY64) {
		return -ENOTSUP;
	}
	if ((flags & IF_SREG) &&
	    ((o->reg & 7) > SEG_GS || (o->op == INSN_MOV_TO_SREG && (o->reg & 7) == SEG_CS)))
		return -EINVAL;
	if (!p->lock || ((flags & IF_LOCK) && o->mod != 3))
		return 0;
	/* APM Vol. 3, MOV CRn: LOCK MOV CR0 is CR8 outside 64-bit mode. Others never let it
	 * come to an exit. */
	if ((o->op == INSN_MOV_FROM_CR || o->op == INSN_MOV_TO_CR) && o->reg == 0) {
		o->reg = 8;
		return 0;
	}
	return -EINVAL;
}

/* Never past what the caller has; `len` of them count. */
static inline void copy_bytes(uint8_t *to, const uint8_t *from, unsigned len, unsigned n)
{
	if (likely(n >= INSN_MAX)) {
		__builtin_memcpy(to, from, 8);
		__builtin_memcpy(to + INSN_MAX - 8, from + INSN_MAX - 8, 8);
	} else {
		for (unsigned i = 0; i < len; i++)
			to[i] = from[i];
	}
}

/* Everything behind the opcode. False: more bytes are needed. */
static always_inline bool decode_rest(struct cursor *c, struct insn *o, const struct prefixes *p,
				      const struct insn_desc *d, bool has_modrm, uint8_t modrm)
{
	o->reg = 0;
	o->mod = 3;
	o->base = o->index = -1;
	o->scale = 0;
	o->disp = 0;
	o->imm = 0;
	if (!has_modrm && (d->flags & IF_MODRM)) {
		if (!next_byte(c, &modrm))
			return false;
		has_modrm = true;
	}
	o->has_modrm = has_modrm;
	if (has_modrm) {
		o->reg = ((modrm >> 3) & 7) | (p->rex & REX_R) << 1;
		o->rm = (modrm & 7) | (p->rex & REX_B) << 3;
		/* SDM Vol. 2B, MOV CRn: the mod bits are ignored. */
		if (modrm < 0xc0 && !(d->flags & IF_RM_IS_REG)) {
			o->mod = modrm >> 6;
			if (!decode_mem(c, o, modrm, p->rex))
				return false;
		}
	} else {
		o->rm = (o->opcode & 7) | (p->rex & REX_B) << 3;
	}
	o->seg = memory_segment(o);
	return !(d->flags & IF_IMM) || decode_imms(c, o, d);
}

/* All behind the prefixes; c->p is behind the opcode's first byte, o->opcode. */
static always_inline int decode_after_prefixes(struct insn *o, const uint8_t *bytes, unsigned n,
					       unsigned mode, struct cursor *c,
					       const struct prefixes *p)
{
	const struct insn_desc *d = decode_opcode(c, p, &o->opcode);
	bool has_modrm = false;
	uint8_t modrm = 0;

	if (!d)
		goto short_of_bytes;
	while (d->flags & IF_ANY_GROUP) {
		if (!has_modrm && !(d->flags & IF_BY_PREFIX)) {
			if (!next_byte(c, &modrm))
				goto short_of_bytes;
			has_modrm = true;
		}
		d = insn_group_member(d, modrm, p->rep, p->opsize);
	}
	if (d->op == INSN_NONE)
		return -ENOTSUP;

	o->desc = d;
	o->op = d->op;
	o->mode = mode;
	o->rex = p->rex;
	o->rep = p->rep;
	o->lock = p->lock;
	o->seg_override = p->seg;
	o->op_size = operand_size(d->flags, p, mode);
	o->addr_size = address_size(p, mode);
	if (!decode_rest(c, o, p, d, has_modrm, modrm))
		goto short_of_bytes;
	o->src_size = d->flags & IF_NARROW ? source_size(d, o->op_size) : o->op_size;
	if ((d->flags & IF_MEM16) && o->mod != 3)
		o->op_size = 2;
	o->len = c->p - bytes;
	if ((d->flags & IF_MEM_ONLY) && o->mod == 3)
		return -EINVAL;
	copy_bytes(o->bytes, bytes, o->len, n);
	if (likely(!p->lock && !(d->flags & IF_TO_CHECK)))
		return 0;
	return check_form(o, p, d->flags);

short_of_bytes:
	return n < INSN_MAX ? -EFAULT : -EINVAL;
}

static bool is_prefix(uint8_t b, unsigned mode)
{
	return (mode == 8 && (b & 0xf0) == 0x40) || emul_map_1byte[b].op == INSN_PREFIX;
}

static never_inline int decode_any(struct insn *o, const uint8_t *bytes, unsigned n, unsigned mode)
{
	struct cursor c = { bytes, bytes + MIN(n, INSN_MAX) };
	struct prefixes p = { .seg = SEG_NO_OVERRIDE };

	if (!decode_prefixes(&c, &p, mode, &o->opcode))
		return n < INSN_MAX ? -EFAULT : -EINVAL;
	return decode_after_prefixes(o, bytes, n, mode, &c, &p);
}

/* Nearly all that is intercepted in 64-bit mode has no prefix; with the constants put in,
 * the compiler drops a third of the work. */
int insn_decode(struct insn *o, const uint8_t *bytes, unsigned n, unsigned mode)
{
	static const struct prefixes none = { .seg = SEG_NO_OVERRIDE };
	struct cursor c = { bytes + 1, bytes + INSN_MAX };

	o->len = 0;
	if (unlikely(n < INSN_MAX || mode != 8 || is_prefix(bytes[0], 8)))
		return decode_any(o, bytes, n, mode);
	o->opcode = bytes[0];
	return decode_after_prefixes(o, bytes, INSN_MAX, 8, &c, &none);
}

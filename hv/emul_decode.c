/* SPDX-License-Identifier: MIT */
/*
 * The decoder (Intel SDM Vol. 2A ch. 2, AMD APM Vol. 3 ch. 1). It is on the exit path of
 * every intercepted instruction where the CPU gives no length, so it goes forward once,
 * table by table, and stores each field once. Works on its arguments only: no lock.
 */
#include "hv/emul.h"
#include "hv/emul_table.h"
#include "hv/errno.h"
#include "hv/string.h"

#define REX_B 1
#define REX_X 2
#define REX_R 4
#define REX_W 8

#define SEG_NO_OVERRIDE 0xff

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
		memcpy(&w, c->p, sizeof(w));
		*v = w;
	} else if (size == 4) {
		memcpy(&d, c->p, sizeof(d));
		*v = d;
	} else {
		memcpy(v, c->p, sizeof(*v));
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

static bool decode_mem16(struct cursor *c, struct insn *o, uint8_t modrm)
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

static inline bool decode_sib(struct cursor *c, struct insn *o, uint8_t rex, unsigned *disp_size)
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
static inline bool decode_mem(struct cursor *c, struct insn *o, uint8_t modrm, uint8_t rex)
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
		return (mode == 4) != p->opsize ? 4 : 2;
	if (p->rex & REX_W)
		size = 8;
	else if (p->opsize)
		size = 2;
	else
		size = flags & (IF_D64 | IF_F64) ? 8 : 4;
	return size == 8 && (flags & IF_MAX32) ? 4 : size;
}

/* Bytes that operand kind `k` has in the instruction; 0: none. */
static inline unsigned imm_size(unsigned k, const struct insn *o)
{
	switch (k) {
	case OPN_IMM8:
	case OPN_IMM8U:
	case OPN_REL8:
		return 1;
	case OPN_IMM16:
		return 2;
	case OPN_IMMZ:
	case OPN_RELZ:
		return MIN(o->op_size, 4);
	case OPN_IMMV:
		return o->op_size;
	case OPN_MOFFS:
		return o->addr_size;
	default:
		return 0;
	}
}

static inline bool decode_imm(struct cursor *c, struct insn *o, const struct insn_desc *d)
{
	int64_t v;

	for (unsigned i = 0; i < ARRAY_SIZE(d->opnd); i++) {
		unsigned k = d->opnd[i];

		if (k < OPN_FIRST_IMM)
			continue;
		if (!next_signed(c, imm_size(k, o), &v))
			return false;
		if (k == OPN_MOFFS) {
			o->disp = v;
			o->mod = 0;
			o->base = o->index = -1;
		} else if (k == OPN_IMM8U) {
			o->imm = (uint8_t)v;
		} else if (k == OPN_IMM16) {
			o->imm = (uint16_t)v;
		} else {
			o->imm = v;
		}
	}
	return true;
}

/* rBP and rSP as a base mean the stack segment (SDM Vol. 1 3.7.4). */
static inline uint8_t memory_segment(const struct insn *o)
{
	if (o->seg_override != SEG_NO_OVERRIDE)
		return o->seg_override;
	return o->base == REG_RSP || o->base == REG_RBP ? SEG_SS : SEG_DS;
}

static unsigned source_size(const struct insn_desc *d, unsigned op_size)
{
	for (unsigned i = 0; i < 2; i++) {
		if (d->opnd[i] == OPN_RM8)
			return 1;
		if (d->opnd[i] == OPN_RM16)
			return 2;
		if (d->opnd[i] == OPN_RM32)
			return MIN(op_size, 4);
	}
	return op_size;
}

/* What is undefined, or outside the scope, although the opcode has a row. */
static inline int check_form(struct insn *o, const struct prefixes *p, uint32_t flags)
{
	if (o->mode == 8 && unlikely(flags & (IF_NO64 | IF_F64))) {
		if (flags & IF_NO64)
			return -EINVAL;
		/* Intel ignores 66 on near branches, AMD cuts rip to 16 bits (SDM Vol. 2A
		 * 2.2.1.7, APM Vol. 3 1.2.2): leave those to the CPU. */
		if (p->opsize && !(p->rex & REX_W))
			return -ENOTSUP;
	}
	if (o->mode != 8 && unlikely(flags & IF_ONLY64))
		return -ENOTSUP;
	if (unlikely(o->mod == 3 && (o->desc->opnd[0] == OPN_MEM || o->desc->opnd[1] == OPN_MEM)))
		return -EINVAL;
	if (likely(!p->lock))
		return 0;
	if ((flags & IF_LOCK) && o->mod != 3)
		return 0;
	/* APM Vol. 3, MOV CRn: LOCK MOV CR0 is CR8 outside 64-bit mode. Others never let it
	 * come to an exit. */
	if ((o->op == INSN_MOV_FROM_CR || o->op == INSN_MOV_TO_CR) && o->reg == 0) {
		o->reg = 8;
		return 0;
	}
	return -EINVAL;
}

/* Not past the instruction, so that a cache may compare these bytes. */
static inline void copy_bytes(uint8_t *to, const uint8_t *from, unsigned len)
{
	if (len >= 8) {
		memcpy(to, from, 8);
		memcpy(to + len - 8, from + len - 8, 8);
	} else if (len >= 4) {
		memcpy(to, from, 4);
		memcpy(to + len - 4, from + len - 4, 4);
	} else {
		to[0] = from[0];
		to[len / 2] = from[len / 2];
		to[len - 1] = from[len - 1];
	}
}

/* Everything behind the opcode. False: more bytes are needed. */
static inline bool decode_rest(struct cursor *c, struct insn *o, const struct prefixes *p,
			       const struct insn_desc *d, bool has_modrm, uint8_t modrm)
{
	bool wants_modrm = d->opnd[0] >= OPN_FIRST_MODRM && d->opnd[0] < OPN_FIRST_IMM;

	if (wants_modrm && !has_modrm) {
		if (!next_byte(c, &modrm))
			return false;
		has_modrm = true;
	}
	o->has_modrm = has_modrm;
	o->mod = 3;
	o->reg = 0;
	o->base = o->index = -1;
	o->scale = 0;
	o->disp = 0;
	o->imm = 0;
	if (has_modrm) {
		o->reg = ((modrm >> 3) & 7) | (p->rex & REX_R ? 8 : 0);
		o->rm = (modrm & 7) | (p->rex & REX_B ? 8 : 0);
		/* SDM Vol. 2B, MOV CRn: the mod bits are ignored. */
		if (modrm < 0xc0 && d->opnd[0] != OPN_GPR && d->opnd[1] != OPN_GPR) {
			o->mod = modrm >> 6;
			if (!decode_mem(c, o, modrm, p->rex))
				return false;
		}
	} else {
		o->rm = (o->opcode & 7) | (p->rex & REX_B ? 8 : 0);
	}
	o->seg = memory_segment(o);
	return decode_imm(c, o, d);
}

int insn_decode(struct insn *o, const uint8_t *bytes, unsigned n, unsigned mode)
{
	struct cursor c = { bytes, bytes + MIN(n, INSN_MAX) };
	struct prefixes p = { .seg = SEG_NO_OVERRIDE };
	const struct insn_desc *d;
	bool has_modrm = false;
	uint8_t modrm = 0;

	o->len = 0;
	if (!decode_prefixes(&c, &p, mode, &o->opcode))
		goto short_of_bytes;
	d = decode_opcode(&c, &p, &o->opcode);
	if (!d)
		goto short_of_bytes;
	while (d->flags & IF_ANY_GROUP) {
		if (!has_modrm && !(d->flags & IF_BY_PREFIX)) {
			if (!next_byte(&c, &modrm))
				goto short_of_bytes;
			has_modrm = true;
		}
		d = insn_group_member(d, modrm, p.rep, p.opsize);
	}
	if (d->op == INSN_NONE)
		return -ENOTSUP;

	o->desc = d;
	o->op = d->op;
	o->mode = mode;
	o->rex = p.rex;
	o->rep = p.rep;
	o->lock = p.lock;
	o->seg_override = p.seg;
	o->op_size = operand_size(d->flags, &p, mode);
	o->addr_size = mode == 8 ? (p.addrsize ? 4 : 8) : (mode == 4) != p.addrsize ? 4 : 2;
	if (!decode_rest(&c, o, &p, d, has_modrm, modrm))
		goto short_of_bytes;
	o->src_size = source_size(d, o->op_size);
	if ((d->flags & IF_MEM16) && o->mod != 3)
		o->op_size = 2;
	o->len = c.p - bytes;
	copy_bytes(o->bytes, bytes, o->len);
	return check_form(o, &p, d->flags);

short_of_bytes:
	return n < INSN_MAX ? -EFAULT : -EINVAL;
}

/* SPDX-License-Identifier: MIT */
/*
 * Arithmetic and flags. Sums and logic compute their flags from the carries; shifts and
 * bit scans run the instruction itself on this CPU, which is the one that the guest would
 * have run it on. None of those can fault. Pure functions of the caller's state: no lock.
 */
#include "hv/emul_internal.h"

/* LAHF's byte: SF, ZF, AF, PF and CF in their places. */
#define FLAGS_OF_LAHF (RFLAGS_SF | RFLAGS_ZF | RFLAGS_AF | RFLAGS_PF | RFLAGS_CF)

/* Shifts leave AF undefined, and this CPU may hand through what we had in it. */
#define FLAGS_OF_SHIFT (RFLAGS_ARITH & ~RFLAGS_AF)

static uint64_t sign_bit(unsigned size)
{
	return UINT64_C(1) << (8 * size - 1);
}

static uint64_t flag_if(bool b, uint64_t flag)
{
	return b ? flag : 0;
}

static uint64_t flags_of_result(uint64_t v, unsigned size)
{
	/* 0x9669: the 4-bit numbers of even parity. */
	return flag_if((0x9669 >> ((v ^ v >> 4) & 15)) & 1, RFLAGS_PF) |
	       flag_if(!(v & size_mask(size)), RFLAGS_ZF) | flag_if(v & sign_bit(size), RFLAGS_SF);
}

/* Flags always start from those before the instruction, so that a repeated computation
 * (emul_update_atomic) does not see its own. */
static void set_flags(struct exec *x, uint64_t mask, uint64_t flags)
{
	x->r.rflags = (x->c->regs->rflags & ~mask) | (flags & mask);
}

static uint64_t carry_in(const struct exec *x)
{
	return x->c->regs->rflags & RFLAGS_CF;
}

static uint64_t add(struct exec *x, uint64_t a, uint64_t b, uint64_t carry, uint64_t mask)
{
	unsigned size = x->i->op_size;
	uint64_t sum = a + b + carry;
	uint64_t carries = (a & b) | ((a | b) & ~sum);

	set_flags(x, mask,
		  flags_of_result(sum, size) | flag_if(carries & sign_bit(size), RFLAGS_CF) |
			  flag_if((a ^ sum) & (b ^ sum) & sign_bit(size), RFLAGS_OF) |
			  ((a ^ b ^ sum) & RFLAGS_AF));
	return sum;
}

static uint64_t sub(struct exec *x, uint64_t a, uint64_t b, uint64_t borrow, unsigned size,
		    uint64_t mask)
{
	uint64_t diff = a - b - borrow;
	uint64_t borrows = (~a & b) | (~(a ^ b) & diff);

	set_flags(x, mask,
		  flags_of_result(diff, size) | flag_if(borrows & sign_bit(size), RFLAGS_CF) |
			  flag_if((a ^ b) & (a ^ diff) & sign_bit(size), RFLAGS_OF) |
			  ((a ^ b ^ diff) & RFLAGS_AF));
	return diff;
}

void emul_flags_sub(struct exec *x, uint64_t a, uint64_t b, unsigned size)
{
	sub(x, a, b, 0, size, RFLAGS_ARITH);
}

static uint64_t logic(struct exec *x, uint64_t v)
{
	set_flags(x, RFLAGS_ARITH, flags_of_result(v, x->i->op_size));
	return v;
}

/* What LAHF and SETO AL left in AX. */
static uint64_t asm_flags(uint16_t ax)
{
	return (uint64_t)(ax >> 8 & FLAGS_OF_LAHF) | flag_if(ax & 1, RFLAGS_OF);
}

/* `mnem` on v by %cl, carry in and flags out. LAHF and SETO leave no trace on the stack. */
#define SHIFT_ASM(mnem, v, cl, carry, ax, ...)                        \
	__asm__("btl $0, %[cf]\n\t" mnem "\n\tlahf\n\tseto %%al"      \
		: [val] "+r"(v), "=&a"(ax)                            \
		: [cf] "r"((uint32_t)(carry)), "c"(cl), ##__VA_ARGS__ \
		: "cc")

#define SHIFT_CASE(op, mnem)                                          \
	case op:                                                      \
		SHIFT_ASM(mnem " %%cl, %[val]", v, count, carry, ax); \
		break

#define DEFINE_SHIFT(name, type)                                                         \
	static uint64_t name(unsigned op, uint64_t value, uint8_t count, uint64_t carry, \
			     uint64_t *fl)                                               \
	{                                                                                \
		type v = (type)value;                                                    \
		uint16_t ax = 0;                                                         \
                                                                                         \
		switch (op) {                                                            \
			SHIFT_CASE(INSN_ROL, "rol");                                     \
			SHIFT_CASE(INSN_ROR, "ror");                                     \
			SHIFT_CASE(INSN_RCL, "rcl");                                     \
			SHIFT_CASE(INSN_RCR, "rcr");                                     \
			SHIFT_CASE(INSN_SHL, "shl");                                     \
			SHIFT_CASE(INSN_SHR, "shr");                                     \
			SHIFT_CASE(INSN_SAR, "sar");                                     \
		}                                                                        \
		*fl = asm_flags(ax);                                                     \
		return v;                                                                \
	}

DEFINE_SHIFT(shift8, uint8_t)
DEFINE_SHIFT(shift16, uint16_t)
DEFINE_SHIFT(shift32, uint32_t)
DEFINE_SHIFT(shift64, uint64_t)

#define DEFINE_DOUBLE_SHIFT(name, type)                                                        \
	static uint64_t name(unsigned op, uint64_t value, uint64_t other, uint8_t count,       \
			     uint64_t *fl)                                                     \
	{                                                                                      \
		type v = (type)value, o = (type)other;                                         \
		uint16_t ax = 0;                                                               \
                                                                                               \
		if (op == INSN_SHLD)                                                           \
			SHIFT_ASM("shld %%cl, %[src], %[val]", v, count, 0, ax, [src] "r"(o)); \
		else                                                                           \
			SHIFT_ASM("shrd %%cl, %[src], %[val]", v, count, 0, ax, [src] "r"(o)); \
		*fl = asm_flags(ax);                                                           \
		return v;                                                                      \
	}

DEFINE_DOUBLE_SHIFT(double_shift16, uint16_t)
DEFINE_DOUBLE_SHIFT(double_shift32, uint32_t)
DEFINE_DOUBLE_SHIFT(double_shift64, uint64_t)

static uint8_t shift_count(const struct exec *x, uint64_t v)
{
	return v & (x->i->op_size == 8 ? 63 : 31);
}

static uint64_t shift(struct exec *x, uint64_t old)
{
	bool rotate = x->i->op <= INSN_RCR;
	uint8_t count = shift_count(x, x->src);
	uint64_t flags, v;

	if (!count) /* no flag changes either */
		return old;
	if (x->i->op_size == 1)
		v = shift8(x->i->op, old, count, carry_in(x), &flags);
	else if (x->i->op_size == 2)
		v = shift16(x->i->op, old, count, carry_in(x), &flags);
	else if (x->i->op_size == 4)
		v = shift32(x->i->op, old, count, carry_in(x), &flags);
	else
		v = shift64(x->i->op, old, count, carry_in(x), &flags);
	set_flags(x, rotate ? RFLAGS_CF | RFLAGS_OF : FLAGS_OF_SHIFT, flags);
	return v;
}

static uint64_t double_shift(struct exec *x, uint64_t old)
{
	uint8_t count = shift_count(x, x->src2);
	uint64_t flags, v;

	if (!count)
		return old;
	if (x->i->op_size == 2)
		v = double_shift16(x->i->op, old, x->src, count, &flags);
	else if (x->i->op_size == 4)
		v = double_shift32(x->i->op, old, x->src, count, &flags);
	else
		v = double_shift64(x->i->op, old, x->src, count, &flags);
	set_flags(x, FLAGS_OF_SHIFT, flags);
	return v;
}

/* A source of zero leaves the destination to the CPU, hence the whole register goes in. */
#define SCAN_ASM(mnem, v, s, ax) \
	__asm__(mnem "\n\tlahf\n\tseto %%al" : [val] "+r"(v), "=&a"(ax) : [src] "r"(s) : "cc")

#define SCAN_SIZED(mnem, v, s, ax, size)                              \
	do {                                                          \
		if ((size) == 2)                                      \
			SCAN_ASM(mnem " %w[src], %w[val]", v, s, ax); \
		else if ((size) == 4)                                 \
			SCAN_ASM(mnem " %k[src], %k[val]", v, s, ax); \
		else                                                  \
			SCAN_ASM(mnem " %q[src], %q[val]", v, s, ax); \
	} while (0)

/* BSF, BSR and, with F3, TZCNT and LZCNT: a CPU without those ignores the prefix. The value
 * is that of the whole register, also for 16 and 32 bits. */
static uint64_t bit_scan(struct exec *x)
{
	uint64_t v = x->r.gpr[x->i->reg];
	unsigned size = x->i->op_size;
	bool counts = x->i->op == INSN_TZCNT || x->i->op == INSN_LZCNT;
	uint16_t ax;

	if (x->i->op == INSN_BSF)
		SCAN_SIZED("bsf", v, x->src, ax, size);
	else if (x->i->op == INSN_BSR)
		SCAN_SIZED("bsr", v, x->src, ax, size);
	else if (x->i->op == INSN_TZCNT)
		SCAN_SIZED("rep bsf", v, x->src, ax, size);
	else
		SCAN_SIZED("rep bsr", v, x->src, ax, size);
	/* The others are undefined: they stay. */
	set_flags(x, counts ? RFLAGS_ZF | RFLAGS_CF : RFLAGS_ZF, asm_flags(ax));
	return v;
}

static uint64_t bit_test(struct exec *x, uint64_t old)
{
	unsigned bits = 8 * x->i->op_size;
	uint64_t bit = UINT64_C(1) << (x->src & (bits - 1));

	set_flags(x, RFLAGS_CF, flag_if(old & bit, RFLAGS_CF));
	switch (x->i->op) {
	case INSN_BTS:
		return old | bit;
	case INSN_BTR:
		return old & ~bit;
	case INSN_BTC:
		return old ^ bit;
	default:
		return old;
	}
}

static uint64_t multiply(struct exec *x, uint64_t a, uint64_t b)
{
	unsigned size = x->i->op_size;
	__int128 product = (__int128)sign_extend(a, size) * sign_extend(b, size);
	bool fits = product == (__int128)sign_extend((uint64_t)product, size);

	set_flags(x, RFLAGS_CF | RFLAGS_OF, fits ? 0 : RFLAGS_CF | RFLAGS_OF);
	return (uint64_t)product;
}

static uint64_t byte_swap(uint64_t v, unsigned size)
{
	return __builtin_bswap64(v) >> (64 - 8 * size);
}

/* Condition codes: pairs, the odd one is the opposite (SDM Vol. 1 B.1). */
bool emul_condition(const struct exec *x)
{
	uint64_t f = x->c->regs->rflags;
	bool less = !(f & RFLAGS_SF) != !(f & RFLAGS_OF), hit;

	switch ((x->i->opcode >> 1) & 7) {
	case 0:
		hit = f & RFLAGS_OF;
		break;
	case 1:
		hit = f & RFLAGS_CF;
		break;
	case 2:
		hit = f & RFLAGS_ZF;
		break;
	case 3:
		hit = f & (RFLAGS_CF | RFLAGS_ZF);
		break;
	case 4:
		hit = f & RFLAGS_SF;
		break;
	case 5:
		hit = f & RFLAGS_PF;
		break;
	case 6:
		hit = less;
		break;
	default:
		hit = less || (f & RFLAGS_ZF);
		break;
	}
	return hit != (x->i->opcode & 1);
}

static uint64_t compute_sum(struct exec *x, uint64_t old)
{
	const uint64_t no_carry = RFLAGS_ARITH & ~RFLAGS_CF; /* INC and DEC leave CF */
	unsigned size = x->i->op_size;

	switch (x->i->op) {
	case INSN_ADC:
		return add(x, old, x->src, carry_in(x), RFLAGS_ARITH);
	case INSN_SBB:
		return sub(x, old, x->src, carry_in(x), size, RFLAGS_ARITH);
	case INSN_SUB:
		return sub(x, old, x->src, 0, size, RFLAGS_ARITH);
	case INSN_INC:
		return add(x, old, 1, 0, no_carry);
	case INSN_DEC:
		return sub(x, old, 1, 0, size, no_carry);
	case INSN_NEG:
		return sub(x, 0, old, 0, size, RFLAGS_ARITH);
	case INSN_CMP:
		emul_flags_sub(x, old, x->src, size);
		return old;
	default: /* ADD, XADD */
		return add(x, old, x->src, 0, RFLAGS_ARITH);
	}
}

static uint64_t compute_move(struct exec *x, uint64_t old)
{
	switch (x->i->op) {
	case INSN_MOVSX:
		return sign_extend(x->src, x->i->src_size);
	case INSN_MOVBE:
		return byte_swap(x->src, x->i->op_size);
	case INSN_SETCC:
		return emul_condition(x);
	case INSN_CMOVCC:
		return emul_condition(x) ? x->src : old;
	default: /* MOV, MOVZX, XCHG, MOV from a segment register */
		return x->src;
	}
}

uint64_t emul_compute(struct exec *x, uint64_t old)
{
	x->old = old;
	switch (x->i->op) {
	case INSN_ADD:
	case INSN_ADC:
	case INSN_SBB:
	case INSN_SUB:
	case INSN_CMP:
	case INSN_INC:
	case INSN_DEC:
	case INSN_NEG:
	case INSN_XADD:
		return compute_sum(x, old);
	case INSN_OR:
		return logic(x, old | x->src);
	case INSN_AND:
		return logic(x, old & x->src);
	case INSN_XOR:
		return logic(x, old ^ x->src);
	case INSN_TEST:
		logic(x, old & x->src);
		return old;
	case INSN_NOT:
		return ~old;
	case INSN_ROL ... INSN_SAR:
		return shift(x, old);
	case INSN_SHLD:
	case INSN_SHRD:
		return double_shift(x, old);
	case INSN_IMUL:
		return x->i->desc->opnd[2] ? multiply(x, x->src, x->src2)
					   : multiply(x, old, x->src);
	case INSN_BT ... INSN_BTC:
		return bit_test(x, old);
	case INSN_BSF ... INSN_LZCNT:
		return bit_scan(x);
	case INSN_BSWAP:
		return byte_swap(old, x->i->op_size);
	default:
		return compute_move(x, old);
	}
}

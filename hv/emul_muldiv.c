/* SPDX-License-Identifier: MIT */
/*
 * Multiplication into, and division of, a register pair: AX, DX:AX, EDX:EAX, RDX:RAX.
 * Works on the caller's state: no lock.
 */
#include "hv/emul_internal.h"

typedef unsigned __int128 uint128_t;
typedef __int128 int128_t;

static uint128_t get_pair(const struct exec *x, unsigned size)
{
	uint64_t a = x->r.gpr[REG_RAX], d = x->r.gpr[REG_RDX];

	if (size == 1)
		return (uint16_t)a;
	return (uint128_t)(d & size_mask(size)) << (8 * size) | (a & size_mask(size));
}

static void set_halves(struct exec *x, unsigned size, uint64_t low, uint64_t high)
{
	if (size == 1) {
		emul_set_addr_reg(x, REG_RAX, 2, (low & 0xff) | (high & 0xff) << 8);
		return;
	}
	emul_set_addr_reg(x, REG_RAX, size, low);
	emul_set_addr_reg(x, REG_RDX, size, high);
}

void emul_mul_wide(struct exec *x)
{
	unsigned size = x->i->op_size;
	uint64_t a = x->r.gpr[REG_RAX] & size_mask(size), low;
	uint128_t product;
	bool fits;

	if (x->i->op == INSN_MUL) {
		product = (uint128_t)a * x->src;
		low = (uint64_t)product & size_mask(size);
		fits = product == low;
	} else {
		product = (uint128_t)((int128_t)sign_extend(a, size) * sign_extend(x->src, size));
		low = (uint64_t)product & size_mask(size);
		fits = (int128_t)product == sign_extend(low, size);
	}
	set_halves(x, size, low, (uint64_t)(product >> (8 * size)));
	x->r.rflags &= ~(RFLAGS_CF | RFLAGS_OF);
	x->r.rflags |= fits ? 0 : RFLAGS_CF | RFLAGS_OF;
}

/* False: the quotient has more than 64 bits. DIV cannot fault when the high half is below
 * the divisor; there is no libgcc to do it in C. */
static bool divide128(uint128_t n, uint64_t d, uint64_t *quotient, uint64_t *rest)
{
	uint64_t high = (uint64_t)(n >> 64);

	if (high >= d)
		return false;
	__asm__("divq %[d]"
		: "=a"(*quotient), "=d"(*rest)
		: "a"((uint64_t)n), "d"(high), [d] "r"(d)
		: "cc");
	return true;
}

static bool divide_unsigned(struct exec *x, unsigned size)
{
	uint64_t q, r;

	if (!divide128(get_pair(x, size), x->src, &q, &r) || q > size_mask(size))
		return false;
	set_halves(x, size, q, r);
	return true;
}

/* By magnitude; the quotient rounds to zero, the rest has the dividend's sign. */
static bool divide_signed(struct exec *x, unsigned size)
{
	unsigned bits = 16 * size;
	uint128_t n = get_pair(x, size) << (128 - bits);
	bool negative = n >> 127, minus_d = sign_extend(x->src, size) < 0;
	uint64_t d = sign_extend(x->src, size), limit = UINT64_C(1) << (8 * size - 1);
	uint64_t q, r;

	n = (uint128_t)((int128_t)n >> (128 - bits));
	if (!divide128(negative ? -n : n, minus_d ? -d : d, &q, &r))
		return false;
	if (q > (negative != minus_d ? limit : limit - 1))
		return false;
	set_halves(x, size, negative != minus_d ? -q : q, negative ? -r : r);
	return true;
}

enum emul_result emul_divide(struct exec *x)
{
	unsigned size = x->i->op_size;
	bool fits = x->i->op == INSN_DIV ? divide_unsigned(x, size) : divide_signed(x, size);

	return fits ? EMUL_OK : emul_fault(x, VEC_DE);
}

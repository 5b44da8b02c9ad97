/* SPDX-License-Identifier: MIT */
/*
 * The emulator against the CPU that the test runs on: random forms of every unprivileged
 * instruction in its scope, with random operands, natively and emulated; registers, flags,
 * memory and faults must be the same. The first difference is printed with its bytes.
 *
 * EMUL_SEED and EMUL_CASES in the environment change the stream and its length.
 */
#include <cpuid.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "hv/emul.h"
#include "hv/emul_table.h"
#include "hv/x86.h"
#include "tests/unit/emul_fake.h"
#include "tests/unit/emul_native.h"

#ifndef MAP_32BIT
#define MAP_32BIT 0x40 /* hidden by <sys/mman.h> without _GNU_SOURCE, which has REG_RAX */
#endif

#define DATA_SIZE (2 * PAGE_SIZE)
#define CODE_SIZE (16 * PAGE_SIZE)
#define ARITH (RFLAGS_CF | RFLAGS_PF | RFLAGS_AF | RFLAGS_ZF | RFLAGS_SF | RFLAGS_OF)
#define COMPARED_FLAGS (ARITH | RFLAGS_DF)
#define DEFAULT_CASES 30000
#define PF_WRITE_USER 6 /* error-code bits that a host page fault must share */

static uint8_t *data, *code;
static uint64_t seed;

struct test_case {
	struct insn insn;
	uint8_t bytes[INSN_MAX];
	unsigned modrm_at, operand_at; /* offsets; operand_at: behind the opcode */
	unsigned mode;
	struct cpu_regs regs;
	uint64_t rip;
};

static uint64_t random64(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed * UINT64_C(0x2545f4914f6cdd1d);
}

static unsigned below(unsigned n)
{
	return (random64() >> 33) % n;
}

/* Numbers near the edges more often than chance would. */
static uint64_t random_value(void)
{
	static const uint64_t edges[] = { 0,
					  1,
					  0x7f,
					  0x80,
					  0xff,
					  0x7fff,
					  0x8000,
					  0xffff,
					  0x7fffffff,
					  0x80000000,
					  0xffffffff,
					  INT64_MAX,
					  (uint64_t)INT64_MIN,
					  UINT64_MAX };

	switch (below(4)) {
	case 0:
		return edges[below(ARRAY_SIZE(edges))];
	case 1:
		return random64() >> below(64);
	default:
		return random64();
	}
}

static uint64_t random_flags(void)
{
	return RFLAGS_FIXED | RFLAGS_IF | (random64() & ARITH) | (below(4) ? 0 : RFLAGS_DF);
}

/* --- making a case --------------------------------------------------------------------- */

static unsigned add_prefixes(uint8_t *b, unsigned mode)
{
	static const uint8_t common[] = {
		0x66, 0x67, 0xf2, 0xf3, 0xf0, 0x65, 0x26, 0x2e, 0x36, 0x3e
	};
	unsigned n = 0;

	while (!below(3) && n < 3) {
		uint8_t p = common[below(ARRAY_SIZE(common))];

		if (p != 0x65 || mode == 8) /* 32-bit GS is null here */
			b[n++] = p;
	}
	if (mode == 8 && below(2))
		b[n++] = 0x40 | below(16);
	return n;
}

static bool cpu_has_movbe(void)
{
	unsigned a, b, c, d;

	return __get_cpuid(1, &a, &b, &c, &d) && (c & bit_MOVBE);
}

static bool runs_natively(const struct insn *i)
{
	switch (i->op) {
	case INSN_IN:
	case INSN_OUT:
	case INSN_INS:
	case INSN_OUTS: /* privileged */
	case INSN_POPF: /* might set TF */
		return false;
	case INSN_LOOP: /* reserved with REP; some CPUs then take LOOPE for LOOPNE */
		return !i->rep;
	case INSN_BSWAP: /* undefined for 16 bits */
		return i->op_size != 2;
	case INSN_MOVBE:
		return cpu_has_movbe();
	case INSN_NOP: /* PREFETCHW of a register differs among vendors */
		return i->opcode != 0x0d;
	default:
		return i->op < INSN_FIRST_DECODE_ONLY;
	}
}

/* No prefix and no escape, so that what follows is where we think it is. */
static uint8_t random_opcode(unsigned mode)
{
	uint8_t b;

	do
		b = below(256);
	while (emul_map_1byte[b].op == INSN_PREFIX || b == 0x0f ||
	       (mode == 8 && (b & 0xf0) == 0x40));
	return b;
}

static bool make_instruction(struct test_case *t)
{
	uint8_t *b = t->bytes;
	unsigned n = add_prefixes(b, t->mode), map = below(16);

	if (map < 8) {
		b[n++] = 0x0f;
		b[n] = below(256);
		if (b[n++] == 0x38)
			b[n++] = 0xf0 | below(2);
	} else {
		b[n++] = random_opcode(t->mode);
	}
	t->operand_at = t->modrm_at = n;
	while (n < INSN_MAX)
		b[n++] = random64() >> 40;
	if (below(2) && !below(2)) /* SIB and RIP forms are rare otherwise */
		b[t->modrm_at] = (b[t->modrm_at] & 0xf8) | (below(2) ? 4 : 5);
	return insn_decode(&t->insn, b, INSN_MAX, t->mode) == 0 && runs_natively(&t->insn);
}

static void put(uint8_t *p, uint64_t v, unsigned size)
{
	memcpy(p, &v, size);
}

#define MARGIN 256 /* more than what one string instruction covers */

static uint64_t inner_address(void)
{
	return (uint64_t)(uintptr_t)data + MARGIN + below(DATA_SIZE - 2 * MARGIN);
}

static bool is_inner(uint64_t la)
{
	return la - (uint64_t)(uintptr_t)data - MARGIN < DATA_SIZE - 2 * MARGIN;
}

/* An address in the data, now and then across its end. */
static uint64_t random_address(void)
{
	uint64_t base = (uint64_t)(uintptr_t)data;

	if (!below(16))
		return base + DATA_SIZE - below(20);
	if (!below(32))
		return base - below(10);
	return inner_address();
}

static uint64_t odd_inverse(uint64_t a)
{
	uint64_t x = a;

	for (unsigned i = 0; i < 6; i++)
		x *= 2 - a * x;
	return x;
}

/* Choose registers, or patch the displacement, such that the operand is at `target`. */
static void aim(struct test_case *t, uint64_t target)
{
	struct insn *i = &t->insn;
	uint64_t *gpr = t->regs.gpr;
	unsigned disp_at =
		t->modrm_at + 1 + ((t->bytes[t->modrm_at] & 7) == 4 && i->addr_size != 2);

	if (!i->has_modrm) { /* moffs */
		put(t->bytes + t->operand_at, target, i->addr_size);
	} else if (i->base >= 0 && i->index == i->base) {
		uint64_t sum = target - (uint64_t)i->disp;

		gpr[i->base] = i->scale ? sum * odd_inverse(1 + (1u << i->scale)) : sum >> 1;
	} else if (i->base >= 0) {
		uint64_t index = i->index >= 0 ? gpr[i->index] << i->scale : 0;

		gpr[i->base] = target - (uint64_t)i->disp - index;
	} else if (i->index >= 0) {
		gpr[i->index] = (target - (uint64_t)i->disp) >> i->scale;
	} else if (i->addr_size != 2) {
		put(t->bytes + disp_at, i->base == -2 ? target - t->rip - i->len : target, 4);
	}
}

static uint64_t code_address(void)
{
	return (uint64_t)(uintptr_t)code + below(CODE_SIZE);
}

static void put_at(uint64_t la, uint64_t v)
{
	uint64_t lo = (uint64_t)(uintptr_t)data;

	if (la >= lo && la + 8 <= lo + DATA_SIZE)
		put(data + (la - lo), v, 8);
}

static void aim_strings(struct test_case *t)
{
	uint64_t mask = t->insn.addr_size == 8 ? UINT64_MAX : 0xffffffff;
	uint64_t *gpr = t->regs.gpr;

	/* Only one near the edge: which of two faults comes first is the CPU's choice. */
	gpr[REG_RSI] = (gpr[REG_RSI] & ~mask) | (below(2) ? random_address() : inner_address());
	gpr[REG_RDI] = (gpr[REG_RDI] & ~mask) |
		       (is_inner(gpr[REG_RSI] & mask) ? random_address() : inner_address());
	gpr[REG_RCX] = (gpr[REG_RCX] & ~mask) | below(20);
	if (!below(2)) /* equal runs for CMPS and SCAS */
		memset(data, 0x33, DATA_SIZE);
	if (!below(2))
		gpr[REG_RAX] = UINT64_C(0x3333333333333333);
}

/* Branches must land on INT3. */
static void aim_branch(struct test_case *t, uint64_t operand)
{
	struct insn *i = &t->insn;

	if (i->desc->opnd[0] == OPN_RELZ)
		put(t->bytes + t->operand_at, below(4096) - 2048, i->op_size == 2 ? 2 : 4);
	if (i->op == INSN_RET)
		put_at(t->regs.gpr[REG_RSP], code_address());
	if (i->op != INSN_CALL && i->op != INSN_JMP)
		return;
	if (i->has_modrm && i->mod == 3)
		t->regs.gpr[i->rm] = code_address();
	else if (i->has_modrm)
		put_at(operand, code_address());
}

/* Divisions that don't overflow, exchanges that match, bit offsets that stay near. */
static void aim_values(struct test_case *t, uint64_t operand)
{
	struct insn *i = &t->insn;
	uint64_t *gpr = t->regs.gpr;
	uint64_t lo = (uint64_t)(uintptr_t)data;

	if ((i->op == INSN_DIV || i->op == INSN_IDIV) && below(2))
		gpr[REG_RDX] = i->op == INSN_DIV || below(2) ? 0 : UINT64_MAX;
	if (i->op >= INSN_BT && i->op <= INSN_BTC && i->mod != 3 && i->desc->opnd[1] == OPN_REG &&
	    i->reg != i->base && i->reg != i->index)
		gpr[i->reg] = (uint64_t)(int64_t)((int)below(4096) - 2048);
	if ((i->op == INSN_CMPXCHG || i->op == INSN_CMPXCHG8B) && i->mod != 3 && below(2) &&
	    i->base != REG_RAX && i->index != REG_RAX && i->base != REG_RDX &&
	    i->index != REG_RDX && operand >= lo && operand + 16 <= lo + DATA_SIZE) {
		memcpy(&gpr[REG_RAX], data + (operand - lo), 8);
		memcpy(&gpr[REG_RDX], data + (operand - lo) + (i->op_size == 8 ? 8 : 4), 8);
	}
}

static bool uses_memory(const struct insn *i)
{
	return i->mod != 3 && i->op != INSN_LEA && i->op != INSN_NOP;
}

static void aim_case(struct test_case *t, uint64_t gs_base)
{
	struct insn *i = &t->insn;
	uint64_t target = random_address();

	if (i->op == INSN_CMPXCHG8B && i->op_size == 8 && below(8))
		target &= ~UINT64_C(15);
	if (i->op >= INSN_PUSH && i->op <= INSN_RET)
		t->regs.gpr[REG_RSP] = random_address();
	/* Intel writes 16 bits of the slot, AMD all of it (SDM Vol. 2B, PUSH). */
	if (i->desc->opnd[0] == OPN_SEG)
		put_at(t->regs.gpr[REG_RSP] - 8, 0);
	if (i->op == INSN_LEAVE)
		t->regs.gpr[REG_RBP] = random_address();
	if (i->op == INSN_XLAT)
		t->regs.gpr[REG_RBX] = target - (t->regs.gpr[REG_RAX] & 0xff);
	if (i->op >= INSN_MOVS && i->op <= INSN_SCAS)
		aim_strings(t);
	if (uses_memory(i))
		aim(t, target - (i->seg == SEG_GS ? gs_base : 0));
	aim_branch(t, target);
	aim_values(t, target);
}

/* --- running and comparing --------------------------------------------------------------- */

/* Flags that the manual leaves undefined. */
static uint64_t undefined_flags(const struct insn *i)
{
	switch (i->op) {
	case INSN_OR:
	case INSN_AND:
	case INSN_XOR:
	case INSN_TEST:
	case INSN_SHL:
	case INSN_SHR:
	case INSN_SAR:
	case INSN_SHLD:
	case INSN_SHRD:
		return RFLAGS_AF;
	case INSN_IMUL:
	case INSN_MUL:
	case INSN_IMUL_WIDE:
		return RFLAGS_SF | RFLAGS_ZF | RFLAGS_AF | RFLAGS_PF;
	case INSN_DIV:
	case INSN_IDIV:
		return ARITH;
	case INSN_BT ... INSN_BTC:
		return RFLAGS_OF | RFLAGS_SF | RFLAGS_AF | RFLAGS_PF;
	case INSN_BSF:
	case INSN_BSR:
		return ARITH & ~RFLAGS_ZF;
	case INSN_TZCNT:
	case INSN_LZCNT:
		return ARITH & ~(RFLAGS_ZF | RFLAGS_CF);
	default:
		return 0;
	}
}

static void fail_case(const struct test_case *t, const char *what, uint64_t native,
		      uint64_t emulated)
{
	char text[64] = "";

	for (unsigned i = 0; i < t->insn.len; i++)
		snprintf(text + 3 * i, sizeof(text) - 3 * i, "%02x ", t->bytes[i]);
	for (unsigned i = 0; i < NR_GPRS; i++)
		print_error("gpr %u: %016" PRIx64 "\n", i, t->regs.gpr[i]);
	print_error("rflags %" PRIx64 ", rip %" PRIx64 ", data %p, code %p\n", t->regs.rflags,
		    t->rip, (void *)data, (void *)code);
	fail_msg("%u-bit %s (%s): %s: native %" PRIx64 ", emulated %" PRIx64, t->mode * 8, text,
		 t->insn.desc->name, what, native, emulated);
}

/* A branch to where nothing is mapped faults at its target: done, as far as it goes. */
static bool branched_out(const struct test_case *t, const struct native_state *s)
{
	return s->vector == VEC_PF && s->rip == s->cr2 && s->rip != t->rip;
}

static void compare_outcome(const struct test_case *t, const struct native_state *s,
			    enum emul_result res, const struct fake *f)
{
	const struct emul_fault *fault = &f->ctx.fault;
	bool completed = s->vector == VEC_BP || branched_out(t, s);

	if (completed != (res == EMUL_OK))
		fail_case(t, "exception, result", s->vector,
			  res == EMUL_FAULT ? fault->vector : 99);
	if (completed)
		return;
	if (s->vector != fault->vector)
		fail_case(t, "vector", s->vector, fault->vector);
	if (s->vector == VEC_PF && s->cr2 != fault->cr2)
		fail_case(t, "CR2", s->cr2, fault->cr2);
	if (s->vector == VEC_PF && (s->error & PF_WRITE_USER) != fault->error)
		fail_case(t, "error code", s->error, fault->error);
	if (s->vector != VEC_PF && s->error != fault->error)
		fail_case(t, "error code", s->error, fault->error);
}

/* A fault in the middle of a repeated comparison: Intel restores the flags from before (SDM
 * Vol. 2B, REP), AMD keeps those of the last iteration. */
static uint64_t unpredictable_flags(const struct test_case *t, enum emul_result res)
{
	if (res == EMUL_OK)
		return undefined_flags(&t->insn);
	return t->insn.op == INSN_CMPS || t->insn.op == INSN_SCAS ? ARITH : 0;
}

static void compare_registers(const struct test_case *t, const struct native_state *s,
			      enum emul_result res, const struct fake *f)
{
	uint64_t mask = t->mode == 8 ? UINT64_MAX : 0xffffffff;
	uint64_t flags = COMPARED_FLAGS & ~unpredictable_flags(t, res);
	uint64_t rip = s->rip - (s->vector == VEC_BP ? 1 : 0);

	if (rip != f->regs.rip)
		fail_case(t, "rip", rip, f->regs.rip);
	for (unsigned i = 0; i < (t->mode == 8 ? 16 : 8); i++)
		if ((s->gpr[i] ^ f->regs.gpr[i]) & mask)
			fail_case(t, "register", s->gpr[i], f->regs.gpr[i]);
	if ((s->rflags ^ f->regs.rflags) & flags)
		fail_case(t, "flags", s->rflags & COMPARED_FLAGS, f->regs.rflags & COMPARED_FLAGS);
}

static void init_fake(struct fake *f, const struct test_case *t, uint64_t gs_base)
{
	fake_init(f, t->mode, data, (uint64_t)(uintptr_t)data, DATA_SIZE);
	f->regs = t->regs;
	f->regs.rip = t->rip;
	f->seg[SEG_GS].base = gs_base;
	f->seg[SEG_FS].sel = f->seg[SEG_GS].sel = 0;
	f->seg[SEG_ES].sel = f->seg[SEG_DS].sel = f->seg[SEG_SS].sel = 0x2b;
	f->seg[SEG_CS].sel = t->mode == 8 ? 0x33 : 0x23;
}

static enum emul_result emulate(struct fake *f, const struct test_case *t)
{
	enum emul_result res;

	do
		res = emul_execute(&f->ctx, &t->insn);
	while (res == EMUL_OK && f->regs.rip == t->rip && t->insn.rep && t->insn.op >= INSN_MOVS &&
	       t->insn.op <= INSN_SCAS);
	return res;
}

static void run_natively(struct native_state *s, const struct test_case *t)
{
	memcpy(s->gpr, t->regs.gpr, sizeof(s->gpr));
	s->rip = t->rip;
	s->rflags = t->regs.rflags;
	memcpy((void *)(uintptr_t)t->rip, t->bytes, t->insn.len);
	native_run(s, t->mode == 4);
	memset((void *)(uintptr_t)t->rip, 0xcc, t->insn.len);
}

/* A branch into its own bytes would go on, perhaps for ever. */
static bool lands_in_itself(const struct test_case *t, const struct fake *f, enum emul_result res)
{
	return res == EMUL_OK && f->regs.rip - t->rip < t->insn.len;
}

/* Emulated first, so that what would touch memory of the test's own never runs natively. */
static bool run_case(struct test_case *t, uint64_t gs_base)
{
	static uint8_t before[DATA_SIZE], emulated[DATA_SIZE];
	struct native_state s;
	struct fake f;
	enum emul_result res;

	memcpy(before, data, DATA_SIZE);
	init_fake(&f, t, gs_base);
	res = emulate(&f, t);
	if (f.wild || lands_in_itself(t, &f, res))
		return false;
	memcpy(emulated, data, DATA_SIZE);
	memcpy(data, before, DATA_SIZE);
	run_natively(&s, t);
	compare_outcome(t, &s, res, &f);
	compare_registers(t, &s, res, &f);
	for (unsigned i = 0; i < DATA_SIZE; i++)
		if (data[i] != emulated[i])
			fail_case(t, "memory", data[i], emulated[i]);
	return true;
}

static void fill_data(void)
{
	for (unsigned i = 0; i < DATA_SIZE; i += 8)
		put(data + i, random_value(), 8);
}

static unsigned covered[NR_INSN_OPS];

static void run_cases(unsigned mode)
{
	uint64_t gs_base = mode == 8 ? 0x1234567 : 0;
	const char *cases = getenv("EMUL_CASES");
	unsigned n = cases ? strtoul(cases, NULL, 0) : DEFAULT_CASES;
	struct test_case t;

	memset(covered, 0, sizeof(covered));
	native_init(); /* here: cmocka takes the signals before each test */
	native_set_gs_base(gs_base);
	for (unsigned done = 0, made = 0; done < n; made++) {
		assert_true(made < 100 * n);
		memset(&t, 0, sizeof(t));
		t.mode = mode;
		if (!make_instruction(&t))
			continue;
		if (!(done & 31))
			fill_data();
		t.rip = (uint64_t)(uintptr_t)code + CODE_SIZE / 2;
		for (unsigned i = 0; i < NR_GPRS; i++)
			t.regs.gpr[i] = random_value() & (mode == 8 ? UINT64_MAX : 0xffffffff);
		t.regs.rflags = random_flags();
		aim_case(&t, gs_base);
		if (mode != 8)
			for (unsigned i = 0; i < NR_GPRS; i++)
				t.regs.gpr[i] &= 0xffffffff;
		assert_int_equal(insn_decode(&t.insn, t.bytes, INSN_MAX, mode), 0);
		if (run_case(&t, gs_base)) {
			covered[t.insn.op]++;
			done++;
		}
	}
	native_set_gs_base(0);
}

static void all_were_covered(void)
{
	for (unsigned op = INSN_ADD; op < INSN_FIRST_DECODE_ONLY; op++) {
		struct insn i = { .op = op, .op_size = 4 };

		if (runs_natively(&i) && !covered[op])
			fail_msg("op %u was never compared", op);
	}
}

static void same_as_the_cpu_in_64_bit_code(void **state)
{
	(void)state;
	run_cases(8);
	all_were_covered();
}

static void same_as_the_cpu_in_32_bit_code(void **state)
{
	(void)state;
	run_cases(4);
	all_were_covered();
}

static int set_up(void **state)
{
	const char *s = getenv("EMUL_SEED");
	uint8_t *map = mmap(NULL, DATA_SIZE + 2 * PAGE_SIZE, PROT_NONE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);

	(void)state;
	seed = UINT64_C(0x9e3779b97f4a7c15) + (s ? strtoull(s, NULL, 0) : 0);
	code = mmap(NULL, CODE_SIZE, PROT_READ | PROT_WRITE | PROT_EXEC,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	if (map == MAP_FAILED || code == MAP_FAILED)
		return -1;
	data = map + PAGE_SIZE;
	memset(code, 0xcc, CODE_SIZE);
	return mprotect(data, DATA_SIZE, PROT_READ | PROT_WRITE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(same_as_the_cpu_in_64_bit_code),
		cmocka_unit_test(same_as_the_cpu_in_32_bit_code),
	};

	return cmocka_run_group_tests(tests, set_up, NULL);
}

/* SPDX-License-Identifier: MIT */
/* Registers, segments and memory for one instruction. Single-threaded. */
#include "tests/unit/emul_case.h"

#include "hv/string.h"

#define MARGIN 256 /* more than what one string instruction covers */
#define MAX_COUNT 20 /* of a REP */

#define below emul_below

static void put(uint8_t *p, uint64_t v, unsigned size)
{
	memcpy(p, &v, size);
}

static uint64_t mask_of(unsigned size)
{
	return size == 8 ? UINT64_MAX : (UINT64_C(1) << 8 * size) - 1;
}

/* The part of a register that an address or stack size uses; the rest stays random. */
static void set_part(uint64_t *reg, uint64_t v, unsigned size)
{
	*reg = (*reg & ~mask_of(size)) | (v & mask_of(size));
}

/* --- where operands go ------------------------------------------------------------------ */

static uint64_t inner_address(const struct emul_bed *bed)
{
	return bed->data_la + MARGIN + below(bed->ro_la - bed->data_la - 2 * MARGIN);
}

/* Around `at`, such that an operand may cross it. */
static uint64_t near(uint64_t at)
{
	return at - below(20) + 2;
}

/* Mostly in the data; now and then across an edge of a page, of what can be written, of
 * what is mapped, of the segment, of the canonical addresses. */
static uint64_t risky_address(const struct emul_bed *bed, const struct segment *s)
{
	switch (below(24)) {
	case 0:
		return near(bed->data_la + bed->data_size);
	case 1:
		return near(bed->data_la) + 4;
	case 2:
		return near(bed->ro_la);
	case 3:
		return near(bed->data_la + PAGE_SIZE);
	case 4:
	case 5:
		return bed->mode == 8 ? near(bed->data_la + PAGE_SIZE)
				      : near(s->base + s->limit + 1);
	case 6:
		return bed->mode == 8 ? emul_random64() : near(s->base + below(2) * 0x10000);
	default:
		return inner_address(bed);
	}
}

static bool uses_stack(const struct insn *i)
{
	return (i->op >= INSN_PUSH && i->op <= INSN_RET) || i->op == INSN_POP_SREG ||
	       (i->op >= INSN_FAR_CALL && i->op <= INSN_IRET);
}

/* --- segments --------------------------------------------------------------------------- */

static void choose_segments(struct emul_case *t, const struct emul_bed *bed)
{
	for (unsigned s = 0; s < NR_SEGS; s++)
		t->seg[s] = bed->data_seg[below(bed->nr_data_segs)];
	t->seg[SEG_CS] = bed->code_seg[below(bed->nr_code_segs)];
	t->seg[SEG_SS] = bed->stack_seg[below(bed->nr_stack_segs)];
	if (bed->mode == 8) {
		t->seg[SEG_FS].base = emul_random64() & bed->base_mask;
		t->seg[SEG_GS].base = emul_random64() & bed->base_mask;
	}
}

/* Which of two operands faults first is the CPU's choice: only one of them may. */
static void make_safe(struct emul_case *t, const struct emul_bed *bed, unsigned seg)
{
	if (bed->mode == 8)
		return;
	if (seg == SEG_SS)
		t->seg[seg] = bed->stack_seg[0];
	else if (seg != SEG_CS)
		t->seg[seg] = bed->data_seg[0];
}

static uint64_t segment_base(const struct emul_case *t, unsigned seg)
{
	return t->insn.mode == 8 && seg != SEG_FS && seg != SEG_GS ? 0 : t->seg[seg].base;
}

static unsigned stack_width(const struct emul_case *t)
{
	if (t->insn.mode == 8)
		return 8;
	return t->seg[SEG_SS].attr & SEG_DB ? 4 : 2;
}

uint64_t emul_stack_slot(const struct emul_case *t)
{
	uint64_t sp = (t->regs.gpr[REG_RSP] - t->insn.op_size) & mask_of(stack_width(t));

	return t->insn.mode == 8 ? sp : (uint32_t)(segment_base(t, SEG_SS) + sp);
}

/* --- the memory operand ------------------------------------------------------------------ */

static uint64_t odd_inverse(uint64_t a)
{
	uint64_t x = a;

	for (unsigned i = 0; i < 6; i++)
		x *= 2 - a * x;
	return x;
}

/* A displacement in the instruction; RIP-relative or alone. */
static void patch_displacement(struct emul_case *t, uint64_t offset)
{
	struct insn *i = &t->insn;
	bool sib = (t->bytes[t->modrm_at] & 7) == 4 && i->addr_size != 2;
	uint64_t from = i->base == -2 ? t->regs.rip + i->len : 0;

	put(t->bytes + t->modrm_at + 1 + sib, offset - from, i->addr_size == 2 ? 2 : 4);
}

/* A scaled index alone cannot reach each address: where the operand came to be. */
static uint64_t reached(const struct emul_case *t, uint64_t target)
{
	const struct insn *i = &t->insn;

	if (!i->has_modrm || i->base >= 0 || i->index < 0)
		return target;
	return segment_base(t, i->seg) + insn_offset(&t->regs, i);
}

uint64_t emul_aim_operand(struct emul_case *t, uint64_t target)
{
	struct insn *i = &t->insn;
	uint64_t *gpr = t->regs.gpr;
	uint64_t offset = target - segment_base(t, i->seg), sum = offset - (uint64_t)i->disp;

	if (!i->has_modrm) { /* moffs */
		put(t->bytes + t->operand_at, offset, i->addr_size);
		return target;
	}
	if (i->base < 0 && i->index < 0) {
		patch_displacement(t, offset);
		return target;
	}
	if (i->base < 0)
		sum >>= i->scale;
	else if (i->index == i->base)
		sum = i->scale ? sum * odd_inverse(1 + (1u << i->scale)) : sum >> 1;
	else if (i->index >= 0)
		sum -= gpr[i->index] << i->scale;
	set_part(&gpr[i->base < 0 ? i->index : i->base], sum, i->addr_size);
	return reached(t, target);
}

void emul_put_at(const struct emul_bed *bed, uint64_t la, uint64_t v)
{
	if (la - bed->data_la <= bed->ro_la - bed->data_la - 8)
		put(bed->data + (la - bed->data_la), v, 8);
}

static bool uses_memory(const struct insn *i)
{
	return i->mod != 3 && i->op != INSN_LEA && i->op != INSN_NOP;
}

/* --- operands that mean something --------------------------------------------------------- */

static void aim_strings(struct emul_case *t, const struct emul_bed *bed)
{
	const struct insn *i = &t->insn;
	uint64_t *gpr = t->regs.gpr, from, to;
	bool risky_source = below(2);

	if (i->seg == SEG_CS) /* nothing makes that safe */
		risky_source = true;
	make_safe(t, bed, risky_source ? SEG_ES : i->seg);
	/* the same segment: both are safe then */
	from = risky_source ? risky_address(bed, &t->seg[i->seg]) : inner_address(bed);
	to = risky_source ? inner_address(bed) : risky_address(bed, &t->seg[SEG_ES]);
	set_part(&gpr[REG_RSI], from - segment_base(t, i->seg), i->addr_size);
	set_part(&gpr[REG_RDI], to - segment_base(t, SEG_ES), i->addr_size);
	set_part(&gpr[REG_RCX], below(MAX_COUNT), i->addr_size);
	if (!below(4)) /* equal runs for CMPS and SCAS */
		memset(bed->data, 0x33, bed->ro_la - bed->data_la);
	if (!below(2))
		gpr[REG_RAX] = UINT64_C(0x3333333333333333);
}

/* Offset in CS of some INT3, or rarely of anything. */
static uint64_t code_offset(const struct emul_case *t, const struct emul_bed *bed)
{
	uint64_t cs = t->insn.mode == 8 ? 0 : t->seg[SEG_CS].base;

	if (!below(16))
		return emul_random_value();
	return bed->code_la + below(bed->code_size) - cs;
}

/* Branches must land on INT3. */
static void aim_branch(struct emul_case *t, const struct emul_bed *bed, uint64_t operand,
		       uint64_t stack)
{
	struct insn *i = &t->insn;

	if (i->desc->opnd[0] == OPN_RELZ)
		put(t->bytes + t->operand_at, below(4096) - 2048, i->op_size == 2 ? 2 : 4);
	if (i->op == INSN_RET)
		emul_put_at(bed, stack, code_offset(t, bed));
	if (i->op != INSN_CALL && i->op != INSN_JMP)
		return;
	if (i->has_modrm && i->mod == 3)
		t->regs.gpr[i->rm] = code_offset(t, bed);
	else if (i->has_modrm)
		emul_put_at(bed, operand, code_offset(t, bed));
}

static void aim_stack(struct emul_case *t, const struct emul_bed *bed, uint64_t la)
{
	uint64_t sp = la - segment_base(t, SEG_SS);

	set_part(&t->regs.gpr[t->insn.op == INSN_LEAVE ? REG_RBP : REG_RSP], sp, stack_width(t));
	if (t->insn.op == INSN_POPF) /* single steps are not the emulator's */
		emul_put_at(bed, la, emul_random64() & ~(RFLAGS_TF | RFLAGS_RF));
}

static bool addresses_with(const struct insn *i, unsigned reg)
{
	return i->base == (int)reg || i->index == (int)reg;
}

/* Divisions that don't overflow, exchanges that match, bit offsets that stay near. */
static void aim_values(struct emul_case *t, const struct emul_bed *bed, uint64_t operand)
{
	struct insn *i = &t->insn;
	uint64_t *gpr = t->regs.gpr;

	if ((i->op == INSN_DIV || i->op == INSN_IDIV) && below(2) && !addresses_with(i, REG_RDX))
		gpr[REG_RDX] = i->op == INSN_DIV || below(2) ? 0 : UINT64_MAX;
	if (i->op >= INSN_BT && i->op <= INSN_BTC && i->mod != 3 && i->desc->opnd[1] == OPN_REG &&
	    !addresses_with(i, i->reg))
		gpr[i->reg] = (uint64_t)(int64_t)((int)below(4096) - 2048);
	if ((i->op == INSN_CMPXCHG || i->op == INSN_CMPXCHG8B) && i->mod != 3 && below(2) &&
	    !addresses_with(i, REG_RAX) && !addresses_with(i, REG_RDX) &&
	    operand - bed->data_la <= bed->data_size - 16) {
		memcpy(&gpr[REG_RAX], bed->data + (operand - bed->data_la), 8);
		memcpy(&gpr[REG_RDX],
		       bed->data + (operand - bed->data_la) + (i->op_size == 8 ? 8 : 4), 8);
	}
}

static void aim_ports(struct emul_case *t, const struct emul_bed *bed)
{
	const struct insn_desc *d = t->insn.desc;

	set_part(&t->regs.gpr[REG_RDX], bed->io_end - t->insn.op_size, 2);
	if (d->opnd[0] == OPN_IMM8U || d->opnd[1] == OPN_IMM8U)
		t->bytes[t->operand_at] =
			(uint8_t)(t->insn.op_size == 1 ? bed->io_imm_byte : bed->io_imm_wide);
}

/* Stack and, of PUSH, POP and CALL with memory, the operand. */
static void aim_stack_and_operand(struct emul_case *t, const struct emul_bed *bed)
{
	const struct insn *i = &t->insn;
	bool risky_stack = i->mod == 3 || (i->seg != SEG_CS && below(2));
	uint64_t stack = 0, target = 0;

	if (i->mod != 3) {
		make_safe(t, bed, risky_stack ? i->seg : SEG_SS);
		target = risky_stack ? inner_address(bed) : risky_address(bed, &t->seg[i->seg]);
	}
	stack = risky_stack ? risky_address(bed, &t->seg[SEG_SS]) : inner_address(bed);
	aim_stack(t, bed, stack);
	if (i->mod != 3)
		target = emul_aim_operand(t, target);
	aim_branch(t, bed, target, stack);
	emul_aim_selectors(t, bed, target, stack);
}

static void aim(struct emul_case *t, const struct emul_bed *bed)
{
	struct insn *i = &t->insn;
	uint64_t target = risky_address(bed, &t->seg[i->seg]);

	if (i->op == INSN_CMPXCHG8B && i->op_size == 8 && below(8))
		target &= ~UINT64_C(15);
	if (i->op == INSN_XLAT)
		set_part(&t->regs.gpr[REG_RBX],
			 target - segment_base(t, i->seg) - (t->regs.gpr[REG_RAX] & 0xff),
			 i->addr_size);
	if (i->op >= INSN_MOVS && i->op <= INSN_OUTS)
		aim_strings(t, bed);
	if (uses_memory(i))
		target = emul_aim_operand(t, target);
	aim_branch(t, bed, target, 0);
	aim_values(t, bed, target);
	emul_aim_selectors(t, bed, target, 0);
	if (i->op >= INSN_INS && i->op <= INSN_OUT)
		aim_ports(t, bed);
}

/* --- the rest ----------------------------------------------------------------------------- */

/* Somewhere in the code, now and then up against the segment's limit. */
static void place(struct emul_case *t, const struct emul_bed *bed)
{
	uint64_t cs = bed->mode == 8 ? 0 : t->seg[SEG_CS].base;
	uint64_t last = cs + t->seg[SEG_CS].limit;

	t->regs.rip = bed->code_la + bed->code_size / 4 + below(bed->code_size / 2) - cs;
	if (bed->mode != 8 && !below(16) && last >= bed->code_la + INSN_MAX &&
	    last < bed->code_la + bed->code_size)
		t->regs.rip = last + 1 - t->insn.len - cs;
}

static void randomize_registers(struct emul_case *t, const struct emul_bed *bed)
{
	for (unsigned i = 0; i < NR_GPRS; i++)
		t->regs.gpr[i] = emul_random_value() & mask_of(bed->mode == 8 ? 8 : 4);
	t->regs.rflags = RFLAGS_FIXED | bed->flags_set | (emul_random64() & (ARITH | bed->flags)) |
			 (below(4) ? 0 : RFLAGS_DF);
}

uint8_t *emul_case_code(const struct emul_case *t, const struct emul_bed *bed)
{
	uint64_t cs = bed->mode == 8 ? 0 : t->seg[SEG_CS].base;

	return bed->code + (cs + t->regs.rip - bed->code_la);
}

bool emul_case_make(struct emul_case *t, const struct emul_bed *bed, const struct emul_variant *v)
{
	memset(t, 0, sizeof(*t));
	if (!emul_encode(t, bed->mode, v))
		return false;
	choose_segments(t, bed);
	randomize_registers(t, bed);
	place(t, bed);
	if (uses_stack(&t->insn))
		aim_stack_and_operand(t, bed);
	else
		aim(t, bed);
	for (unsigned i = 0; bed->mode != 8 && i < NR_GPRS; i++)
		t->regs.gpr[i] &= mask_of(4);
	if (bed->mode != 8 && !(t->seg[SEG_SS].attr & SEG_DB))
		t->regs.gpr[REG_RSP] = (t->regs.gpr[REG_RSP] & 0xffff) | bed->esp_high;
	return !insn_decode(&t->insn, t->bytes, INSN_MAX, bed->mode);
}

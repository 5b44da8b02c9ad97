/* SPDX-License-Identifier: MIT */
/* Selectors and far pointers for the instructions that load segment registers. */
#include "hv/string.h"
#include "tests/unit/emul_case.h"

#define below emul_below

/* SDM Vol. 3A figure 3-8 */
uint64_t emul_descriptor(const struct segment *s)
{
	uint64_t limit = s->attr & SEG_G ? s->limit >> PAGE_SHIFT : s->limit;

	return (limit & 0xffff) | (s->base & 0xffffff) << 16 | (uint64_t)(s->attr & 0xff) << 40 |
	       (limit >> 16 & 0xf) << 48 | (uint64_t)(s->attr >> 12 & 0xf) << 52 |
	       (s->base >> 24 & 0xff) << 56;
}

static uint16_t one_of(const struct segment *list, unsigned n)
{
	return list[below(n)].sel;
}

static uint16_t beyond_the_table(const struct emul_bed *bed)
{
	unsigned next = (unsigned)(bed->table_size / 8) + below(4);

	return (uint16_t)(next << 3 | (bed->ldtr.attr & SEG_UNUSABLE ? 0 : SEL_TI) | bed->cpl);
}

static uint16_t any_selector(const struct emul_bed *bed)
{
	switch (below(6)) {
	case 0:
		return (uint16_t)below(4); /* null */
	case 1:
		return beyond_the_table(bed);
	case 2:
		return one_of(bed->code_seg, bed->nr_code_segs);
	case 3:
		return one_of(bed->stack_seg, bed->nr_stack_segs);
	default:
		return one_of(bed->data_seg, bed->nr_data_segs) ^ (uint16_t)below(4); /* RPL */
	}
}

/* Mostly one that fits. In real mode always: what it reaches is ours. */
static uint16_t data_selector(const struct emul_bed *bed, bool stack)
{
	if (bed->protected_mode && !below(3))
		return any_selector(bed);
	return stack ? one_of(bed->stack_seg, bed->nr_stack_segs)
		     : one_of(bed->data_seg, bed->nr_data_segs);
}

static void code_pointer(const struct emul_bed *bed, uint16_t *sel, uint64_t *offset)
{
	const struct segment *cs = &bed->code_seg[below(bed->nr_code_segs)];

	*sel = cs->sel;
	*offset = bed->code_la + below((unsigned)bed->code_size) - cs->base;
	if (!bed->protected_mode)
		return;
	switch (below(8)) {
	case 0:
		*sel = any_selector(bed);
		break;
	case 1:
		*sel ^= (uint16_t)below(4);
		break;
	case 2:
		*offset = emul_random_value();
		break;
	}
}

static bool loads_stack(const struct insn *i)
{
	if (i->op == INSN_LSS)
		return true;
	if (i->op == INSN_MOV_TO_SREG)
		return (i->reg & 7) == SEG_SS;
	return i->op == INSN_POP_SREG && (i->opcode >> 3 & 7) == SEG_SS;
}

/* Offset and selector, in the instruction itself or in memory. */
static void put_pointer(struct emul_case *t, const struct emul_bed *bed, uint64_t at,
			uint64_t offset, uint16_t sel)
{
	unsigned size = t->insn.op_size;

	if (t->insn.desc->opnd[0] == OPN_PTR) {
		memcpy(t->bytes + t->operand_at, &offset, size);
		memcpy(t->bytes + t->operand_at + size, &sel, sizeof(sel));
		return;
	}
	emul_put_at(bed, at, offset);
	emul_put_at(bed, at + size, sel);
}

static void aim_branch(struct emul_case *t, const struct emul_bed *bed, uint64_t operand,
		       uint64_t stack)
{
	const struct insn *i = &t->insn;
	uint64_t offset, flags = emul_random64() & ~(RFLAGS_TF | RFLAGS_RF);
	uint16_t sel;

	code_pointer(bed, &sel, &offset);
	if (i->op == INSN_FAR_JMP || i->op == INSN_FAR_CALL) {
		put_pointer(t, bed, operand, offset, sel);
		return;
	}
	put_pointer(t, bed, stack, offset, sel);
	if (i->op == INSN_IRET)
		emul_put_at(bed, stack + 2u * i->op_size, flags);
}

void emul_aim_selectors(struct emul_case *t, const struct emul_bed *bed, uint64_t operand,
			uint64_t stack)
{
	const struct insn *i = &t->insn;
	uint16_t sel = data_selector(bed, loads_stack(i));

	switch (i->op) {
	case INSN_MOV_TO_SREG:
		if (i->mod == 3)
			memcpy(&t->regs.gpr[i->rm], &sel, sizeof(sel));
		else
			emul_put_at(bed, operand, sel);
		break;
	case INSN_POP_SREG:
		emul_put_at(bed, stack, sel);
		break;
	case INSN_LSS ... INSN_LGS:
		put_pointer(t, bed, operand, emul_random64(), sel);
		break;
	case INSN_FAR_JMP ... INSN_IRET:
		aim_branch(t, bed, operand, stack);
		break;
	}
}

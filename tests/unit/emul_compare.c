/* SPDX-License-Identifier: MIT */
/* The two runs and their comparison. Single-threaded. */
#include "tests/unit/emul_compare.h"

#include "hv/print.h"
#include "hv/string.h"
#include "tests/unit/emul_undefined.h"

#define FRAME_BYTES 6 /* of an exception in real mode */

/* RF and TF are not the emulator's; AC is never set before. */
#define COMPARED_FLAGS \
	(ARITH | RFLAGS_DF | RFLAGS_IF | RFLAGS_IOPL | RFLAGS_NT | RFLAGS_AC | RFLAGS_ID)

struct emul_counts emul_counts;

static bool is_string(const struct insn *i)
{
	return i->op >= INSN_MOVS && i->op <= INSN_OUTS;
}

/* --- the emulator ------------------------------------------------------------------------ */

static void emulate(struct emul_run *r)
{
	const struct emul_bed *bed = r->bed;
	struct fake *f = &r->fake;

	fake_init(f, bed->mode, bed->data, bed->data_la, bed->data_size);
	f->ctx.cpl = bed->cpl;
	f->ctx.protected_mode = bed->protected_mode;
	f->ctx.long_mode = bed->long_mode;
	f->table = bed->table;
	f->table_la = bed->table_la;
	f->table_size = bed->table_size;
	f->gdt = bed->gdt;
	f->guard = bed->guard;
	f->ro_lo = bed->ro_la;
	f->ro_hi = bed->data_la + bed->data_size;
	f->regs = r->t->regs;
	memcpy(f->seg, r->t->seg, sizeof(f->seg));
	f->seg[SEG_LDTR] = bed->ldtr;
	if (r->ops)
		f->ctx.ops = r->ops;
	do
		r->res = emul_execute(&f->ctx, &r->t->insn);
	while (r->res == EMUL_OK && f->regs.rip == r->t->regs.rip && r->t->insn.rep &&
	       is_string(&r->t->insn));
}

static bool is_branch(const struct insn *i)
{
	return (i->op >= INSN_CALL && i->op <= INSN_JCXZ) ||
	       (i->op >= INSN_FAR_JMP && i->op <= INSN_IRET);
}

/* Where it has gone on, linear. */
static uint64_t linear_rip(const struct emul_run *r)
{
	return r->fake.regs.rip + (r->bed->mode == 8 ? 0 : r->fake.seg[SEG_CS].base);
}

/* A branch into its own bytes would go on, perhaps for ever. */
static bool lands_in_itself(const struct emul_run *r)
{
	uint64_t from = r->t->regs.rip + (r->bed->mode == 8 ? 0 : r->t->seg[SEG_CS].base);

	return r->res == EMUL_OK && is_branch(&r->t->insn) && linear_rip(r) - from < r->t->insn.len;
}

static bool is_stack_of_bed(const struct emul_bed *bed, uint16_t sel)
{
	for (unsigned i = 0; i < bed->nr_stack_segs; i++)
		if (bed->stack_seg[i].sel == sel)
			return true;
	return false;
}

/* The exception that ends it needs three words of our stack, without a wrap inside of one. */
static bool has_room_for_frame(const struct emul_run *r)
{
	uint16_t sp = r->fake.regs.gpr[REG_RSP];

	return is_stack_of_bed(r->bed, r->fake.seg[SEG_SS].sel) && (!(sp & 1) || sp > FRAME_BYTES);
}

static bool is_segment_fault(const struct emul_run *r)
{
	unsigned vector = r->fake.ctx.fault.vector;

	return r->res == EMUL_FAULT && (vector == VEC_SS || vector == VEC_GP);
}

static bool branches_out(const struct emul_run *r)
{
	return r->res == EMUL_OK && linear_rip(r) - r->bed->code_la >= r->bed->code_size;
}

/* Of the slot of a segment register only the first 16 bits need be there. */
static bool faults_behind_selector(const struct emul_run *r)
{
	struct emul_case t = *r->t;
	struct emul_run narrow = { .t = &t, .bed = r->bed, .ops = r->ops };

	if (r->res != EMUL_FAULT || !emul_pushes_selector(&t.insn))
		return false;
	t.regs.gpr[REG_RSP] -= t.insn.op_size - 2; /* the same slot */
	t.insn.op_size = 2;
	emulate(&narrow);
	return narrow.res != EMUL_FAULT || narrow.fake.ctx.fault.vector != r->fake.ctx.fault.vector;
}

/* A CALL that faults on its target may have pushed before. */
static bool may_push_wildly(const struct emul_run *r)
{
	const struct insn *i = &r->t->insn;
	uint64_t slot = emul_stack_slot(r->t) - r->bed->data_la;

	if ((i->op != INSN_CALL && i->op != INSN_FAR_CALL) || !is_segment_fault(r))
		return false;
	for (unsigned k = 0; k < emul_pushes(i); k++)
		if (slot - k * i->op_size > r->bed->data_size - i->op_size)
			return true;
	return false;
}

/* A far branch to an outer ring. */
static bool changes_privilege(const struct emul_run *r)
{
	return r->res == EMUL_UNHANDLED && r->t->insn.op == INSN_FAR_RET;
}

/* What would do harm if it ran, or where this CPU is known to be none to compare with. */
static bool must_not_run(const struct emul_run *r)
{
	const struct emul_bed *bed = r->bed;

	return r->fake.wild || lands_in_itself(r) || emul_undefined_result(r->t) ||
	       faults_behind_selector(r) || may_push_wildly(r) || changes_privilege(r) ||
	       (bed->stays_in_code && branches_out(r)) ||
	       (bed->no_segment_faults && is_segment_fault(r)) ||
	       (bed->frames_on_stack && !has_room_for_frame(r));
}

/* --- the CPU ----------------------------------------------------------------------------- */

static void run_natively(struct emul_run *r)
{
	const struct emul_case *t = r->t;
	struct native_state *s = &r->cpu;
	uint8_t *code = emul_case_code(t, r->bed);

	memset(s, 0, sizeof(*s));
	memcpy(s->gpr, t->regs.gpr, sizeof(s->gpr));
	s->rip = t->regs.rip;
	s->rflags = t->regs.rflags;
	s->fs_base = t->seg[SEG_FS].base;
	s->gs_base = t->seg[SEG_GS].base;
	s->code64 = r->bed->mode == 8;
	for (unsigned i = 0; i < ARRAY_SIZE(s->sel); i++)
		s->sel[i] = t->seg[i].sel;
	memcpy(code, t->bytes, t->insn.len);
	native_run(s);
	memset(code, 0xcc, t->insn.len);
}

/* --- comparing --------------------------------------------------------------------------- */

static void report_case(const struct emul_run *r)
{
	const struct emul_case *t = r->t;
	char text[3 * INSN_MAX + 1] = "";

	for (unsigned i = 0; i < t->insn.len; i++)
		snprintf(text + 3 * i, sizeof(text) - 3 * i, "%02x ", t->bytes[i]);
	emul_report("%u-bit code: %s(%s)", r->bed->mode * 8, text, t->insn.desc->name);
	for (unsigned i = 0; i < NR_GPRS; i++)
		emul_report("gpr %u: %016llx", i, (unsigned long long)t->regs.gpr[i]);
	for (unsigned i = 0; i <= SEG_GS; i++)
		emul_report("seg %u: sel %x base %llx limit %x attr %x", i, t->seg[i].sel,
			    (unsigned long long)t->seg[i].base, t->seg[i].limit, t->seg[i].attr);
	emul_report("rflags %llx, rip %llx, data %llx, code %llx",
		    (unsigned long long)t->regs.rflags, (unsigned long long)t->regs.rip,
		    (unsigned long long)r->bed->data_la, (unsigned long long)r->bed->code_la);
}

static bool differs(const struct emul_run *r, const char *what, uint64_t cpu, uint64_t emulated)
{
	report_case(r);
	emul_report("%s: CPU %llx, emulator %llx (exception on the CPU: %llu error %llx cr2 %llx "
		    "at rip %llx)",
		    what, (unsigned long long)cpu, (unsigned long long)emulated,
		    (unsigned long long)r->cpu.vector, (unsigned long long)r->cpu.error,
		    (unsigned long long)r->cpu.cr2, (unsigned long long)r->cpu.rip);
	return false;
}

/* The instruction is done, and what comes next is nowhere: not mapped, or beyond CS's limit. */
static bool ended_nowhere(const struct emul_run *r)
{
	const struct native_state *s = &r->cpu;

	if (s->rip == r->t->regs.rip || s->rip != r->fake.regs.rip)
		return false;
	if (s->vector == VEC_PF)
		return s->cr2 == linear_rip(r);
	return s->vector == VEC_GP && r->bed->mode != 8 && s->rip > r->fake.seg[SEG_CS].limit;
}

static bool updates_memory(const struct insn *i)
{
	return (i->desc->flags & (IF_R | IF_W)) == (IF_R | IF_W) && i->mod != 3;
}

static bool same_fault(const struct emul_run *r)
{
	const struct emul_fault *fault = &r->fake.ctx.fault;
	const struct native_state *s = &r->cpu;

	if (r->res != EMUL_FAULT)
		return differs(r, "exception", s->vector, 0xff);
	if (s->vector != fault->vector)
		return differs(r, "vector", s->vector, fault->vector);
	if (s->vector == VEC_PF && r->bed->updates_write_late && updates_memory(&r->t->insn))
		return true;
	if (s->vector == VEC_PF && s->cr2 != fault->cr2)
		return differs(r, "CR2", s->cr2, fault->cr2);
	if (s->error != fault->error)
		return differs(r, "error code", s->error, fault->error);
	return true;
}

static uint64_t unpredictable_flags(const struct emul_run *r)
{
	if (r->res == EMUL_FAULT && r->bed->updates_write_late && updates_memory(&r->t->insn))
		return ARITH;
	return emul_undefined_flags(r);
}

static bool same_registers(const struct emul_run *r)
{
	const struct native_state *s = &r->cpu;
	const struct cpu_regs *e = &r->fake.regs;
	uint64_t mask = r->bed->mode == 8 ? UINT64_MAX : 0xffffffff;
	uint64_t flags = COMPARED_FLAGS & ~unpredictable_flags(r) &
			 (r->bed->frames_on_stack ? 0xffff : UINT64_MAX);
	uint64_t rip = s->rip - (s->vector == VEC_BP ? 1 : 0);

	if (r->bed->frames_on_stack) /* which hold 16 bits */
		rip &= 0xffff;
	if (rip != e->rip)
		return differs(r, "rip", rip, e->rip);
	for (unsigned i = 0; i < (r->bed->mode == 8 ? 16 : 8); i++)
		if (((s->gpr[i] ^ e->gpr[i]) & mask) && !emul_undefined_register(r, i))
			return differs(r, "register", s->gpr[i], e->gpr[i]);
	if ((s->rflags ^ e->rflags) & flags)
		return differs(r, "flags", s->rflags & COMPARED_FLAGS, e->rflags & COMPARED_FLAGS);
	return true;
}

/* Null is null: whoever comes back from an inner ring finds it with RPL 0 (SDM Vol. 2A, IRET). */
static uint16_t without_null_rpl(uint16_t sel)
{
	return sel < 4 ? 0 : sel;
}

static bool same_segments(const struct emul_run *r)
{
	for (unsigned i = 0; i < ARRAY_SIZE(r->cpu.sel) && r->bed->mode != 8; i++) {
		uint16_t cpu = (uint16_t)r->cpu.sel[i], emulated = r->fake.seg[i].sel;

		if (without_null_rpl(cpu) != without_null_rpl(emulated))
			return differs(r, "selector", cpu, emulated);
	}
	return true;
}

/* The exception's frame is none of the instruction's doing. */
static void take_over_frame(const struct emul_run *r, uint8_t *emulated)
{
	for (unsigned i = 1; i <= FRAME_BYTES; i++) {
		uint16_t sp = r->cpu.gpr[REG_RSP] - i;
		uint64_t at = r->fake.seg[SEG_SS].base + sp - r->bed->data_la;

		if (at < r->bed->data_size)
			emulated[at] = r->bed->data[at];
	}
}

static bool same_memory(const struct emul_run *r, const uint8_t *before, uint8_t *emulated)
{
	emul_undefined_memory(r, before, emulated);
	if (r->bed->frames_on_stack)
		take_over_frame(r, emulated);
	if (!memcmp(r->bed->data, emulated, r->bed->data_size))
		return true;
	for (unsigned i = 0; i < r->bed->data_size; i++)
		if (r->bed->data[i] != emulated[i])
			return differs(r, "memory", r->bed->data[i], emulated[i]);
	return true;
}

static bool same_device(const struct emul_run *r, uint64_t emulated)
{
	uint64_t cpu = r->bed->device_take ? r->bed->device_take() : 0;

	return cpu == emulated || differs(r, "device", cpu, emulated);
}

/* Emulated first, so that what would touch memory of the test's own never runs natively. */
enum emul_verdict emul_compare(const struct emul_case *t, const struct emul_bed *bed,
			       const struct emul_ops *ops)
{
	static uint8_t before[EMUL_DATA_MAX], emulated[EMUL_DATA_MAX];
	struct emul_run r = { .t = t, .bed = bed, .ops = ops };
	uint64_t device_emulated;
	bool same, skip;

	memcpy(before, bed->data, bed->data_size);
	emulate(&r);
	device_emulated = bed->device_take ? bed->device_take() : 0;
	memcpy(emulated, bed->data, bed->data_size);
	skip = must_not_run(&r);
	memcpy(bed->data, before, bed->ro_la - bed->data_la);
	if (skip) {
		emul_counts.skipped++;
		return EMUL_SKIPPED;
	}
	run_natively(&r);
	if (emul_undefined_fault(&r)) {
		emul_counts.skipped++;
		return EMUL_SKIPPED;
	}
	same = r.cpu.vector == VEC_BP || ended_nowhere(&r) || same_fault(&r);
	if (same && r.cpu.vector == VEC_BP && r.res != EMUL_OK)
		same = differs(&r, "exception", VEC_BP, r.fake.ctx.fault.vector);
	if (!same || !same_registers(&r) || !same_segments(&r) ||
	    !same_memory(&r, before, emulated) || !same_device(&r, device_emulated))
		return EMUL_DIFFERS;
	emul_counts.same++;
	if (r.res == EMUL_FAULT)
		emul_counts.fault[r.cpu.vector]++;
	return EMUL_SAME;
}

/* What is read-only stays as it is. */
void emul_fill(const struct emul_bed *bed)
{
	for (unsigned i = 0; i < bed->ro_la - bed->data_la; i += 8) {
		uint64_t v = emul_random_value();

		memcpy(bed->data + i, &v, sizeof(v));
	}
}

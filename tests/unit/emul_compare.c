/* SPDX-License-Identifier: MIT */
/* The two runs and their comparison. Single-threaded. */
#include "tests/unit/emul_compare.h"

#include "hv/print.h"
#include "hv/string.h"
#include "tests/unit/emul_fake.h"
#include "tests/unit/emul_native.h"

#define PF_WRITE 2 /* in the error code */
#define FRAME_BYTES 6 /* of an exception in real mode */

/* RF and TF are not the emulator's; AC is never set before. */
#define COMPARED_FLAGS \
	(ARITH | RFLAGS_DF | RFLAGS_IF | RFLAGS_IOPL | RFLAGS_NT | RFLAGS_AC | RFLAGS_ID)

struct emul_counts emul_counts;

struct run {
	const struct emul_case *t;
	const struct emul_bed *bed;
	struct fake fake;
	enum emul_result res;
	struct native_state cpu;
};

/* SDM Vol. 1 appendix A, and each instruction's page. */
uint64_t emul_undefined_flags(const struct insn *i)
{
	static const struct {
		uint16_t first, last;
		uint64_t flags;
	} undefined[] = {
		{ INSN_OR, INSN_OR, RFLAGS_AF },
		{ INSN_AND, INSN_AND, RFLAGS_AF },
		{ INSN_XOR, INSN_XOR, RFLAGS_AF },
		{ INSN_TEST, INSN_TEST, RFLAGS_AF },
		{ INSN_SHL, INSN_SHRD, RFLAGS_AF }, /* and OF: undefined_overflow() */
		{ INSN_IMUL, INSN_IMUL_WIDE, RFLAGS_SF | RFLAGS_ZF | RFLAGS_AF | RFLAGS_PF },
		{ INSN_DIV, INSN_IDIV, ARITH },
		{ INSN_BT, INSN_BTC, RFLAGS_OF | RFLAGS_SF | RFLAGS_AF | RFLAGS_PF },
		{ INSN_BSF, INSN_BSR, ARITH & ~RFLAGS_ZF },
		{ INSN_TZCNT, INSN_LZCNT, ARITH & ~(RFLAGS_ZF | RFLAGS_CF) },
	};

	for (unsigned k = 0; k < ARRAY_SIZE(undefined); k++)
		if (i->op >= undefined[k].first && i->op <= undefined[k].last)
			return undefined[k].flags;
	return 0;
}

static bool is_string(const struct insn *i)
{
	return i->op >= INSN_MOVS && i->op <= INSN_OUTS;
}

/* --- the emulator ------------------------------------------------------------------------ */

static void emulate(struct run *r, const struct emul_ops *ops)
{
	const struct emul_bed *bed = r->bed;
	struct fake *f = &r->fake;

	fake_init(f, bed->mode, bed->data, bed->data_la, bed->data_size);
	f->ctx.cpl = bed->cpl;
	f->ctx.protected_mode = bed->protected_mode;
	f->guard = bed->guard;
	f->ro_lo = bed->ro_la;
	f->ro_hi = bed->data_la + bed->data_size;
	f->regs = r->t->regs;
	memcpy(f->seg, r->t->seg, sizeof(f->seg));
	if (ops)
		f->ctx.ops = ops;
	do
		r->res = emul_execute(&f->ctx, &r->t->insn);
	while (r->res == EMUL_OK && f->regs.rip == r->t->regs.rip && r->t->insn.rep &&
	       is_string(&r->t->insn));
}

/* A branch into its own bytes would go on, perhaps for ever. */
static bool lands_in_itself(const struct run *r)
{
	const struct insn *i = &r->t->insn;

	return r->res == EMUL_OK && i->op >= INSN_CALL && i->op <= INSN_JCXZ &&
	       r->fake.regs.rip - r->t->regs.rip < i->len;
}

/* The exception that ends it needs three words of stack, without a wrap inside of one. */
static bool has_room_for_frame(const struct run *r)
{
	uint16_t sp = r->fake.regs.gpr[REG_RSP];

	return !(sp & 1) || sp > FRAME_BYTES;
}

static bool is_segment_fault(const struct run *r)
{
	unsigned vector = r->fake.ctx.fault.vector;

	return r->res == EMUL_FAULT && (vector == VEC_SS || vector == VEC_GP);
}

static bool branches_out(const struct run *r)
{
	uint64_t cs = r->bed->mode == 8 ? 0 : r->t->seg[SEG_CS].base;

	return r->res == EMUL_OK && r->fake.regs.rip + cs - r->bed->code_la >= r->bed->code_size;
}

/* What would do harm if it ran, or where this CPU is known to be none to compare with. */
static bool must_not_run(const struct run *r)
{
	const struct emul_bed *bed = r->bed;

	return r->fake.wild || lands_in_itself(r) || (bed->stays_in_code && branches_out(r)) ||
	       (bed->no_segment_faults && is_segment_fault(r)) ||
	       (bed->frames_on_stack && !has_room_for_frame(r));
}

/* --- the CPU ----------------------------------------------------------------------------- */

static void run_natively(struct run *r)
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

static void report_case(const struct run *r)
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

static bool differs(const struct run *r, const char *what, uint64_t cpu, uint64_t emulated)
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
static bool ended_nowhere(const struct run *r)
{
	const struct native_state *s = &r->cpu;

	if (s->rip == r->t->regs.rip || s->rip != r->fake.regs.rip)
		return false;
	if (s->vector == VEC_PF) /* by linear address */
		return s->cr2 == s->rip + (r->bed->mode == 8 ? 0 : r->t->seg[SEG_CS].base);
	return s->vector == VEC_GP && r->bed->mode != 8 && s->rip > r->t->seg[SEG_CS].limit;
}

static bool updates_memory(const struct insn *i)
{
	return (i->desc->flags & (IF_R | IF_W)) == (IF_R | IF_W) && i->mod != 3;
}

/* Two faults, and the CPU chose the other one. CALL: AMD pushes before it looks at the target,
 * the SDM's text has it the other way round. CMPXCHG16B by rBP: alignment or canonical form. */
static bool order_is_the_cpus(const struct run *r)
{
	unsigned cpu = r->cpu.vector, emulated = r->fake.ctx.fault.vector;

	if (r->res != EMUL_FAULT)
		return false;
	if (r->t->insn.op == INSN_CALL)
		return emulated == VEC_GP &&
		       (cpu == VEC_SS || (cpu == VEC_PF && (r->cpu.error & PF_WRITE)));
	return r->t->insn.op == INSN_CMPXCHG8B && r->t->insn.op_size == 8 && emulated == VEC_SS &&
	       cpu == VEC_GP;
}

static bool same_fault(const struct run *r)
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

/* OF is defined for shifts by one only; by nothing they change no flag. Some processors compute it
 * for others too, and some from the OF that was there before. */
static uint64_t undefined_overflow(const struct run *r)
{
	const struct insn *i = &r->t->insn;
	const uint8_t *operand = i->desc->opnd;
	enum emul_operand last = operand[2] ? operand[2] : operand[1];
	uint64_t count = last == OPN_IMM8U ? i->imm : last == OPN_CL ? r->t->regs.gpr[REG_RCX] : 1;

	if (i->op < INSN_ROL || i->op > INSN_SHRD)
		return 0;
	count &= i->op_size == 8 ? 63 : 31;
	return count > 1 ? RFLAGS_OF : 0;
}

/* A fault in the middle of a repeated comparison: Intel restores the flags from before (SDM
 * Vol. 2B, REP), AMD keeps those of the last iteration. */
static uint64_t unpredictable_flags(const struct run *r)
{
	const struct insn *i = &r->t->insn;

	if (r->res == EMUL_OK)
		return emul_undefined_flags(i) | undefined_overflow(r);
	if (r->bed->updates_write_late && updates_memory(i))
		return ARITH;
	return i->op == INSN_CMPS || i->op == INSN_SCAS ? ARITH : 0;
}

static bool same_registers(const struct run *r)
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
		if ((s->gpr[i] ^ e->gpr[i]) & mask)
			return differs(r, "register", s->gpr[i], e->gpr[i]);
	if ((s->rflags ^ e->rflags) & flags)
		return differs(r, "flags", s->rflags & COMPARED_FLAGS, e->rflags & COMPARED_FLAGS);
	return true;
}

/* The exception's frame is none of the instruction's doing. */
static void take_over_frame(const struct run *r, uint8_t *emulated)
{
	for (unsigned i = 1; i <= FRAME_BYTES; i++) {
		uint16_t sp = r->cpu.gpr[REG_RSP] - i;
		uint64_t at = r->t->seg[SEG_SS].base + sp - r->bed->data_la;

		if (at < r->bed->data_size)
			emulated[at] = r->bed->data[at];
	}
}

static bool same_memory(const struct run *r, uint8_t *emulated)
{
	if (r->bed->frames_on_stack)
		take_over_frame(r, emulated);
	if (!memcmp(r->bed->data, emulated, r->bed->data_size))
		return true;
	for (unsigned i = 0; i < r->bed->data_size; i++)
		if (r->bed->data[i] != emulated[i])
			return differs(r, "memory", r->bed->data[i], emulated[i]);
	return true;
}

static bool same_device(const struct run *r, uint64_t emulated)
{
	uint64_t cpu = r->bed->device_take ? r->bed->device_take() : 0;

	return cpu == emulated || differs(r, "device", cpu, emulated);
}

/* Emulated first, so that what would touch memory of the test's own never runs natively. */
enum emul_verdict emul_compare(const struct emul_case *t, const struct emul_bed *bed,
			       const struct emul_ops *ops)
{
	static uint8_t before[EMUL_DATA_MAX], emulated[EMUL_DATA_MAX];
	struct run r = { .t = t, .bed = bed };
	uint64_t device_emulated;
	bool same;

	memcpy(before, bed->data, bed->data_size);
	emulate(&r, ops);
	device_emulated = bed->device_take ? bed->device_take() : 0;
	memcpy(emulated, bed->data, bed->data_size);
	memcpy(bed->data, before, bed->ro_la - bed->data_la);
	if (must_not_run(&r)) {
		emul_counts.skipped++;
		return EMUL_SKIPPED;
	}
	run_natively(&r);
	if (order_is_the_cpus(&r)) {
		emul_counts.skipped++;
		return EMUL_SKIPPED;
	}
	same = r.cpu.vector == VEC_BP || ended_nowhere(&r) || same_fault(&r);
	if (same && r.cpu.vector == VEC_BP && r.res != EMUL_OK)
		same = differs(&r, "exception", VEC_BP, r.fake.ctx.fault.vector);
	if (!same || !same_registers(&r) || !same_memory(&r, emulated) ||
	    !same_device(&r, device_emulated))
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

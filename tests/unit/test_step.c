/* SPDX-License-Identifier: MIT */
/* A vCPU without its processor: fetching, who does which instruction, events in real mode. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "hv/cpu.h"
#include "hv/emulate.h"
#include "hv/exit_handlers.h"
#include "hv/vendor.h"
#include "hv/vm.h"

#define RIP 0x1000u
#define CS_BASE 0x20000u
#define PAGE_AT(la) ((la) >> PAGE_SHIFT)

static struct vm vm;
static struct vcpu vcpu;
#define V (&vcpu)
static struct segment cs;
static unsigned mode, cpl;
static uint64_t dr6, dr7;
static uint8_t code[INSN_MAX];
static unsigned code_bytes; /* 0: none can be read */
static enum mmu_result translation[2]; /* of the first page, and the next */
static enum emul_result interrupt_result;
static struct insn insn;
static char told[256];

static void __attribute__((format(printf, 1, 2))) tell(const char *fmt, ...)
{
	size_t n = strlen(told);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(told + n, sizeof(told) - n, fmt, ap);
	va_end(ap);
}

/* --- the vCPU ---------------------------------------------------------------------------- */

static void get_segment(struct vcpu *v, enum seg s, struct segment *out)
{
	(void)v;
	assert_int_equal(s, SEG_CS);
	*out = cs;
}

static unsigned get_cpl(struct vcpu *v)
{
	(void)v;
	return cpl;
}

static uint64_t get_linear_rip(struct vcpu *v, unsigned *m)
{
	*m = mode;
	return mode == 8 ? v->regs.rip : (uint32_t)(cs.base + v->regs.rip);
}

static uint64_t get_dr(struct vcpu *v, unsigned n)
{
	(void)v;
	return n == 6 ? dr6 : dr7;
}

static void set_dr(struct vcpu *v, unsigned n, uint64_t val)
{
	(void)v;
	*(n == 6 ? &dr6 : &dr7) = val;
}

static const struct vendor_ops ops = {
	.get_segment = get_segment,
	.get_cpl = get_cpl,
	.get_linear_rip = get_linear_rip,
	.get_dr = get_dr,
	.set_dr = set_dr,
};
const struct vendor_ops *vendor = &ops;

const struct insn *vcpu_insn_at(struct vcpu *v, uint64_t la, unsigned m)
{
	static const struct insn outside;
	int err;

	assert_int_equal(la, mode == 8 ? v->regs.rip : cs.base + v->regs.rip);
	if (!code_bytes)
		return NULL;
	err = insn_decode(&insn, code, code_bytes, m);
	return err ? &outside : &insn;
}

enum mmu_result mmu_translate(struct mmu_vcpu *m, gva_t va, unsigned access,
			      struct mmu_fault *fault)
{
	bool next = PAGE_AT(va.v) != PAGE_AT(cs.base + V->regs.rip);

	(void)m;
	assert_int_equal(access, MMU_ACC_FETCH | (cpl == 3 ? MMU_ACC_USER : 0));
	fault->gpa = GPA(0xd0000000);
	fault->error_code = 0x10;
	return translation[next];
}

/* --- what is told ------------------------------------------------------------------------- */

void vcpu_inject_exception(struct vcpu *v, unsigned vector, bool has_error, uint32_t error)
{
	(void)has_error;
	(void)error;
	tell("exception %u;", vector);
	v->pending = (struct event){ .type = EVENT_EXCEPTION, .vector = (uint8_t)vector };
}

void vcpu_inject_gp(struct vcpu *v)
{
	vcpu_inject_exception(v, 13, true, 0);
}

void vcpu_inject_ud(struct vcpu *v)
{
	vcpu_inject_exception(v, 6, false, 0);
}

void vcpu_inject_pf(struct vcpu *v, uint64_t va, uint32_t error)
{
	tell("cr2 %x;", (unsigned)va);
	vcpu_inject_exception(v, 14, true, error);
}

void vcpu_emul_inject(struct vcpu *v, const struct emul_fault *f)
{
	assert_int_equal(v->delivering.type, EVENT_INTR);
	vcpu_inject_exception(v, f->vector, f->has_error, f->error);
}

void vcpu_skip_slowly(struct vcpu *v, uint64_t from)
{
	(void)v;
	(void)from;
}

void vm_kill(struct vcpu *v, const char *fmt, ...)
{
	(void)v;
	tell("kill %s;", fmt);
}

bool vcpu_emulate_insn(struct vcpu *v, const struct insn *i)
{
	(void)v;
	tell("emulate %s;", i->op ? i->desc->name : "outside");
	return i->op;
}

#define TELLS(name)                                    \
	void exit_##name(struct vcpu *v, unsigned len) \
	{                                              \
		(void)v;                               \
		tell(#name " %u;", len);               \
	}
TELLS(clts)
TELLS(cpuid)
TELLS(rdmsr)
TELLS(wrmsr)
TELLS(hlt)

void exit_fetch_from_hole(struct vcpu *v, gpa_t gpa)
{
	(void)v;
	tell("hole %x;", (unsigned)gpa.v);
}

void exit_mov_to_cr(struct vcpu *v, unsigned cr, unsigned gpr, unsigned len)
{
	(void)v;
	tell("to cr%u from %u %u;", cr, gpr, len);
}

void exit_mov_from_cr(struct vcpu *v, unsigned cr, unsigned gpr, unsigned len)
{
	(void)v;
	tell("from cr%u to %u %u;", cr, gpr, len);
}

void exit_invlpg(struct vcpu *v, uint64_t va, unsigned len)
{
	(void)v;
	tell("invlpg %x %u;", (unsigned)va, len);
}

void exit_instruction(struct vcpu *v, enum insn_op op, unsigned len)
{
	(void)v;
	tell("instruction %d %u;", op, len);
}

void exit_dr(struct vcpu *v)
{
	v->dr_live = true;
	tell("dr;");
}

void vcpu_take_back_debug_registers(struct vcpu *v)
{
	v->dr_live = false;
}

void vcpu_emulate_lmsw(struct vcpu *v, const struct insn *i)
{
	(void)v;
	(void)i;
	tell("lmsw;");
}

void vcpu_emulate_smsw(struct vcpu *v, const struct insn *i)
{
	(void)v;
	(void)i;
	tell("smsw;");
}

uint64_t vcpu_tsc(const struct vcpu *v)
{
	(void)v;
	return UINT64_C(0x1122334455667788);
}

struct vcpu_emul vcpu_emul_context(struct vcpu *v)
{
	static const struct emul_ops none;

	return (struct vcpu_emul){ .ctx = { .ops = &none, .regs = &v->regs, .mode = 8 }, .v = v };
}

uint64_t insn_ea(const struct emul_ctx *c, const struct insn *i)
{
	return c->regs->gpr[i->base];
}

enum emul_result emul_real_interrupt(struct emul_ctx *c, uint8_t vector)
{
	tell("interrupt %u;", vector);
	c->fault = (struct emul_fault){ .vector = 13 };
	return interrupt_result;
}

/* --- tests -------------------------------------------------------------------------------- */

static int setup(void **state)
{
	(void)state;
	vcpu = (struct vcpu){ .vm = &vm, .regs = { .rip = RIP, .rflags = RFLAGS_FIXED } };
	cs = (struct segment){ .base = CS_BASE, .limit = 0xffff };
	mode = 2;
	cpl = 0;
	dr6 = DR6_RESET;
	dr7 = DR7_RESET;
	translation[0] = translation[1] = MMU_FIXED;
	memset(code, 0x90, sizeof(code));
	code_bytes = sizeof(code);
	told[0] = '\0';
	return 0;
}

/* What is told when these bytes are next; the rest are NOPs. */
static const char *step_over(const char *bytes, size_t n, bool in_scope)
{
	told[0] = '\0';
	V->pending.type = EVENT_NONE;
	V->regs.rip = RIP;
	memset(code, 0x90, sizeof(code));
	memcpy(code, bytes, n);
	assert_int_equal(vcpu_step(V), in_scope);
	return told;
}

#define STEP(bytes) step_over(bytes, sizeof(bytes) - 1, true)
#define OUTSIDE(bytes) step_over(bytes, sizeof(bytes) - 1, false)

static void to_the_emulator(void **state)
{
	(void)state;
	assert_string_equal(STEP("\x89\x07"), "emulate mov;");
	assert_string_equal(STEP("\xcd\x10"), "emulate int;");
	assert_string_equal(STEP("\x0f\x01\x17"), "emulate lgdt;");
	assert_string_equal(OUTSIDE("\xd5\x0a"), "emulate outside;"); /* aad */
}

/* The I/O bitmap is read by nobody here. */
static void ports_need_iopl(void **state)
{
	(void)state;
	assert_string_equal(STEP("\xee"), "emulate out;");
	cpl = 3;
	assert_string_equal(OUTSIDE("\xee"), "");
	assert_string_equal(OUTSIDE("\x6d"), "");
	V->regs.rflags |= RFLAGS_IOPL;
	assert_string_equal(STEP("\xee"), "emulate out;");
}

static void to_the_exit_handlers(void **state)
{
	(void)state;
	assert_string_equal(STEP("\x0f\x22\xc0"), "to cr0 from 0 3;");
	assert_string_equal(STEP("\x0f\x20\xda"), "from cr3 to 2 3;");
	assert_string_equal(STEP("\x0f\x06"), "clts 2;");
	assert_string_equal(STEP("\x0f\x01\xf0"), "lmsw;");
	assert_string_equal(STEP("\x0f\x01\xe0"), "smsw;");
	assert_string_equal(STEP("\x0f\xa2"), "cpuid 2;");
	assert_string_equal(STEP("\x0f\x32"), "rdmsr 2;");
	assert_string_equal(STEP("\x0f\x30"), "wrmsr 2;");
	assert_string_equal(STEP("\xf4"), "hlt 1;");
	V->regs.gpr[REG_RBX] = 0x4000;
	assert_string_equal(STEP("\x67\x0f\x01\x3b"), "invlpg 4000 4;");
	assert_string_equal(STEP("\x0f\x31"), ""); /* rdtsc */
	assert_int_equal(V->regs.gpr[REG_RAX], 0x55667788);
	assert_int_equal(V->regs.gpr[REG_RDX], 0x11223344);
	assert_int_equal(V->regs.rip, RIP + 2);
	assert_string_equal(OUTSIDE("\x0f\x01\xd0"), ""); /* xgetbv */
}

/* Caches, and what is #UD there. */
static void to_the_handler_of_names(void **state)
{
	static const struct {
		const char *bytes;
		unsigned len;
		enum insn_op op;
	} insns[] = {
		{ "\x0f\x09", 2, INSN_WBINVD },	     { "\x0f\x08", 2, INSN_INVD },
		{ "\x0f\x01\xd1", 3, INSN_XSETBV },  { "\xf3\x90", 2, INSN_PAUSE },
		{ "\x0f\x33", 2, INSN_RDPMC },	     { "\x0f\x0b", 2, INSN_UD2 },
		{ "\x0f\x01\xc8", 3, INSN_MONITOR }, { "\x0f\x01\xc1", 3, INSN_VMCALL },
		{ "\x0f\x01\xd8", 3, INSN_VMRUN },   { "\x0f\xaa", 2, INSN_RSM },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(insns); i++) {
		char want[32];

		snprintf(want, sizeof(want), "instruction %d %u;", insns[i].op, insns[i].len);
		assert_string_equal(step_over(insns[i].bytes, insns[i].len, true), want);
	}
}

static void privilege(void **state)
{
	(void)state;
	cpl = 3;
	assert_string_equal(STEP("\x0f\x22\xc0"), "exception 13;");
	assert_string_equal(STEP("\x0f\x23\xc0"), "exception 13;");
	assert_string_equal(STEP("\x0f\x06"), "exception 13;");
	assert_string_equal(STEP("\x0f\x01\xf0"), "exception 13;");
	assert_string_equal(STEP("\x0f\x01\x3f"), "exception 13;");
	assert_string_equal(STEP("\x0f\x09"), "exception 13;");
	assert_string_equal(STEP("\x0f\x32"), "exception 13;");
	assert_string_equal(STEP("\xf4"), "exception 13;");
	assert_string_equal(STEP("\x0f\x01\xe0"), "smsw;");
	assert_string_equal(STEP("\x0f\xa2"), "cpuid 2;");
	assert_string_equal(STEP("\x0f\x31"), "");
	V->cr4 = CR4_UMIP | CR4_TSD;
	assert_string_equal(STEP("\x0f\x01\xe0"), "exception 13;");
	assert_string_equal(STEP("\x0f\x31"), "exception 13;");
	cpl = 0;
	assert_string_equal(STEP("\x0f\x01\xe0"), "smsw;");
}

static void debug_registers(void **state)
{
	(void)state;
	V->regs.gpr[REG_RAX] = 0x12345;
	assert_string_equal(STEP("\x0f\x23\xd0"), ""); /* mov dr2, eax */
	assert_int_equal(V->dr[2], 0x12345);
	assert_int_equal(V->regs.rip, RIP + 3);
	assert_string_equal(STEP("\x0f\x21\xd3"), ""); /* mov ebx, dr2 */
	assert_int_equal(V->regs.gpr[REG_RBX], 0x12345);
	V->regs.gpr[REG_RAX] = 0xffffffff;
	assert_string_equal(STEP("\x0f\x23\xe8"), "dr;"); /* mov dr5, eax is DR7; breakpoints on */
	assert_int_equal(dr7, 0xffff27ff); /* reserved bits as they are */
	assert_true(V->dr_live);
	V->regs.gpr[REG_RAX] = 0;
	assert_string_equal(STEP("\x0f\x23\xf0"), "dr;"); /* mov dr6, eax */
	assert_int_equal(dr6, DR6_RESET);
	assert_string_equal(STEP("\x0f\x23\xf8"), ""); /* mov dr7, eax */
	assert_int_equal(dr7, DR7_RESET);
	V->cr4 = CR4_DE;
	assert_string_equal(STEP("\x0f\x21\xe0"), "exception 6;"); /* mov eax, dr4 */
}

static void fetching(void **state)
{
	(void)state;
	cs.limit = RIP; /* the second byte is beyond it */
	assert_string_equal(STEP("\x89\x07"), "exception 13;");
	assert_string_equal(STEP("\x90"), "emulate nop;");
	mode = 8; /* no limits */
	assert_string_equal(STEP("\x89\x07"), "emulate mov;");
}

static void fetching_from_nowhere(void **state)
{
	(void)state;
	code_bytes = 0;
	assert_string_equal(STEP("\x90"), ""); /* another vCPU was quicker: again */
	translation[0] = MMU_MMIO;
	assert_string_equal(STEP("\x90"), "hole d0000000;");
	translation[0] = MMU_INJECT;
	assert_string_equal(STEP("\x90"), "cr2 21000;exception 14;");
	V->pending = (struct event){ .type = EVENT_EXCEPTION, .vector = 6 };
	told[0] = '\0';
	assert_true(vcpu_step(V)); /* the bytes were no instruction: that is all */
	assert_string_equal(told, "");
}

/* Its second half is in a page that is not there. */
static void fetching_across_pages(void **state)
{
	(void)state;
	code_bytes = 1;
	translation[1] = MMU_INJECT;
	told[0] = '\0';
	V->regs.rip = RIP - 1;
	code[0] = 0x0f;
	assert_true(vcpu_step(V));
	assert_string_equal(told, "cr2 2100d;exception 14;");
}

static void events_in_real_mode(void **state)
{
	(void)state;
	V->pending = (struct event){ .type = EVENT_INTR, .vector = 0x20 };
	V->intr_shadow = true;
	vcpu_deliver_real(V);
	assert_string_equal(told, "interrupt 32;");
	assert_int_equal(V->pending.type, EVENT_NONE);
	assert_false(V->intr_shadow);
	V->pending = (struct event){ .type = EVENT_INTR, .vector = 0x20 };
	interrupt_result = EMUL_RETRY;
	vcpu_deliver_real(V);
	assert_int_equal(V->pending.type, EVENT_INTR);
	interrupt_result = EMUL_FAULT; /* the #DF matrix has both */
	told[0] = '\0';
	vcpu_deliver_real(V);
	assert_string_equal(told, "interrupt 32;exception 13;");
	assert_int_equal(V->pending.vector, 13);
	interrupt_result = EMUL_OK;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup(name, setup)
		T(to_the_emulator),
		T(ports_need_iopl),
		T(to_the_exit_handlers),
		T(to_the_handler_of_names),
		T(privilege),
		T(debug_registers),
		T(fetching),
		T(fetching_from_nowhere),
		T(fetching_across_pages),
		T(events_in_real_mode),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

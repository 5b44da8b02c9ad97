/* SPDX-License-Identifier: MIT */
/*
 * The emulator against the CPU that the test runs on: every form that its scope table claims
 * and ring 3 may run, in 64-, 32- and 16-bit code, with random operands, prefixes and
 * segments; registers, flags, memory and faults must be the same. The first difference is
 * printed with its bytes; so is every form that was never compared.
 *
 * EMUL_SEED and EMUL_CASES in the environment change the stream and its length.
 */
#include <cpuid.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "tests/unit/emul_compare.h"
#include "tests/unit/emul_native.h"

#ifndef MAP_32BIT
#define MAP_32BIT 0x40 /* hidden by <sys/mman.h> without _GNU_SOURCE, which has REG_RAX */
#endif

/* One mapping, so that a 16-bit segment reaches all: guard, data, guard, code, guard. */
#define PAGE ((uint32_t)PAGE_SIZE)
#define DATA_SIZE (3 * PAGE) /* the last one read-only */
#define CODE_SIZE (8 * PAGE)
#define DATA_AT PAGE
#define CODE_AT (DATA_AT + DATA_SIZE + PAGE)
#define MAP_SIZE (32 * PAGE) /* all that a 16-bit offset from its middle reaches */

#define DEFAULT_CASES 200000 /* for each code size */
#define TRIES 200 /* to make a variant that can run; most can at the first */

static uint8_t *map;

void emul_report(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
}

/* --- segments ----------------------------------------------------------------------------- */

#define NO_OFFSET 0x8000u /* below it an expand-down segment ends */

/* By base: from the map's start, or flat. Number 0 reaches all data in each list. */
struct planned_segment {
	struct native_segment s;
	bool flat;
};

static const struct planned_segment data_plan[] = {
	{ { .base = 0, .limit = 0xffff, .big = true }, false },
	{ { .base = DATA_AT, .limit = DATA_SIZE - 1 }, false },
	{ { .base = DATA_AT - 0x123, .limit = 0xffff, .big = true }, false },
	{ { .base = DATA_AT + 0x100, .limit = 0x11ff, .big = true, .read_only = true }, false },
	{ { .base = DATA_AT - NO_OFFSET, .limit = NO_OFFSET - 1, .kind = NATIVE_EXPAND_DOWN },
	  false },
	{ { .base = DATA_AT + PAGE - NO_OFFSET,
	    .limit = NO_OFFSET - 1,
	    .big = true,
	    .kind = NATIVE_EXPAND_DOWN },
	  false },
	{ { .base = DATA_AT + PAGE - 9 * PAGE,
	    .limit = 8,
	    .pages = true,
	    .big = true,
	    .kind = NATIVE_EXPAND_DOWN },
	  false },
	{ { .base = DATA_AT - NO_OFFSET,
	    .limit = NO_OFFSET - 1,
	    .read_only = true,
	    .kind = NATIVE_EXPAND_DOWN },
	  false },
	{ { .base = DATA_AT + 0x80000000, .limit = 0xfffff, .pages = true, .big = true }, false },
	{ { .base = 0, .limit = 0xfffff, .pages = true, .big = true }, true },
	{ { .base = DATA_AT + 0x800, .limit = 7 }, false },
	{ { .base = DATA_AT, .limit = 2, .pages = true, .big = true, .kind = NATIVE_CODE }, false },
	{ { .base = 0, .limit = 0xffff, .kind = NATIVE_CODE }, false },
};
static const struct planned_segment stack_plan32[] = {
	{ { .base = 0, .limit = 0xffff, .big = true }, false },
	{ { .base = 0, .limit = 0xfffff, .pages = true, .big = true }, true },
	{ { .base = DATA_AT, .limit = DATA_SIZE - 1, .big = true }, false },
	{ { .base = 0, .limit = 0xffff }, false },
	{ { .base = DATA_AT + 0x700, .limit = 0x7ff }, false },
	{ { .base = DATA_AT - NO_OFFSET, .limit = NO_OFFSET - 1, .kind = NATIVE_EXPAND_DOWN },
	  false },
	{ { .base = DATA_AT + PAGE - NO_OFFSET,
	    .limit = NO_OFFSET - 1,
	    .big = true,
	    .kind = NATIVE_EXPAND_DOWN },
	  false },
};
static const struct planned_segment code_plan32[] = {
	{ { .base = 0, .limit = CODE_AT + CODE_SIZE - 1, .big = true, .kind = NATIVE_CODE },
	  false },
	{ { .base = CODE_AT, .limit = CODE_SIZE - 1, .big = true, .kind = NATIVE_CODE }, false },
	{ { .base = 0, .limit = 0xffff, .big = true, .read_only = true, .kind = NATIVE_CODE },
	  false },
	{ { .base = 0, .limit = 0xfffff, .pages = true, .big = true, .kind = NATIVE_CODE }, true },
};
static const struct planned_segment code_plan16[] = {
	{ { .base = 0, .limit = CODE_AT + CODE_SIZE - 1, .kind = NATIVE_CODE }, false },
	{ { .base = 0, .limit = 0xffff, .read_only = true, .kind = NATIVE_CODE }, false },
	{ { .base = CODE_AT - 0x1000, .limit = 0xffff, .kind = NATIVE_CODE }, false },
};

#define LDT_ENTRIES 64

static uint64_t ldt[LDT_ENTRIES]; /* what the kernel was told, as it writes it */
static unsigned ldt_used;

/* What the hidden part of the register will hold (SDM Vol. 3A 3.4.5; 3.5: type bits). */
static struct segment make_segment(const struct planned_segment *p)
{
	const unsigned user_present = SEG_S | 3u << SEG_DPL_SHIFT | SEG_P, accessed = 1;
	struct native_segment s = p->s;
	struct segment made;

	if (!p->flat)
		s.base += (uint32_t)(uintptr_t)map;
	made = (struct segment){
		.sel = native_set_ldt(ldt_used, &s),
		.base = s.base,
		.limit = s.pages ? s.limit << PAGE_SHIFT | (PAGE - 1) : s.limit,
		.attr = user_present | accessed | (s.read_only ? 0 : 2) | (unsigned)s.kind << 2 |
			SEG_AVL | (s.big ? SEG_DB : 0) | (s.pages ? SEG_G : 0),
	};
	ldt[ldt_used++] = emul_descriptor(&made);
	return made;
}

#define MAKE_SEGMENTS(to, plan)                                 \
	do {                                                    \
		for (unsigned k = 0; k < ARRAY_SIZE(plan); k++) \
			(to)[k] = make_segment(&(plan)[k]);     \
	} while (0)

static struct segment data_segs[ARRAY_SIZE(data_plan) + 1], stack_segs[ARRAY_SIZE(stack_plan32)],
	code_segs32[ARRAY_SIZE(code_plan32)], code_segs16[ARRAY_SIZE(code_plan16)];
static struct segment flat64 = { .limit = 0xffffffff }, code64 = { .sel = NATIVE_CS64 },
		      stack64 = { .sel = NATIVE_DS };

static void make_segments(void)
{
	MAKE_SEGMENTS(data_segs, data_plan);
	data_segs[ARRAY_SIZE(data_plan)] = (struct segment){ .attr = SEG_UNUSABLE }; /* null */
	MAKE_SEGMENTS(stack_segs, stack_plan32);
	MAKE_SEGMENTS(code_segs32, code_plan32);
	MAKE_SEGMENTS(code_segs16, code_plan16);
}

/* --- beds ------------------------------------------------------------------------------- */

static void make_bed(struct emul_bed *bed, unsigned mode)
{
	*bed = (struct emul_bed){
		.mode = mode,
		.cpl = 3,
		.protected_mode = true,
		.data = map + DATA_AT,
		.data_la = (uint64_t)(uintptr_t)map + DATA_AT,
		.data_size = DATA_SIZE,
		.ro_la = (uint64_t)(uintptr_t)map + DATA_AT + DATA_SIZE - PAGE,
		.guard = PAGE,
		.code = map + CODE_AT,
		.code_la = (uint64_t)(uintptr_t)map + CODE_AT,
		.code_size = CODE_SIZE,
		.data_seg = mode == 8 ? &flat64 : data_segs,
		.nr_data_segs = mode == 8 ? 1 : ARRAY_SIZE(data_segs),
		.stack_seg = mode == 8 ? &stack64 : stack_segs,
		.nr_stack_segs = mode == 8 ? 1 : ARRAY_SIZE(stack_segs),
		.code_seg = mode == 8	? &code64
			    : mode == 4 ? code_segs32
					: code_segs16,
		.nr_code_segs = mode == 8   ? 1
				: mode == 4 ? ARRAY_SIZE(code_segs32)
					    : ARRAY_SIZE(code_segs16),
		.long_mode = true,
		.table = (uint8_t *)ldt,
		.table_la = (uintptr_t)ldt,
		.table_size = ldt_used * sizeof(ldt[0]),
		.ldtr = { .base = (uintptr_t)ldt, .limit = ldt_used * sizeof(ldt[0]) - 1 },
		.base_mask = BIT(46) - 1, /* what Linux lets a program have */
		.esp_high = native_esp_high(),
		.flags_set = RFLAGS_IF,
	};
}

/* --- forms ------------------------------------------------------------------------------ */

static bool cpu_has_movbe(void)
{
	unsigned a, b, c, d;

	return __get_cpuid(1, &a, &b, &c, &d) && (c & bit_MOVBE);
}

static bool is_port(const struct insn *i)
{
	return i->op >= INSN_INS && i->op <= INSN_OUT;
}

static bool is_bswap16(const struct insn *i)
{
	return i->op == INSN_BSWAP && i->op_size == 2;
}

static bool is_missing_movbe(const struct insn *i)
{
	return i->op == INSN_MOVBE && !cpu_has_movbe();
}

static bool is_prefetch_of_register(const struct insn *i)
{
	return i->op == INSN_NOP && i->opcode == 0x0d && i->mod == 3;
}

static bool is_for_others(const struct insn *i)
{
	return (i->desc->flags & IF_REAL) || ((i->desc->flags & IF_LEGACY) && i->mode == 8);
}

static bool is_system(const struct insn *i)
{
	return i->op >= INSN_CLI && i->op <= INSN_LTR;
}

/* What is claimed and not compared here, by name. */
static const struct {
	const char *what, *why;
	bool (*is)(const struct insn *i);
} exceptions[] = {
	{ "in, out, ins, outs", "privileged: the tiny guest emul compares them", is_port },
	{ "int, iret; segment registers in 64-bit code", "executed elsewhere only", is_for_others },
	{ "cli, sti, GDTR, IDTR, LDTR, TR", "privileged: the tiny guests emul, real-mode",
	  is_system },
	{ "bswap of 16 bits", "undefined (SDM Vol. 2A, BSWAP)", is_bswap16 },
	{ "movbe", "this CPU has none", is_missing_movbe },
	{ "prefetch of a register", "reserved: undefined on AMD, a no-op on Intel",
	  is_prefetch_of_register },
};
static unsigned excepted[ARRAY_SIZE(exceptions)];

static bool wanted(const struct insn *i)
{
	if (i->op >= INSN_FIRST_DECODE_ONLY)
		return false;
	for (unsigned k = 0; k < ARRAY_SIZE(exceptions); k++) {
		if (exceptions[k].is(i)) {
			excepted[k]++;
			return false;
		}
	}
	return true;
}

/* LOOP with a REP prefix is reserved: some CPUs then take LOOPE for LOOPNE. */
static bool can_run(const struct insn *i)
{
	return wanted(i) && !(i->op == INSN_LOOP && i->rep);
}

static struct emul_variant variants[EMUL_VARIANTS_MAX];
static unsigned compared[EMUL_VARIANTS_MAX];

static bool compare_once(const struct emul_bed *bed, unsigned k)
{
	struct emul_case t;
	enum emul_verdict verdict;

	if (!emul_case_make(&t, bed, &variants[k]) || !can_run(&t.insn))
		return false;
	verdict = emul_compare(&t, bed, NULL);
	if (verdict == EMUL_DIFFERS)
		fail_msg("the emulator is not the CPU");
	compared[k] += verdict == EMUL_SAME;
	return verdict == EMUL_SAME;
}

static void report_counts(unsigned mode)
{
	const struct emul_counts *c = &emul_counts;

	printf("%u-bit code: %lu cases, of them faulted: #DE %lu, #SS %lu, #GP %lu, #PF %lu\n",
	       mode * 8, c->same, c->fault[VEC_DE], c->fault[VEC_SS], c->fault[VEC_GP],
	       c->fault[VEC_PF]);
	assert_true(c->fault[VEC_DE] && c->fault[VEC_SS] && c->fault[VEC_GP] && c->fault[VEC_PF]);
}

static void report_coverage(unsigned mode, unsigned n)
{
	unsigned missing = 0, least = UINT32_MAX;
	char text[EMUL_VARIANT_TEXT];

	for (unsigned k = 0; k < n; k++) {
		least = MIN(least, compared[k]);
		if (compared[k])
			continue;
		missing++;
		emul_variant_text(&variants[k], text);
		emul_report("never compared: %s", text);
	}
	printf("%u-bit code: %u variants of forms, each at least %u times\n", mode * 8, n, least);
	for (unsigned k = 0; k < ARRAY_SIZE(exceptions); k++)
		if (excepted[k])
			printf("not compared: %s: %s\n", exceptions[k].what, exceptions[k].why);
	assert_int_equal(missing, 0);
}

static void same_as_the_cpu(unsigned mode)
{
	const char *cases = getenv("EMUL_CASES");
	unsigned want = cases ? strtoul(cases, NULL, 0) : DEFAULT_CASES, n;
	struct emul_bed bed;

	native_init(); /* here: cmocka takes the signals before each test */
	make_bed(&bed, mode);
	memset(compared, 0, sizeof(compared));
	memset(excepted, 0, sizeof(excepted));
	n = emul_variants(variants, mode, wanted);
	assert_in_range(n, 1, EMUL_VARIANTS_MAX - 1);
	emul_counts = (struct emul_counts){ 0 };
	for (unsigned k = 0; k < want || k % n; k++) {
		if (!(k & 31))
			emul_fill(&bed);
		for (unsigned tries = 0; tries < TRIES && !compare_once(&bed, k % n); tries++)
			;
	}
	report_counts(mode);
	report_coverage(mode, n);
}

static void same_as_the_cpu_in_64_bit_code(void **state)
{
	(void)state;
	same_as_the_cpu(8);
}

static void same_as_the_cpu_in_32_bit_code(void **state)
{
	(void)state;
	same_as_the_cpu(4);
}

static void same_as_the_cpu_in_16_bit_code(void **state)
{
	(void)state;
	same_as_the_cpu(2);
}

static int set_up(void **state)
{
	const char *s = getenv("EMUL_SEED");

	(void)state;
	emul_seed(s ? strtoull(s, NULL, 0) : 0);
	map = mmap(NULL, MAP_SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	if (map == MAP_FAILED || mprotect(map + DATA_AT, DATA_SIZE, PROT_READ | PROT_WRITE) ||
	    mprotect(map + CODE_AT, CODE_SIZE, PROT_READ | PROT_WRITE | PROT_EXEC))
		return -1;
	memset(map + CODE_AT, 0xcc, CODE_SIZE);
	/* Filled and locked, so that a write to it is a protection violation (P in the error). */
	memset(map + DATA_AT, 0x33, DATA_SIZE);
	if (mlock(map + DATA_AT, DATA_SIZE) ||
	    mprotect(map + DATA_AT + DATA_SIZE - PAGE, PAGE, PROT_READ))
		return -1;
	make_segments();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(same_as_the_cpu_in_64_bit_code),
		cmocka_unit_test(same_as_the_cpu_in_32_bit_code),
		cmocka_unit_test(same_as_the_cpu_in_16_bit_code),
	};

	return cmocka_run_group_tests(tests, set_up, NULL);
}

/* SPDX-License-Identifier: MIT */
/*
 * The emulator against this processor in ring 0 and in real mode: tests/unit/emul_compare.c,
 * which runs in ring 3 on the host, over the same forms and IN, OUT, INS, OUTS besides.
 */
#include "guests/tiny/emul/bed.h"
#include "hv/format.h"
#include "hv/print.h"
#include "hv/string.h"
#include "tests/unit/emul_compare.h"

#define COM1 0x3f8 /* PC16550D */
#define UART_LCR 3
#define UART_LSR 5
#define LSR_THRE 0x20
#define DEBUG_EXIT_PORT 0xf4
#define EXIT_PASS 0x10
#define EXIT_FAIL 0x11

#define DEFAULT_ROUNDS 2 /* over all variants of a bed */
#define TRIES 200 /* to make a variant that can run */
#define CPUID1_ECX_MOVBE BIT(22)
#define CPUID7_EBX_SMAP BIT(20)

/* Multiboot Specification 0.6.96, 3.3 */
struct boot_info {
	uint32_t flags, mem_lower, mem_upper, boot_device, cmdline;
};
#define BOOT_HAS_CMDLINE 4

void emul_main(const struct boot_info *info);
_Noreturn void native_unexpected(uint64_t vector, uint64_t rip);

static unsigned failed, checks;

/* --- text ------------------------------------------------------------------------------- */

static void serial_put(struct format_out *out, const char *text, size_t n)
{
	(void)out;
	for (size_t i = 0; i < n; i++) {
		while (!(inb(COM1 + UART_LSR) & LSR_THRE))
			;
		outb(COM1, (uint8_t)text[i]);
	}
}

static void say(const char *fmt, va_list ap)
{
	struct format_out out = { serial_put };

	format_text(&out, fmt, ap);
	serial_put(&out, "\n", 1);
}

void emul_report(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(fmt, ap);
	va_end(ap);
}

struct buffer_out {
	struct format_out out;
	char *buf;
	size_t size, len;
};

static void buffer_put(struct format_out *out, const char *text, size_t n)
{
	struct buffer_out *b = container_of(out, struct buffer_out, out);

	for (size_t i = 0; i < n; i++)
		if (b->len < b->size - 1)
			b->buf[b->len++] = text[i];
}

int snprintf(char *buf, size_t n, const char *fmt, ...)
{
	struct buffer_out b = { .out.put = buffer_put, .buf = buf, .size = n };
	va_list ap;
	int len;

	va_start(ap, fmt);
	len = format_text(&b.out, fmt, ap);
	va_end(ap);
	buf[b.len] = '\0';
	return len;
}

/* The number behind "n=" on the command line. */
static unsigned asked_rounds(const struct boot_info *info)
{
	const char *p = info->flags & BOOT_HAS_CMDLINE ? (const char *)(uintptr_t)info->cmdline
						       : "";
	unsigned n = 0;

	while ((p = strchr(p, 'n')) && p[1] != '=')
		p++;
	for (p = p ? p + 2 : ""; *p >= '0' && *p <= '9'; p++)
		n = n * 10 + (unsigned)(*p - '0');
	return n ? n : DEFAULT_ROUNDS;
}

/* --- forms ------------------------------------------------------------------------------ */

static bool has_movbe, has_smap, on_qemu;
static bool writes_fault; /* and are emulated */
static bool in_real_mode;

static void ask_processor(void)
{
	uint32_t a = 1, b, c = 0, d;

	__asm__("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	has_movbe = c & CPUID1_ECX_MOVBE;
	a = 7;
	c = 0;
	__asm__("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	has_smap = b & CPUID7_EBX_SMAP;
}

static bool is_void_segment_prefix(uint8_t b)
{
	return (b & 0xe7) == 0x26;
}

/* QEMU keeps a REX that is followed by another prefix, and in 64-bit mode takes ES, CS, SS and
 * DS for overrides; processors forget both (SDM Vol. 2A 2.2.1, APM Vol. 3 1.2.4). */
static bool has_void_prefix(const struct insn *i)
{
	for (unsigned n = 0; n < i->len; n++) {
		if ((i->bytes[n] & 0xf0) == 0x40)
			return emul_map_1byte[i->bytes[n + 1]].op == INSN_PREFIX ||
			       (i->bytes[n + 1] & 0xf0) == 0x40;
		if (emul_map_1byte[i->bytes[n]].op != INSN_PREFIX)
			return false;
		if (is_void_segment_prefix(i->bytes[n]) && i->seg_override != 0xff)
			return true;
	}
	return false;
}

static bool has_opsize_prefix(const struct insn *i)
{
	for (unsigned n = 0; emul_map_1byte[i->bytes[n]].op == INSN_PREFIX; n++)
		if (i->bytes[n] == 0x66)
			return true;
	return false;
}

/* What QEMU's processor is known to do otherwise. */
static bool qemu_differs(const struct insn *i)
{
	switch (i->op) {
	case INSN_TEST: /* F6 /1, F7 /1: undefined there */
		if ((i->opcode & 0xfe) == 0xf6 && (i->reg & 7) == 1)
			return true;
		break;
	case INSN_NOP: /* 0F 18 with a register: undefined there */
		if (i->opcode == 0x18 && i->mod == 3)
			return true;
		break;
	case INSN_MOVBE: /* 66 always means 16 bits, nothing else does */
		if (i->mode == 2 || (i->op_size == 8 && has_opsize_prefix(i)))
			return true;
		break;
	case INSN_RET:
	case INSN_FAR_RET: /* the immediate has a sign there */
		if (i->imm > INT16_MAX)
			return true;
		break;
	case INSN_RCL:
	case INSN_RCR: /* CF is changed when the write faults: who finishes it has the wrong one */
		if (writes_fault && i->mod != 3)
			return true;
		break;
	case INSN_SHLD:
	case INSN_SHRD: /* RIP-relative: off by the immediate's byte */
		if (i->base == -2 && i->desc->opnd[2] == OPN_IMM8U)
			return true;
		break;
	default:
		break;
	}
	return i->mode == 8 && has_void_prefix(i);
}

/* What ends a case itself, or would change what all cases stand on. */
static bool is_ours(const struct insn *i)
{
	return (i->op >= INSN_INT && i->op <= INSN_INTO) || i->op >= INSN_SGDT;
}

/* All that the emulator executes here but what is undefined: as in test_emul_native.c. */
static bool wanted(const struct insn *i)
{
	if (i->op >= INSN_FIRST_DECODE_ONLY || (i->op == INSN_BSWAP && i->op_size == 2))
		return false;
	if (is_ours(i) || ((i->desc->flags & IF_REAL) && !in_real_mode) ||
	    ((i->desc->flags & IF_LEGACY) && i->mode == 8))
		return false;
	if ((i->op == INSN_MOVBE && !has_movbe) || (on_qemu && qemu_differs(i)))
		return false;
	return !(i->op == INSN_NOP && i->opcode == 0x0d && i->mod == 3) &&
	       !(i->op == INSN_LOOP && i->rep);
}

static struct emul_variant variants[EMUL_VARIANTS_MAX];
static uint8_t compared[EMUL_VARIANTS_MAX];

/* False: a difference. */
static bool compare_variant(const struct emul_bed *bed, unsigned k)
{
	for (unsigned tries = 0; tries < TRIES; tries++) {
		struct emul_case t;

		if (!emul_case_make(&t, bed, &variants[k]) || !wanted(&t.insn))
			continue;
		switch (emul_compare(&t, bed, device_ops())) {
		case EMUL_DIFFERS:
			return false;
		case EMUL_SAME:
			compared[k] = 1;
			return true;
		case EMUL_SKIPPED:
			break;
		}
	}
	return true;
}

static unsigned never_compared(unsigned n)
{
	char text[EMUL_VARIANT_TEXT];
	unsigned missing = 0;

	for (unsigned k = 0; k < n; k++) {
		if (compared[k])
			continue;
		missing++;
		emul_variant_text(&variants[k], text);
		emul_report("never compared: %s", text);
	}
	return missing;
}

static void run_bed(enum bed_kind kind, unsigned rounds)
{
	struct emul_bed bed;
	unsigned n, missing, differences = 0;

	bed_make(&bed, kind, on_qemu);
	writes_fault = kind == BED_FORCED;
	in_real_mode = kind == BED_REAL;
	native_choose(kind);
	device_take();
	memset(compared, 0, sizeof(compared));
	emul_counts = (struct emul_counts){ 0 };
	n = emul_variants(variants, bed.mode, wanted);
	for (unsigned k = 0; k < n * rounds && differences < 4; k++) {
		if (!(k & 31))
			emul_fill(&bed);
		differences += !compare_variant(&bed, k % n);
	}
	missing = differences ? 0 : never_compared(n);
	checks++;
	failed += differences || missing;
	emul_report("%s %s: %u variants of forms, %lu cases, faulted: #DE %lu #SS %lu #GP %lu #PF "
		    "%lu; %u differ, %u never compared",
		    differences || missing ? "FAIL" : "ok", bed_name[kind], n, emul_counts.same,
		    emul_counts.fault[VEC_DE], emul_counts.fault[VEC_SS], emul_counts.fault[VEC_GP],
		    emul_counts.fault[VEC_PF], differences, missing);
}

static _Noreturn void finish(bool passed)
{
	outb(DEBUG_EXIT_PORT, passed ? EXIT_PASS : EXIT_FAIL);
	for (;;)
		__asm__ volatile("cli; hlt");
}

void native_unexpected(uint64_t vector, uint64_t rip)
{
	emul_report("FAIL unexpected exception %u at %llx", (unsigned)vector,
		    (unsigned long long)rip);
	finish(false);
}

void emul_main(const struct boot_info *info)
{
	unsigned rounds = asked_rounds(info);

	outb(COM1 + UART_LCR, 0x03); /* 8N1 */
	emul_seed(rounds);
	ask_processor();
	bed_init();
	on_qemu = !bed_checks_segments();
	if (on_qemu)
		emul_report("QEMU's processor: no faults by segment, updates write late");
	for (unsigned kind = 0; kind < NR_BEDS; kind++)
		if (kind != BED_FORCED || has_smap)
			run_bed(kind, rounds);
	emul_report("emul: %u checks, %u failed", checks, failed);
	finish(!failed);
}

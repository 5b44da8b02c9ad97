/* SPDX-License-Identifier: MIT */
/*
 * Prints the emulator's scope table (hv/emul_table.c), one line for each run of opcodes with
 * equal rows. Host only, single-threaded.
 */
#include "tests/unit/emul_doc.h"

#include <string.h>

#include "hv/emul_table.h"

static const char *const operand_name[NR_OPERANDS] = {
	[OPN_NONE] = "",    [OPN_ACC] = "rAX",	[OPN_DX] = "DX",   [OPN_CL] = "CL",
	[OPN_ONE] = "1",    [OPN_SEG] = "seg",	[OPN_SI] = "X",	   [OPN_DI] = "Y",
	[OPN_OPREG] = "Z",  [OPN_RM] = "E",	[OPN_RM8] = "Eb",  [OPN_RM16] = "Ew",
	[OPN_RM32] = "Ed",  [OPN_MEM] = "M",	[OPN_GPR] = "R",   [OPN_REG] = "G",
	[OPN_SREG] = "S",   [OPN_CR] = "C",	[OPN_DR] = "D",	   [OPN_IMM8] = "Ib",
	[OPN_IMM8U] = "Ib", [OPN_IMM16] = "Iw", [OPN_IMMZ] = "Iz", [OPN_IMMV] = "Iv",
	[OPN_REL8] = "Jb",  [OPN_RELZ] = "Jz",	[OPN_MOFFS] = "O", [OPN_PTR] = "A",
};

static void print_operands(FILE *out, const struct insn_desc *d)
{
	for (unsigned i = 0; i < ARRAY_SIZE(d->opnd) && d->opnd[i]; i++)
		fprintf(out, "%s%s", i ? ", " : "", operand_name[d->opnd[i]]);
}

static void print_flags(FILE *out, uint32_t flags)
{
	static const struct {
		uint32_t flag;
		const char *text;
	} names[] = {
		{ IF_BYTE, "byte" },
		{ IF_D64, "64-bit default" },
		{ IF_F64, "64-bit forced" },
		{ IF_NATURAL, "natural size" },
		{ IF_MAX32, "up to 32 bits" },
		{ IF_MIN32, "at least 32 bits" },
		{ IF_MEM16, "memory 16 bits" },
		{ IF_NO64, "not in 64-bit mode" },
		{ IF_ONLY64, "64-bit mode only" },
		{ IF_LOCK, "LOCK" },
	};
	const char *comma = "";

	for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
		if (!(flags & names[i].flag))
			continue;
		fprintf(out, "%s%s", comma, names[i].text);
		comma = ", ";
	}
}

static const char *how(const struct insn_desc *d)
{
	if (d->op >= INSN_FIRST_DECODE_ONLY)
		return "decoded";
	if (d->flags & IF_REAL)
		return "executed in real mode";
	return d->flags & IF_LEGACY ? "executed outside 64-bit mode" : "executed";
}

static void print_row(FILE *out, const char *opcode, const struct insn_desc *d)
{
	if (d->op == INSN_NONE || d->op == INSN_PREFIX)
		return;
	fprintf(out, "| %s | %s | ", opcode, d->name);
	print_operands(out, d);
	fprintf(out, " | ");
	print_flags(out, d->flags);
	fprintf(out, " | %s |\n", how(d));
}

static void print_entry(FILE *out, const char *opcode, const struct insn_desc *d);

static void print_group(FILE *out, const char *opcode, const struct insn_desc *d)
{
	static const char *const prefix[4] = { "", "66 ", "F3 ", "F2 " };
	unsigned n = d->flags & IF_BY_PREFIX ? 4 : d->flags & IF_BY_MOD_REG ? 16 : 8;
	char text[64];

	for (unsigned i = 0; i < n; i++) {
		if (d->flags & IF_BY_PREFIX)
			snprintf(text, sizeof(text), "%s%s", prefix[i], opcode);
		else if (d->flags & IF_BY_MOD_REG)
			snprintf(text, sizeof(text), "%s /%u %s", opcode, i & 7,
				 i < 8 ? "mem" : "reg");
		else if (d->flags & IF_BY_REG)
			snprintf(text, sizeof(text), "%s /%u", opcode, i);
		else
			snprintf(text, sizeof(text), "%s rm=%u", opcode, i);
		print_entry(out, text, &d->group[i]);
	}
}

static void print_entry(FILE *out, const char *opcode, const struct insn_desc *d)
{
	if (d->flags & IF_ANY_GROUP)
		print_group(out, opcode, d);
	else
		print_row(out, opcode, d);
}

static bool same_row(const struct insn_desc *a, const struct insn_desc *b)
{
	return a->op && a->op == b->op && a->flags == b->flags &&
	       !memcmp(a->opnd, b->opnd, sizeof(a->opnd)) && !strcmp(a->name, b->name);
}

static void print_map(FILE *out, const char *escape, const struct insn_desc map[256])
{
	char text[32];
	unsigned last;

	for (unsigned i = 0; i < 256; i = last + 1) {
		last = i;
		while (last < 255 && same_row(&map[i], &map[last + 1]))
			last++;
		if (last > i)
			snprintf(text, sizeof(text), "%s%02X-%02X", escape, i, last);
		else
			snprintf(text, sizeof(text), "%s%02X", escape, i);
		print_entry(out, text, &map[i]);
	}
}

void emul_doc_print(FILE *out)
{
	fputs("# The instruction emulator's scope\n\n"
	      "Printed from hv/emul_table.c by `make emul-doc`; do not edit.\n\n"
	      "An instruction that is not here is outside the scope: on a shadowed table it leads\n"
	      "to unshadow and retry, on a device's address it ends the guest with its bytes on\n"
	      "the console. *Executed*: by the emulator, in 16-, 32- and 64-bit code unless it says\n"
	      "where; far branches only to code of the same privilege, CLI, STI and what reads or\n"
	      "loads system registers only where no setting of CR4 decides about it. *Decoded*: its\n"
	      "length and operands are found, an exit handler or hv/step.c does the rest.\n\n"
	      "Operands by the letters of the manual's opcode maps (Intel SDM Vol. 2D A.2): E\n"
	      "register or memory, G register, R register in rm, M memory, Z register in the\n"
	      "opcode, I immediate, J relative target, O absolute offset, A far pointer, S, C, D\n"
	      "segment, control and debug registers, X and Y string source and destination. LOCK: allowed where\n"
	      "the destination is memory. All prefixes are understood everywhere; near branches\n"
	      "and movsxd with 66 in 64-bit mode are outside the scope, because the vendors\n"
	      "differ.\n\n"
	      "| opcode | mnemonic | operands | form | |\n|---|---|---|---|---|\n",
	      out);
	print_map(out, "", emul_map_1byte);
	print_map(out, "0F ", emul_map_0f);
	print_map(out, "0F 38 ", emul_map_0f38);
}

/* SPDX-License-Identifier: MIT */
/*
 * The rows of the emulator's scope table as a list: each with what its bytes must be, so that
 * a test can make an instruction of every row, and count that it did. Freestanding: the tiny
 * guest `emul` links it too.
 */
#ifndef TESTS_UNIT_EMUL_FORMS_H
#define TESTS_UNIT_EMUL_FORMS_H

#include "hv/emul.h"
#include "hv/emul_table.h"

#define ANY (-1)

/* One opcode (and group member) of hv/emul_table.c. */
struct emul_form {
	const struct insn_desc *desc;
	uint8_t escape[2], nr_escapes; /* 0F, 0F 38 */
	uint8_t opcode;
	bool has_modrm;
	int8_t mod, reg, rm; /* of ModRM: the value, or ANY; mod 0: memory, 3: a register */
	int8_t mandatory; /* index of IF_BY_PREFIX: none, 66, F3, F2; or ANY */
};

/* A form with what changes its operand: each is claimed by the table and has to be tested. */
struct emul_variant {
	struct emul_form form;
	bool opsize, rex_w, lock, memory;
	uint8_t op_size; /* as decoded */
};

#define EMUL_VARIANTS_MAX 8192

typedef bool (*emul_wanted)(const struct insn *insn);

/* All variants that `wanted` takes and that decode for code size `mode`. Their number. */
unsigned emul_variants(struct emul_variant *out, unsigned mode, emul_wanted wanted);

/* "f7 /3 neg, 16 bits, memory, lock" */
#define EMUL_VARIANT_TEXT 64
void emul_variant_text(const struct emul_variant *v, char text[EMUL_VARIANT_TEXT]);

#endif

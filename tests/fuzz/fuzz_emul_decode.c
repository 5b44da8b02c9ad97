/* SPDX-License-Identifier: MIT */
/*
 * The emulator's decoder on any bytes: the first of the input chooses the code size, the rest
 * is the code.
 *
 *  D1  It reads nothing past the bytes that it is given, nor past 15 (ASan).
 *  D2  An instruction has 1 to 15 bytes, no more than were given, and keeps those bytes.
 *  D3  It is the same whatever follows it; a part of it only asks for more bytes.
 *  D4  More bytes are asked for only while there are fewer than 15.
 *  D5  Its fields are in range: sizes, registers, segment.
 *  D6  Its length is binutils' disassembler's, but for the differences named below.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hv/emul.h"
#include "hv/emul_table.h"
#include "hv/errno.h"
#include "tests/fuzz/emul_opcodes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The bytes end where their allocation does. */
static int decode(struct insn *i, const uint8_t *bytes, unsigned n, unsigned mode)
{
	uint8_t *copy = malloc(n ? n : 1);
	int r;

	memcpy(copy, bytes, n);
	memset(i, 0x5a, sizeof(*i));
	r = insn_decode(i, n ? copy : copy + 1, n, mode);
	free(copy);
	return r;
}

static bool is_size(unsigned size)
{
	return size == 1 || size == 2 || size == 4 || size == 8;
}

static void check_fields(const struct insn *i, unsigned mode)
{
	assert(i->mode == mode && i->op > INSN_PREFIX && i->op < NR_INSN_OPS);
	assert(i->desc && i->desc->op == i->op);
	assert(is_size(i->op_size) && is_size(i->src_size));
	assert(i->addr_size != 1 && is_size(i->addr_size));
	assert(mode == 8 || (i->op_size <= 4 && i->addr_size <= 4));
	assert(i->mod <= 3 && i->reg < NR_GPRS && i->rm < NR_GPRS && i->scale <= 3);
	assert(i->base >= -2 && i->base < NR_GPRS && i->index >= -1 && i->index < NR_GPRS);
	assert(mode == 8 || (i->base < 8 && i->index < 8 && i->base != -2));
	assert(i->seg <= SEG_GS && (i->seg_override <= SEG_GS || i->seg_override == 0xff));
	assert(i->rep == 0 || i->rep == 0xf2 || i->rep == 0xf3);
	assert(!i->rex || mode == 8);
}

/* The same but for the bytes behind it, which nobody reads. */
static bool same_insn(const struct insn *a, const struct insn *b)
{
	return a->len == b->len && !memcmp(a->bytes, b->bytes, a->len) &&
	       !memcmp(&a->len, &b->len, sizeof(*a) - offsetof(struct insn, len));
}

static void check_parts(const struct insn *whole, const uint8_t *bytes, unsigned n, unsigned mode)
{
	struct insn part;

	for (unsigned m = 0; m < n; m++) {
		int r = decode(&part, bytes, m, mode);

		if (m < whole->len)
			assert(r == -EFAULT);
		else
			assert(r == 0 && same_insn(&part, whole));
	}
}

/* --- the second opinion ----------------------------------------------------------------- */

static bool is_legacy_prefix(uint8_t b)
{
	return emul_map_1byte[b].op == INSN_PREFIX;
}

static unsigned prefix_group(uint8_t b)
{
	switch (b) {
	case 0x66:
		return 1;
	case 0x67:
		return 2;
	case 0xf0:
		return 4;
	case 0xf2:
	case 0xf3:
		return 8;
	default:
		return 16; /* segments */
	}
}

/* Two prefixes of a group, or REX before another prefix: binutils prints the first alone. */
static bool prefixes_stand_alone(const struct insn *i)
{
	unsigned seen = 0;

	for (unsigned n = 0; n < i->len; n++) {
		uint8_t b = i->bytes[n];

		if (i->mode == 8 && (b & 0xf0) == 0x40)
			return is_legacy_prefix(i->bytes[n + 1]) ||
			       (i->bytes[n + 1] & 0xf0) == 0x40;
		if (!is_legacy_prefix(b))
			return false;
		if (seen & prefix_group(b))
			return true;
		seen |= prefix_group(b);
	}
	return false;
}

/* Where binutils sees no instruction and the CPU does, by name; tests/unit/test_emul_native.c
 * runs them on it where ring 3 may. */
static bool binutils_has_none(const struct insn *i)
{
	switch (i->op) {
	case INSN_NOP: /* the reserved hints of 0F 0D with a register */
		return i->opcode == 0x0d && i->mod == 3;
	case INSN_BSF: /* F2 changes nothing */
	case INSN_BSR:
		return i->rep == 0xf2;
	case INSN_WBINVD: /* 66 and F2 change nothing */
		return i->len > 2;
	case INSN_RDPRU: /* nor do 66, F2 and F3; #UD either way: guests are not told of it */
		return i->len > 3;
	default:
		return false;
	}
}

static void compare_length(const struct insn *i, const uint8_t *bytes, unsigned n)
{
	const char *text;
	unsigned len;

	if (prefixes_stand_alone(i))
		return;
	len = opcodes_length(bytes, n, i->mode, &text);
	if (len == i->len || (!len && binutils_has_none(i)))
		return;
	fprintf(stderr, "%u-bit code, %s:", i->mode * 8, i->desc->name);
	for (unsigned k = 0; k < i->len; k++)
		fprintf(stderr, " %02x", i->bytes[k]);
	fprintf(stderr, "\nlength %u, binutils: %u (%s)\n", i->len, len, text);
	abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const unsigned modes[] = { 2, 4, 8, 8 };
	struct insn insn;
	unsigned n, mode;
	int r;

	if (!size)
		return -1;
	mode = modes[data[0] & 3];
	data++;
	n = (unsigned)size - 1;
	r = decode(&insn, data, n, mode);
	assert(r == 0 || r == -EFAULT || r == -EINVAL || r == -ENOTSUP);
	assert(r != -EFAULT || n < INSN_MAX);
	if (r)
		return 0;
	assert(insn.len >= 1 && insn.len <= INSN_MAX && insn.len <= n);
	assert(!memcmp(insn.bytes, data, insn.len));
	check_fields(&insn, mode);
	check_parts(&insn, data, n, mode);
	compare_length(&insn, data, n);
	return 0;
}

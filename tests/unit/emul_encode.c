/* SPDX-License-Identifier: MIT */
/* Random numbers, and random bytes for a given form. The stream is global: single-threaded. */
#include "hv/string.h"
#include "tests/unit/emul_case.h"

#define RATHER_SHORT 12 /* operand bytes follow */

static uint64_t stream;

void emul_seed(uint64_t seed)
{
	stream = UINT64_C(0x9e3779b97f4a7c15) + seed;
}

uint64_t emul_random64(void)
{
	stream ^= stream << 13;
	stream ^= stream >> 7;
	stream ^= stream << 17;
	return stream * UINT64_C(0x2545f4914f6cdd1d);
}

unsigned emul_below(unsigned n)
{
	return (emul_random64() >> 33) % n;
}

uint64_t emul_random_value(void)
{
	static const uint64_t edges[] = { 0,
					  1,
					  0x7f,
					  0x80,
					  0xff,
					  0x7fff,
					  0x8000,
					  0xffff,
					  0x7fffffff,
					  0x80000000,
					  0xffffffff,
					  INT64_MAX,
					  (uint64_t)INT64_MIN,
					  UINT64_MAX };

	switch (emul_below(4)) {
	case 0:
		return edges[emul_below(ARRAY_SIZE(edges))];
	case 1:
		return emul_random64() >> emul_below(64);
	default:
		return emul_random64();
	}
}

static const uint8_t segment_prefixes[] = { 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65 };

/* Those that the variant needs, and others that leave it what it is, in any order. */
static unsigned choose_prefixes(uint8_t *p, unsigned mode, const struct emul_variant *v)
{
	int mandatory = v->form.mandatory;
	unsigned n = 0;

	if (v->opsize)
		p[n++] = 0x66;
	if (v->lock)
		p[n++] = 0xf0;
	if (mandatory > 1)
		p[n++] = mandatory == 2 ? 0xf3 : 0xf2;
	else if (mandatory == ANY && !emul_below(4))
		p[n++] = 0xf2 | emul_below(2);
	if (!emul_below(4))
		p[n++] = 0x67;
	for (unsigned more = 1 + !emul_below(8); more && !emul_below(3); more--)
		p[n++] = segment_prefixes[emul_below(ARRAY_SIZE(segment_prefixes))];
	if (mode == 8 && !emul_below(16))
		p[n++] = 0x40 | emul_below(16); /* void: not right before the opcode */
	for (unsigned i = n; i > 1; i--) {
		unsigned j = emul_below(i);
		uint8_t b = p[j];

		p[j] = p[i - 1];
		p[i - 1] = b;
	}
	return n;
}

static uint8_t random_modrm(const struct emul_form *f, bool memory)
{
	unsigned mod = memory ? emul_below(3) : 3;
	unsigned reg = f->reg == ANY ? emul_below(8) : (unsigned)f->reg;
	unsigned rm = f->rm == ANY ? emul_below(8) : (unsigned)f->rm;

	/* SIB, RIP-relative and displacement-only forms are rare otherwise */
	if (memory && f->rm == ANY && !emul_below(3))
		rm = 4 + emul_below(3);
	return mod << 6 | reg << 3 | rm;
}

static bool is_variant(const struct insn *i, const struct emul_variant *v)
{
	return i->desc == v->form.desc && i->lock == v->lock && (i->mod != 3) == v->memory &&
	       i->op_size == v->op_size;
}

bool emul_encode(struct emul_case *t, unsigned mode, const struct emul_variant *v)
{
	const struct emul_form *f = &v->form;
	unsigned n = choose_prefixes(t->bytes, mode, v);

	if (v->rex_w || (mode == 8 && emul_below(2)))
		t->bytes[n++] = 0x40 | (v->rex_w ? 8 : 0) | emul_below(8);
	if (n > RATHER_SHORT - 3)
		return false;
	for (unsigned i = 0; i < f->nr_escapes; i++)
		t->bytes[n++] = f->escape[i];
	t->bytes[n++] = f->opcode;
	t->operand_at = t->modrm_at = n;
	while (n < INSN_MAX)
		t->bytes[n++] = emul_random64() >> 40;
	if (f->has_modrm)
		t->bytes[t->modrm_at] = random_modrm(f, v->memory);
	return !insn_decode(&t->insn, t->bytes, INSN_MAX, mode) && is_variant(&t->insn, v);
}

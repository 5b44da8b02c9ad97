/* SPDX-License-Identifier: MIT */
/* Walks the scope table. Works on its arguments only. */
#include "tests/unit/emul_forms.h"

#include "hv/print.h"

struct list {
	struct emul_variant *out;
	unsigned n, mode;
	emul_wanted wanted;
};

static uint8_t prefix_of_index(int index)
{
	static const uint8_t prefix[4] = { 0, 0x66, 0xf3, 0xf2 };

	return prefix[index];
}

/* The plainest bytes of a variant; more than it needs. */
static void encode(const struct emul_variant *v, uint8_t b[INSN_MAX])
{
	const struct emul_form *f = &v->form;
	unsigned n = 0;

	for (unsigned i = 0; i < INSN_MAX; i++)
		b[i] = 0;
	if (v->lock)
		b[n++] = 0xf0;
	if (v->opsize)
		b[n++] = 0x66;
	if (f->mandatory > 1)
		b[n++] = prefix_of_index(f->mandatory);
	if (v->rex_w)
		b[n++] = 0x48;
	for (unsigned i = 0; i < f->nr_escapes; i++)
		b[n++] = f->escape[i];
	b[n++] = f->opcode;
	b[n] = (v->memory ? 0 : 0xc0) | (f->reg == ANY ? 0 : f->reg) << 3 |
	       (f->rm == ANY ? 0 : f->rm);
}

static void add_variant(struct list *l, struct emul_variant v)
{
	uint8_t bytes[INSN_MAX];
	struct insn insn;

	if (v.form.mandatory == 0 && v.opsize)
		return;
	if (v.form.mandatory == 1 && !v.opsize)
		return;
	encode(&v, bytes);
	if (insn_decode(&insn, bytes, INSN_MAX, l->mode) || insn.desc != v.form.desc)
		return;
	/* without ModRM memory is implied, or there is none; where mod is ignored likewise */
	if (v.memory && insn.mod == 3)
		return;
	v.memory = insn.mod != 3;
	v.op_size = insn.op_size;
	v.form.has_modrm = insn.has_modrm;
	if (l->wanted(&insn) && l->n < EMUL_VARIANTS_MAX)
		l->out[l->n++] = v;
}

static void add_form(struct list *l, const struct emul_form *f)
{
	bool moffs = false;

	if (f->desc->op == INSN_NONE || f->desc->op == INSN_PREFIX)
		return;
	for (unsigned i = 0; i < ARRAY_SIZE(f->desc->opnd); i++)
		moffs = moffs || f->desc->opnd[i] == OPN_MOFFS;
	for (unsigned bits = 0; bits < 16; bits++) {
		struct emul_variant v = { .form = *f,
					  .opsize = bits & 1,
					  .rex_w = bits & 2,
					  .lock = bits & 4,
					  .memory = bits & 8 };

		if ((v.rex_w && l->mode != 8) || (v.memory && f->mod == 3) ||
		    (!v.memory && f->mod == 0) || (moffs && v.memory))
			continue;
		add_variant(l, v);
	}
}

static void walk(struct list *l, struct emul_form f);

static void walk_group(struct list *l, struct emul_form f)
{
	const struct insn_desc *row = f.desc;
	unsigned n = row->flags & IF_BY_PREFIX ? 4 : row->flags & IF_BY_MOD_REG ? 16 : 8;

	for (unsigned i = 0; i < n; i++) {
		struct emul_form member = f;

		member.desc = &row->group[i];
		if (row->flags & IF_BY_PREFIX)
			member.mandatory = i;
		else if (row->flags & IF_BY_RM)
			member.rm = i;
		else
			member.reg = i & 7;
		if (row->flags & IF_BY_MOD_REG)
			member.mod = i < 8 ? 0 : 3;
		walk(l, member);
	}
}

static void walk(struct list *l, struct emul_form f)
{
	if (f.desc->flags & IF_ANY_GROUP)
		walk_group(l, f);
	else
		add_form(l, &f);
}

static void walk_map(struct list *l, const struct insn_desc map[256], unsigned nr_escapes)
{
	for (unsigned i = 0; i < 256; i++) {
		struct emul_form f = { .desc = &map[i],
				       .escape = { 0x0f, 0x38 },
				       .nr_escapes = nr_escapes,
				       .opcode = i,
				       .mod = ANY,
				       .reg = ANY,
				       .rm = ANY,
				       .mandatory = ANY };

		walk(l, f);
	}
}

unsigned emul_variants(struct emul_variant *out, unsigned mode, emul_wanted wanted)
{
	struct list l = { .out = out, .mode = mode, .wanted = wanted };

	walk_map(&l, emul_map_1byte, 0);
	walk_map(&l, emul_map_0f, 1);
	walk_map(&l, emul_map_0f38, 2);
	return l.n;
}

void emul_variant_text(const struct emul_variant *v, char text[EMUL_VARIANT_TEXT])
{
	static const char *const escape[] = { "", "0f ", "0f 38 " };
	const struct emul_form *f = &v->form;
	char group[8] = "";

	if (f->reg != ANY)
		snprintf(group, sizeof(group), " /%d", f->reg);
	snprintf(text, EMUL_VARIANT_TEXT, "%s%02x%s %s, %u bits, %s%s", escape[f->nr_escapes],
		 f->opcode, group, f->desc->name, 8u * v->op_size,
		 v->memory ? "memory" : "register", v->lock ? ", lock" : "");
}

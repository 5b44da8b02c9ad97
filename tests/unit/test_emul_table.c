/* SPDX-License-Identifier: MIT */
/* The scope table: consistent in itself, and hv/EMULATOR.md says the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hv/emul_table.h"
#include "tests/unit/emul_doc.h"

static char *read_whole(FILE *f, size_t *size)
{
	char *text = malloc(1 << 20);

	*size = fread(text, 1, 1 << 20, f);
	return text;
}

static void document_is_up_to_date(void **state)
{
	size_t want_size, have_size;
	char *want, *have;
	FILE *tmp = tmpfile(), *doc = fopen("hv/EMULATOR.md", "r");

	(void)state;
	assert_non_null(tmp);
	assert_non_null(doc);
	emul_doc_print(tmp);
	rewind(tmp);
	want = read_whole(tmp, &want_size);
	have = read_whole(doc, &have_size);
	if (want_size != have_size || memcmp(want, have, want_size))
		fail_msg("hv/EMULATOR.md is not what the table says: run make emul-doc");
	free(want);
	free(have);
	fclose(tmp);
	fclose(doc);
}

static unsigned rows_seen;

static void check_leaf(const struct insn_desc *d)
{
	if (d->op == INSN_NONE || d->op == INSN_PREFIX)
		return;
	rows_seen++;
	assert_non_null(d->name);
	assert_true(d->op < NR_INSN_OPS);
	for (unsigned i = 0; i < 3; i++)
		assert_true(d->opnd[i] < NR_OPERANDS);
	/* Only memory that is read and written can be locked. */
	if (d->flags & IF_LOCK) {
		assert_true((d->flags & (IF_R | IF_W)) == (IF_R | IF_W));
		assert_true(d->opnd[0] == OPN_RM || d->opnd[0] == OPN_MEM);
	}
}

static void check_rows(const struct insn_desc *rows, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		const struct insn_desc *d = &rows[i];

		if (d->flags & IF_BY_PREFIX)
			check_rows(d->group, 4);
		else if (d->flags & IF_BY_MOD_REG)
			check_rows(d->group, 16);
		else if (d->flags & IF_ANY_GROUP)
			check_rows(d->group, 8);
		else
			check_leaf(d);
	}
}

static void rows_are_consistent(void **state)
{
	(void)state;
	rows_seen = 0;
	check_rows(emul_map_1byte, 256);
	check_rows(emul_map_0f, 256);
	check_rows(emul_map_0f38, 256);
	assert_true(rows_seen > 300);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(document_is_up_to_date),
		cmocka_unit_test(rows_are_consistent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

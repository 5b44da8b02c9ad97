/* SPDX-License-Identifier: MIT */
/* The emulator's scope table as Markdown: hv/EMULATOR.md. */
#ifndef TESTS_UNIT_EMUL_DOC_H
#define TESTS_UNIT_EMUL_DOC_H

#include <stdio.h>

void emul_doc_print(FILE *out);

#endif

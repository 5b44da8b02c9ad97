/* SPDX-License-Identifier: MIT */
/* A second opinion on instructions: binutils' disassembler. */
#ifndef TESTS_FUZZ_EMUL_OPCODES_H
#define TESTS_FUZZ_EMUL_OPCODES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Length of the instruction at `bytes` in code of `mode` 2, 4, 8 bytes; 0: it is none. Its
 * text stays valid until the next call. */
unsigned opcodes_length(const uint8_t *bytes, size_t n, unsigned mode, const char **text);

#endif

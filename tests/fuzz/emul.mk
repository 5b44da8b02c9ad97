# SPDX-License-Identifier: MIT
# The instruction emulator: decoding, and executing over random memory.

FUZZ += fuzz_emul_decode fuzz_emul_exec
fuzz_emul_decode_SRCS := tests/fuzz/fuzz_emul_decode.c tests/fuzz/emul_opcodes.c hv/emul_decode.c hv/emul_table.c
# the second opinion on lengths: binutils' disassembler
fuzz_emul_decode_CFLAGS := -Wl,--no-as-needed -lopcodes -Wno-unused-command-line-argument
fuzz_emul_decode_FLAGS := -max_len=20
fuzz_emul_exec_SRCS := tests/fuzz/fuzz_emul_exec.c tests/unit/emul_fake.c $(EMUL_SRCS)
fuzz_emul_exec_FLAGS := -max_len=320

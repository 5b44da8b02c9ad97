# SPDX-License-Identifier: MIT
# What a user types, and what guests print.

FUZZ += fuzz_console
fuzz_console_SRCS := tests/fuzz/fuzz_console.c hv/console.c hv/console_out.c tests/unit/fake_uart.c \
	tests/unit/host_print.c
fuzz_console_FLAGS := -max_len=512

FUZZ += fuzz_keys
fuzz_keys_SRCS := $(sort tests/fuzz/fuzz_keys.c $(filter-out tests/unit/test_%,$(test_keys_SRCS)))
fuzz_keys_FLAGS := -max_len=128

# SPDX-License-Identifier: MIT
# What comes from the boot menu: module lines and xihv's own.

FUZZ += fuzz_module_lines fuzz_words
fuzz_module_lines_SRCS := tests/fuzz/fuzz_module_lines.c hv/guest_config.c hv/words.c tests/unit/host_print.c
fuzz_module_lines_DICT := tests/fuzz/lines.dict
fuzz_module_lines_FLAGS := -max_len=2048
fuzz_words_SRCS := tests/fuzz/fuzz_words.c hv/hv_config.c hv/words.c tests/unit/host_print.c
fuzz_words_DICT := tests/fuzz/lines.dict
fuzz_words_FLAGS := -max_len=512

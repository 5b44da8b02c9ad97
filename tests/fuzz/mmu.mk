# SPDX-License-Identifier: MIT
# The shadow MMU under its models: see tests/model/README.md.

FUZZ += fuzz_mmu
fuzz_mmu_SRCS := tests/fuzz/fuzz_mmu.c $(filter-out $(wildcard tests/model/main_*.c),$(wildcard tests/model/*.c)) \
	$(wildcard mmu/*.c)
fuzz_mmu_FLAGS := -max_len=4096
fuzz_mmu_WEIGHT := 8

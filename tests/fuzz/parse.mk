# SPDX-License-Identifier: MIT
# What comes from the boot menu: module lines and xihv's own.

FUZZ += fuzz_module_lines fuzz_words
fuzz_module_lines_SRCS := tests/fuzz/fuzz_module_lines.c hv/guest_config.c mmu/option.c hv/pv_names.c hv/words.c tests/unit/host_print.c
fuzz_module_lines_DICT := tests/fuzz/lines.dict
fuzz_module_lines_FLAGS := -max_len=2048
fuzz_words_SRCS := tests/fuzz/fuzz_words.c hv/hv_config.c hv/words.c tests/unit/host_print.c
fuzz_words_DICT := tests/fuzz/lines.dict
fuzz_words_FLAGS := -max_len=512

# What the loader and the firmware say about the machine.
FUZZ += fuzz_boot_info fuzz_memmap
fuzz_boot_info_SRCS := tests/fuzz/fuzz_boot_info.c boot/multiboot.c
fuzz_boot_info_FLAGS := -max_len=8192
fuzz_memmap_SRCS := tests/fuzz/fuzz_memmap.c hv/memmap.c hv/range.c
fuzz_memmap_FLAGS := -max_len=4096

# What guests are made of.
FUZZ += fuzz_loader
fuzz_loader_SRCS := tests/fuzz/fuzz_loader.c $(GUEST_LOADER_SRCS) tests/unit/fake_guest.c tests/unit/host_print.c
fuzz_loader_DICT := tests/fuzz/loader.dict
fuzz_loader_FLAGS := -max_len=8192

FUZZ += fuzz_acpi
fuzz_acpi_SRCS := tests/fuzz/fuzz_acpi.c drivers/host/acpi.c drivers/host/acpi_tables.c tests/unit/host_print.c
fuzz_acpi_CFLAGS := -include tests/fuzz/fake_direct_map.h
fuzz_acpi_FLAGS := -max_len=2048

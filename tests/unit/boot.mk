UNIT += test_boot_info test_buddy test_memmap test_format test_acpi_tables
test_boot_info_SRCS := tests/unit/test_boot_info.c boot/multiboot.c
test_buddy_SRCS := tests/unit/test_buddy.c hv/buddy.c
test_memmap_SRCS := tests/unit/test_memmap.c hv/memmap.c hv/range.c
test_format_SRCS := tests/unit/test_format.c hv/format.c
test_acpi_tables_SRCS := tests/unit/test_acpi_tables.c drivers/host/acpi_tables.c

UNIT += test_guest_config test_bzimage test_multiboot test_vmlinux test_p2m

GUEST_LOADER_SRCS := $(addprefix guests/,load.c bzimage.c multiboot.c vmlinux.c linux_kernel.c elf.c kernel_segments.c)

test_guest_config_SRCS := tests/unit/test_guest_config.c hv/guest_config.c mmu/option.c hv/pv_names.c hv/hv_config.c hv/words.c tests/unit/host_print.c
test_bzimage_SRCS := tests/unit/test_bzimage.c $(GUEST_LOADER_SRCS) tests/unit/fake_guest.c tests/unit/host_print.c
test_multiboot_SRCS := tests/unit/test_multiboot.c $(GUEST_LOADER_SRCS) tests/unit/fake_guest.c tests/unit/host_print.c
test_vmlinux_SRCS := tests/unit/test_vmlinux.c $(GUEST_LOADER_SRCS) tests/unit/fake_guest.c tests/unit/host_print.c
test_p2m_SRCS := tests/unit/test_p2m.c hv/p2m.c

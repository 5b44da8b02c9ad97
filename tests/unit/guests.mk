UNIT += test_guest_config test_bzimage test_multiboot
test_guest_config_SRCS := tests/unit/test_guest_config.c hv/guest_config.c mmu/option.c hv/hv_config.c hv/words.c tests/unit/host_print.c
test_bzimage_SRCS := tests/unit/test_bzimage.c guests/load.c guests/bzimage.c guests/multiboot.c guests/multiboot_file.c tests/unit/fake_guest.c tests/unit/host_print.c
test_multiboot_SRCS := tests/unit/test_multiboot.c guests/load.c guests/bzimage.c guests/multiboot.c guests/multiboot_file.c tests/unit/fake_guest.c tests/unit/host_print.c

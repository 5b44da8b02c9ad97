# SPDX-License-Identifier: MIT
# Each virtual device's registers, over the hypervisor that the unit tests fake.

VIRT_FUZZ := tests/fuzz/device.c tests/unit/fake_hv.c hv/iobus.c
VIRT_FUZZ_FLAGS := -max_len=1024

FUZZ += fuzz_pic fuzz_pit fuzz_rtc
fuzz_pic_SRCS := tests/fuzz/fuzz_pic.c drivers/virt/pic.c $(VIRT_FUZZ)
fuzz_pic_FLAGS := $(VIRT_FUZZ_FLAGS)
fuzz_pit_SRCS := tests/fuzz/fuzz_pit.c drivers/virt/pit.c $(VIRT_FUZZ)
fuzz_pit_FLAGS := $(VIRT_FUZZ_FLAGS)
fuzz_rtc_SRCS := tests/fuzz/fuzz_rtc.c drivers/virt/rtc.c $(VIRT_FUZZ)
fuzz_rtc_FLAGS := $(VIRT_FUZZ_FLAGS)

FUZZ += fuzz_vuart fuzz_lapic
fuzz_vuart_SRCS := tests/fuzz/fuzz_vuart.c drivers/virt/vuart.c $(VIRT_FUZZ)
fuzz_vuart_FLAGS := $(VIRT_FUZZ_FLAGS)
fuzz_lapic_SRCS := tests/fuzz/fuzz_lapic.c drivers/virt/ioapic.c $(VIRT_LAPIC) $(VIRT_FUZZ)
fuzz_lapic_FLAGS := $(VIRT_FUZZ_FLAGS)

FUZZ += fuzz_ports fuzz_board
fuzz_ports_SRCS := tests/fuzz/fuzz_ports.c $(VIRT_PORTS) $(VIRT_FUZZ)
fuzz_ports_FLAGS := $(VIRT_FUZZ_FLAGS)
fuzz_board_SRCS := $(sort tests/fuzz/fuzz_board.c $(VIRT_FUZZ) $(filter-out tests/unit/%,$(test_board_SRCS)))
fuzz_board_FLAGS := $(VIRT_FUZZ_FLAGS)

# What a guest reads and writes in its processor.
FUZZ += fuzz_registers
fuzz_registers_SRCS := tests/fuzz/fuzz_registers.c tests/fuzz/registers_on_fake_cpu.c \
	hv/pv.c hv/steal_time.c \
	$(VIRT_LAPIC) $(filter-out tests/fuzz/device.c,$(VIRT_FUZZ))
fuzz_registers_FLAGS := $(VIRT_FUZZ_FLAGS)

# SPDX-License-Identifier: MIT
# xihv. `make help` lists the targets. Everything that is made lies in build/.
#
# Variables: CROSS_COMPILE= (toolchain prefix), WERROR=0 (warnings don't stop the build),
# LTO=0 (links in a second, not ten; each exit costs a tenth more), V=1 (show commands),
# ISO_CMDLINE=, ISO_MODULES= (see the target iso), BED=, MODEL=, GUESTS=,
# VCPUS=, HOST_CPUS= (see the target run).
#
# Directories hand in parts of their own by fragments: tests/unit/AREA.mk names unit tests
# (UNIT += NAME, NAME_SRCS := ...); the others (below) may add targets and append to
# CHECK_STEPS (targets that `make check` makes in turn).

.DEFAULT_GOAL := all
MAKEFLAGS += --no-builtin-rules
.SUFFIXES:
.DELETE_ON_ERROR:

CROSS_COMPILE ?=
CC := $(CROSS_COMPILE)gcc
NM := $(CROSS_COMPILE)nm
OBJCOPY := $(CROSS_COMPILE)objcopy
HOSTCC ?= gcc
NASM ?= nasm
IASL ?= iasl
# the distribution's: its pytest and pexpect are the packages that `make setup` installs
PYTHON ?= /usr/bin/python3

WERROR ?= 1
LTO ?= 1
V ?= 0
Q := $(if $(filter 1,$(V)),,@)
say = $(if $(filter 1,$(V)),@:,@printf '  %-7s %s\n')

B := build

# --- the hypervisor -------------------------------------------------------------------

DIRS := boot hv mmu vmx svm drivers/host drivers/virt guests
SRCS := $(sort $(wildcard $(addsuffix /*.c,$(DIRS))))
ASMS := $(sort $(wildcard $(addsuffix /*.asm,$(DIRS))))
OBJS := $(SRCS:%.c=$(B)/obj/%.o) $(ASMS:%.asm=$(B)/obj/%.asm.o)

WARNINGS := -Wall -Wextra -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wundef \
	$(if $(filter 1,$(WERROR)),-Werror)

CFLAGS := -std=gnu11 -ffreestanding -O2 -g -m64 -mno-red-zone -mgeneral-regs-only \
	-mcmodel=kernel -fno-pic -fno-pie -fno-stack-protector -fcf-protection=none \
	-fno-omit-frame-pointer -fno-asynchronous-unwind-tables -fno-strict-aliasing \
	-fno-common -fno-delete-null-pointer-checks -Wframe-larger-than=2048 \
	$(if $(filter 1,$(LTO)),-flto=auto) \
	$(WARNINGS) -I.
# What the compiler calls by itself must be there when it links.
$(B)/obj/hv/string.o: CFLAGS += -fno-lto
# -Ox: as many passes as jumps need; NASM's own warnings are errors like the compiler's
ASFLAGS := -f elf64 -g -F dwarf -Ox -w+all \
	$(if $(filter 1,$(WERROR)),-w+error) -I./ -I$(B)/
# Linked by the compiler with what it was compiled with: optimized as a whole, so that the
# seams between mmu/, hv/ and a back end, chosen at link time, cost no calls.
LDFLAGS := -nostdlib -static -no-pie -Wl,-T,linker.ld -Wl,-z,max-page-size=4096 \
	-Wl,-z,noexecstack -Wl,--build-id=none -Wl,--no-warn-rwx-segments

all: $(B)/xihv.elf ## build the hypervisor: build/xihv.elf (multiboot 1 and 2, also for qemu -kernel)

$(B)/obj/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(say) CC $<
	$(Q)$(CC) $(CFLAGS) -MMD -MP -c -o $@ $<

$(B)/obj/%.asm.o: %.asm Makefile
	@mkdir -p $(@D)
	$(say) NASM $<
	$(Q)$(NASM) $(ASFLAGS) -MD $(@:.o=.d) -MP -o $@ $<

# guests/*.asm embeds the compiled DSDT of the virtual board
$(patsubst %.asm,$(B)/obj/%.asm.o,$(wildcard guests/*.asm)): $(patsubst guests/%.asl,$(B)/%.aml,$(wildcard guests/*.asl))

$(B)/%.aml: guests/%.asl
	@mkdir -p $(@D)
	$(say) IASL $<
	$(Q)$(IASL) -vs -ve -we -p $(basename $@) $< >$@.log || { cat $@.log; exit 1; }

# The table of function names comes out of a first link and goes into the second. It lies
# behind the text, so no function moves; the last line of the recipe makes sure of it.
$(B)/symbols0.asm: hv/symbols.awk
	@mkdir -p $(@D)
	$(Q)awk -f $< /dev/null >$@

$(B)/xihv.pass1: $(OBJS) $(B)/symbols0.asm linker.ld
	$(say) LD $@
	$(Q)$(NASM) -f elf64 -o $(B)/symbols0.o $(B)/symbols0.asm
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $(OBJS) $(B)/symbols0.o

$(B)/xihv.elf64: $(B)/xihv.pass1 hv/symbols.awk
	$(say) LD $@
	$(Q)$(NM) -n $< | awk -f hv/symbols.awk >$(B)/symbols.asm
	$(Q)$(NASM) -f elf64 -o $(B)/symbols.o $(B)/symbols.asm
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $(OBJS) $(B)/symbols.o
	$(Q)$(NM) -n $@ | awk -f hv/symbols.awk | cmp -s - $(B)/symbols.asm || \
		{ echo "$@: functions moved between the two links"; rm -f $@; exit 1; }

# Loaders take 32-bit ELF; the debugger takes xihv.elf64.
$(B)/xihv.elf: $(B)/xihv.elf64
	$(say) OBJCOPY $@
	$(Q)$(OBJCOPY) -O elf32-i386 --strip-debug $< $@

-include $(OBJS:.o=.d)

# --- the ISO --------------------------------------------------------------------------

ISO_CMDLINE ?= console=com1,115200
# a file with one module a line, "HOST-FILE words of its module line"
ISO_MODULES ?=

# Made anew each time: the line and the modules are no files that could tell.
iso: setup ## build build/xihv.iso, a hybrid for BIOS and UEFI, CD and USB stick
	$(Q)$(MAKE) --no-print-directory $(B)/xihv.elf
	$(say) ISO $(B)/xihv.iso
	$(Q)boot/mkiso.sh -o $(B)/xihv.iso -k $(B)/xihv.elf -c "$(ISO_CMDLINE)" \
		$(if $(ISO_MODULES),-f $(ISO_MODULES))

# --- unit tests, on the host ----------------------------------------------------------

UNIT :=
include $(sort $(wildcard tests/unit/*.mk))

UNIT_CFLAGS := -std=gnu11 -g -O1 -fsanitize=address,undefined -fno-sanitize-recover=all \
	-fno-omit-frame-pointer -Wall -Wextra $(if $(filter 1,$(WERROR)),-Werror) -I.

$(B)/unit/obj/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(say) HOSTCC $<
	$(Q)$(HOSTCC) $(UNIT_CFLAGS) -MMD -MP -c -o $@ $<

define unit_program
$(B)/unit/$(1): $$($(1)_SRCS:%.c=$(B)/unit/obj/%.o)
	$$(say) HOSTLD $$@
	$$(Q)$$(HOSTCC) $$(UNIT_CFLAGS) -o $$@ $$^ -lcmocka $$($(1)_LIBS)
UNIT_OBJS += $$($(1)_SRCS:%.c=$(B)/unit/obj/%.o)
endef
UNIT_OBJS :=
$(foreach t,$(UNIT),$(eval $(call unit_program,$(t))))
-include $(sort $(UNIT_OBJS:.o=.d))

unit: $(UNIT:%=$(B)/unit/%) ## build and run the unit tests on the host (one: make build/unit/NAME)
	@tests/unit/run.sh $(B)/unit $(UNIT)

# --- checks ---------------------------------------------------------------------------

lint: ## include matrix, vendor-neutral code, headers stand alone, format, static analysis, the MMU's lock
	@PYTHON=$(PYTHON) tests/lint/lint.sh $(B)

CHECK_STEPS := all lint unit

check: setup ## everything that must pass before a commit
	@MAKE='$(MAKE)' tests/check.sh $(CHECK_STEPS)

# --- packages, help, clean ------------------------------------------------------------

PACKAGES := $(strip $(file <tests/setup/packages))

-include $(sort $(wildcard guests/images/*.mk guests/tiny/*.mk tests/system/*.mk \
	tests/bench/*.mk tests/regress/*.mk tests/model/*.mk tests/mutate/*.mk) tests/fuzz/fuzz.mk)
# of all the programs that the others named
include tests/coverage/coverage.mk

setup: ## install the Debian packages that building and testing need (nothing if all are there)
	@tests/setup/setup.sh $(PACKAGES)

help: ## this list
	@awk -F ':.*## ' '/^[a-zA-Z0-9_-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

format: ## rewrite the C files that lint looks at by .clang-format
	$(Q)clang-format -i $(foreach d,$(DIRS) tests/unit tests/fuzz tests/model tests/mutate guests/tiny guests/tiny/* guests/images,\
		$(wildcard $(d)/*.[ch]))

clean: ## remove build/ (downloads are kept elsewhere)
	$(Q)rm -rf $(B)

.PHONY: all iso unit lint check setup help format clean

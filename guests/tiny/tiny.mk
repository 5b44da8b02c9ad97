# SPDX-License-Identifier: MIT
# The tiny guests: build/tiny/NAME.elf, one for each guests/tiny/NAME.c; a directory of that
# name holds the rest of it.

TINY_NAMES := $(sort $(basename $(notdir $(wildcard guests/tiny/*.c))))
TINY_ELFS := $(TINY_NAMES:%=$(B)/tiny/%.elf)
TINY_RT := $(patsubst guests/tiny/rt/%,$(B)/tiny/rt/%.o,$(sort $(wildcard guests/tiny/rt/*.c guests/tiny/rt/*.asm)))

# -march: the plain 32-bit instructions; a guest that wants others writes them in assembly
TINY_CFLAGS := -std=gnu11 -m32 -march=i586 -mgeneral-regs-only -ffreestanding -fno-builtin -O2 -g \
	-fno-pic -fno-pie -fno-stack-protector -fcf-protection=none -fno-strict-aliasing \
	-fno-asynchronous-unwind-tables -fno-common -fno-delete-null-pointer-checks \
	-Wno-int-to-pointer-cast -Wno-pointer-to-int-cast \
	$(WARNINGS) -Iguests/tiny/rt -Iguests/tiny

tiny: $(TINY_ELFS) ## build our own test guests: build/tiny/*.elf

# Objects of a guest's own directory.
tiny_parts = $(patsubst guests/tiny/%,$(B)/tiny/%.o,$(sort $(wildcard guests/tiny/$(1)/*.c guests/tiny/$(1)/*.asm)))
TINY_PARTS := $(foreach t,$(TINY_NAMES),$(call tiny_parts,$(t)))

$(B)/tiny/%.c.o: guests/tiny/%.c guests/tiny/tiny.mk
	@mkdir -p $(@D)
	$(say) CC $<
	$(Q)$(CC) $(TINY_CFLAGS) -MMD -MP -c -o $@ $<

$(B)/tiny/%.asm.o: guests/tiny/%.asm guests/tiny/tiny.mk
	@mkdir -p $(@D)
	$(say) NASM $<
	$(Q)$(NASM) -f elf32 -Ox -w+all -w-unknown-warning -Iguests/tiny/rt/ -MD $(@:.o=.d) -MP -o $@ $<

$(foreach t,$(TINY_NAMES),$(eval $(B)/tiny/$(t).elf: $(call tiny_parts,$(t))))
$(TINY_ELFS): $(B)/tiny/%.elf: $(B)/tiny/%.c.o $(TINY_RT) guests/tiny/rt/tiny.ld
	$(say) LD $@
	$(Q)$(LD) -m elf_i386 -nostdlib -static -z noexecstack --no-warn-rwx-segments \
		--build-id=none -T guests/tiny/rt/tiny.ld -o $@ $(filter %.o,$^)

-include $(TINY_RT:.o=.d) $(TINY_PARTS:.o=.d) $(TINY_ELFS:.elf=.c.d)

.PHONY: tiny
.SECONDARY: $(TINY_ELFS:.elf=.c.o)

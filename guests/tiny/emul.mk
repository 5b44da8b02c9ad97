# SPDX-License-Identifier: MIT
# The tiny guest `emul`: 64-bit code with the emulator itself in it (guests/tiny/emul/).

TINY_EMUL_C := $(wildcard guests/tiny/emul/*.c) $(EMUL_SRCS) $(EMUL_TEST_SRCS) hv/format.c hv/string.c
TINY_EMUL_OBJS := $(TINY_EMUL_C:%.c=$(B)/tiny/emul/%.o) \
	$(patsubst %.asm,$(B)/tiny/emul/%.asm.o,$(wildcard guests/tiny/emul/*.asm))

TINY_EMUL_CFLAGS := -std=gnu11 -m64 -mno-red-zone -mgeneral-regs-only -ffreestanding -O2 -g \
	-fno-pic -fno-pie -fno-stack-protector -fcf-protection=none -fno-strict-aliasing \
	-fno-asynchronous-unwind-tables -fno-common -fno-delete-null-pointer-checks $(WARNINGS) -I.

tiny: $(B)/tiny/emul.elf

$(B)/tiny/emul/%.o: %.c guests/tiny/emul.mk
	@mkdir -p $(@D)
	$(say) CC $<
	$(Q)$(CC) $(TINY_EMUL_CFLAGS) -MMD -MP -c -o $@ $<

$(B)/tiny/emul/%.asm.o: %.asm guests/tiny/emul.mk
	@mkdir -p $(@D)
	$(say) NASM $<
	$(Q)$(NASM) -f elf64 -Ox -w+all -w-unknown-warning -Iguests/tiny/emul/ -MD $(@:.o=.d) -MP -o $@ $<

# loaders take 32-bit ELF
$(B)/tiny/emul.elf: $(TINY_EMUL_OBJS) guests/tiny/rt/tiny.ld
	$(say) LD $@
	$(Q)$(LD) -m elf_x86_64 -nostdlib -static -z noexecstack -z max-page-size=4096 --no-warn-rwx-segments \
		--build-id=none -T guests/tiny/rt/tiny.ld -o $@64 $(TINY_EMUL_OBJS)
	$(Q)$(OBJCOPY) -O elf32-i386 --strip-debug $@64 $@

-include $(TINY_EMUL_OBJS:.o=.d)

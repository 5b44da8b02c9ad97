# SPDX-License-Identifier: MIT
#
# `make coverage`: the unit tests and fuzz corpora that link mmu/ or the emulator, once more
# with clang's counters. Other programs (tests/model's) join by COVER += NAME, NAME_SRCS := ... and
# optional NAME_ARGS := ... in a fragment that the Makefile includes before this one.

COVER_CC ?= clang
COVERED := mmu/%.c hv/emul_%.c
COVER_UNIT := $(foreach t,$(UNIT),$(if $(filter $(COVERED),$($(t)_SRCS)),$(t)))
COVER_FUZZ := $(foreach t,$(FUZZ),$(if $(filter $(COVERED),$($(t)_SRCS)),$(t)))
COVER_PROGRAMS := $(COVER) $(COVER_UNIT) $(COVER_FUZZ)

COVER_CFLAGS := -std=gnu11 -g -O1 -I. -w -fprofile-instr-generate -fcoverage-mapping

$(B)/cover/obj/%.o: %.c Makefile tests/coverage/coverage.mk
	@mkdir -p $(@D)
	$(say) COVERCC $<
	$(Q)$(COVER_CC) $(COVER_CFLAGS) -MMD -MP -c -o $@ $<

define cover_program
$(B)/cover/$(1): $$($(1)_SRCS:%.c=$(B)/cover/obj/%.o)
	$$(say) COVERLD $$@
	$$(Q)$$(COVER_CC) $$(COVER_CFLAGS) $(2) $$($(1)_CFLAGS) -o $$@ $$^ $(3) $$($(1)_LIBS)
COVER_OBJS += $$($(1)_SRCS:%.c=$(B)/cover/obj/%.o)
endef
COVER_OBJS :=
$(foreach t,$(COVER) $(COVER_UNIT),$(eval $(call cover_program,$(t),,-lcmocka)))
$(foreach t,$(COVER_FUZZ),$(eval $(call cover_program,$(t),-fsanitize=fuzzer)))
-include $(sort $(COVER_OBJS:.o=.d))

# what each is run with: a fuzzer replays its corpus
cover_args = $(if $(filter $(1),$(COVER_FUZZ)),-timeout=20 $(sort $(wildcard tests/fuzz/corpus/$(1)/*)),$($(1)_ARGS))

$(B)/cover/%.profraw: $(B)/cover/%
	$(say) COVER $*
	$(Q)LLVM_PROFILE_FILE=$@ timeout 300 $< $(call cover_args,$*) >$<.log 2>&1 || { tail -20 $<.log; exit 1; }

coverage: $(COVER_PROGRAMS:%=$(B)/cover/%.profraw) ## lines of mmu/ and the emulator that the host tests reach
	$(Q)llvm-profdata merge -sparse -o $(B)/cover/all.profdata $^
	$(Q)llvm-cov export -format=lcov -instr-profile=$(B)/cover/all.profdata \
		$(COVER_PROGRAMS:%=-object $(B)/cover/%) >$(B)/cover/all.info 2>$(B)/cover/all.log
	$(Q)$(PYTHON) tests/coverage/coverage.py $(B)/cover/all.info tests/coverage/uncovered.txt

.PHONY: coverage
.PRECIOUS: $(B)/cover/%.profraw

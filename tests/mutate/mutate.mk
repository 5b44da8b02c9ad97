# SPDX-License-Identifier: MIT
# Takes out, one at a time, the code that keeps an invariant, and shows that a test notices.

MUTATE_OPS ?= 20000000
# the unit tests that link the library: cheaper than the models, so first
MUTATE_TESTS := $(foreach t,$(UNIT),$(if $(filter mmu/mmu.c,$($(t)_SRCS)),$(t)))
MUTATE_CFLAGS := $(MODEL_CFLAGS) -I$(B)/mutate -include tests/mutate/mutant.h
MUTATE_OBJS := $(patsubst %.c,$(B)/mutate/obj/%.o,$(wildcard mmu/*.c) tests/mutate/mutant.c)
MUTATE_PROGRAMS := $(B)/mutate/run $(MUTATE_TESTS:%=$(B)/mutate/%)

# NAME:FILE a line; a name stands once in a file
$(B)/mutate/mutants: $(filter-out mmu/guard.h,$(wildcard mmu/*.[ch])) tests/mutate/mutate.mk
	@mkdir -p $(@D)
	$(Q)grep -o 'GUARD(I[0-9A-Z_]*)' $(filter mmu/%,$^) | \
		sed 's/\(.*\):GUARD(\(.*\))/\2:\1/' | LC_ALL=C sort -V >$@
	$(Q)twice=$$(uniq -d $@); [ -z "$$twice" ] || { echo "twice in a file: $$twice"; rm $@; exit 1; }

$(B)/mutate/mutants.h: $(B)/mutate/mutants
	$(Q)sed 's/\(.*\):.*/MUTANT(\1)/' $< | sort -u >$@

$(B)/mutate/obj/%.o: %.c $(B)/mutate/mutants.h
	@mkdir -p $(@D)
	$(say) HOSTCC $<
	$(Q)$(HOSTCC) $(MUTATE_CFLAGS) -MMD -MP -c -o $@ $<

$(B)/mutate/run: $(B)/model/obj/tests/model/main_run.o $(MODEL_LIB:%.c=$(B)/model/obj/%.o) $(MUTATE_OBJS)
	$(say) HOSTLD $@
	$(Q)$(HOSTCC) $(MODEL_CFLAGS) -o $@ $^

define mutate_test
$(B)/mutate/$(1): $$(addprefix $(B)/mutate/obj/,$$(patsubst %.c,%.o,$$(filter-out mmu/%,$$($(1)_SRCS)))) $$(MUTATE_OBJS)
	$$(say) HOSTLD $$@
	$$(Q)$$(HOSTCC) $$(MODEL_CFLAGS) -o $$@ $$^ -lcmocka
endef
$(foreach t,$(MUTATE_TESTS),$(eval $(call mutate_test,$(t))))
-include $(MUTATE_OBJS:.o=.d)

mutate: $(MUTATE_PROGRAMS) ## take out the code that keeps each invariant: does a test notice?
	@tests/mutate/mutate.sh $(B)/mutate $(MUTATE_OPS) $(MUTATE_TESTS)

.PHONY: mutate

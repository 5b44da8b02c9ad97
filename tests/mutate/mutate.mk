# SPDX-License-Identifier: MIT
# Takes out, one at a time, the code that keeps an invariant, and shows that a test notices.

MUTATE_OPS ?= 20000000
MUTATE_TESTS := test_walk test_perm test_vtlb
MUTATE_CFLAGS := $(MODEL_CFLAGS) -I$(B)/mutate -include tests/mutate/mutant.h
MUTATE_OBJS := $(patsubst %.c,$(B)/mutate/obj/%.o,$(wildcard mmu/*.c) tests/mutate/mutant.c)
MUTATE_PROGRAMS := $(B)/mutate/run $(MUTATE_TESTS:%=$(B)/mutate/%)

$(B)/mutate/mutants.h: $(filter-out mmu/guard.h,$(wildcard mmu/*.[ch])) tests/mutate/mutate.mk
	@mkdir -p $(@D)
	$(Q)sed -n 's/GUARD(\(I[0-9A-Z_]*\))/\nMUTANT(\1)\n/gp' $(filter mmu/%,$^) | \
		grep '^MUTANT' | sort -u >$@

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

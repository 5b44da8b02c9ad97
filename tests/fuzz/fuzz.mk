# SPDX-License-Identifier: MIT
#
# Fuzzers on the host: clang's libFuzzer with ASan and UBSan. The other fragments here name
# them, as tests/unit/AREA.mk names unit tests:
#
#   FUZZ += NAME            the program build/fuzz/NAME, its corpus tests/fuzz/corpus/NAME/
#   NAME_SRCS := ...        compiled once for all programs, unless they ask for
#   NAME_CFLAGS := ...      (optional) flags of their own
#   NAME_DICT := FILE       (optional) libFuzzer dictionary
#   NAME_FLAGS := ...       (optional) libFuzzer's flags, such as -max_len=512
#   NAME_WEIGHT := n        (optional, 1) its share of MINUTES

FUZZ :=
FUZZ_FRAGMENTS := $(filter-out tests/fuzz/fuzz.mk,$(sort $(wildcard tests/fuzz/*.mk)))
include $(FUZZ_FRAGMENTS)

# MINUTES: of `make fuzz`, for all that are chosen together
MINUTES ?= 10
# FUZZ_ONLY="NAME ...": only these
FUZZ_ONLY ?=
FUZZ_JOBS ?= 2
FUZZ_CC ?= clang
FUZZ_KEEP ?= $(XIHV_CACHE)/fuzz
FUZZ_NAMES = $(if $(FUZZ_ONLY),$(FUZZ_ONLY),$(FUZZ))
FUZZ_PROGRAMS = $(FUZZ_NAMES:%=$(B)/fuzz/%)

# string-plus-int: what it warns of is the idiom
FUZZ_CFLAGS := -std=gnu11 -g -O2 -fno-omit-frame-pointer -fno-sanitize-recover=all \
	-Wall -Wextra -Wno-string-plus-int $(if $(filter 1,$(WERROR)),-Werror) -I.
FUZZ_SANITIZE := address,undefined

define fuzz_objects
$(B)/fuzz/$(1)/%.o: %.c Makefile tests/fuzz/fuzz.mk
	@mkdir -p $$(@D)
	$$(say) FUZZCC $$<
	$$(Q)$$(FUZZ_CC) $$(FUZZ_CFLAGS) -fsanitize=fuzzer-no-link,$$(FUZZ_SANITIZE) $(2) -MMD -MP -c -o $$@ $$<
endef

# Beside the program lies NAME.options: its weight, then its flags.
define fuzz_program
$(1)_OBJS := $$($(1)_SRCS:%.c=$(B)/fuzz/$(if $($(1)_CFLAGS),obj-$(1),obj)/%.o)
$(B)/fuzz/$(1): $$($(1)_OBJS) $$($(1)_DICT) $(FUZZ_FRAGMENTS)
	$$(say) FUZZLD $$@
	$$(Q)$$(FUZZ_CC) $$(FUZZ_CFLAGS) -fsanitize=fuzzer,$$(FUZZ_SANITIZE) $$($(1)_CFLAGS) -o $$@ $$($(1)_OBJS)
	$$(Q)echo $$(or $$($(1)_WEIGHT),1) $$($(1)_DICT:%=-dict=%) $$($(1)_FLAGS) >$$@.options
FUZZ_OBJS += $$($(1)_OBJS)
endef

FUZZ_OBJS :=
$(eval $(call fuzz_objects,obj,))
$(foreach f,$(FUZZ),$(if $($(f)_CFLAGS),$(eval $(call fuzz_objects,obj-$(f),$($(f)_CFLAGS)))))
$(foreach f,$(FUZZ),$(eval $(call fuzz_program,$(f))))
-include $(sort $(FUZZ_OBJS:.o=.d))

# one job a core, if make was not told itself
FUZZ_BUILD = $(MAKE) -s --no-print-directory $(if $(findstring -j,$(MAKEFLAGS)),,-j$(FUZZ_JOBS)) \
	$(FUZZ_PROGRAMS)

fuzz-replay: ## run every fuzzer once over its committed corpus
	@$(FUZZ_BUILD)
	@tests/fuzz/replay.sh $(B)/fuzz $(FUZZ_NAMES)

fuzz: setup ## fuzz on both cores: MINUTES=n [FUZZ_ONLY="NAME ..."]
	@$(FUZZ_BUILD)
	@FUZZ_JOBS=$(FUZZ_JOBS) tests/fuzz/fuzz.sh $(B)/fuzz $(FUZZ_KEEP) $(MINUTES) $(FUZZ_NAMES)

fuzz-seeds: ## write the hand-made seeds into the kept corpora
	@$(PYTHON) tests/fuzz/seeds.py $(FUZZ_KEEP)

fuzz-corpus: ## take what fuzzing has found into tests/fuzz/corpus, as few files as cover it
	@$(FUZZ_BUILD)
	@tests/fuzz/corpus.sh $(B)/fuzz $(FUZZ_KEEP) $(FUZZ_NAMES)

.PHONY: fuzz-replay fuzz fuzz-seeds fuzz-corpus
CHECK_STEPS += fuzz-replay

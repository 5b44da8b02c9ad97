# SPDX-License-Identifier: MIT
# The models of the shadow MMU over the platform seam: random streams, and replays of streams.

MODEL_LIB := $(filter-out $(wildcard tests/model/main_*.c),$(wildcard tests/model/*.c))
MODEL_SRCS := $(MODEL_LIB) $(wildcard mmu/*.c)
MODEL_CFLAGS := -std=gnu11 -O2 -g -fno-strict-aliasing -Wall -Wextra \
	$(if $(filter 1,$(WERROR)),-Werror) -I.

# of `make model`: steps in all; which streams; a full audit after so many steps (0: at their ends)
OPS ?= 10000000
SEED ?= 1
AUDIT ?= 0
# of the run in `make check`
MODEL_CHECK_OPS := 8000000
MODEL_CHECK_AUDITED := 300000

$(B)/model/obj/%.o: %.c Makefile tests/model/model.mk
	@mkdir -p $(@D)
	$(say) HOSTCC $<
	$(Q)$(HOSTCC) $(MODEL_CFLAGS) -MMD -MP -c -o $@ $<

MODEL_OBJS := $(MODEL_SRCS:%.c=$(B)/model/obj/%.o)
$(B)/model/run $(B)/model/replay $(B)/model/record: $(B)/model/%: $(B)/model/obj/tests/model/main_%.o $(MODEL_OBJS)
	$(say) HOSTLD $@
	$(Q)$(HOSTCC) $(MODEL_CFLAGS) -o $@ $^
-include $(MODEL_OBJS:.o=.d) $(B)/model/obj/tests/model/main_run.d $(B)/model/obj/tests/model/main_replay.d \
	$(B)/model/obj/tests/model/main_record.d

model: $(B)/model/run $(B)/model/replay ## random streams through the MMU's models: OPS=n [SEED=n] [AUDIT=n] [MMU_ENGINE=name]
	@$(B)/model/run $(OPS) $(SEED) $(AUDIT)

# Fixed seeds; one line each, as tests/unit/run.sh prints them.
model-check: $(B)/model/run $(B)/model/replay $(B)/model/record ## a short run of the models, and the recordings
	@tests/model/check.sh $(B)/model $(MODEL_CHECK_OPS) $(MODEL_CHECK_AUDITED)

# of `make coverage`; the random driver forks, so it is the recorder's that runs there
COVER += model_record model_replay
model_record_SRCS := tests/model/main_record.c $(MODEL_SRCS)
model_record_ARGS := 100000 2
model_replay_SRCS := tests/model/main_replay.c $(MODEL_SRCS)
model_replay_ARGS := $(wildcard tests/model/recordings/*)

.PHONY: model model-check
CHECK_STEPS += model-check

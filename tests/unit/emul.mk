EMUL_SRCS := hv/emul_table.c hv/emul_decode.c hv/emul_exec.c hv/emul_mem.c hv/emul_alu.c \
	hv/emul_muldiv.c hv/emul_flow.c hv/emul_string.c hv/emul_segment.c hv/emul_far.c hv/emul_system.c
# making and comparing random cases; the tiny guest emul links them too
EMUL_TEST_SRCS := tests/unit/emul_forms.c tests/unit/emul_encode.c tests/unit/emul_case.c tests/unit/emul_case_far.c \
	tests/unit/emul_compare.c tests/unit/emul_undefined.c tests/unit/emul_fake.c

UNIT += test_emul_table test_emul_decode test_emul_exec test_emul_system test_emul_native test_step
test_emul_table_SRCS := tests/unit/test_emul_table.c tests/unit/emul_doc.c hv/emul_table.c
test_emul_decode_SRCS := tests/unit/test_emul_decode.c hv/emul_decode.c hv/emul_table.c
test_emul_exec_SRCS := tests/unit/test_emul_exec.c tests/unit/emul_fake.c $(EMUL_SRCS)
test_emul_system_SRCS := tests/unit/test_emul_system.c tests/unit/emul_fake.c $(EMUL_SRCS)
test_emul_native_SRCS := tests/unit/test_emul_native.c tests/unit/emul_native.c $(EMUL_TEST_SRCS) $(EMUL_SRCS)
test_step_SRCS := tests/unit/test_step.c hv/step.c hv/emul_decode.c hv/emul_table.c

emul-doc: ## print the instruction emulator's scope table into hv/EMULATOR.md
	@mkdir -p $(B)
	$(Q)$(HOSTCC) -std=gnu11 -I. -o $(B)/emul_doc tests/unit/emul_doc_main.c tests/unit/emul_doc.c hv/emul_table.c
	$(Q)$(B)/emul_doc >hv/EMULATOR.md

.PHONY: emul-doc

# vmx/ on a processor that the tests make up: see tests/unit/fake_vmx.h.
UNIT += test_vmx_caps test_vmx_check test_vmx_exit test_vmx_real_mode test_vmx_run
$(B)/unit/obj/vmx/%.o: UNIT_CFLAGS += -include tests/unit/fake_vmx.h
VMX_CHECKS := $(addprefix vmx/,check.c check_registers.c check_segments.c caps.c)
VMX_FAKE := tests/unit/fake_vmx.c tests/unit/fake_exits.c tests/unit/host_print.c hv/line.c \
	$(addprefix vmx/,vmx.c current.c event.c exit.c fail.c msr.c names.c real_mode.c state.c tpr.c vpid.c) $(VMX_CHECKS)
test_vmx_caps_SRCS := tests/unit/test_vmx_caps.c vmx/caps.c
test_vmx_check_SRCS := tests/unit/test_vmx_check.c $(VMX_CHECKS)
test_vmx_exit_SRCS := tests/unit/test_vmx_exit.c $(VMX_FAKE)
test_vmx_real_mode_SRCS := tests/unit/test_vmx_real_mode.c $(VMX_FAKE)
test_vmx_run_SRCS := tests/unit/test_vmx_run.c $(VMX_FAKE)

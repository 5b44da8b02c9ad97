# Whose turn it is, and how a vCPU starts: without a machine.
UNIT += test_runq test_startup
$(B)/unit/obj/hv/runq.o: UNIT_CFLAGS += -include tests/unit/fake_tsc.h
test_runq_SRCS := tests/unit/test_runq.c hv/runq.c tests/unit/host_print.c
test_startup_SRCS := tests/unit/test_startup.c hv/startup.c tests/unit/host_print.c

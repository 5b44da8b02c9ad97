# A guest's life, whose turn it is, and how a vCPU starts: without a machine.
UNIT += test_vm test_sched test_runq test_startup test_pv
$(B)/unit/obj/hv/runq.o $(B)/unit/obj/hv/steal_time.o: UNIT_CFLAGS += -include tests/unit/fake_tsc.h
$(B)/unit/obj/hv/sched.o $(B)/unit/obj/hv/timer.o: UNIT_CFLAGS += -include tests/unit/fake_run_loop.h
test_sched_SRCS := tests/unit/test_sched.c hv/sched.c hv/timer.c tests/unit/host_print.c
test_runq_SRCS := tests/unit/test_runq.c hv/runq.c tests/unit/host_print.c
test_startup_SRCS := tests/unit/test_startup.c hv/startup.c tests/unit/host_print.c
test_pv_SRCS := tests/unit/test_pv.c hv/pv.c hv/steal_time.c
test_vm_SRCS := tests/unit/test_vm.c hv/vm.c tests/unit/host_print.c

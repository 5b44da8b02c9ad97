UNIT += test_console
test_console_SRCS := tests/unit/test_console.c hv/console.c hv/console_out.c tests/unit/fake_uart.c tests/unit/host_print.c
UNIT += test_stats
test_stats_SRCS := tests/unit/test_stats.c hv/stats.c hv/stats_show.c hv/openmetrics.c hv/line.c hv/exit_names.c mmu/stats.c tests/unit/fake_vms.c tests/unit/fake_uart.c tests/unit/host_print.c
UNIT += test_keys
test_keys_SRCS := tests/unit/test_keys.c hv/keys.c hv/shadow.c mmu/option.c hv/inspect.c hv/top.c hv/console.c hv/console_out.c hv/stats.c hv/stats_show.c hv/openmetrics.c hv/line.c hv/exit_names.c mmu/stats.c tests/unit/fake_vms.c tests/unit/fake_uart.c tests/unit/host_print.c

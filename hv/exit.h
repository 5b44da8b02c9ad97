/* SPDX-License-Identifier: MIT */
/*
 * Exits in neutral words: the back ends translate their codes to these, the statistics
 * (key `e`) and the benchmarks speak them.
 */
#ifndef HV_EXIT_H
#define HV_EXIT_H

#include <stdint.h>

enum exit_reason {
	EXIT_PAGE_FAULT,
	EXIT_INVLPG,
	EXIT_CR_READ,
	EXIT_CR_WRITE,
	EXIT_DR,
	EXIT_CPUID,
	EXIT_MSR_READ,
	EXIT_MSR_WRITE,
	EXIT_IO,
	EXIT_HLT,
	EXIT_INTR, /* a physical interrupt */
	EXIT_INTR_WINDOW,
	EXIT_NMI,
	EXIT_EXCEPTION, /* any but #PF */
	EXIT_IRET, /* end of NMI blocking */
	EXIT_HYPERCALL,
	EXIT_INSTRUCTION, /* other intercepted instruction */
	EXIT_TASK_SWITCH,
	EXIT_SHUTDOWN, /* triple fault */
	EXIT_FAILED_ENTRY,
	EXIT_EMULATED, /* none: an instruction or event without the processor */
	EXIT_OTHER,
	NR_EXIT_REASONS
};

struct exit_stats {
	uint64_t count[NR_EXIT_REASONS];
	uint64_t ticks[NR_EXIT_REASONS]; /* TSC from exit to the next entry */
	uint64_t raw_page_faults; /* counted by the vendor back end from its own exit code */
};

/* Names as key `e` and the OpenMetrics label `reason` show them (hv/exit_names.c). */
extern const char *const exit_name[NR_EXIT_REASONS];

#endif

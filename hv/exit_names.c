/* SPDX-License-Identifier: MIT */
/* Names of the exit reasons. Constant, so no lock. */
#include "hv/exit.h"

const char *const exit_name[NR_EXIT_REASONS] = {
	[EXIT_PAGE_FAULT] = "page_fault",
	[EXIT_INVLPG] = "invlpg",
	[EXIT_CR_READ] = "cr_read",
	[EXIT_CR_WRITE] = "cr_write",
	[EXIT_DR] = "dr",
	[EXIT_CPUID] = "cpuid",
	[EXIT_MSR_READ] = "msr_read",
	[EXIT_MSR_WRITE] = "msr_write",
	[EXIT_IO] = "io",
	[EXIT_HLT] = "hlt",
	[EXIT_INTR] = "interrupt",
	[EXIT_INTR_WINDOW] = "intr_window",
	[EXIT_NMI] = "nmi",
	[EXIT_EXCEPTION] = "exception",
	[EXIT_IRET] = "iret",
	[EXIT_HYPERCALL] = "hypercall",
	[EXIT_INSTRUCTION] = "instruction",
	[EXIT_TASK_SWITCH] = "task_switch",
	[EXIT_SHUTDOWN] = "shutdown",
	[EXIT_FAILED_ENTRY] = "failed_entry",
	[EXIT_EMULATED] = "emulated",
	[EXIT_OTHER] = "other",
};

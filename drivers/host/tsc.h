/* SPDX-License-Identifier: MIT */
/* The TSC's frequency, measured once at boot against a clock whose frequency is fixed. */
#ifndef DRIVERS_HOST_TSC_H
#define DRIVERS_HOST_TSC_H

#include "hv/compiler.h"

/* A counter and the TSC, read as nearly at once as could be had. */
struct tsc_sample {
	uint64_t tsc;
	uint32_t count;
};

struct tsc_sample tsc_sample(uint32_t (*read)(void));

/* Hz, by the ACPI PM timer if there is one, else by channel 2 of the 8254. *by names it.
 * After acpi_init. */
uint64_t tsc_calibrate(const char **by);

#endif

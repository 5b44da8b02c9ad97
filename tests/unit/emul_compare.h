/* SPDX-License-Identifier: MIT */
/* Run a case on the CPU and in the emulator and compare what came of it. Freestanding. */
#ifndef TESTS_UNIT_EMUL_COMPARE_H
#define TESTS_UNIT_EMUL_COMPARE_H

#include "tests/unit/emul_case.h"

#define EMUL_DATA_MAX (4 * PAGE_SIZE) /* of a bed */

enum emul_verdict {
	EMUL_SAME,
	EMUL_SKIPPED, /* the CPU would have touched what is the test's own */
	EMUL_DIFFERS, /* reported */
};

/* What has come of all cases since the program began. */
extern struct emul_counts {
	unsigned long same, skipped;
	unsigned long fault[NR_EXCEPTIONS]; /* same: by vector */
} emul_counts;

/* `ops`: others than the fake's; NULL: those. */
enum emul_verdict emul_compare(const struct emul_case *t, const struct emul_bed *bed,
			       const struct emul_ops *ops);

/* Fill the bed's data with random values. */
void emul_fill(const struct emul_bed *bed);

/* One line about a difference; the program's own. */
void emul_report(const char *fmt, ...) printf_like(1, 2);

#endif

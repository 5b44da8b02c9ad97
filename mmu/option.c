/* SPDX-License-Identifier: MIT */
/* Names of the options, apart from what needs a guest. */
#include "mmu/mmu.h"

const char *const mmu_option_name[MMU_NR_OPTIONS] = { "large",	  "oos",   "window",
						      "prefill",  "reach", "global",
						      "teardown", "split", "born" };

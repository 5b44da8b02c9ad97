/* SPDX-License-Identifier: MIT */
/* Names of the paravirtual features, apart from what needs a guest. */
#include "hv/pv.h"

const char *const pv_feature_name[PV_NR_FEATURES] = { "pv_steal", "pv_unhalt", "pv_ipi", "pv_flush",
						      "pv_yield" };

/* SPDX-License-Identifier: MIT */
/*
 * Put in front of a source (-include) that reaches physical memory through the direct map:
 * it reaches the fuzzer's instead.
 */
#ifndef TESTS_FUZZ_FAKE_DIRECT_MAP_H
#define TESTS_FUZZ_FAKE_DIRECT_MAP_H

#include "hv/page.h"

/* The fuzzer's. */
void *fake_hpa_to_ptr(hpa_t a);

#define hpa_to_ptr fake_hpa_to_ptr

#endif

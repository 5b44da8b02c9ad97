/* SPDX-License-Identifier: MIT */
/*
 * Included before a source that asks the processor it runs on, or tells it what only ring 0 may:
 * it talks to the fuzzer instead.
 */
#ifndef TESTS_FUZZ_FAKE_CPU_H
#define TESTS_FUZZ_FAKE_CPU_H

#include "hv/cpu.h"

/* The fuzzer's. */
struct cpuid_regs fake_cpuid(uint32_t leaf, uint32_t subleaf);
uint64_t fake_rdmsr(uint32_t msr);
void fake_wrmsr(uint32_t msr, uint64_t val);
void fake_xsetbv(uint32_t index, uint64_t val);
uint64_t fake_rdtsc(void);
unsigned fake_maxphyaddr(void);

#define cpuid_count fake_cpuid
#define cpuid(leaf) fake_cpuid(leaf, 0)
#define rdmsr fake_rdmsr
#define wrmsr fake_wrmsr
#define xsetbv fake_xsetbv
#define rdtsc fake_rdtsc
#define cpu_maxphyaddr fake_maxphyaddr

#endif

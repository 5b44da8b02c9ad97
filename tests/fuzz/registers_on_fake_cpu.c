// SPDX-License-Identifier: MIT
/* What fuzz_registers.c tests, compiled to talk to a processor that is made up. */
#include "tests/fuzz/fake_cpu.h"

#include "hv/control_regs.c"
#include "hv/cpuid.c"
#include "hv/guest_msr.c"
#include "hv/pvclock.c"

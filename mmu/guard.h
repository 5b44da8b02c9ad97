/* SPDX-License-Identifier: MIT */
/*
 * GUARD(name) stands before code that keeps an invariant: `if (GUARD(I3_PROTECT)) protect(f);`.
 * In the hypervisor it is the constant true. `make mutate` compiles the library with a
 * GUARD of its own (tests/mutate/) that is false for one name at a time, and shows that
 * the tests notice.
 */
#ifndef MMU_GUARD_H
#define MMU_GUARD_H

#ifndef GUARD
#define GUARD(name) true
#endif

#endif

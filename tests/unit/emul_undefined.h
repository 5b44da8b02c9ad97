/* SPDX-License-Identifier: MIT */
/* What the manuals leave to the processor: where it may differ from the emulator. Freestanding. */
#ifndef TESTS_UNIT_EMUL_UNDEFINED_H
#define TESTS_UNIT_EMUL_UNDEFINED_H

#include "tests/unit/emul_case.h"
#include "tests/unit/emul_fake.h"
#include "tests/unit/emul_native.h"

/* One case and what came of it. */
struct emul_run {
	const struct emul_case *t;
	const struct emul_bed *bed;
	const struct emul_ops *ops; /* others than the fake's, or NULL */
	struct fake fake; /* the emulator */
	enum emul_result res;
	struct native_state cpu;
};

/* PUSH of a segment register that has room for more than the selector. */
bool emul_pushes_selector(const struct insn *i);

/* How many values it pushes that are to be compared when it faults; 0: one, or none. */
unsigned emul_pushes(const struct insn *i);

/* The result is anything: there is nothing to compare. */
bool emul_undefined_result(const struct emul_case *t);

/* Of what came of it: flags that may differ, whether the fault may, or the register. */
uint64_t emul_undefined_flags(const struct emul_run *r);
bool emul_undefined_fault(const struct emul_run *r);
bool emul_undefined_register(const struct emul_run *r, unsigned reg);

/* Take over into `emulated` what the CPU has left in the bed's data, where it may. */
void emul_undefined_memory(const struct emul_run *r, const uint8_t *before, uint8_t *emulated);

#endif

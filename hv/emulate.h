/* SPDX-License-Identifier: MIT */
/*
 * The emulator's context for a vCPU (hv/emulate.c), for code that executes an instruction or part
 * of one without the processor. Guarded by the CPU that runs the vCPU.
 */
#ifndef HV_EMULATE_H
#define HV_EMULATE_H

#include "hv/vcpu.h"

struct vcpu_emul {
	struct emul_ctx ctx;
	struct vcpu *v;
};

struct vcpu_emul vcpu_emul_context(struct vcpu *v);

/* The guest gets the exception that ended an operation. */
void vcpu_emul_inject(struct vcpu *v, const struct emul_fault *f);

#endif

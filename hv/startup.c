/* SPDX-License-Identifier: MIT */
/*
 * How a vCPU other than the first comes to run: INIT, then a start-up interrupt (Intel SDM Vol.
 * 3A 8.4.3, 9.1, 10.4.7.3). The local APIC leaves both as requests, under vm->lock; the run
 * loop does what they ask for before the vCPU's next turn, while no processor holds its state.
 */
#include "drivers/virt/vlapic.h"
#include "hv/vendor.h"
#include "hv/vm.h"

#define SIPI_SEL_SHIFT 8 /* vector to selector: starts at vector << 12 */
#define SEL_BASE_SHIFT 4

void vcpu_init_signal(struct vcpu *v)
{
	v->init_pending = true;
	v->sipi_pending = false;
	vcpu_leave(v);
	vcpu_kick(v);
}

/* Only a processor that waits for it takes it. */
void vcpu_sipi(struct vcpu *v, uint8_t vector)
{
	if ((v->state != VCPU_OFF && !v->init_pending) || v->sipi_pending)
		return;
	v->sipi_vector = vector;
	v->sipi_pending = true;
	vcpu_kick(v);
}

static void start_at(struct vcpu *v, uint8_t vector)
{
	struct segment cs;

	vendor->get_segment(v, SEG_CS, &cs);
	cs.sel = (uint16_t)(vector << SIPI_SEL_SHIFT);
	cs.base = (uint64_t)cs.sel << SEL_BASE_SHIFT;
	vendor->set_segment(v, SEG_CS, &cs);
	v->regs.rip = 0;
	v->state = VCPU_RUNNABLE;
}

void vcpu_take_start_signals(struct vcpu *v)
{
	bool init, sipi;
	uint8_t vector;

	spin_lock(&v->vm->lock);
	init = v->init_pending;
	v->init_pending = false;
	if (init) {
		v->state = VCPU_OFF;
		vlapic_init_signal(v->lapic);
	}
	sipi = v->sipi_pending && v->state == VCPU_OFF;
	v->sipi_pending = false;
	vector = v->sipi_vector;
	spin_unlock(&v->vm->lock);
	if (init)
		vcpu_reset_registers(v);
	if (sipi)
		start_at(v, vector);
	vendor->unload(v);
}

/* SPDX-License-Identifier: MIT */
/*
 * The local APIC: acceptance, priorities, EOI, interprocessor interrupts. Guarded by the VM's
 * lock.
 *
 * Rules kept:
 *  1. A vector is in IRR at most once; a second message before acceptance merges with it.
 *  2. TMR of a vector is set when it enters IRR, so EOI knows how it was triggered.
 *  3. Whenever a vector may have become deliverable, vcpu_kick() is called.
 */
#include "drivers/virt/vlapic_priv.h"

#include "hv/page.h"
#include "hv/string.h"
#include "hv/vm.h"

static bool test_vector(const uint32_t *words, unsigned vector)
{
	return words[vector / 32] >> (vector % 32) & 1;
}

static void set_vector(uint32_t *words, unsigned vector)
{
	words[vector / 32] |= 1u << (vector % 32);
}

static void clear_vector(uint32_t *words, unsigned vector)
{
	words[vector / 32] &= ~(1u << (vector % 32));
}

static int highest_vector(const uint32_t *words)
{
	int i;

	for (i = VLAPIC_WORDS - 1; i >= 0; i--)
		if (words[i])
			return i * 32 + 31 - __builtin_clz(words[i]);
	return -1;
}

/* Processor priority (10.8.3.1). */
uint32_t vlapic_ppr(const struct vlapic *l)
{
	int isrv = highest_vector(l->isr);
	uint32_t in_service = isrv < 0 ? 0 : (uint32_t)isrv & APIC_CLASS;

	return (l->vcpu->tpr & APIC_CLASS) >= in_service ? l->vcpu->tpr : in_service;
}

/* Also while software-disabled: what is in IRR then waits for the processor, not for the
 * APIC (10.4.7.2). */
int vlapic_pending(const struct vlapic *l)
{
	int vector = highest_vector(l->irr);

	if (vector < 0 || !vlapic_hw_enabled(l))
		return -1;
	return ((uint32_t)vector & APIC_CLASS) > (vlapic_ppr(l) & APIC_CLASS) ? vector : -1;
}

static void recheck(struct vlapic *l)
{
	if (vlapic_pending(l) >= 0)
		vcpu_kick(l->vcpu);
}

void vlapic_accept(struct vlapic *l, int vector)
{
	clear_vector(l->irr, (unsigned)vector);
	set_vector(l->isr, (unsigned)vector);
}

void vlapic_eoi(struct vlapic *l)
{
	int vector = highest_vector(l->isr);

	if (vector < 0)
		return;
	clear_vector(l->isr, (unsigned)vector);
	if (test_vector(l->tmr, (unsigned)vector) && !(l->svr & APIC_SVR_EOI_SUPPRESS))
		l->bus->eoi(l->bus->arg, (uint8_t)vector);
	recheck(l);
}

void vlapic_set_tpr(struct vlapic *l, uint32_t tpr)
{
	l->vcpu->tpr = tpr & 0xff;
	recheck(l);
}

uint64_t vlapic_cr8(const struct vlapic *l)
{
	return l->vcpu->tpr >> 4;
}

void vlapic_set_cr8(struct vlapic *l, uint64_t val)
{
	vlapic_set_tpr(l, (uint32_t)val << 4);
}

static bool request_vector(struct vlapic *l, uint8_t vector, bool level)
{
	if (!vlapic_enabled(l))
		return false;
	if (vector < APIC_FIRST_VECTOR) {
		vlapic_error(l, APIC_ESR_RECEIVE_VECTOR);
		return false;
	}
	if (level)
		set_vector(l->tmr, vector);
	else
		clear_vector(l->tmr, vector);
	set_vector(l->irr, vector);
	recheck(l);
	return true;
}

/* INIT to the boot processor starts its firmware again, so the machine. */
static void init_processor(struct vcpu *v)
{
	if (v->id == 0)
		vm_reset(v->vm, "INIT to its boot processor");
	else
		vcpu_init_signal(v);
}

/* SMI, and ExtINT other than by LINT0, do not exist on this board. */
bool vlapic_deliver(struct vlapic *l, enum apic_delivery mode, uint8_t vector, bool level)
{
	switch (mode) {
	case APIC_FIXED:
	case APIC_LOWEST:
		return request_vector(l, vector, level);
	case APIC_NMI:
		vcpu_nmi(l->vcpu);
		return true;
	case APIC_INIT:
		init_processor(l->vcpu);
		return true;
	case APIC_STARTUP:
		vcpu_sipi(l->vcpu, vector);
		return true;
	default:
		return false;
	}
}

/* Local sources are edge-triggered; fixed or NMI delivery makes sense for them. */
void vlapic_raise_lvt(struct vlapic *l, enum apic_lvt n)
{
	uint32_t lvt = l->lvt[n];

	if (lvt & APIC_LVT_MASKED)
		return;
	if ((lvt >> APIC_LVT_MODE_SHIFT & APIC_LVT_MODE_MASK) == APIC_NMI)
		vcpu_nmi(l->vcpu);
	else if ((lvt >> APIC_LVT_MODE_SHIFT & APIC_LVT_MODE_MASK) == APIC_FIXED)
		request_vector(l, (uint8_t)lvt, false);
}

/* A repeated error of the same kind raises no second interrupt; an illegal vector in the
 * error entry itself thus ends here too. */
void vlapic_error(struct vlapic *l, uint32_t bit)
{
	if (l->errors & bit)
		return;
	l->errors |= bit;
	vlapic_raise_lvt(l, LVT_ERROR);
}

bool vlapic_takes_extint(const struct vlapic *l)
{
	uint32_t lvt = l->lvt[LVT_LINT0];

	if (!vlapic_hw_enabled(l))
		return true; /* LINT0 is the processor's INTR pin */
	return !(lvt & APIC_LVT_MASKED) &&
	       (lvt >> APIC_LVT_MODE_SHIFT & APIC_LVT_MODE_MASK) == APIC_EXTINT;
}

void vlapic_lint0_rise(struct vlapic *l)
{
	if (vlapic_hw_enabled(l))
		vlapic_raise_lvt(l, LVT_LINT0);
}

static bool matches_logical(const struct vlapic *l, const struct apic_msg *m)
{
	uint32_t id = l->ldr >> 24, dest = m->dest;

	if (vlapic_x2(l)) /* cluster in 31:16, one bit a processor in 15:0 */
		return l->ldr >> 16 == dest >> 16 && (l->ldr & dest & 0xffff);
	if (l->dfr >> APIC_DFR_MODEL_SHIFT == APIC_DFR_MODEL_FLAT)
		return id & dest & 0xff;
	return id >> 4 == (dest >> 4 & 0xf) && (id & dest & 0xf);
}

bool vlapic_matches(const struct vlapic *l, const struct apic_msg *m)
{
	if (!vlapic_hw_enabled(l))
		return false;
	if (m->dest == (m->x2 ? UINT32_MAX : 0xff))
		return true; /* broadcast */
	return m->logical ? matches_logical(l, m) : m->dest == vlapic_id(l);
}

/* Is this one of an ICR's destinations? */
static bool icr_reaches(struct vlapic *from, struct vlapic *to, unsigned shorthand)
{
	if (shorthand == SHORT_SELF)
		return to == from;
	return vlapic_hw_enabled(to) && (shorthand == SHORT_ALL || to != from);
}

static void send_shorthand(struct vlapic *l, unsigned shorthand, const struct apic_msg *m)
{
	unsigned i;

	for (i = 0; i < l->bus->nr; i++)
		if (icr_reaches(l, l->bus->lapic[i], shorthand))
			vlapic_deliver(l->bus->lapic[i], m->mode, m->vector, false);
}

/* IPIs are edge-triggered whatever the trigger bit says (10.6.1); an INIT level de-assert
 * is nothing on processors since the Pentium 4. */
void vlapic_send_icr(struct vlapic *l)
{
	uint32_t low = (uint32_t)l->icr;
	unsigned shorthand = low >> APIC_ICR_SHORTHAND_SHIFT & 3;
	struct apic_msg m = {
		.dest = (uint32_t)(l->icr >> (vlapic_x2(l) ? APIC_ICR_X2_DEST_SHIFT
							   : APIC_ICR_XAPIC_DEST_SHIFT)),
		.logical = low & APIC_ICR_LOGICAL,
		.x2 = vlapic_x2(l),
		.mode = low >> APIC_ICR_MODE_SHIFT & 7,
		.vector = (uint8_t)low,
	};

	if (m.mode == APIC_INIT && (low & APIC_ICR_LEVEL) && !(low & APIC_ICR_ASSERT))
		return;
	if ((m.mode == APIC_FIXED || m.mode == APIC_LOWEST) && m.vector < APIC_FIRST_VECTOR)
		vlapic_error(l, APIC_ESR_SEND_VECTOR);
	else if (shorthand == SHORT_NONE)
		apic_bus_send(l->bus, &m);
	else
		send_shorthand(l, shorthand, &m);
}

/* 10.4.7.1, 10.4.7.3, and 10.12.5.1: INIT leaves the mode as it is. The timer's callback may be about
 * to run on another CPU: it finds a timer that is off, not none. */
void vlapic_init_signal(struct vlapic *l)
{
	unsigned i;

	l->vcpu->tpr = 0;
	l->ldr = 0;
	l->dfr = APIC_DFR_FLAT;
	l->svr = 0xff;
	l->esr = l->errors = 0;
	l->icr = 0;
	memset(l->irr, 0, sizeof(l->irr));
	memset(l->isr, 0, sizeof(l->isr));
	memset(l->tmr, 0, sizeof(l->tmr));
	for (i = 0; i < NR_LVT; i++)
		l->lvt[i] = APIC_LVT_MASKED;
	if (vlapic_x2(l))
		vlapic_set_x2_ldr(l);
	vlapic_timer_reset(l);
}

/* IA32_APIC_BASE too. */
void vlapic_reset(struct vlapic *l)
{
	struct vcpu *v = l->vcpu;

	v->apic_base = VLAPIC_BASE | APIC_BASE_ENABLE | (v->id == 0 ? APIC_BASE_BSP : 0);
	vlapic_init_signal(l);
}

void vlapic_set_virtual_wire(struct vlapic *l)
{
	l->svr |= APIC_SVR_ENABLE;
	l->lvt[LVT_LINT0] = APIC_EXTINT << APIC_LVT_MODE_SHIFT;
	l->lvt[LVT_LINT1] = APIC_NMI << APIC_LVT_MODE_SHIFT;
}

struct vlapic *vlapic_create(struct vcpu *v, struct apic_bus *bus)
{
	struct vlapic *l = mem_alloc(sizeof(*l));

	if (!l)
		return NULL;
	l->vcpu = v;
	l->bus = bus;
	vlapic_timer_init(l);
	vlapic_reset(l);
	bus->lapic[v->id] = l;
	bus->nr = MAX(bus->nr, v->id + 1);
	return l;
}

void vlapic_destroy(struct vlapic *l)
{
	vlapic_timer_stop(l);
	l->bus->lapic[l->vcpu->id] = NULL;
	mem_free(l, sizeof(*l));
}

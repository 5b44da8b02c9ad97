/* SPDX-License-Identifier: MIT */
/* What the parts of the local APIC share: vlapic.c, vlapic_regs.c, vlapic_timer.c. */
#ifndef DRIVERS_VIRT_VLAPIC_PRIV_H
#define DRIVERS_VIRT_VLAPIC_PRIV_H

#include "drivers/virt/apic_bus.h"
#include "drivers/virt/vlapic.h"
#include "hv/apic.h"
#include "hv/timer.h"
#include "hv/vcpu.h"

#define VLAPIC_WORDS 8 /* 256 vectors */

struct vlapic_timer {
	struct timer host;
	uint64_t due; /* clock_ns() when the count reaches 0; 0: not counting */
	uint64_t tsc_deadline; /* guest TSC; 0: disarmed */
	uint32_t initial; /* count */
	uint32_t divide; /* register */
};

struct vlapic {
	struct vcpu *vcpu;
	struct apic_bus *bus;
	uint32_t ldr, dfr, svr; /* TPR is the vCPU's */
	uint32_t esr, errors; /* as latched by the guest's write; since then */
	uint64_t icr; /* xAPIC: destination in bits 63:56, x2APIC: 63:32 */
	uint32_t lvt[NR_LVT];
	uint32_t irr[VLAPIC_WORDS]; /* requested */
	uint32_t isr[VLAPIC_WORDS]; /* in service */
	uint32_t tmr[VLAPIC_WORDS]; /* trigger mode of what is in IRR or ISR: 1 level */
	struct vlapic_timer timer;
};

static inline bool vlapic_hw_enabled(const struct vlapic *l)
{
	return l->vcpu->apic_base & APIC_BASE_ENABLE;
}

static inline bool vlapic_x2(const struct vlapic *l)
{
	return l->vcpu->apic_base & APIC_BASE_X2;
}

/* Takes fixed interrupts: IA32_APIC_BASE and SVR both say so. */
static inline bool vlapic_enabled(const struct vlapic *l)
{
	return vlapic_hw_enabled(l) && (l->svr & APIC_SVR_ENABLE);
}

static inline uint32_t vlapic_id(const struct vlapic *l)
{
	return l->vcpu->id;
}

/* In x2APIC mode the logical ID follows from the ID (10.12.10.2). */
static inline void vlapic_set_x2_ldr(struct vlapic *l)
{
	l->ldr = vlapic_id(l) >> 4 << 16 | 1u << (vlapic_id(l) & 15);
}

/* vlapic.c */
bool vlapic_matches(const struct vlapic *l, const struct apic_msg *m);
uint32_t vlapic_ppr(const struct vlapic *l);
void vlapic_set_tpr(struct vlapic *l, uint32_t tpr);
void vlapic_raise_lvt(struct vlapic *l, enum apic_lvt n); /* a local source fired */
void vlapic_error(struct vlapic *l, uint32_t bit); /* of ESR */
void vlapic_send_icr(struct vlapic *l);

/* vlapic_regs.c: false, no such register (or reserved bits, x2APIC): #GP by MSR */
bool vlapic_reg_read(struct vlapic *l, unsigned reg, uint32_t *val);
bool vlapic_reg_write(struct vlapic *l, unsigned reg, uint32_t val);

/* vlapic_timer.c */
void vlapic_timer_init(struct vlapic *l);
void vlapic_timer_stop(struct vlapic *l);
void vlapic_timer_reset(struct vlapic *l);
void vlapic_timer_set_initial(struct vlapic *l, uint32_t count);
uint32_t vlapic_timer_current(const struct vlapic *l);
void vlapic_timer_set_divide(struct vlapic *l, uint32_t divide);
void vlapic_timer_set_lvt(struct vlapic *l, uint32_t lvt);
void vlapic_timer_set_deadline(struct vlapic *l, uint64_t tsc);

#endif

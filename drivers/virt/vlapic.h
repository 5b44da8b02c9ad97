/* SPDX-License-Identifier: MIT */
/*
 * The local APIC of a vCPU (Intel SDM Vol. 3A ch. 10): xAPIC registers by MMIO, x2APIC by
 * MSR, timer one-shot, periodic and TSC-deadline. Guarded by the VM's lock.
 */
#ifndef DRIVERS_VIRT_VLAPIC_H
#define DRIVERS_VIRT_VLAPIC_H

#include "hv/apic.h"
#include "hv/compiler.h"

#define VLAPIC_BASE UINT64_C(0xfee00000) /* fixed: the guest cannot move it */
#define VLAPIC_SIZE UINT64_C(0x1000)

struct apic_bus;
struct io_ops;
struct vcpu;
struct vlapic;

/* In reset state, and on `bus` (its device of v->id). NULL: no memory. The vCPU's lapic
 * pointer is set by the caller. */
struct vlapic *vlapic_create(struct vcpu *v, struct apic_bus *bus);
void vlapic_destroy(struct vlapic *l);
void vlapic_reset(struct vlapic *l);
void vlapic_init_signal(struct vlapic *l); /* INIT: reset, but for IA32_APIC_BASE */

/* As firmware leaves the boot processor's: enabled, LINT0 = ExtINT, LINT1 = NMI (virtual
 * wire mode, MP specification 1.4, 3.6.2.2). */
void vlapic_set_virtual_wire(struct vlapic *l);

/* The register page, the same address for every vCPU: answers with the local APIC of the
 * vCPU that this CPU runs. `dev` is the boot vCPU's struct vlapic. */
extern const struct io_ops vlapic_mmio_ops;

/* Vector of the highest-priority interrupt that PPR lets through, or -1. */
int vlapic_pending(const struct vlapic *l);

/* It was accepted: IRR to ISR. `vector` is what vlapic_pending said. */
void vlapic_accept(struct vlapic *l, int vector);

/* LINT0 passes the 8259's INTR on (ExtINT, unmasked, or APIC disabled: virtual wire). */
bool vlapic_takes_extint(const struct vlapic *l);

/* LINT0 rose, for a guest that programmed it as something else than ExtINT. */
void vlapic_lint0_rise(struct vlapic *l);

/* A message: fixed or lowest priority by vector; NMI and INIT act on the vCPU. False: not
 * accepted (switched off, or a vector that no APIC takes). */
bool vlapic_deliver(struct vlapic *l, enum apic_delivery mode, uint8_t vector, bool level);

/* IA32_APIC_BASE and x2APIC MSRs (0x800-0x8ff), IA32_TSC_DEADLINE. False: #GP. */
bool vlapic_msr_read(struct vlapic *l, uint32_t msr, uint64_t *val);
bool vlapic_msr_write(struct vlapic *l, uint32_t msr, uint64_t val);

/* CR8 = TPR[7:4]. */
uint64_t vlapic_cr8(const struct vlapic *l);
void vlapic_set_cr8(struct vlapic *l, uint64_t val);

/* The vCPU's TSC offset changed: a TSC deadline lies elsewhere now. */
void vlapic_tsc_changed(struct vlapic *l);

void vlapic_eoi(struct vlapic *l);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * The local APIC's registers as a guest reaches them: by MMIO (xAPIC) and by MSR (x2APIC,
 * Intel SDM Vol. 3A 10.12). Guarded by the VM's lock.
 */
#include "drivers/virt/io_bytes.h"
#include "drivers/virt/vlapic_priv.h"
#include "hv/iobus.h"
#include "hv/percpu.h"

#define LVT_COMMON (0xffu | 1u << 12 | APIC_LVT_MASKED) /* vector, delivery status, mask */
#define LVT_MODE (APIC_LVT_MODE_MASK << APIC_LVT_MODE_SHIFT)
#define LVT_PIN (1u << 13 | 1u << 14 | APIC_LVT_LEVEL) /* polarity, remote IRR, trigger */
#define LVT_READ_ONLY (1u << 12 | 1u << 14)
#define ICR_BUSY (1u << 12)
#define ICR_DEFINED 0x000cdfffu /* low half, ICR_BUSY included */
#define ICR_XAPIC_DEST UINT64_C(0xff00000000000000)
#define DIVIDE_DEFINED 0xbu
#define SVR_DEFINED (0xffu | APIC_SVR_ENABLE | APIC_SVR_EOI_SUPPRESS)

/* Bits of each LVT entry that exist (figure 10-8). */
static const uint32_t lvt_defined[NR_LVT] = {
	[LVT_TIMER] = LVT_COMMON | APIC_LVT_TIMER_MASK << APIC_LVT_TIMER_SHIFT,
	[LVT_THERMAL] = LVT_COMMON | LVT_MODE,
	[LVT_PERF] = LVT_COMMON | LVT_MODE,
	[LVT_LINT0] = LVT_COMMON | LVT_MODE | LVT_PIN,
	[LVT_LINT1] = LVT_COMMON | LVT_MODE | LVT_PIN,
	[LVT_ERROR] = LVT_COMMON,
};

static uint32_t read_id(const struct vlapic *l)
{
	return vlapic_x2(l) ? vlapic_id(l) : vlapic_id(l) << 24;
}

static uint32_t read_version(void)
{
	return APIC_VERSION | (NR_LVT - 1) << APIC_VERSION_LVT_SHIFT | APIC_VERSION_EOI_SUPPRESS;
}

/* Registers of xAPIC mode that x2APIC does not have. */
static bool read_xapic_only(const struct vlapic *l, unsigned reg, uint32_t *val)
{
	if (vlapic_x2(l))
		return false;
	switch (reg) {
	case APIC_REG_APR: /* of the days of the serial bus; what PPR is, without nesting */
		*val = vlapic_ppr(l);
		return true;
	case APIC_REG_RRD:
		*val = 0;
		return true;
	case APIC_REG_DFR:
		*val = l->dfr;
		return true;
	case APIC_REG_ICR_HIGH:
		*val = (uint32_t)(l->icr >> 32);
		return true;
	default:
		return false;
	}
}

static bool read_array(const struct vlapic *l, unsigned reg, uint32_t *val)
{
	if (reg >= APIC_REG_ISR && reg < APIC_REG_TMR)
		*val = l->isr[reg - APIC_REG_ISR];
	else if (reg >= APIC_REG_TMR && reg < APIC_REG_IRR)
		*val = l->tmr[reg - APIC_REG_TMR];
	else if (reg >= APIC_REG_IRR && reg < APIC_REG_ESR)
		*val = l->irr[reg - APIC_REG_IRR];
	else if (reg >= APIC_REG_LVT && reg < APIC_REG_TIMER_INITIAL)
		*val = l->lvt[reg - APIC_REG_LVT];
	else
		return read_xapic_only(l, reg, val);
	return true;
}

bool vlapic_reg_read(struct vlapic *l, unsigned reg, uint32_t *val)
{
	switch (reg) {
	case APIC_REG_ID:
		*val = read_id(l);
		break;
	case APIC_REG_VERSION:
		*val = read_version();
		break;
	case APIC_REG_TPR:
		*val = l->vcpu->tpr;
		break;
	case APIC_REG_PPR:
		*val = vlapic_ppr(l);
		break;
	case APIC_REG_LDR:
		*val = l->ldr;
		break;
	case APIC_REG_SVR:
		*val = l->svr;
		break;
	case APIC_REG_ESR:
		*val = l->esr;
		break;
	case APIC_REG_ICR:
		*val = (uint32_t)l->icr;
		break;
	case APIC_REG_TIMER_INITIAL:
		*val = l->timer.initial;
		break;
	case APIC_REG_TIMER_CURRENT:
		*val = vlapic_timer_current(l);
		break;
	case APIC_REG_TIMER_DIVIDE:
		*val = l->timer.divide;
		break;
	default:
		return read_array(l, reg, val);
	}
	return true;
}

static void write_lvt(struct vlapic *l, enum apic_lvt n, uint32_t val)
{
	val &= lvt_defined[n] & ~LVT_READ_ONLY;
	if (!(l->svr & APIC_SVR_ENABLE))
		val |= APIC_LVT_MASKED; /* 10.4.7.2 */
	if (n == LVT_TIMER)
		vlapic_timer_set_lvt(l, val);
	else
		l->lvt[n] = val;
	if (n == LVT_LINT0)
		vcpu_kick(l->vcpu); /* the 8259 may be waiting */
}

static void write_svr(struct vlapic *l, uint32_t val)
{
	unsigned i;

	l->svr = val & SVR_DEFINED;
	if (l->svr & APIC_SVR_ENABLE)
		return;
	for (i = 0; i < NR_LVT; i++)
		l->lvt[i] |= APIC_LVT_MASKED;
}

static bool write_xapic_only(struct vlapic *l, unsigned reg, uint32_t val)
{
	if (vlapic_x2(l))
		return false;
	switch (reg) {
	case APIC_REG_ID: /* fixed, as the MADT says it */
		return true;
	case APIC_REG_LDR:
		l->ldr = val & 0xff000000;
		return true;
	case APIC_REG_DFR:
		l->dfr = val | 0x0fffffff;
		return true;
	case APIC_REG_ICR_HIGH:
		l->icr = (uint32_t)l->icr | ((uint64_t)val << 32 & ICR_XAPIC_DEST);
		return true;
	default:
		return false;
	}
}

bool vlapic_reg_write(struct vlapic *l, unsigned reg, uint32_t val)
{
	switch (reg) {
	case APIC_REG_TPR:
		vlapic_set_tpr(l, val);
		break;
	case APIC_REG_EOI:
		vlapic_eoi(l);
		break;
	case APIC_REG_SVR:
		write_svr(l, val);
		break;
	case APIC_REG_ESR: /* a write latches what happened since the one before */
		l->esr = l->errors;
		l->errors = 0;
		break;
	case APIC_REG_ICR:
		l->icr = (l->icr & ~(uint64_t)UINT32_MAX) | (val & ICR_DEFINED & ~ICR_BUSY);
		vlapic_send_icr(l);
		break;
	case APIC_REG_TIMER_INITIAL:
		vlapic_timer_set_initial(l, val);
		break;
	case APIC_REG_TIMER_DIVIDE:
		vlapic_timer_set_divide(l, val & DIVIDE_DEFINED);
		break;
	default:
		if (reg < APIC_REG_LVT || reg >= APIC_REG_LVT + NR_LVT)
			return write_xapic_only(l, reg, val);
		write_lvt(l, reg - APIC_REG_LVT, val);
	}
	return true;
}

/* --- MMIO --------------------------------------------------------------------------- */

/* Each register is the first doubleword of 16 bytes; anything but an aligned doubleword
 * access is undefined (10.4.1). Narrow reads give the bytes, as processors do. */
static uint64_t mmio_read(struct vlapic *l, uint64_t off, unsigned size)
{
	uint32_t val = 0;

	if ((off & 15) + size > 4 && size <= 4)
		return 0;
	if (!vlapic_reg_read(l, (unsigned)(off >> 4), &val))
		vlapic_error(l, APIC_ESR_REGISTER);
	return io_low_bytes((uint64_t)val >> (8 * (off & 3)), size);
}

static void mmio_write(struct vlapic *l, uint64_t off, unsigned size, uint64_t val)
{
	if ((off & 15) || size < 4)
		return;
	if (!vlapic_reg_write(l, (unsigned)(off >> 4), (uint32_t)val))
		vlapic_error(l, APIC_ESR_REGISTER);
}

/* The page is there only in xAPIC mode. */
static struct vlapic *mmio_target(void *boot)
{
	struct vcpu *v = this_cpu()->current;
	struct vlapic *l = v ? v->lapic : boot;

	return vlapic_hw_enabled(l) && !vlapic_x2(l) ? l : NULL;
}

static uint64_t page_read(void *dev, uint64_t off, unsigned size)
{
	struct vlapic *l = mmio_target(dev);

	return l && off < APIC_NR_REGS * 16 ? mmio_read(l, off, size)
					    : io_low_bytes(UINT64_MAX, size);
}

static void page_write(void *dev, uint64_t off, unsigned size, uint64_t val)
{
	struct vlapic *l = mmio_target(dev);

	if (l && off < APIC_NR_REGS * 16)
		mmio_write(l, off, size, val);
}

const struct io_ops vlapic_mmio_ops = { "local APIC", page_read, page_write };

/* --- MSRs --------------------------------------------------------------------------- */

/* IA32_APIC_BASE: which mode changes are allowed (figure 10-27). The base cannot move and
 * the boot-processor flag cannot change. */
static bool write_apic_base(struct vlapic *l, uint64_t val)
{
	struct vcpu *v = l->vcpu;
	uint64_t old = v->apic_base & (APIC_BASE_ENABLE | APIC_BASE_X2);
	uint64_t new = val &(APIC_BASE_ENABLE | APIC_BASE_X2);

	if ((val ^ v->apic_base) & ~(APIC_BASE_ENABLE | APIC_BASE_X2))
		return false;
	if (new == APIC_BASE_X2 || (old & APIC_BASE_X2 && new == APIC_BASE_ENABLE) ||
	    (!old && new &APIC_BASE_X2))
		return false;
	if (new == old)
		return true;
	if (!new) {
		vlapic_reset(l); /* 10.4.3: enabled again, it is as after reset */
	} else if (new &APIC_BASE_X2) {
		vlapic_set_x2_ldr(l);
		l->icr = (uint32_t)l->icr;
	}
	v->apic_base = val;
	vcpu_kick(v);
	return true;
}

static bool x2_read(struct vlapic *l, unsigned reg, uint64_t *val)
{
	uint32_t low;

	if (reg == APIC_REG_ICR) {
		*val = l->icr;
		return true;
	}
	if (reg == APIC_REG_EOI || reg == APIC_REG_SELF_IPI || !vlapic_reg_read(l, reg, &low))
		return false;
	*val = low;
	return true;
}

/* Bits that a write may set (10.12.1.2: reserved bits give #GP, and so do registers that
 * cannot be written, for which nothing is allowed). */
static bool x2_value_ok(unsigned reg, uint64_t val)
{
	switch (reg) {
	case APIC_REG_TPR:
	case APIC_REG_SELF_IPI:
		return !(val & ~UINT64_C(0xff));
	case APIC_REG_EOI:
	case APIC_REG_ESR:
		return !val;
	case APIC_REG_SVR:
		return !(val & ~(uint64_t)SVR_DEFINED);
	case APIC_REG_ICR:
		return !((uint32_t)val & ~ICR_DEFINED);
	case APIC_REG_TIMER_INITIAL:
		return !(val >> 32);
	case APIC_REG_TIMER_DIVIDE:
		return !(val & ~(uint64_t)DIVIDE_DEFINED);
	default:
		return reg >= APIC_REG_LVT && reg < APIC_REG_LVT + NR_LVT &&
		       !(val & ~(uint64_t)lvt_defined[reg - APIC_REG_LVT]);
	}
}

static bool x2_write(struct vlapic *l, unsigned reg, uint64_t val)
{
	if (!x2_value_ok(reg, val))
		return false;
	if (reg == APIC_REG_SELF_IPI) {
		if (val < APIC_FIRST_VECTOR)
			vlapic_error(l, APIC_ESR_SEND_VECTOR);
		else
			vlapic_deliver(l, APIC_FIXED, (uint8_t)val, false);
		return true;
	}
	if (reg == APIC_REG_ICR)
		l->icr = val;
	return vlapic_reg_write(l, reg, (uint32_t)val);
}

bool vlapic_msr_read(struct vlapic *l, uint32_t msr, uint64_t *val)
{
	if (msr == MSR_APIC_BASE)
		*val = l->vcpu->apic_base;
	else if (msr == MSR_TSC_DEADLINE)
		*val = l->timer.tsc_deadline;
	else
		return vlapic_x2(l) && x2_read(l, msr - MSR_X2APIC_BASE, val);
	return true;
}

bool vlapic_msr_write(struct vlapic *l, uint32_t msr, uint64_t val)
{
	if (msr == MSR_APIC_BASE)
		return write_apic_base(l, val);
	if (msr != MSR_TSC_DEADLINE)
		return vlapic_x2(l) && x2_write(l, msr - MSR_X2APIC_BASE, val);
	vlapic_timer_set_deadline(l, val);
	return true;
}

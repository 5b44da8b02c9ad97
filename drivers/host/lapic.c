/* SPDX-License-Identifier: MIT */
/*
 * The local APIC (drivers/host/lapic.h). Registers belong to their CPU; the variables here
 * are written at boot only, but for the count of errors, which all add to.
 */
#include "drivers/host/lapic.h"

#include "drivers/host/tsc.h"
#include "hv/apic.h"
#include "hv/cpu.h"
#include "hv/irq.h"
#include "hv/page.h"
#include "hv/percpu.h"
#include "hv/print.h"
#include "hv/ratio.h"
#include "hv/timer.h"

#define LAPIC_BYTES 4096

#define LVT_NMI (APIC_NMI << APIC_LVT_MODE_SHIFT)
#define LVT_EXTINT (APIC_EXTINT << APIC_LVT_MODE_SHIFT)
#define DIVIDE_BY_1 0xbu
#define ID_SHIFT 24
#define MEASURE_NS (10 * NSEC_PER_MSEC)

static volatile uint32_t *regs; /* NULL: x2APIC */
static bool tsc_deadline;
static struct ratio tsc_to_timer; /* TSC ticks to timer ticks */
static uint64_t timer_hz;
static uint64_t nr_errors;

static uint32_t read_reg(enum apic_reg r)
{
	return regs ? regs[r * APIC_REG_BYTES / 4] : rdmsr(MSR_X2APIC_BASE + r);
}

static void write_reg(enum apic_reg r, uint32_t val)
{
	if (regs)
		regs[r * APIC_REG_BYTES / 4] = val;
	else
		wrmsr(MSR_X2APIC_BASE + r, val);
}

static void eoi(void)
{
	write_reg(APIC_REG_EOI, 0);
}

static void on_error(unsigned vector)
{
	(void)vector;
	write_reg(APIC_REG_ESR, 0); /* latches it (10.5.3) */
	__atomic_fetch_add(&nr_errors, 1, __ATOMIC_RELAXED);
}

/* Nothing was interrupted for a reason, and there is nothing to end (10.9). */
static void on_spurious(unsigned vector)
{
	(void)vector;
}

/* Choose the mode and find the registers. */
static void enable(void)
{
	uint64_t base = rdmsr(MSR_APIC_BASE) | APIC_BASE_ENABLE;

	if (cpu_has(FEAT_X2APIC)) {
		/* From disabled the way leads through xAPIC mode (figure 10-27). */
		wrmsr(MSR_APIC_BASE, base);
		wrmsr(MSR_APIC_BASE, base | APIC_BASE_X2);
		return;
	}
	wrmsr(MSR_APIC_BASE, base);
	if (regs) /* the boot CPU's: the same place in each */
		return;
	regs = mmio_map(HPA(base & APIC_BASE_ADDRESS), LAPIC_BYTES);
	if (!regs)
		panic("no room to map the local APIC");
}

/* An interrupt that has made its CPU look up is all that was wanted. */
static void on_kick(unsigned vector)
{
	(void)vector;
}

static void set_registers(bool extint)
{
	this_cpu()->apic_id = regs ? read_reg(APIC_REG_ID) >> ID_SHIFT : read_reg(APIC_REG_ID);
	write_reg(APIC_REG_SVR, APIC_SVR_ENABLE | VEC_SPURIOUS);
	write_reg(APIC_REG_TPR, 0);
	write_reg(APIC_REG_LVT + LVT_TIMER, APIC_LVT_MASKED | VEC_LAPIC_TIMER);
	write_reg(APIC_REG_LVT + LVT_LINT0, extint ? LVT_EXTINT : APIC_LVT_MASKED);
	write_reg(APIC_REG_LVT + LVT_LINT1, LVT_NMI);
	write_reg(APIC_REG_ESR, 0);
	write_reg(APIC_REG_LVT + LVT_ERROR, VEC_LAPIC_ERROR);
	eoi();
}

void lapic_init(bool extint)
{
	enable();
	irq_register(VEC_SPURIOUS, on_spurious, NULL);
	irq_register(VEC_LAPIC_ERROR, on_error, lapic_eoi_vector);
	irq_register(VEC_KICK, on_kick, lapic_eoi_vector);
	set_registers(extint);
}

void lapic_cpu_init(void)
{
	enable();
	set_registers(false);
}

/* An xAPIC takes a second command only when it has sent the first (10.6.1). */
static void send(uint32_t apic_id, uint32_t command)
{
	if (!regs) {
		wrmsr(MSR_X2APIC_BASE + APIC_REG_ICR, (uint64_t)apic_id << 32 | command);
		return;
	}
	while (read_reg(APIC_REG_ICR) & APIC_ICR_BUSY)
		cpu_relax();
	write_reg(APIC_REG_ICR_HIGH, apic_id << ID_SHIFT);
	write_reg(APIC_REG_ICR, command);
}

void lapic_send_ipi(uint32_t apic_id, unsigned vector)
{
	send(apic_id, APIC_ICR_ASSERT | vector);
}

void lapic_send_self(unsigned vector)
{
	send(0, APIC_ICR_ASSERT | SHORT_SELF << APIC_ICR_SHORTHAND_SHIFT | vector);
}

void lapic_send_nmi(uint32_t apic_id)
{
	send(apic_id, APIC_ICR_ASSERT | APIC_NMI << APIC_ICR_MODE_SHIFT);
}

void lapic_send_init(uint32_t apic_id)
{
	send(apic_id, APIC_ICR_ASSERT | APIC_INIT << APIC_ICR_MODE_SHIFT);
}

void lapic_send_startup(uint32_t apic_id, hpa_t page)
{
	send(apic_id, APIC_ICR_ASSERT | APIC_STARTUP << APIC_ICR_MODE_SHIFT |
			      (uint32_t)(page.v >> PAGE_SHIFT));
}

bool lapic_is_x2apic(void)
{
	return !regs;
}

void lapic_eoi_vector(unsigned vector)
{
	(void)vector;
	eoi();
}

uint64_t lapic_errors(void)
{
	return nr_errors;
}

static uint32_t read_counter(void)
{
	return read_reg(APIC_REG_TIMER_CURRENT);
}

/* Counts down from the largest value while the TSC runs. */
static uint64_t measure_timer(void)
{
	struct tsc_sample a, b;
	uint64_t hz = tsc_hz();

	write_reg(APIC_REG_TIMER_DIVIDE, DIVIDE_BY_1);
	write_reg(APIC_REG_TIMER_INITIAL, UINT32_MAX);
	a = tsc_sample(read_counter);
	while (rdtsc() - a.tsc < hz / (NSEC_PER_SEC / MEASURE_NS))
		cpu_relax();
	b = tsc_sample(read_counter);
	write_reg(APIC_REG_TIMER_INITIAL, 0);
	return (uint64_t)(a.count - b.count) * hz / (b.tsc - a.tsc);
}

void lapic_timer_init(void (*handler)(unsigned vector))
{
	irq_register(VEC_LAPIC_TIMER, handler, lapic_eoi_vector);
	tsc_deadline = cpu_has(FEAT_TSC_DEADLINE);
	if (!tsc_deadline) {
		timer_hz = measure_timer();
		if (!timer_hz)
			panic("the local APIC's timer does not run");
		tsc_to_timer = ratio_make(timer_hz, tsc_hz());
	}
	lapic_timer_cpu_init();
}

void lapic_timer_cpu_init(void)
{
	if (!tsc_deadline) {
		write_reg(APIC_REG_TIMER_DIVIDE, DIVIDE_BY_1);
		write_reg(APIC_REG_LVT + LVT_TIMER, VEC_LAPIC_TIMER);
		return;
	}
	write_reg(APIC_REG_LVT + LVT_TIMER,
		  APIC_TIMER_TSC << APIC_LVT_TIMER_SHIFT | VEC_LAPIC_TIMER);
	/* The mode is there before the first deadline is written (10.5.4.1). */
	__asm__ volatile("mfence" : : : "memory");
}

void lapic_timer_arm(uint64_t tsc)
{
	uint64_t now, ticks;

	if (tsc_deadline) {
		wrmsr(MSR_TSC_DEADLINE, tsc);
		return;
	}
	now = rdtsc();
	ticks = tsc > now ? ratio_apply(tsc_to_timer, tsc - now) : 0;
	/* Rounded up, so that it is not early; 0 would stop the timer. */
	write_reg(APIC_REG_TIMER_INITIAL, MIN(ticks + 1, (uint64_t)UINT32_MAX));
}

const char *lapic_timer_name(void)
{
	return tsc_deadline ? "TSC deadline" : "local APIC one-shot";
}

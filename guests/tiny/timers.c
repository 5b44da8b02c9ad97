/* SPDX-License-Identifier: MIT */
/*
 * Interrupts and time: the 8254 by way of the 8259 pair, the local APIC's timer, HLT, the
 * interrupt flag and its shadow, the TSC.
 */
#include "traps.h"

/* Intel 8259A, 8254; their PC ports. */
#define PIC1 0x20
#define PIC2 0xa0
#define PIC_EOI 0x20
#define PIT_CH0 0x40
#define PIT_CONTROL 0x43
#define PIT_HZ 1193182u
#define IRQ_BASE 0x20
#define VECTOR_PIT IRQ_BASE

/* Local APIC (Intel SDM Vol. 3A ch. 10). */
#define LAPIC 0xfee00000u
#define LAPIC_TPR (LAPIC + 0x80)
#define LAPIC_EOI (LAPIC + 0xb0)
#define LAPIC_SVR (LAPIC + 0xf0)
#define LAPIC_IRR (LAPIC + 0x200)
#define LAPIC_ICR (LAPIC + 0x300)
#define LAPIC_ICR_HIGH (LAPIC + 0x310)
#define LAPIC_LVT_TIMER (LAPIC + 0x320)
#define LAPIC_LVT_LINT0 (LAPIC + 0x350)
#define LAPIC_INITIAL (LAPIC + 0x380)
#define LAPIC_CURRENT (LAPIC + 0x390)
#define LAPIC_DIVIDE (LAPIC + 0x3e0)
#define SVR_ENABLE 0x1ffu
#define LVT_MASKED 0x10000u
#define LVT_PERIODIC 0x20000u
#define LVT_EXTINT 0x700u
#define DIVIDE_BY_1 0xbu
#define ICR_SELF 0x40000u
#define ICR_NMI 0x400u
#define ONE_SHOT 100000000u /* so long that a loaded host does not swallow it */
#define VECTOR_TIMER 0x31
#define VECTOR_IPI 0x35

#define TRIES 5 /* a loaded host is away for long now and then */

static volatile uint64_t last_tsc;

static void end_of_interrupt(uint32_t vector)
{
	if (vector < IRQ_BASE + 16)
		outb(PIC1, PIC_EOI);
	else
		mmio_write(LAPIC_EOI, 0);
	last_tsc = rdtsc();
}

static void pic_init(void)
{
	outb(PIC1, 0x11);
	outb(PIC2, 0x11);
	outb(PIC1 + 1, IRQ_BASE);
	outb(PIC2 + 1, IRQ_BASE + 8);
	outb(PIC1 + 1, 4);
	outb(PIC2 + 1, 2);
	outb(PIC1 + 1, 1);
	outb(PIC2 + 1, 1);
	outb(PIC1 + 1, 0xff);
	outb(PIC2 + 1, 0xff);
}

static void pit_periodic(uint32_t hz)
{
	uint32_t n = PIT_HZ / hz;

	outb(PIT_CONTROL, 0x34);
	outb(PIT_CH0, (uint8_t)n);
	outb(PIT_CH0, (uint8_t)(n >> 8));
}

/* Sleep until the count of `vector` has grown by n. Interrupts stay off but in HLT. */
static void sleep_for(uint32_t vector, uint32_t n)
{
	uint32_t end = irq_count[vector] + n;

	while ((int32_t)(irq_count[vector] - end) < 0)
		__asm__ volatile("sti; hlt; cli" : : : "memory");
}

/* TSC ticks of two times ten ticks of the 8254. Are they the same, within a factor of two? */
static bool ten_and_ten(uint64_t ticks[2])
{
	for (unsigned i = 0; i < 2; i++) {
		uint64_t start = rdtsc();

		sleep_for(VECTOR_PIT, 10);
		ticks[i] = rdtsc() - start;
	}
	return ticks[0] < 2 * ticks[1] && ticks[1] < 2 * ticks[0];
}

static void pit(void)
{
	uint64_t ticks[2];
	unsigned tries = 1;

	mmio_write(LAPIC_SVR, SVR_ENABLE);
	mmio_write(LAPIC_LVT_LINT0, LVT_EXTINT);
	pic_init();
	pit_periodic(100);
	outb(PIC1 + 1, 0xfe);
	sleep_for(VECTOR_PIT, 2);
	check(true, "PIT interrupts wake HLT");
	while (!ten_and_ten(ticks) && tries < TRIES)
		tries++;
	check((int64_t)ticks[0] > 0 && (int64_t)ticks[1] > 0, "the TSC goes on");
	check(tries < TRIES, "ten ticks last as long as ten ticks (%U, %U)", ticks[0], ticks[1]);
	say("timers: TSC %U kHz by the PIT\n", (ticks[0] + ticks[1]) / 1024 * 1024 / 200);
	outb(PIC1 + 1, 0xff);
}

static void interrupt_flag(void)
{
	uint32_t before;

	outb(PIC1 + 1, 0xfe);
	sleep_for(VECTOR_PIT, 1);
	before = irq_count[VECTOR_PIT];
	for (uint64_t end = rdtsc() + 200000000; rdtsc() < end;)
		__asm__ volatile("pause");
	check(irq_count[VECTOR_PIT] == before, "no interrupt with IF=0");
	__asm__ volatile("sti; nop; nop; cli" : : : "memory");
	/* the next tick, too, if the host has been away for so long */
	check(irq_count[VECTOR_PIT] > before, "one comes as soon as IF=1 (%u)",
	      irq_count[VECTOR_PIT] - before);
	/* the instruction behind STI runs first */
	outb(PIC1 + 1, 0xff);
	mmio_write(LAPIC_ICR, ICR_SELF | VECTOR_IPI);
	before = irq_count[VECTOR_IPI];
	__asm__ volatile("sti; cli" : : : "memory");
	check(irq_count[VECTOR_IPI] == before, "STI then CLI lets none in");
	__asm__ volatile("sti; nop; cli" : : : "memory");
	check(irq_count[VECTOR_IPI] == before + 1, "STI, NOP, CLI lets one in");
}

static void self_ipi(void)
{
	uint32_t before = irq_count[VECTOR_IPI];

	mmio_write(LAPIC_ICR, ICR_SELF | VECTOR_IPI);
	check(mmio_read(LAPIC_IRR + 0x10 * (VECTOR_IPI / 32)) & 1u << VECTOR_IPI % 32,
	      "self-IPI in IRR");
	__asm__ volatile("sti; nop; nop; cli" : : : "memory");
	check(irq_count[VECTOR_IPI] == before + 1, "self-IPI delivered");
	check(!(mmio_read(LAPIC_IRR + 0x10 * (VECTOR_IPI / 32)) & 1u << VECTOR_IPI % 32),
	      "and gone from IRR");
	mmio_write(LAPIC_TPR, 0x40);
	mmio_write(LAPIC_ICR, ICR_SELF | VECTOR_IPI);
	__asm__ volatile("sti; nop; nop; cli" : : : "memory");
	check(irq_count[VECTOR_IPI] == before + 1, "TPR holds it back");
	mmio_write(LAPIC_TPR, 0);
	__asm__ volatile("sti; nop; nop; cli" : : : "memory");
	check(irq_count[VECTOR_IPI] == before + 2, "until TPR is lower");
}

/* One NMI comes, another while its handler runs: it waits for IRET, and for nothing else;
 * interrupts are off all the time. */
static volatile uint32_t nmis, nmi_depth, nmi_nested;

static void on_nmi(void)
{
	nmi_nested += nmi_depth++ > 0;
	if (nmis++ == 0)
		mmio_write(LAPIC_ICR, ICR_SELF | ICR_NMI);
	for (unsigned i = 0; i < 100; i++)
		outb(0x80, 0);
	nmi_depth--;
}

static void nmi(void)
{
	nmi_hook = on_nmi;
	mmio_write(LAPIC_ICR, ICR_SELF | ICR_NMI);
	for (unsigned i = 0; i < 100; i++)
		outb(0x80, 0);
	check(nmis == 2, "an NMI and the one behind it come with IF=0 (%u)", nmis);
	check(nmi_nested == 0, "one after the other");
}

static void lapic_timer(void)
{
	uint32_t count, before;

	mmio_write(LAPIC_DIVIDE, DIVIDE_BY_1);
	mmio_write(LAPIC_LVT_TIMER, VECTOR_TIMER);
	mmio_write(LAPIC_INITIAL, ONE_SHOT);
	count = mmio_read(LAPIC_CURRENT);
	check(count > 0 && count <= ONE_SHOT, "current count runs (%u)", count);
	check(mmio_read(LAPIC_CURRENT) <= count, "downwards");
	sleep_for(VECTOR_TIMER, 1);
	check(mmio_read(LAPIC_CURRENT) == 0, "one-shot stops at 0");
	before = irq_count[VECTOR_TIMER];
	mmio_write(LAPIC_LVT_TIMER, LVT_PERIODIC | VECTOR_TIMER);
	mmio_write(LAPIC_INITIAL, 5000000);
	sleep_for(VECTOR_TIMER, 5);
	check(irq_count[VECTOR_TIMER] >= before + 5, "periodic goes on");
	mmio_write(LAPIC_LVT_TIMER, LVT_MASKED | VECTOR_TIMER);
	mmio_write(LAPIC_INITIAL, 0);
	__asm__ volatile("sti; nop; nop; cli" : : : "memory");
	before = irq_count[VECTOR_TIMER];
	for (uint64_t end = rdtsc() + 50000000; rdtsc() < end;)
		__asm__ volatile("sti; pause; cli");
	check(irq_count[VECTOR_TIMER] == before, "masked is silent");
}

/* Interrupts meet a loop that exits all the time: none may be lost, none come twice. */
static void under_exits(void)
{
	uint32_t bad = 0;
	uint64_t tsc = rdtsc();

	mmio_write(LAPIC_LVT_TIMER, LVT_PERIODIC | VECTOR_TIMER);
	mmio_write(LAPIC_INITIAL, 1000000);
	__asm__ volatile("sti");
	for (unsigned i = 0; i < 2000; i++) {
		uint64_t now;

		cpuid(0, 0);
		outb(0x80, 0);
		now = rdtsc();
		bad += now < tsc;
		tsc = now;
	}
	__asm__ volatile("cli");
	mmio_write(LAPIC_LVT_TIMER, LVT_MASKED | VECTOR_TIMER);
	check(bad == 0, "the TSC never goes back");
}

int main(void)
{
	traps_init();
	irq_hook = end_of_interrupt;
	pit();
	interrupt_flag();
	self_ipi();
	nmi();
	lapic_timer();
	under_exits();
	return checks_done("timers");
}

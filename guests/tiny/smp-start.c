/* SPDX-License-Identifier: MIT */
/*
 * A second processor: INIT, SIPI, SIPI (Intel SDM Vol. 3A 8.4.3, 8.4.4), its way from real mode
 * to C, interrupts between the two, atomic operations, and all of it once more from another page.
 * Who waits has interrupts on, else some models of Bochs would never let the other run.
 */
#include "segments.h"
#include "traps.h"

#define LAPIC 0xfee00000u
#define LAPIC_EOI (LAPIC + 0xb0)
#define LAPIC_SVR (LAPIC + 0xf0)
#define LAPIC_ICR (LAPIC + 0x300)
#define LAPIC_ICR_HIGH (LAPIC + 0x310)
#define PIC1_MASK 0x21
#define PIC2_MASK 0xa1
#define SVR_ENABLE 0x1ffu
#define ICR_PENDING 0x1000u
#define ICR_INIT 0x4500u
#define ICR_SIPI 0x4600u
#define BSP 0u /* local APIC IDs */
#define AP 1u

#define VECTOR_PING 0x30
#define VECTOR_PONG 0x31
#define VECTOR_SELF 0x32
#define ROUNDS 100u
#define RACES 2000u
#define SPREAD 30000u /* turns of a loop: longer than an answer takes */
#define STRIDE 7919u /* a prime */
#define ADDITIONS 100000u
#define ADDITIONS_ACROSS 60000u
#define PATIENCE 4000000000ull /* TSC ticks */

/* ap.asm */
struct ap_seen {
	uint32_t eflags, cr0, edx, interrupts;
	uint16_t cs, ip, ds, ss;
};
extern const uint8_t ap_low[], ap_low_end[];
extern const uint32_t ap_seen, ap_gdtr; /* where in the page */
void ap_main(void);

static volatile uint32_t starts, counter, may_add, has_added;

/* Lies across two cache lines. */
static struct {
	uint8_t fill[62];
	volatile uint32_t counter;
} __attribute__((packed, aligned(64))) across;

static void ipi(uint32_t to, uint32_t what)
{
	mmio_write(LAPIC_ICR_HIGH, to << 24);
	mmio_write(LAPIC_ICR, what);
	while (mmio_read(LAPIC_ICR) & ICR_PENDING)
		__asm__ volatile("pause");
}

static void on_irq(uint32_t vector)
{
	mmio_write(LAPIC_EOI, 0);
	if (vector == VECTOR_PING)
		ipi(BSP, VECTOR_PONG);
}

static void add(void)
{
	for (unsigned i = 0; i < ADDITIONS; i++)
		__asm__ volatile("lock incl %0" : "+m"(counter) : : "memory");
}

static void add_across_lines(void)
{
	for (unsigned i = 0; i < ADDITIONS_ACROSS; i++)
		__asm__ volatile("lock incl %0" : "+m"(across.counter) : : "memory");
}

/* The second processor. */
void ap_main(void)
{
	idt_load32();
	mmio_write(LAPIC_SVR, SVR_ENABLE);
	starts++;
	__asm__ volatile("sti");
	while (!may_add)
		__asm__ volatile("pause");
	add();
	add_across_lines();
	has_added = 1;
	for (;;)
		__asm__ volatile("hlt");
}

static bool becomes(volatile uint32_t *what, uint32_t value)
{
	for (uint64_t end = rdtsc() + PATIENCE; *what != value && rdtsc() < end;)
		__asm__ volatile("pause");
	return *what == value;
}

static void check_what_it_saw(uint32_t page)
{
	const struct ap_seen *seen = (const struct ap_seen *)(page + ap_seen);

	check(seen->cs == page >> 4 && seen->ip == 0, "it begins at %x:%x", seen->cs, seen->ip);
	check(seen->ds == 0 && seen->ss == 0, "DS %x and SS %x are 0", seen->ds, seen->ss);
	check(seen->eflags == 2, "EFLAGS are %x", seen->eflags);
	check(!(seen->cr0 & (CR0_PE | CR0_PG)), "CR0 is %x", seen->cr0);
	check(seen->edx == cpuid(1, 0).a, "EDX is the processor's signature: %x", seen->edx);
	check(seen->interrupts == 1, "INT n in real mode");
}

static void start_at(uint32_t page)
{
	uint32_t before = starts;

	may_add = has_added = 0;
	memcpy((void *)page, ap_low, (size_t)(ap_low_end - ap_low));
	__asm__ volatile("sgdt (%0)" : : "r"(page + ap_gdtr) : "memory");
	ipi(AP, ICR_INIT);
	ipi(AP, ICR_SIPI | page >> 12);
	ipi(AP, ICR_SIPI | page >> 12);
	check(becomes(&starts, before + 1), "the second processor is there");
	check_what_it_saw(page);
}

static void add_together(void)
{
	uint32_t before = irq_count[VECTOR_SELF], sent = 0;
	uint64_t end = rdtsc() + PATIENCE;

	counter = across.counter = 0;
	may_add = 1;
	add();
	for (; !has_added && rdtsc() < end; sent++)
		ipi(BSP, VECTOR_SELF);
	check(has_added && counter == 2 * ADDITIONS, "none of %u additions is lost", 2 * ADDITIONS);
	check(across.counter == ADDITIONS_ACROSS, "nor of those across cache lines");
	check(irq_count[VECTOR_SELF] - before == sent, "meanwhile each interrupt came once");
}

static void ping_pong(void)
{
	uint32_t pongs = irq_count[VECTOR_PONG];

	for (unsigned i = 1; i <= ROUNDS; i++) {
		__asm__ volatile("cli");
		ipi(AP, VECTOR_PING);
		while (irq_count[VECTOR_PONG] != pongs + i)
			__asm__ volatile("sti; hlt; cli" : : : "memory");
		__asm__ volatile("sti");
	}
	check(true, "%u interrupts there and back", ROUNDS);
}

/* The answer comes at any moment before HLT or behind it: it wakes whoever has gone to sleep. */
static void races_to_hlt(void)
{
	uint32_t pongs = irq_count[VECTOR_PONG];

	__asm__ volatile("cli");
	for (unsigned i = 1; i <= RACES; i++) {
		ipi(AP, VECTOR_PING);
		for (volatile unsigned n = i * STRIDE % SPREAD; n;)
			n--;
		while (irq_count[VECTOR_PONG] != pongs + i)
			__asm__ volatile("sti; hlt; cli" : : : "memory");
	}
	__asm__ volatile("sti");
	check(true, "%u answers that race with HLT", RACES);
}

int main(void)
{
	say("smp-start: here it goes\n");
	traps_init();
	irq_hook = on_irq;
	outb(PIC1_MASK, 0xff);
	outb(PIC2_MASK, 0xff);
	mmio_write(LAPIC_SVR, SVR_ENABLE);
	__asm__ volatile("sti");
	start_at(0x9000);
	add_together();
	ping_pong();
	ipi(AP, ICR_SIPI | 0x9); /* without INIT: ignored */
	ping_pong();
	check(starts == 1, "no start without INIT");
	start_at(0xa000);
	add_together();
	ping_pong();
	races_to_hlt();
	return checks_done("smp-start");
}

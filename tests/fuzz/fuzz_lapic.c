// SPDX-License-Identifier: MIT
/*
 * Local APICs and the IOAPIC on their bus (drivers/virt/vlapic*.c, ioapic.c, apic_bus.c): three
 * processors, each of which may be the one that accesses, by MMIO and by MSR, and takes what is
 * pending as the run loop does.
 *
 *  A1  Whatever may be taken, its processor has been told to look.
 *  A2  What is taken was requested, is above everything in service, and is not in service
 *      twice.
 *  A3  Vectors below 16 are nowhere; what is in service is ended by as many EOIs as there are
 *      vectors in it.
 *  A4  A timer that counts, or has a deadline, has a host timer, and none has one for nothing;
 *      the count never exceeds what it started from.
 *  A5  Remote IRR is set for level-triggered pins only.
 *  A6  An MSR access that is refused changes nothing.
 */
#include <assert.h>
#include <string.h>

#include "drivers/virt/ioapic.h"
#include "drivers/virt/vlapic_priv.h"
#include "tests/fuzz/device.h"

#define CPUS 3

static struct vm vm;
static struct vcpu vcpu[CPUS];
static struct vlapic *lapic[CPUS];
static struct apic_bus bus;
static struct ioapic ioapic;
static unsigned current;

static unsigned count_bits(const uint32_t *words)
{
	unsigned n = 0;

	for (unsigned i = 0; i < VLAPIC_WORDS; i++)
		n += (unsigned)__builtin_popcount(words[i]);
	return n;
}

static bool has_vector(const uint32_t *words, unsigned vector)
{
	return words[vector / 32] >> vector % 32 & 1;
}

static void check_timer(const struct vlapic *l)
{
	const struct vlapic_timer *t = &l->timer;
	bool tsc = (l->lvt[LVT_TIMER] >> APIC_LVT_TIMER_SHIFT & APIC_LVT_TIMER_MASK) ==
		   APIC_TIMER_TSC;

	assert(!t->tsc_deadline || tsc);
	assert(!t->due || !tsc);
	assert(t->host.armed == (t->due || t->tsc_deadline)); /* A4 */
	/* the divide register may have changed, which leaves the count what it was */
	assert(vlapic_timer_current(l) <= t->initial);
}

static void check_lapic(struct vlapic *l)
{
	assert(vlapic_pending(l) < 0 || l->vcpu->irq_check); /* A1 */
	assert(!(l->irr[0] & 0xffff) && !(l->isr[0] & 0xffff)); /* A3 */
	assert(vlapic_ppr(l) <= 0xff);
	if (!(l->svr & APIC_SVR_ENABLE))
		for (unsigned i = 0; i < NR_LVT; i++)
			assert(l->lvt[i] & APIC_LVT_MASKED);
	check_timer(l);
}

static void check(void)
{
	assert(!vm.lock.held);
	for (unsigned i = 0; i < CPUS; i++)
		check_lapic(lapic[i]);
	for (unsigned pin = 0; pin < IOAPIC_PINS; pin++) {
		uint64_t e = ioapic.entry[pin];

		assert(!(e & 1u << 14) || (e & 1u << 15)); /* A5 */
	}
}

/* As vcpu_look_for_events() does. */
static void take_interrupts(struct vcpu *v)
{
	struct vlapic *l = v->lapic;
	int vector;

	v->irq_check = false;
	v->nmi_pending = false;
	while ((vector = vlapic_pending(l)) >= 0) {
		assert(has_vector(l->irr, (unsigned)vector)); /* A2 */
		for (unsigned above = (unsigned)vector & APIC_CLASS; above < 256; above++)
			assert(!has_vector(l->isr, above));
		vlapic_accept(l, vector);
		assert(!has_vector(l->irr, (unsigned)vector));
		assert(vlapic_ppr(l) >= ((unsigned)vector & APIC_CLASS));
	}
}

/* A3 */
static void end_all(struct vlapic *l)
{
	for (unsigned n = count_bits(l->isr); n; n--) {
		assert(count_bits(l->isr) == n);
		vlapic_eoi(l);
	}
	assert(!count_bits(l->isr));
}

static void access_msr(struct input *in, bool write)
{
	static const uint32_t others[] = { MSR_APIC_BASE, MSR_TSC_DEADLINE };
	uint32_t n = (uint32_t)take(in, 1);
	uint32_t msr = n < 0x40 ? MSR_X2APIC_BASE + n : others[n & 1];
	struct vlapic *l = lapic[current], before = *l;
	uint64_t base = l->vcpu->apic_base, val;

	if (!write) {
		assert(!vlapic_msr_read(l, msr, &val) || msr != MSR_APIC_BASE || val == base);
		return;
	}
	val = take(in, 1);
	val = val & 0x80 ? take(in, 8) : base ^ (val & 0x7f) << 8;
	if (vlapic_msr_write(l, msr, val))
		return;
	assert(!memcmp(l, &before, sizeof(before)) && l->vcpu->apic_base == base); /* A6 */
}

static void extra(struct input *in)
{
	unsigned what = (unsigned)take(in, 1), pin = what >> 3 & 31;
	struct vcpu *v = &vcpu[current];

	switch (what & 7) {
	case 0:
		current = pin % CPUS;
		fake_set_current(&vcpu[current]);
		break;
	case 1:
		take_interrupts(v);
		break;
	case 2:
		end_all(v->lapic);
		break;
	case 3:
	case 4:
		ioapic_set_pin(&ioapic, pin % IOAPIC_PINS, what & 4);
		break;
	case 5:
		access_msr(in, pin & 1);
		break;
	case 6:
		vlapic_set_cr8(v->lapic, pin & 15);
		assert(vlapic_cr8(v->lapic) == (pin & 15));
		break;
	default:
		v->tsc_offset = take(in, 8);
		vlapic_tsc_changed(v->lapic);
	}
}

static void setup(void)
{
	fake_reset();
	memset(&vm, 0, sizeof(vm));
	bus = (struct apic_bus){ 0 };
	ioapic_init(&ioapic, &bus, CPUS);
	assert(!ioapic_register(&ioapic, &vm.mmio));
	for (unsigned i = 0; i < CPUS; i++) {
		vcpu[i] = (struct vcpu){ .vm = &vm, .id = i };
		lapic[i] = vcpu[i].lapic = vlapic_create(&vcpu[i], &bus);
		vlapic_set_virtual_wire(lapic[i]);
	}
	assert(!iobus_add(&vm.mmio, VLAPIC_BASE, VLAPIC_SIZE, &vlapic_mmio_ops, lapic[0]));
	current = 0;
	fake_set_current(&vcpu[0]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	const struct device d = {
		.range = { { &vm.mmio, VLAPIC_BASE, VLAPIC_SIZE, 16 },
			   { &vm.mmio, VLAPIC_BASE, VLAPIC_SIZE, 16 },
			   { &vm.mmio, VLAPIC_BASE, VLAPIC_SIZE, 17 },
			   { &vm.mmio, IOAPIC_BASE, 0x50, 16 },
			   { &vm.mmio, IOAPIC_BASE, 0x50, 16 },
			   { &vm.mmio, IOAPIC_BASE, IOAPIC_SIZE, 17 } },
		.nr_ranges = 6,
		.nr_timers = CPUS,
		.extra = extra,
		.check = check,
	};

	setup();
	device_run(&d, &in);
	for (unsigned i = 0; i < CPUS; i++)
		vlapic_destroy(lapic[i]);
	assert(!fake_next_timer());
	return 0;
}

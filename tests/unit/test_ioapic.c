/* SPDX-License-Identifier: MIT */
/* The I/O APIC against the 82093AA data sheet, with a real local APIC behind it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "drivers/virt/ioapic.h"
#include "tests/unit/fake_hv.h"

static struct vm vm;
static struct vcpu vcpu;
static struct apic_bus bus;
static struct ioapic io;

static uint32_t get(uint8_t reg)
{
	mmio_out(&vm, 0xfec00000, 4, reg);
	return mmio_in(&vm, 0xfec00010, 4);
}

static void put(uint8_t reg, uint32_t val)
{
	mmio_out(&vm, 0xfec00000, 4, reg);
	mmio_out(&vm, 0xfec00010, 4, val);
}

static int setup(void **state)
{
	(void)state;
	fake_reset();
	vm = (struct vm){ 0 };
	vcpu = (struct vcpu){ .vm = &vm };
	bus = (struct apic_bus){ 0 };
	ioapic_init(&io, &bus, 8);
	assert_int_equal(ioapic_register(&io, &vm.mmio), 0);
	vcpu.lapic = vlapic_create(&vcpu, &bus);
	assert_non_null(vcpu.lapic);
	vlapic_set_virtual_wire(vcpu.lapic); /* enabled */
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	vlapic_destroy(vcpu.lapic);
	return 0;
}

static int take(void)
{
	int vector = vlapic_pending(vcpu.lapic);

	if (vector >= 0)
		vlapic_accept(vcpu.lapic, vector);
	return vector;
}

static void registers(void **state)
{
	unsigned i;

	(void)state;
	assert_int_equal(get(0), 0x08000000);
	assert_int_equal(get(1), 0x00170020);
	assert_int_equal(get(2), 0x08000000);
	assert_int_equal(get(3), 0);
	for (i = 0; i < 24; i++) {
		assert_int_equal(get(0x10 + 2 * i), 0x10000);
		assert_int_equal(get(0x11 + 2 * i), 0);
	}
	assert_int_equal(get(0x40), 0); /* behind the table */
	put(0, 0xffffffff);
	assert_int_equal(get(0), 0x0f000000);
	put(1, 0);
	assert_int_equal(get(1), 0x00170020);
	put(0x12, 0xffffffff);
	put(0x13, 0xffffffff);
	assert_int_equal(get(0x12), 0x1afff); /* status and remote IRR are not written */
	assert_int_equal(get(0x13), 0xff000000);
	assert_int_equal(mmio_in(&vm, 0xfec00000, 4), 0x13);
}

static void edge(void **state)
{
	(void)state;
	ioapic_set_pin(&io, 4, true); /* masked: lost */
	put(0x18, 0x34);
	assert_int_equal(take(), -1);
	ioapic_set_pin(&io, 4, false);
	ioapic_set_pin(&io, 4, true);
	assert_int_equal(take(), 0x34);
	ioapic_set_pin(&io, 4, true); /* no new edge */
	vlapic_eoi(vcpu.lapic);
	assert_int_equal(take(), -1);
	assert_int_equal(get(0x18), 0x34);
}

static void level(void **state)
{
	(void)state;
	put(0x22, 0x8039); /* pin 9 */
	ioapic_set_pin(&io, 9, true);
	assert_int_equal(get(0x22), 0xc039); /* remote IRR */
	assert_int_equal(take(), 0x39);
	ioapic_set_pin(&io, 9, false);
	ioapic_set_pin(&io, 9, true);
	vlapic_deliver(vcpu.lapic, APIC_FIXED, 0x61, false);
	assert_int_equal(take(), 0x61);
	assert_int_equal(take(), -1); /* not a second time before its EOI */
	vlapic_eoi(vcpu.lapic); /* of 0x61: none of our business */
	assert_int_equal(get(0x22), 0xc039);
	vlapic_eoi(vcpu.lapic);
	assert_int_equal(take(), 0x39); /* still asserted: again */
	ioapic_set_pin(&io, 9, false);
	vlapic_eoi(vcpu.lapic);
	assert_int_equal(get(0x22), 0x8039);
	assert_int_equal(take(), -1);
}

/* Given to another processor between its acceptance and its EOI, as irqbalance does: the other one
 * gets it after the EOI, not beside the first. */
static void level_moves(void **state)
{
	struct vcpu other = { .vm = &vm, .id = 1 };

	(void)state;
	other.lapic = vlapic_create(&other, &bus);
	assert_non_null(other.lapic);
	vlapic_set_virtual_wire(other.lapic);
	put(0x22, 0x8039); /* pin 9 */
	ioapic_set_pin(&io, 9, true);
	assert_int_equal(take(), 0x39);
	put(0x22, 0x18039); /* masked, as the manual wants it, and ... */
	put(0x23, 1 << 24); /* ... to APIC 1 */
	put(0x22, 0x8039);
	assert_int_equal(take(), -1);
	assert_int_equal(vlapic_pending(other.lapic), -1);
	vlapic_eoi(vcpu.lapic);
	assert_int_equal(take(), -1);
	assert_int_equal(vlapic_pending(other.lapic), 0x39);
	vlapic_destroy(other.lapic);
}

/* A level interrupt that is asserted while masked comes when it is unmasked. */
static void level_unmask(void **state)
{
	(void)state;
	put(0x22, 0x18039);
	ioapic_set_pin(&io, 9, true);
	assert_int_equal(take(), -1);
	put(0x22, 0x8039);
	assert_int_equal(take(), 0x39);
	put(0x22, 0x18039); /* masked in service: EOI must not send it again */
	vlapic_eoi(vcpu.lapic);
	assert_int_equal(take(), -1);
	assert_int_equal(get(0x22), 0x18039);
	put(0x22, 0x8039);
	assert_int_equal(take(), 0x39);
}

/* The EOI register, and the older way: to edge and back. */
static void eoi_without_the_local_apic(void **state)
{
	(void)state;
	put(0x22, 0x8039);
	ioapic_set_pin(&io, 9, true);
	ioapic_set_pin(&io, 9, false);
	mmio_out(&vm, 0xfec00040, 4, 0x38);
	assert_int_equal(get(0x22), 0xc039);
	mmio_out(&vm, 0xfec00040, 4, 0x39);
	assert_int_equal(get(0x22), 0x8039);
	take();
	vlapic_eoi(vcpu.lapic);
	ioapic_set_pin(&io, 9, true);
	assert_int_equal(get(0x22), 0xc039);
	put(0x22, 0x10039);
	assert_int_equal(get(0x22), 0x10039);
}

static void shared_vector(void **state)
{
	(void)state;
	put(0x30, 0x8051);
	put(0x32, 0x8051);
	ioapic_set_pin(&io, 16, true);
	ioapic_set_pin(&io, 17, true);
	assert_int_equal(take(), 0x51);
	ioapic_set_pin(&io, 16, false);
	vlapic_eoi(vcpu.lapic);
	assert_int_equal(take(), 0x51);
	ioapic_set_pin(&io, 17, false);
	vlapic_eoi(vcpu.lapic);
	assert_int_equal(take(), -1);
}

static void delivery(void **state)
{
	(void)state;
	put(0x14, 0x0400); /* NMI */
	ioapic_set_pin(&io, 2, true);
	assert_int_equal(fake_nmis, 1);
	put(0x16, 0x0831); /* logical */
	put(0x17, 0x01000000);
	ioapic_set_pin(&io, 3, true);
	assert_int_equal(take(), -1); /* LDR is 0 */
	fake_set_current(&vcpu);
	assert_int_equal(
		iobus_add(&vm.mmio, VLAPIC_BASE, VLAPIC_SIZE, &vlapic_mmio_ops, vcpu.lapic), 0);
	mmio_out(&vm, 0xfee000d0, 4, 0x01000000);
	ioapic_set_pin(&io, 3, false);
	ioapic_set_pin(&io, 3, true);
	assert_int_equal(take(), 0x31);
	put(0x17, 0x05000000); /* no such processor: nothing in flight either */
	put(0x16, 0x8031);
	assert_int_equal(get(0x16), 0x8031);
}

static void random_pokes(void **state)
{
	unsigned i, pin;

	(void)state;
	for (i = 0; i < 40000; i++) {
		fake_poke(&vm.mmio, IOAPIC_BASE, fake_random() & 1 ? 0x50 : 0x1000, 1);
		put(fake_random(), fake_random() & 0xb9ff);
		ioapic_set_pin(&io, fake_random() % IOAPIC_PINS, fake_random() & 1);
		take();
		if (fake_random() & 1)
			vlapic_eoi(vcpu.lapic);
		for (pin = 0; pin < IOAPIC_PINS; pin++) /* remote IRR is for level only */
			assert_int_not_equal(io.entry[pin] & 0xc000, 0x4000);
	}
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(registers),	  T(edge),	   T(level),
		T(level_moves),	  T(level_unmask), T(eoi_without_the_local_apic),
		T(shared_vector), T(delivery),	   T(random_pokes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

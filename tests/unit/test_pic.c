/* SPDX-License-Identifier: MIT */
/* The 8259A pair against its data sheet (Intel 231468). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "drivers/virt/pic.h"
#include "tests/unit/fake_hv.h"

static struct vm vm;
static struct pic pic;
static bool intr;

static void intr_changed(void *arg, bool level)
{
	(void)arg;
	intr = level;
}

/* As a PC's firmware does: vectors 0x08 and 0x70, or Linux: 0x30 and 0x38. */
static void program(uint8_t master, uint8_t slave, uint8_t icw4)
{
	out(&vm, 0x20, 1, 0x11);
	out(&vm, 0x21, 1, master);
	out(&vm, 0x21, 1, 0x04);
	out(&vm, 0x21, 1, icw4);
	out(&vm, 0xa0, 1, 0x11);
	out(&vm, 0xa1, 1, slave);
	out(&vm, 0xa1, 1, 0x02);
	out(&vm, 0xa1, 1, icw4 & ~0x10);
	out(&vm, 0x21, 1, 0);
	out(&vm, 0xa1, 1, 0);
}

static int setup(void **state)
{
	(void)state;
	fake_reset();
	vm = (struct vm){ 0 };
	intr = false;
	pic_init(&pic, intr_changed, NULL);
	assert_int_equal(pic_register(&pic, &vm.ports), 0);
	program(0x30, 0x38, 0x01);
	return 0;
}

static void pulse(unsigned irq)
{
	pic_set_irq(&pic, irq, true);
	pic_set_irq(&pic, irq, false);
}

static void fixed_priority(void **state)
{
	(void)state;
	pulse(4);
	assert_true(intr);
	pulse(1);
	assert_int_equal(pic_acknowledge(&pic), 0x31);
	assert_false(intr); /* 4 waits behind 1 */
	out(&vm, 0x20, 1, 0x20);
	assert_true(intr);
	assert_int_equal(pic_acknowledge(&pic), 0x34);
	pulse(1); /* higher: nests */
	assert_true(intr);
	assert_int_equal(pic_acknowledge(&pic), 0x31);
	out(&vm, 0x20, 1, 0x0b); /* OCW3: read ISR */
	assert_int_equal(in(&vm, 0x20, 1), 0x12);
	out(&vm, 0x20, 1, 0x20); /* non-specific: ends the higher */
	assert_int_equal(in(&vm, 0x20, 1), 0x10);
	out(&vm, 0x20, 1, 0x64); /* specific */
	assert_int_equal(in(&vm, 0x20, 1), 0);
}

static void mask_holds_back(void **state)
{
	(void)state;
	out(&vm, 0x21, 1, 0x10);
	pulse(4);
	assert_false(intr);
	out(&vm, 0x20, 1, 0x0a); /* OCW3: read IRR */
	assert_int_equal(in(&vm, 0x20, 1), 0x10);
	assert_int_equal(in(&vm, 0x21, 1), 0x10);
	out(&vm, 0x21, 1, 0);
	assert_true(intr);
	assert_int_equal(pic_acknowledge(&pic), 0x34);
	assert_int_equal(in(&vm, 0x20, 1), 0);
}

static void cascade(void **state)
{
	(void)state;
	pulse(12);
	pulse(8);
	assert_int_equal(pic_acknowledge(&pic), 0x38);
	assert_false(intr);
	/* Linux's order: slave first, then the cascade input. */
	out(&vm, 0xa0, 1, 0x60);
	assert_false(intr);
	out(&vm, 0x20, 1, 0x62);
	assert_true(intr);
	assert_int_equal(pic_acknowledge(&pic), 0x3c);
	pulse(3); /* lower than the cascade */
	assert_false(intr);
	out(&vm, 0xa0, 1, 0x20);
	out(&vm, 0x20, 1, 0x20);
	assert_int_equal(pic_acknowledge(&pic), 0x33);
	pulse(2); /* not an input */
	out(&vm, 0x20, 1, 0x20);
	assert_false(intr);
}

/* "Special fully nested mode": a higher slave input interrupts a lower one of the slave. */
static void special_fully_nested(void **state)
{
	(void)state;
	pulse(12);
	assert_int_equal(pic_acknowledge(&pic), 0x3c);
	pulse(8);
	assert_false(intr);
	program(0x30, 0x38, 0x11);
	pulse(12);
	assert_int_equal(pic_acknowledge(&pic), 0x3c);
	pulse(8);
	assert_true(intr);
	assert_int_equal(pic_acknowledge(&pic), 0x38);
}

static void level_triggered(void **state)
{
	(void)state;
	out(&vm, 0x4d0, 2, 0xffff);
	assert_int_equal(in(&vm, 0x4d0, 1), 0xf8); /* 0, 1, 2 are always edge */
	assert_int_equal(in(&vm, 0x4d1, 1), 0xde); /* and 8, 13 */
	pic_set_irq(&pic, 5, true);
	assert_int_equal(pic_acknowledge(&pic), 0x35);
	assert_false(intr);
	out(&vm, 0x20, 1, 0x20);
	assert_true(intr); /* still asserted: again */
	assert_int_equal(pic_acknowledge(&pic), 0x35);
	pic_set_irq(&pic, 5, false);
	out(&vm, 0x20, 1, 0x20);
	assert_false(intr);
}

static void edge_needs_a_new_edge(void **state)
{
	(void)state;
	pic_set_irq(&pic, 5, true);
	assert_int_equal(pic_acknowledge(&pic), 0x35);
	out(&vm, 0x20, 1, 0x20);
	assert_false(intr);
	pic_set_irq(&pic, 5, true);
	assert_false(intr);
	pic_set_irq(&pic, 5, false);
	pic_set_irq(&pic, 5, true);
	assert_true(intr);
}

static void auto_eoi(void **state)
{
	(void)state;
	program(0x30, 0x38, 0x03);
	pulse(0);
	assert_int_equal(pic_acknowledge(&pic), 0x30);
	out(&vm, 0x20, 1, 0x0b);
	assert_int_equal(in(&vm, 0x20, 1), 0);
	pulse(0);
	assert_true(intr);
}

static void rotation(void **state)
{
	(void)state;
	pulse(4);
	assert_int_equal(pic_acknowledge(&pic), 0x34);
	out(&vm, 0x20, 1, 0xa0); /* rotate on non-specific EOI: 4 is lowest now */
	pulse(4);
	pulse(5);
	assert_int_equal(pic_acknowledge(&pic), 0x35);
	out(&vm, 0x20, 1, 0x20);
	assert_int_equal(pic_acknowledge(&pic), 0x34);
	out(&vm, 0x20, 1, 0x20);
	out(&vm, 0x20, 1, 0xc6); /* set priority: 6 lowest, 7 highest */
	pulse(0);
	pulse(7);
	assert_int_equal(pic_acknowledge(&pic), 0x37);
	out(&vm, 0x20, 1, 0xe7); /* rotate on specific EOI 7 */
	assert_int_equal(pic_acknowledge(&pic), 0x30);
}

static void special_mask(void **state)
{
	(void)state;
	pulse(1);
	assert_int_equal(pic_acknowledge(&pic), 0x31);
	pulse(6);
	assert_false(intr);
	out(&vm, 0x21, 1, 0x02);
	out(&vm, 0x20, 1, 0x68); /* ESMM, SMM */
	assert_true(intr);
	assert_int_equal(pic_acknowledge(&pic), 0x36);
	out(&vm, 0x20, 1, 0x20); /* ends 6, not the masked 1 */
	out(&vm, 0x20, 1, 0x0b);
	assert_int_equal(in(&vm, 0x20, 1), 0x02);
	out(&vm, 0x20, 1, 0x48); /* ESMM, no SMM */
	pulse(6);
	assert_false(intr);
}

static void poll(void **state)
{
	(void)state;
	pulse(3);
	out(&vm, 0x20, 1, 0x0c);
	assert_int_equal(in(&vm, 0x20, 1), 0x83);
	assert_false(intr);
	out(&vm, 0x20, 1, 0x0b);
	assert_int_equal(in(&vm, 0x20, 1), 0x08);
	out(&vm, 0x20, 1, 0x0c);
	assert_int_equal(in(&vm, 0x20, 1) & 0x80, 0);
}

static void spurious(void **state)
{
	(void)state;
	assert_int_equal(pic_acknowledge(&pic), 0x37);
	out(&vm, 0x20, 1, 0x0b);
	assert_int_equal(in(&vm, 0x20, 1), 0); /* not in service */
}

/* ICW1 clears the mask and forgets edges; nothing is requested until the last ICW. */
static void initialization(void **state)
{
	(void)state;
	out(&vm, 0x21, 1, 0xff);
	pic_set_irq(&pic, 4, true);
	out(&vm, 0x20, 1, 0x11);
	assert_int_equal(in(&vm, 0x21, 1), 0);
	pic_set_irq(&pic, 1, true);
	assert_false(intr);
	out(&vm, 0x21, 1, 0x08);
	out(&vm, 0x21, 1, 0x04);
	assert_false(intr);
	out(&vm, 0x21, 1, 0x01);
	assert_true(intr);
	assert_int_equal(pic_acknowledge(&pic), 0x09);
	out(&vm, 0x20, 1, 0x20);
	assert_false(intr); /* 4's edge was before */
}

static void random_pokes(void **state)
{
	unsigned i;

	(void)state;
	for (i = 0; i < 20000; i++) {
		fake_poke(&vm.ports, fake_random() & 1 ? 0x20 : 0xa0, 2, 1);
		fake_poke(&vm.ports, 0x4d0, 2, 1);
		pic_set_irq(&pic, fake_random() % 16, fake_random() & 1);
		if (intr)
			assert_true(pic_acknowledge(&pic) <= 0xff);
		assert_int_equal(pic.chip[0].lines & 4, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(fixed_priority, setup),
		cmocka_unit_test_setup(mask_holds_back, setup),
		cmocka_unit_test_setup(cascade, setup),
		cmocka_unit_test_setup(special_fully_nested, setup),
		cmocka_unit_test_setup(level_triggered, setup),
		cmocka_unit_test_setup(edge_needs_a_new_edge, setup),
		cmocka_unit_test_setup(auto_eoi, setup),
		cmocka_unit_test_setup(rotation, setup),
		cmocka_unit_test_setup(special_mask, setup),
		cmocka_unit_test_setup(poll, setup),
		cmocka_unit_test_setup(spurious, setup),
		cmocka_unit_test_setup(initialization, setup),
		cmocka_unit_test_setup(random_pokes, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* The 16550 against its data sheet (TL/C/8652), and what Linux's driver tests for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "drivers/virt/vuart.h"
#include "tests/unit/fake_hv.h"

enum { DATA = 0x3f8, IER, IIR, LCR, MCR, LSR, MSR, SCR, FCR = IIR };

static struct vm vm;
static struct vuart uart;
static struct fake_line irq4;

static int setup(void **state)
{
	(void)state;
	fake_reset();
	vm = (struct vm){ 0 };
	irq4 = (struct fake_line){ 0 };
	vuart_init(&uart, &vm.console, fake_irq_line(&irq4), &vm.lock);
	assert_int_equal(vuart_register(&uart, &vm.ports, DATA), 0);
	return 0;
}

static uint8_t get(uint16_t reg)
{
	return in(&vm, reg, 1);
}

static void put(uint16_t reg, uint8_t val)
{
	out(&vm, reg, 1, val);
}

static void registers(void **state)
{
	(void)state;
	assert_int_equal(get(LSR), 0x60);
	assert_int_equal(get(IIR), 0x01);
	assert_int_equal(get(MSR), 0xb0);
	put(SCR, 0x5a);
	assert_int_equal(get(SCR), 0x5a);
	put(IER, 0xff);
	assert_int_equal(get(IER), 0x0f);
	put(LCR, 0x83);
	put(DATA, 0x01);
	put(IER, 0x02);
	assert_int_equal(get(DATA), 0x01);
	assert_int_equal(get(IER), 0x02);
	put(LCR, 0x03);
	assert_int_equal(get(IER), 0x0f);
	assert_int_equal(get(LCR), 0x03);
	put(FCR, 0xc7);
	assert_int_equal(get(IIR) & 0xc0, 0xc0);
	put(FCR, 0);
	assert_int_equal(get(IIR) & 0xc0, 0);
	put(MCR, 0xff);
	assert_int_equal(get(MCR), 0x1f);
}

/* THRE interrupt: at enabling, at emptying; IIR reading or writing THR ends it. */
static void thre_interrupt(void **state)
{
	(void)state;
	put(MCR, 0x08);
	put(IER, 0x02);
	assert_true(irq4.level);
	assert_int_equal(get(IIR), 0x02);
	assert_false(irq4.level);
	assert_int_equal(get(IIR), 0x01);
	/* Linux's test for UART_BUG_THRE: off and on again raises it again. */
	put(IER, 0x00);
	put(IER, 0x02);
	assert_int_equal(get(IIR), 0x02);
	put(IER, 0x02); /* no change: nothing */
	assert_int_equal(get(IIR), 0x01);
	put(DATA, 'x');
	assert_true(irq4.level);
	assert_int_equal(get(LSR), 0x60); /* LSR does not end it */
	assert_int_equal(get(IIR), 0x02);
	assert_string_equal(fake_out, "x");
}

static void no_room(void **state)
{
	unsigned i;

	(void)state;
	put(MCR, 0x08);
	put(FCR, 0x01);
	put(IER, 0x02);
	get(IIR);
	fake_out_room = 2;
	for (i = 0; i < 10; i++)
		put(DATA, '0' + i);
	assert_int_equal(get(LSR), 0x00); /* neither THRE nor TEMT */
	assert_int_equal(get(IIR), 0xc1);
	assert_false(irq4.level);
	fake_make_room(&vm.console, 3);
	assert_int_equal(get(LSR), 0x00);
	assert_false(irq4.level);
	fake_make_room(&vm.console, 100);
	assert_int_equal(get(LSR), 0x60);
	assert_true(irq4.level);
	assert_int_equal(get(IIR), 0xc2);
	assert_string_equal(fake_out, "0123456789");
}

/* A driver that does not look overwrites; the FIFO takes 16. */
static void transmit_overrun(void **state)
{
	unsigned i;

	(void)state;
	put(FCR, 0x01);
	fake_out_room = 0;
	for (i = 0; i < 18; i++)
		put(DATA, 'a' + i);
	fake_make_room(&vm.console, 100);
	assert_string_equal(fake_out, "abcdefghijklmnor");
}

static void receive_without_fifo(void **state)
{
	(void)state;
	put(MCR, 0x08);
	put(IER, 0x01);
	fake_type(&vm.console, "abc");
	assert_true(irq4.level);
	assert_int_equal(get(IIR), 0x04);
	assert_int_equal(get(LSR), 0x61);
	assert_int_equal(get(DATA), 'a');
	assert_true(irq4.level); /* the next one has moved up */
	assert_int_equal(get(DATA), 'b');
	assert_int_equal(get(DATA), 'c');
	assert_false(irq4.level);
	assert_int_equal(get(LSR), 0x60);
}

static void receive_fifo(void **state)
{
	unsigned i;

	(void)state;
	put(MCR, 0x08);
	put(FCR, 0x81); /* trigger at 8 */
	put(IER, 0x01);
	fake_type(&vm.console, "0123456789abcdefghij");
	assert_int_equal(get(IIR), 0xc4);
	for (i = 0; i < 13; i++)
		assert_int_equal(get(DATA), "0123456789abc"[i]);
	assert_int_equal(get(IIR), 0xcc); /* 7 left: time-out */
	for (; i < 20; i++)
		assert_int_equal(get(DATA), "0123456789abcdefghij"[i]);
	assert_int_equal(get(IIR), 0xc1);
	assert_false(irq4.level);
	fake_type(&vm.console, "xyz");
	put(FCR, 0x83); /* clear the receiver */
	assert_int_equal(get(LSR), 0x60);
}

/* Priority: line status, received data, THRE, modem status. */
static void priorities(void **state)
{
	(void)state;
	put(MCR, 0x10);
	put(IER, 0x0f);
	get(IIR);
	get(MSR);
	put(DATA, 'a');
	put(DATA, 'b'); /* overrun: no FIFO */
	put(MCR, 0x12); /* RTS: delta CTS */
	assert_int_equal(get(IIR), 0x06);
	assert_int_equal(get(LSR), 0x63);
	assert_int_equal(get(LSR), 0x61);
	assert_int_equal(get(IIR), 0x04);
	assert_int_equal(get(DATA), 'a');
	assert_int_equal(get(IIR), 0x02);
	assert_int_equal(get(IIR), 0x00);
	assert_int_equal(get(MSR), 0x11);
	assert_int_equal(get(MSR), 0x10);
	assert_int_equal(get(IIR), 0x01);
	assert_int_equal(irq4.rises, 0); /* loopback: OUT2 is inactive */
	assert_int_equal(fake_out_len, 0);
}

static void loopback_modem_lines(void **state)
{
	(void)state;
	put(MCR, 0x1a); /* Linux's autoconfig: RTS and OUT2 */
	assert_int_equal(get(MSR) & 0xf0, 0x90);
	put(MCR, 0x1d);
	assert_int_equal(get(MSR) & 0xf0, 0xe0);
	put(MCR, 0x19);
	assert_int_equal(get(MSR) & 0x0f, 0x04); /* RI's trailing edge */
	put(MCR, 0x00);
	assert_int_equal(get(MSR) & 0xf0, 0xb0);
}

static void out2_gates_the_interrupt(void **state)
{
	(void)state;
	put(IER, 0x02);
	assert_false(irq4.level);
	put(MCR, 0x08);
	assert_true(irq4.level);
}

static void after_the_end(void **state)
{
	(void)state;
	vuart_fini(&uart);
	fake_type(&vm.console, "x");
	fake_make_room(&vm.console, 10);
}

static void random_pokes(void **state)
{
	unsigned i;

	(void)state;
	for (i = 0; i < 20000; i++) {
		fake_poke(&vm.ports, DATA, 8, 5);
		if (fake_random() % 8 == 0)
			fake_type(&vm.console, "some text that is longer than sixteen");
		if (fake_random() % 8 == 0)
			fake_make_room(&vm.console, fake_random() % 30);
		assert_true(uart.rx.len <= 16 && uart.tx.len <= 16);
		assert_int_equal(vm.lock.held, 0);
	}
}

#define T(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(registers),	     T(thre_interrupt),	      T(no_room),
		T(transmit_overrun), T(receive_without_fifo), T(receive_fifo),
		T(priorities),	     T(loopback_modem_lines), T(out2_gates_the_interrupt),
		T(after_the_end),    T(random_pokes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

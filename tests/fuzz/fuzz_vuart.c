// SPDX-License-Identifier: MIT
/*
 * The 16550 (drivers/virt/vuart.c) between a guest and a console that now and then has no room
 * or some input.
 *
 *  U1  The interrupt line is up exactly while OUT2 lets it and IIR would name a source.
 *  U2  FIFOs keep within their size; a byte in the transmitter means that the console has no
 *      room, or the transmitter would have sent it.
 *  U3  What is typed is received in order, all of it.
 *  U4  A byte that is sent while the console has room is there at once, and that the
 *      transmitter is empty again is an event.
 */
#include <assert.h>
#include <string.h>

#include "drivers/virt/vuart.h"
#include "tests/fuzz/device.h"

#define MCR_OUT2 0x08
#define MCR_LOOP 0x10
#define LCR_DLAB 0x80
#define IIR_NONE 0x01

static struct vm vm;
static struct vuart uart;
static struct fake_line line;

/* IIR without the effect of reading it. */
static unsigned peek_iir(void)
{
	struct vuart copy = uart;
	uint64_t val;

	iobus_read(&vm.ports, VUART_COM1_PORT + 2, 1, &val);
	uart = copy;
	return (unsigned)val & 0x0f;
}

static void check(void)
{
	bool gate = (uart.mcr & (MCR_OUT2 | MCR_LOOP)) == MCR_OUT2, level = line.level;

	assert(!vm.lock.held);
	assert(uart.rx.len <= VUART_FIFO && uart.tx.len <= VUART_FIFO); /* U2 */
	assert((uart.fcr & 1) || (uart.rx.len <= 1 && uart.tx.len <= 1));
	assert(!uart.tx.len || (!fake_out_room && !(uart.mcr & MCR_LOOP)));
	assert(level == (gate && peek_iir() != IIR_NONE)); /* U1 */
	line.level = level;
}

/* U3: letters go up, so that order can be seen. */
static void type(unsigned n)
{
	static char text[32];

	for (unsigned i = 0; i < n % sizeof(text); i++)
		text[i] = (char)('A' + i);
	text[n % sizeof(text)] = 0;
	fake_type(&vm.console, text);
}

static void receive_all(void)
{
	uint64_t val, lsr;
	uint8_t before = 0;

	if (uart.mcr & MCR_LOOP || uart.lcr & LCR_DLAB)
		return;
	iobus_write(&vm.ports, VUART_COM1_PORT + 2, 1,
		    (uart.fcr & 1) | 2); /* only what comes now */
	while (uart.rx.len)
		iobus_read(&vm.ports, VUART_COM1_PORT, 1, &val);
	type(31);
	while (iobus_read(&vm.ports, VUART_COM1_PORT + 5, 1, &lsr) && lsr & 1) {
		iobus_read(&vm.ports, VUART_COM1_PORT, 1, &val);
		assert(val == (before ? before + 1u : 'A'));
		before = (uint8_t)val;
	}
	assert(before == 'A' + 30);
}

/* U4 */
static void send(uint8_t c)
{
	unsigned room = fake_out_room;

	if (uart.mcr & MCR_LOOP || uart.lcr & LCR_DLAB)
		return;
	iobus_write(&vm.ports, VUART_COM1_PORT, 1, c);
	if (!room)
		return;
	assert(fake_out_room == room - 1 && uart.thre_pending);
	assert(fake_out[(fake_out_len - 1) % (sizeof(fake_out) - 1)] == (char)c);
}

static void extra(struct input *in)
{
	unsigned what = (unsigned)take(in, 1);

	switch (what & 3) {
	case 0:
		type(what >> 2);
		break;
	case 1:
		fake_make_room(&vm.console, what >> 2);
		break;
	case 2:
		receive_all();
		break;
	default:
		send((uint8_t)take(in, 1));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	const struct device d = {
		.range = { { &vm.ports, VUART_COM1_PORT, VUART_PORTS, 1 } },
		.nr_ranges = 1,
		.extra = extra,
		.check = check,
	};

	fake_reset();
	memset(&vm, 0, sizeof(vm));
	line = (struct fake_line){ 0 };
	vuart_init(&uart, &vm.console, fake_irq_line(&line), &vm.lock);
	assert(!vuart_register(&uart, &vm.ports, VUART_COM1_PORT));
	device_run(&d, &in);
	vuart_fini(&uart);
	return 0;
}

/* SPDX-License-Identifier: MIT */
/*
 * The 16550. Guarded by the VM's lock, which the console's callbacks take.
 *
 * Transmission takes no time while the console has room, and stops while it has none: the
 * transmitter is then "not empty", so drivers wait, and no byte is lost. Received bytes stay
 * in the console's queue until the FIFO has room, so there is no overrun but in loopback. The
 * character time-out is taken as passed at once: nothing more comes than what is there.
 */
#include "drivers/virt/vuart.h"

#include "drivers/virt/io_bytes.h"

enum {
	REG_DATA = 0, /* RBR, THR; DLL */
	REG_IER = 1, /* DLM */
	REG_IIR = 2, /* FCR */
	REG_LCR = 3,
	REG_MCR = 4,
	REG_LSR = 5,
	REG_MSR = 6,
	REG_SCRATCH = 7,
};

enum {
	IER_RX = 1 << 0,
	IER_THRE = 1 << 1,
	IER_LINE = 1 << 2,
	IER_MODEM = 1 << 3,
	IER_MASK = 0x0f,
	IIR_NONE = 0x01,
	IIR_MODEM = 0x00,
	IIR_THRE = 0x02,
	IIR_RX = 0x04,
	IIR_LINE = 0x06,
	IIR_TIMEOUT = 0x0c,
	IIR_FIFO_ON = 0xc0,
	FCR_ENABLE = 1 << 0,
	FCR_CLEAR_RX = 1 << 1,
	FCR_CLEAR_TX = 1 << 2,
	FCR_TRIGGER_SHIFT = 6,
	LCR_DLAB = 1 << 7,
	MCR_DTR = 1 << 0,
	MCR_RTS = 1 << 1,
	MCR_OUT1 = 1 << 2,
	MCR_OUT2 = 1 << 3, /* on a PC it gates the interrupt */
	MCR_LOOP = 1 << 4,
	MCR_MASK = 0x1f,
	LSR_READY = 1 << 0,
	LSR_OVERRUN = 1 << 1,
	LSR_THRE = 1 << 5,
	LSR_TEMT = 1 << 6,
	MSR_CTS = 1 << 4,
	MSR_DSR = 1 << 5,
	MSR_RI = 1 << 6,
	MSR_DCD = 1 << 7,
	MSR_DELTA_SHIFT = 4, /* a line's change bit lies 4 below the line's */
};

#define DIVISOR_RESET 12 /* 9600 baud from 1.8432 MHz */

static const uint8_t trigger_level[4] = { 1, 4, 8, 14 };

static bool fifo_push(struct vuart_fifo *f, unsigned size, uint8_t c)
{
	if (f->len >= size)
		return false;
	f->byte[(f->head + f->len++) % VUART_FIFO] = c;
	return true;
}

static bool fifo_pop(struct vuart_fifo *f, uint8_t *c)
{
	if (!f->len)
		return false;
	*c = f->byte[f->head];
	f->head = (f->head + 1) % VUART_FIFO;
	f->len--;
	return true;
}

static bool fifos_on(const struct vuart *u)
{
	return u->fcr & FCR_ENABLE;
}

static unsigned fifo_size(const struct vuart *u)
{
	return fifos_on(u) ? VUART_FIFO : 1;
}

static uint8_t modem_lines(const struct vuart *u)
{
	if (!(u->mcr & MCR_LOOP))
		return MSR_CTS | MSR_DSR | MSR_DCD; /* somebody is always listening */
	return (u->mcr & MCR_RTS ? MSR_CTS : 0) | (u->mcr & MCR_DTR ? MSR_DSR : 0) |
	       (u->mcr & MCR_OUT1 ? MSR_RI : 0) | (u->mcr & MCR_OUT2 ? MSR_DCD : 0);
}

/* The interrupt of highest priority (data sheet, table IV). */
static uint8_t interrupt_id(const struct vuart *u)
{
	if ((u->ier & IER_LINE) && u->lsr_errors)
		return IIR_LINE;
	if ((u->ier & IER_RX) && u->rx.len) {
		if (!fifos_on(u) || u->rx.len >= trigger_level[u->fcr >> FCR_TRIGGER_SHIFT])
			return IIR_RX;
		return IIR_TIMEOUT;
	}
	if ((u->ier & IER_THRE) && u->thre_pending)
		return IIR_THRE;
	if ((u->ier & IER_MODEM) && u->msr_delta)
		return IIR_MODEM;
	return IIR_NONE;
}

/* In loopback OUT2's pin is inactive, so nothing gets out. */
static void update_irq(struct vuart *u)
{
	bool gate = (u->mcr & (MCR_OUT2 | MCR_LOOP)) == MCR_OUT2;

	irq_line_set(&u->irq, gate && interrupt_id(u) != IIR_NONE);
}

/* Console to receiver FIFO, as far as it goes. */
static void receive(struct vuart *u)
{
	uint8_t c;

	while (!(u->mcr & MCR_LOOP) && u->rx.len < fifo_size(u) && console_getc(u->port, &c))
		fifo_push(&u->rx, fifo_size(u), c);
}

static void receive_looped(struct vuart *u, uint8_t c)
{
	if (!fifo_push(&u->rx, fifo_size(u), c))
		u->lsr_errors |= LSR_OVERRUN;
}

/* Transmitter FIFO to the console, as far as it goes. Emptying is an event. */
static void transmit(struct vuart *u)
{
	bool had = u->tx.len;

	while (u->tx.len) {
		if (u->mcr & MCR_LOOP)
			receive_looped(u, u->tx.byte[u->tx.head]);
		else if (!console_putc(u->port, u->tx.byte[u->tx.head]))
			return;
		u->tx.head = (u->tx.head + 1) % VUART_FIFO;
		u->tx.len--;
	}
	if (had)
		u->thre_pending = true;
}

static void input_ready(void *owner)
{
	struct vuart *u = owner;

	spin_lock(u->lock);
	receive(u);
	update_irq(u);
	spin_unlock(u->lock);
}

static void output_ready(void *owner)
{
	struct vuart *u = owner;

	spin_lock(u->lock);
	transmit(u);
	update_irq(u);
	spin_unlock(u->lock);
}

static void nobody(void *owner)
{
	(void)owner;
}

static uint8_t read_data(struct vuart *u)
{
	uint8_t c = 0;

	fifo_pop(&u->rx, &c);
	receive(u);
	return c;
}

static void write_data(struct vuart *u, uint8_t c)
{
	u->thre_pending = false;
	/* A driver that writes without looking at THRE overwrites what was last. */
	if (!fifo_push(&u->tx, fifo_size(u), c))
		u->tx.byte[(u->tx.head + u->tx.len - 1) % VUART_FIFO] = c;
	transmit(u);
}

/* Reading IIR ends the THR-empty interrupt if that is what it says. */
static uint8_t read_iir(struct vuart *u)
{
	uint8_t id = interrupt_id(u);

	if (id == IIR_THRE)
		u->thre_pending = false;
	return id | (fifos_on(u) ? IIR_FIFO_ON : 0);
}

static uint8_t read_lsr(struct vuart *u)
{
	uint8_t val = u->lsr_errors | (u->rx.len ? LSR_READY : 0);

	if (!u->tx.len)
		val |= LSR_THRE | LSR_TEMT;
	u->lsr_errors = 0;
	return val;
}

static uint8_t read_msr(struct vuart *u)
{
	uint8_t val = modem_lines(u) | u->msr_delta;

	u->msr_delta = 0;
	return val;
}

/* Enabling the THR-empty interrupt while THR is empty raises it at once: drivers start
 * their output that way, and Linux tests for it. */
static void write_ier(struct vuart *u, uint8_t val)
{
	if ((val & ~u->ier & IER_THRE) && !u->tx.len)
		u->thre_pending = true;
	u->ier = val & IER_MASK;
}

static void write_fcr(struct vuart *u, uint8_t val)
{
	bool switched = (val ^ u->fcr) & FCR_ENABLE;

	if (!(val & FCR_ENABLE))
		val = 0; /* the other bits need it */
	if (switched || (val & FCR_CLEAR_RX))
		u->rx.len = 0;
	if ((switched || (val & FCR_CLEAR_TX)) && u->tx.len) {
		u->tx.len = 0;
		u->thre_pending = true;
	}
	u->fcr = val & (uint8_t) ~(FCR_CLEAR_RX | FCR_CLEAR_TX);
	receive(u);
}

static void write_mcr(struct vuart *u, uint8_t val)
{
	uint8_t before = modem_lines(u), after, changed;

	u->mcr = val & MCR_MASK;
	after = modem_lines(u);
	changed = before ^ after;
	if (after & MSR_RI)
		changed &= (uint8_t)~MSR_RI;
	u->msr_delta |= changed >> MSR_DELTA_SHIFT;
	receive(u); /* back from loopback */
	transmit(u);
}

static uint8_t uart_read(struct vuart *u, unsigned reg)
{
	bool dlab = u->lcr & LCR_DLAB;

	switch (reg) {
	case REG_DATA:
		return dlab ? (uint8_t)u->divisor : read_data(u);
	case REG_IER:
		return dlab ? (uint8_t)(u->divisor >> 8) : u->ier;
	case REG_IIR:
		return read_iir(u);
	case REG_LCR:
		return u->lcr;
	case REG_MCR:
		return u->mcr;
	case REG_LSR:
		return read_lsr(u);
	case REG_MSR:
		return read_msr(u);
	default:
		return u->scratch;
	}
}

static void uart_write(struct vuart *u, unsigned reg, uint8_t val)
{
	bool dlab = u->lcr & LCR_DLAB;

	switch (reg) {
	case REG_DATA:
		if (dlab)
			u->divisor = (uint16_t)((u->divisor & 0xff00) | val);
		else
			write_data(u, val);
		break;
	case REG_IER:
		if (dlab)
			u->divisor = (uint16_t)((u->divisor & 0xff) | val << 8);
		else
			write_ier(u, val);
		break;
	case REG_IIR:
		write_fcr(u, val);
		break;
	case REG_LCR:
		u->lcr = val;
		break;
	case REG_MCR:
		write_mcr(u, val);
		break;
	case REG_SCRATCH:
		u->scratch = val;
		break;
	default: /* LSR and MSR: for factory tests only */
		break;
	}
}

static uint8_t read_reg(void *dev, unsigned reg)
{
	uint8_t val = uart_read(dev, reg);

	update_irq(dev);
	return val;
}

static void write_reg(void *dev, unsigned reg, uint8_t val)
{
	uart_write(dev, reg, val);
	update_irq(dev);
}

static uint64_t vuart_read(void *dev, uint64_t off, unsigned size)
{
	return io_bytes_read(dev, off, size, read_reg);
}

static void vuart_write(void *dev, uint64_t off, unsigned size, uint64_t val)
{
	io_bytes_write(dev, off, size, val, write_reg);
}

static const struct io_ops vuart_ops = { "16550", vuart_read, vuart_write };

void vuart_init(struct vuart *u, struct console_port *port, struct irq_line irq,
		struct spinlock *lock)
{
	*u = (struct vuart){ .port = port, .irq = irq, .lock = lock, .divisor = DIVISOR_RESET };
	port->owner = u;
	port->input_ready = input_ready;
	port->output_ready = output_ready;
}

void vuart_fini(struct vuart *u)
{
	u->port->input_ready = nobody;
	u->port->output_ready = nobody;
	u->port->owner = NULL;
}

int vuart_register(struct vuart *u, struct iobus *ports, uint16_t base)
{
	return iobus_add(ports, base, VUART_PORTS, &vuart_ops, u);
}

/* SPDX-License-Identifier: MIT */
/*
 * The host's 16550 (drivers/host/uart.h; National Semiconductor PC16550D, section 8).
 *
 * `lock` guards the rings and the chip. Interrupts are off wherever it is held.
 *
 * 1. A byte leaves the chip's receive FIFO only when the ring has room for it: with a full
 *    ring the receive interrupt is switched off, and the line's flow control sees a full
 *    FIFO.
 * 2. The transmit interrupt is on exactly while the transmit ring holds something.
 */
#include "drivers/host/uart.h"

#include "drivers/host/intc.h"
#include "hv/cpu.h"
#include "hv/sched.h"
#include "hv/spinlock.h"

/* Registers by offset (table II) */
enum uart_register {
	RBR = 0,
	THR = 0,
	DLL = 0,
	IER = 1,
	DLM = 1,
	IIR = 2,
	FCR = 2,
	LCR = 3,
	MCR = 4,
	LSR = 5,
	SCR = 7
};

#define IER_RX 0x01
#define IER_TX 0x02
#define IIR_NONE 0x01
#define FCR_ENABLE 0x01
#define FCR_CLEAR_RX 0x02
#define FCR_CLEAR_TX 0x04
#define FCR_TRIGGER_4 0x40 /* leaves 12 bytes, a millisecond at 115200 baud, to answer */
#define LCR_8N1 0x03
#define LCR_DLAB 0x80
#define MCR_DTR 0x01
#define MCR_RTS 0x02
#define MCR_OUT2 0x08 /* lets the interrupt through on a PC */
#define LSR_DR 0x01
#define LSR_THRE 0x20
#define LSR_TEMT 0x40

#define CLOCK_BAUD 115200 /* 1.8432 MHz / 16 */
#define TX_FIFO 16
#define RX_RING 4096 /* powers of two */
#define TX_RING 16384
#define LSR_TRIES 2000000 /* polls before a transmitter counts as dead: seconds */
#define IRQ_TURNS 64 /* causes served in one interrupt; the next interrupt takes the rest */

struct ring {
	uint8_t *buf;
	unsigned size, head, tail; /* free running; head: next in, tail: next out */
};

static struct spinlock lock;
static uint8_t rx_buf[RX_RING], tx_buf[TX_RING];
static struct ring rx = { rx_buf, RX_RING, 0, 0 };
static struct ring tx = { tx_buf, TX_RING, 0, 0 };
static uint16_t port; /* 0: no UART */
static uint8_t ier; /* what IER holds */
static bool by_irq; /* false: everything is polled */
static bool wants_room; /* somebody saw less than half a ring of room */
static bool room_made; /* and there is more now */
static bool dead; /* the transmitter does not answer: bytes are dropped */

static unsigned ring_used(const struct ring *r)
{
	return r->head - r->tail;
}

static unsigned ring_room(const struct ring *r)
{
	return r->size - ring_used(r);
}

static void ring_put(struct ring *r, uint8_t c)
{
	r->buf[r->head++ & (r->size - 1)] = c;
}

static uint8_t ring_get(struct ring *r)
{
	return r->buf[r->tail++ & (r->size - 1)];
}

static void set_ier(uint8_t val)
{
	if (ier == val)
		return;
	ier = val;
	outb(port + IER, val);
}

/* The FIFO is empty: as much as it takes. */
static void tx_fill(void)
{
	unsigned n = MIN(ring_used(&tx), (unsigned)TX_FIFO);

	while (n--)
		outb(port + THR, ring_get(&tx));
	if (wants_room && ring_used(&tx) < TX_RING / 2) {
		wants_room = false;
		room_made = true;
	}
}

static bool wait_for(uint8_t lsr_bit)
{
	unsigned tries;

	for (tries = 0; tries < LSR_TRIES; tries++) {
		if (inb(port + LSR) & lsr_bit)
			return true;
		cpu_relax();
	}
	dead = true;
	return false;
}

/* Send at least one FIFO's load, waiting for it. */
static void tx_poll(void)
{
	if (dead || !wait_for(LSR_THRE))
		tx.tail = tx.head;
	else
		tx_fill();
}

static void rx_drain(void)
{
	while (ring_room(&rx) && (inb(port + LSR) & LSR_DR))
		ring_put(&rx, inb(port + RBR));
}

/* Interrupts as rules 1 and 2 want them. */
static void update_ier(void)
{
	if (by_irq)
		set_ier((ring_room(&rx) ? IER_RX : 0) | (ring_used(&tx) ? IER_TX : 0));
}

static void on_interrupt(unsigned vector)
{
	unsigned turn;

	(void)vector;
	spin_lock(&lock);
	for (turn = 0; turn < IRQ_TURNS && !(inb(port + IIR) & IIR_NONE); turn++) {
		rx_drain();
		if (inb(port + LSR) & LSR_THRE)
			tx_fill();
		update_ier();
	}
	spin_unlock(&lock);
	if (uart_work())
		sched_poke();
}

/* The scratch register keeps what is written; a bus without a device floats. */
static bool is_there(uint16_t base)
{
	outb(base + SCR, 0x5a);
	if (inb(base + SCR) != 0x5a)
		return false;
	outb(base + SCR, 0xa5);
	return inb(base + SCR) == 0xa5;
}

bool uart_init(uint16_t base, unsigned baud)
{
	unsigned divisor = baud ? CLOCK_BAUD / baud : 1;

	if (!is_there(base))
		return false;
	divisor = MIN(MAX(divisor, 1u), 0xffffu);
	port = base;
	ier = 0;
	outb(port + IER, 0);
	outb(port + LCR, LCR_DLAB);
	outb(port + DLL, divisor);
	outb(port + DLM, divisor >> 8);
	outb(port + LCR, LCR_8N1);
	outb(port + FCR, FCR_ENABLE | FCR_CLEAR_RX | FCR_CLEAR_TX | FCR_TRIGGER_4);
	outb(port + MCR, MCR_DTR | MCR_RTS | MCR_OUT2);
	return true;
}

/* ISA wiring of COM1 to COM4; -1: nothing known. */
static int irq_of(uint16_t base)
{
	switch (base) {
	case 0x3f8:
	case 0x3e8:
		return 4;
	case 0x2f8:
	case 0x2e8:
		return 3;
	default:
		return -1;
	}
}

void uart_irq_enable(void)
{
	int irq = irq_of(port);

	if (!port || irq < 0 || isa_irq_enable(irq, on_interrupt))
		return;
	spin_lock(&lock);
	by_irq = true;
	update_ier();
	spin_unlock(&lock);
}

unsigned uart_tx_room(void)
{
	unsigned room;

	spin_lock(&lock);
	room = ring_room(&tx);
	room_made = false;
	wants_room = room <= TX_RING / 2;
	spin_unlock(&lock);
	return room;
}

void uart_tx(uint8_t c)
{
	if (!port || dead)
		return;
	spin_lock(&lock);
	while (!ring_room(&tx))
		tx_poll();
	ring_put(&tx, c);
	if (!by_irq)
		tx_poll();
	else if (!(ier & IER_TX) && (inb(port + LSR) & LSR_THRE))
		tx_fill(); /* an idle transmitter needs no interrupt to start */
	update_ier();
	spin_unlock(&lock);
}

bool uart_rx(uint8_t *c)
{
	bool got = false;

	if (!port)
		return false;
	spin_lock(&lock);
	if (!by_irq)
		rx_drain();
	if (ring_used(&rx)) {
		*c = ring_get(&rx);
		got = true;
		update_ier();
	}
	spin_unlock(&lock);
	return got;
}

bool uart_work(void)
{
	if (port && !by_irq)
		return inb(port + LSR) & LSR_DR;
	return ring_used(&rx) || room_made;
}

void uart_flush(void)
{
	if (!port)
		return;
	spin_lock(&lock);
	while (ring_used(&tx))
		tx_poll();
	if (!dead)
		wait_for(LSR_TEMT);
	update_ier();
	spin_unlock(&lock);
}

void uart_poll_only(void)
{
	if (!port)
		return;
	/* Whoever held the lock will not run again. */
	spin_unlock(&lock);
	by_irq = false;
	set_ier(0);
	uart_flush();
}

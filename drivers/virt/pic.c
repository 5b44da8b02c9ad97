/* SPDX-License-Identifier: MIT */
/*
 * The 8259A pair. Guarded by the VM's lock.
 *
 * Two deliberate differences from the silicon, both what chip sets and guests agree on:
 *  - An edge stays latched until it is acknowledged, even if the input falls again. The
 *    data sheet would make it a spurious IR7; a guest that was not running for a while
 *    would see those for each short pulse.
 *  - The master sees the slave's INT output as a level whatever ELCR says: input 2 falls and
 *    rises again between two acknowledges on the chip, which comes to the same.
 */
#include "drivers/virt/pic.h"

#include "drivers/virt/io_bytes.h"

/* first port of a chip */
enum {
	ICW1_INIT = 1 << 4,
	ICW1_SINGLE = 1 << 1,
	ICW1_ICW4 = 1 << 0,
	OCW3_SELECT = 1 << 3, /* of D4 D3: 01 is OCW3, 00 is OCW2 */
	OCW3_ESMM = 1 << 6,
	OCW3_SMM = 1 << 5,
	OCW3_POLL = 1 << 2,
	OCW3_READ = 1 << 1, /* register read command ... */
	OCW3_READ_ISR = 1 << 0, /* ... of ISR */
	OCW2_ROTATE = 1 << 7,
	OCW2_SPECIFIC = 1 << 6,
	OCW2_EOI = 1 << 5,
	ICW4_SFNM = 1 << 4,
	ICW4_AEOI = 1 << 1,
	POLL_PENDING = 1 << 7,
	INPUT_MASK = 7,
};

/* ELCR bits that exist: not IRQ 0, 1, 2 and 8, 13 (Intel 82371AB 4.2.4). */
static const uint8_t elcr_mask[2] = { 0xf8, 0xde };

/* Input of highest priority among `bits`, or -1. */
static int chip_highest(const struct pic_chip *c, uint8_t bits)
{
	unsigned i, ir;

	for (i = 1; i <= 8 && bits; i++) {
		ir = (c->lowest + i) & INPUT_MASK;
		if (bits & BIT(ir))
			return (int)ir;
	}
	return -1;
}

/* Position in the priority order, 0 highest; 8 for "none". */
static unsigned chip_rank(const struct pic_chip *c, int ir)
{
	return ir < 0 ? 8 : (unsigned)(ir - c->lowest - 1) & INPUT_MASK;
}

/* Input that the chip requests service for, or -1. */
static int chip_request(const struct pic *p, const struct pic_chip *c)
{
	int ir = chip_highest(c, c->irr & ~c->imr);
	uint8_t blocking = c->isr;
	unsigned rank = chip_rank(c, ir);

	if (ir < 0 || c->icw)
		return -1; /* silent until initialized to the end */
	/* In special mask mode an input in service blocks nothing but itself (data sheet,
	 * "Special Mask Mode"). */
	if (c->special_mask)
		return chip_highest(c, c->irr & ~c->imr & ~c->isr);
	/* Special fully nested mode: a busy slave may ask again for a higher input. */
	if (c->nested && c == &p->chip[0] && ir == PIC_CASCADE_IRQ)
		blocking &= ~BIT(PIC_CASCADE_IRQ);
	return rank < chip_rank(c, chip_highest(c, blocking)) ? ir : -1;
}

static void pic_update(struct pic *p)
{
	struct pic_chip *master = &p->chip[0];
	bool intr;

	if (chip_request(p, &p->chip[1]) >= 0)
		master->irr |= BIT(PIC_CASCADE_IRQ);
	else
		master->irr &= ~BIT(PIC_CASCADE_IRQ);
	intr = chip_request(p, master) >= 0;
	if (intr == p->intr)
		return;
	p->intr = intr;
	p->intr_changed(p->arg, intr);
}

void pic_set_irq(struct pic *p, unsigned irq, bool level)
{
	struct pic_chip *c = &p->chip[irq >> 3 & 1];
	uint8_t bit = (uint8_t)BIT(irq & INPUT_MASK);

	if (irq == PIC_CASCADE_IRQ || level == !!(c->lines & bit))
		return;
	c->lines ^= bit;
	if (level)
		c->irr |= bit;
	else if (c->level & bit)
		c->irr &= ~bit;
	else
		return;
	pic_update(p);
}

static void chip_end_of_interrupt(struct pic_chip *c, int ir, bool rotate)
{
	if (ir < 0)
		return;
	c->isr &= ~BIT(ir);
	if (rotate)
		c->lowest = (uint8_t)ir;
}

/* INTA to one chip. */
static uint8_t chip_acknowledge(const struct pic *p, struct pic_chip *c)
{
	int ir = chip_request(p, c);

	if (ir < 0)
		return INPUT_MASK; /* spurious: IR7, not in service */
	if (!(c->level & BIT(ir)))
		c->irr &= ~BIT(ir);
	if (!c->auto_eoi)
		c->isr |= BIT(ir);
	else if (c->rotate_aeoi)
		c->lowest = (uint8_t)ir;
	return (uint8_t)ir;
}

uint8_t pic_acknowledge(struct pic *p)
{
	unsigned chip = 0;
	uint8_t ir = chip_acknowledge(p, &p->chip[0]);

	if (ir == PIC_CASCADE_IRQ) {
		chip = 1;
		ir = chip_acknowledge(p, &p->chip[1]);
	}
	pic_update(p);
	return p->chip[chip].base | ir;
}

static void chip_icw1(struct pic_chip *c, uint8_t val)
{
	uint8_t level = c->level, lines = c->lines;

	*c = (struct pic_chip){ .level = level, .lines = lines, .lowest = INPUT_MASK, .icw = 2 };
	/* The edge sense circuit is reset: a line must rise again to be seen. */
	c->irr = lines & level;
	c->wants_icw4 = val & ICW1_ICW4;
	c->single = val & ICW1_SINGLE;
}

static void chip_icw(struct pic_chip *c, uint8_t val)
{
	switch (c->icw) {
	case 2:
		c->base = val & ~INPUT_MASK;
		c->icw = !c->single ? 3 : c->wants_icw4 ? 4 : 0;
		break;
	case 3: /* the wiring of the cascade, which is fixed on this board */
		c->icw = c->wants_icw4 ? 4 : 0;
		break;
	default:
		c->nested = val & ICW4_SFNM;
		c->auto_eoi = val & ICW4_AEOI;
		c->icw = 0;
	}
}

static void chip_ocw2(struct pic_chip *c, uint8_t val)
{
	int specific = val & INPUT_MASK;
	bool rotate = val & OCW2_ROTATE;
	uint8_t in_service = c->isr;

	/* A masked interrupt in special mask mode is not ended by a non-specific EOI. */
	if (c->special_mask)
		in_service &= ~c->imr;
	switch (val & (OCW2_EOI | OCW2_SPECIFIC)) {
	case OCW2_EOI:
		chip_end_of_interrupt(c, chip_highest(c, in_service), rotate);
		break;
	case OCW2_EOI | OCW2_SPECIFIC:
		chip_end_of_interrupt(c, specific, rotate);
		break;
	case OCW2_SPECIFIC:
		if (rotate) /* set priority; without R it is a no-operation */
			c->lowest = (uint8_t)specific;
		break;
	default:
		c->rotate_aeoi = rotate;
	}
}

static void chip_ocw3(struct pic_chip *c, uint8_t val)
{
	if (val & OCW3_ESMM)
		c->special_mask = val & OCW3_SMM;
	if (val & OCW3_POLL)
		c->poll = true;
	if (val & OCW3_READ)
		c->read_isr = val & OCW3_READ_ISR;
}

static void chip_write(struct pic_chip *c, unsigned reg, uint8_t val)
{
	if (reg == 0) {
		if (val & ICW1_INIT)
			chip_icw1(c, val);
		else if (val & OCW3_SELECT)
			chip_ocw3(c, val);
		else
			chip_ocw2(c, val);
	} else if (c->icw) {
		chip_icw(c, val);
	} else {
		c->imr = val;
	}
}

static uint8_t chip_read(struct pic *p, struct pic_chip *c, unsigned reg)
{
	uint8_t val = 0;

	if (!c->poll)
		return reg ? c->imr : c->read_isr ? c->isr : c->irr;
	c->poll = false;
	if (chip_request(p, c) >= 0)
		val = POLL_PENDING | chip_acknowledge(p, c);
	pic_update(p);
	return val;
}

static uint8_t master_read(void *dev, unsigned reg)
{
	struct pic *p = dev;

	return chip_read(p, &p->chip[0], reg);
}

static uint8_t slave_read(void *dev, unsigned reg)
{
	struct pic *p = dev;

	return chip_read(p, &p->chip[1], reg);
}

static void master_write(void *dev, unsigned reg, uint8_t val)
{
	struct pic *p = dev;

	chip_write(&p->chip[0], reg, val);
	pic_update(p);
}

static void slave_write(void *dev, unsigned reg, uint8_t val)
{
	struct pic *p = dev;

	chip_write(&p->chip[1], reg, val);
	pic_update(p);
}

static uint8_t elcr_read(void *dev, unsigned reg)
{
	struct pic *p = dev;

	return p->chip[reg & 1].level;
}

static void elcr_write(void *dev, unsigned reg, uint8_t val)
{
	struct pic *p = dev;
	struct pic_chip *c = &p->chip[reg & 1];

	c->level = val & elcr_mask[reg & 1];
	/* A level input's request is the input itself. */
	c->irr = (c->irr & ~c->level) | (c->lines & c->level);
	pic_update(p);
}

static uint64_t master_io_read(void *dev, uint64_t off, unsigned size)
{
	return io_bytes_read(dev, off, size, master_read);
}

static void master_io_write(void *dev, uint64_t off, unsigned size, uint64_t val)
{
	io_bytes_write(dev, off, size, val, master_write);
}

static uint64_t slave_io_read(void *dev, uint64_t off, unsigned size)
{
	return io_bytes_read(dev, off, size, slave_read);
}

static void slave_io_write(void *dev, uint64_t off, unsigned size, uint64_t val)
{
	io_bytes_write(dev, off, size, val, slave_write);
}

static uint64_t elcr_io_read(void *dev, uint64_t off, unsigned size)
{
	return io_bytes_read(dev, off, size, elcr_read);
}

static void elcr_io_write(void *dev, uint64_t off, unsigned size, uint64_t val)
{
	io_bytes_write(dev, off, size, val, elcr_write);
}

static const struct io_ops master_ops = { "8259 master", master_io_read, master_io_write };
static const struct io_ops slave_ops = { "8259 slave", slave_io_read, slave_io_write };
static const struct io_ops elcr_ops = { "ELCR", elcr_io_read, elcr_io_write };

void pic_init(struct pic *p, void (*intr_changed)(void *arg, bool level), void *arg)
{
	*p = (struct pic){ .intr_changed = intr_changed, .arg = arg };
	p->chip[0] = (struct pic_chip){ .imr = 0xff, .lowest = INPUT_MASK };
	p->chip[1] = (struct pic_chip){ .imr = 0xff, .lowest = INPUT_MASK };
}

int pic_register(struct pic *p, struct iobus *ports)
{
	int err = iobus_add(ports, PIC_MASTER_PORT, 2, &master_ops, p);

	if (!err)
		err = iobus_add(ports, PIC_SLAVE_PORT, 2, &slave_ops, p);
	if (!err)
		err = iobus_add(ports, PIC_ELCR_PORT, 2, &elcr_ops, p);
	return err;
}

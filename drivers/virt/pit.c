/* SPDX-License-Identifier: MIT */
/*
 * The 8254. Guarded by the VM's lock.
 *
 * A channel is never stepped: its count and output are computed from how many ticks have
 * passed since its cycle began. Only channel 0 has a host timer, set to the next rising
 * edge of OUT, which is what IRQ 0 is wired to.
 *
 * Periodic modes keep their phase for ever (the next edge is a multiple of the count behind
 * the first). If the guest or the run loop was away for several periods, their edges
 * become one, as they would in the interrupt controller's latch.
 */
#include "drivers/virt/pit.h"

#include "drivers/virt/io_bytes.h"
#include "drivers/virt/ticks.h"

/* control word */
enum {
	CW_BCD = 1 << 0,
	CW_MODE_SHIFT = 1,
	CW_MODE_MASK = 7,
	CW_ACCESS_SHIFT = 4,
	CW_ACCESS_MASK = 3,
	CW_SELECT_SHIFT = 6,
	CW_READ_BACK = 3, /* of the select field */
	READ_BACK_NO_COUNT = 1 << 5,
	READ_BACK_NO_STATUS = 1 << 4,
	STATUS_OUT = 1 << 7,
	STATUS_NULL_COUNT = 1 << 6,
	ACCESS_LOW = 1,
	ACCESS_HIGH = 2,
	ACCESS_BOTH = 3,
	REG_CONTROL = 3,
};

/* port 0x61 */
enum {
	P61_GATE2 = 1 << 0,
	P61_WRITABLE = 0x0f,
	P61_REFRESH = 1 << 4, /* toggles at each DRAM refresh request */
	P61_OUT2 = 1 << 5,
};

#define REFRESH_NS UINT64_C(15085) /* channel 1 of a PC counts 18 ticks */
#define NO_EDGE UINT64_MAX

static uint64_t pit_now(void)
{
	return ns_to_ticks(clock_ns(), PIT_HZ);
}

static bool is_periodic(const struct pit_channel *c)
{
	return c->mode == 2 || c->mode == 3;
}

/* Modes 1 and 5 start at a rising gate; the others run while it is high. */
static bool is_triggered(const struct pit_channel *c)
{
	return c->mode == 1 || c->mode == 5;
}

/* A periodic channel goes to the cycle that holds `now`; a count that was written
 * meanwhile takes effect at the end of the cycle in which it was written. */
static void channel_advance(struct pit_channel *c, uint64_t now)
{
	if (!is_periodic(c) || !c->counting || !c->gate || now < c->start + c->count)
		return;
	if (c->count != c->reload) {
		c->start += c->count;
		c->count = c->reload;
	}
	if (now >= c->start + c->count)
		c->start += (now - c->start) / c->count * c->count;
}

/* Ticks of the running cycle that have passed. */
static uint64_t channel_elapsed(const struct pit_channel *c, uint64_t now)
{
	if (!c->gate && !is_triggered(c))
		return c->frozen;
	return now - c->start;
}

static bool channel_out(const struct pit_channel *c, uint64_t now)
{
	uint64_t d = channel_elapsed(c, now);

	if (!c->counting)
		return c->mode != 0;
	switch (c->mode) {
	case 0:
	case 1:
		return d >= c->count;
	case 2:
		return !c->gate || d + 1 < c->count || c->count == 1;
	case 3:
		return !c->gate || d < (c->count + 1) / 2;
	default:
		return d != c->count;
	}
}

/* The counting element as a number (not yet BCD). */
static uint32_t channel_value(const struct pit_channel *c, uint64_t now)
{
	uint32_t modulus = c->bcd ? 10000 : 0x10000;
	uint64_t d = channel_elapsed(c, now);
	uint32_t half;

	if (!c->counting)
		return c->reload;
	if (c->mode == 2)
		return (uint32_t)(c->count - MIN(d, c->count - 1));
	if (c->mode == 3) {
		/* Counts by two, twice a cycle; an odd count starts one lower and its
		 * high half is one tick longer. */
		half = (c->count + 1) / 2;
		d = MIN(d, c->count - 1);
		d = d < half ? d : d - half;
		return (uint32_t)((c->count & ~1u) - 2 * d);
	}
	return (uint32_t)((c->count + modulus - d % modulus) % modulus);
}

static uint16_t to_bcd(uint32_t n)
{
	return (uint16_t)(n % 10 | n / 10 % 10 << 4 | n / 100 % 10 << 8 | n / 1000 % 10 << 12);
}

static uint32_t from_bcd(uint16_t v)
{
	return (v & 15u) + (v >> 4 & 15u) * 10 + (v >> 8 & 15u) * 100 + (v >> 12) * 1000;
}

static uint16_t channel_read_count(const struct pit_channel *c)
{
	uint32_t n = channel_value(c, pit_now());

	return c->bcd ? to_bcd(n) : (uint16_t)n;
}

/* When OUT rises next; NO_EDGE: not by itself. */
static uint64_t channel_next_edge(const struct pit_channel *c)
{
	if (!c->counting || !c->gate)
		return NO_EDGE;
	switch (c->mode) {
	case 0:
	case 2:
	case 3:
		return c->start + c->count;
	case 4:
		return c->start + c->count + 1; /* the strobe lasts one tick */
	default:
		return NO_EDGE;
	}
}

static void pit_arm(struct pit *p)
{
	p->edge = channel_next_edge(&p->channel[0]);
	if (p->edge == NO_EDGE)
		timer_cancel(&p->timer);
	else
		timer_set(&p->timer, ticks_to_ns(p->edge, PIT_HZ));
}

/* Channel 0's OUT rose. */
static void pit_edge(struct timer *t)
{
	struct pit *p = container_of(t, struct pit, timer);
	struct pit_channel *c = &p->channel[0];
	uint64_t now_ns = clock_ns(), now = ns_to_ticks(now_ns, PIT_HZ);

	spin_lock(p->lock);
	if (now < p->edge) { /* it was programmed anew meanwhile */
		spin_unlock(p->lock);
		return;
	}
	irq_line_set(&p->irq, false);
	irq_line_set(&p->irq, true);
	if (is_periodic(c) && c->counting) {
		channel_advance(c, now);
		p->edge = c->start + c->count;
		timer_set(t, MAX(ticks_to_ns(p->edge, PIT_HZ), now_ns + VIRT_TIMER_MIN_NS));
	}
	spin_unlock(p->lock);
}

/* A complete count has been written. */
static void channel_load(struct pit_channel *c, uint16_t raw)
{
	uint32_t count = c->bcd ? from_bcd(raw) : raw;
	uint64_t now = pit_now();

	if (!count)
		count = c->bcd ? 10000 : 0x10000;
	channel_advance(c, now);
	c->reload = count;
	c->loaded = true;
	if (is_triggered(c) || (is_periodic(c) && c->counting))
		return; /* at the next trigger or cycle */
	c->count = count;
	c->start = now;
	c->frozen = 0;
	c->counting = true;
}

static void channel_write(struct pit *p, unsigned n, uint8_t val)
{
	struct pit_channel *c = &p->channel[n];

	if (c->access == ACCESS_BOTH && !c->write_high) {
		c->low = val;
		c->write_high = true;
		/* The first byte of a new count stops mode 0 (data sheet, "Mode 0"). */
		if (c->mode == 0)
			c->counting = false;
	} else {
		channel_load(c, c->access == ACCESS_LOW	   ? val
				: c->access == ACCESS_HIGH ? (uint16_t)(val << 8)
							   : (uint16_t)(val << 8 | c->low));
		c->write_high = false;
	}
	if (n == 0) {
		if (c->mode == 0)
			irq_line_set(&p->irq, false);
		pit_arm(p);
	}
}

static uint8_t channel_read(struct pit_channel *c)
{
	uint16_t val;
	bool high;

	if (c->status_latched) {
		c->status_latched = false;
		return c->status;
	}
	channel_advance(c, pit_now());
	val = c->latched ? c->latch : channel_read_count(c);
	high = c->access == ACCESS_HIGH || (c->access == ACCESS_BOTH && c->read_high);
	if (c->access == ACCESS_BOTH)
		c->read_high = !c->read_high;
	if (c->latched)
		c->latched--;
	return (uint8_t)(high ? val >> 8 : val);
}

static void channel_latch_count(struct pit_channel *c)
{
	if (c->latched)
		return; /* the first latch stands until it is read */
	channel_advance(c, pit_now());
	c->latch = channel_read_count(c);
	c->latched = c->access == ACCESS_BOTH && !c->read_high ? 2 : 1;
}

static void channel_latch_status(struct pit_channel *c)
{
	uint64_t now = pit_now();

	if (c->status_latched)
		return;
	channel_advance(c, now);
	c->status = (uint8_t)((channel_out(c, now) ? STATUS_OUT : 0) |
			      (!c->counting || c->count != c->reload ? STATUS_NULL_COUNT : 0) |
			      c->access << CW_ACCESS_SHIFT | c->mode << CW_MODE_SHIFT |
			      (c->bcd ? CW_BCD : 0));
	c->status_latched = true;
}

static void pit_read_back(struct pit *p, uint8_t val)
{
	unsigned n;

	for (n = 0; n < ARRAY_SIZE(p->channel); n++) {
		if (!(val & BIT(n + 1)))
			continue;
		if (!(val & READ_BACK_NO_COUNT))
			channel_latch_count(&p->channel[n]);
		if (!(val & READ_BACK_NO_STATUS))
			channel_latch_status(&p->channel[n]);
	}
}

static void channel_set_mode(struct pit_channel *c, uint8_t val)
{
	unsigned mode = val >> CW_MODE_SHIFT & CW_MODE_MASK;

	*c = (struct pit_channel){
		.mode = (uint8_t)(mode > 5 ? mode & 3 : mode), /* X10 and X11 */
		.access = val >> CW_ACCESS_SHIFT & CW_ACCESS_MASK,
		.bcd = val & CW_BCD,
		.gate = c->gate,
		.count = c->count,
		.reload = c->reload,
	};
}

static void pit_control(struct pit *p, uint8_t val)
{
	unsigned n = val >> CW_SELECT_SHIFT;

	if (n == CW_READ_BACK) {
		pit_read_back(p, val);
	} else if (!(val >> CW_ACCESS_SHIFT & CW_ACCESS_MASK)) {
		channel_latch_count(&p->channel[n]);
	} else {
		channel_set_mode(&p->channel[n], val);
		if (n == 0) {
			irq_line_set(&p->irq, p->channel[0].mode != 0);
			pit_arm(p);
		}
	}
}

/* Only channel 2 has a gate that can move, so no interrupt depends on it. */
static void channel_set_gate(struct pit_channel *c, bool gate)
{
	uint64_t now = pit_now();

	if (gate == c->gate)
		return;
	channel_advance(c, now);
	if (!gate) {
		c->frozen = now - c->start;
	} else if (is_triggered(c) || is_periodic(c)) {
		c->count = c->reload; /* a rising gate starts from the top */
		c->start = now;
		c->counting = c->loaded;
	} else {
		c->start = now - c->frozen;
	}
	c->gate = gate;
}

static uint8_t pit_read(void *dev, unsigned reg)
{
	struct pit *p = dev;

	return reg == REG_CONTROL ? 0xff : channel_read(&p->channel[reg]);
}

static void pit_write(void *dev, unsigned reg, uint8_t val)
{
	if (reg == REG_CONTROL)
		pit_control(dev, val);
	else
		channel_write(dev, reg, val);
}

static uint8_t port61_read(void *dev, unsigned reg)
{
	struct pit *p = dev;
	uint64_t now = pit_now();
	uint8_t val = p->port61;

	(void)reg;
	channel_advance(&p->channel[2], now);
	if (clock_ns() / REFRESH_NS & 1)
		val |= P61_REFRESH;
	if (channel_out(&p->channel[2], now))
		val |= P61_OUT2;
	return val;
}

static void port61_write(void *dev, unsigned reg, uint8_t val)
{
	struct pit *p = dev;

	(void)reg;
	p->port61 = val & P61_WRITABLE;
	channel_set_gate(&p->channel[2], val & P61_GATE2);
}

static uint64_t pit_io_read(void *dev, uint64_t off, unsigned size)
{
	return io_bytes_read(dev, off, size, pit_read);
}

static void pit_io_write(void *dev, uint64_t off, unsigned size, uint64_t val)
{
	io_bytes_write(dev, off, size, val, pit_write);
}

static uint64_t port61_io_read(void *dev, uint64_t off, unsigned size)
{
	return io_bytes_read(dev, off, size, port61_read);
}

static void port61_io_write(void *dev, uint64_t off, unsigned size, uint64_t val)
{
	io_bytes_write(dev, off, size, val, port61_write);
}

static const struct io_ops pit_ops = { "8254", pit_io_read, pit_io_write };
static const struct io_ops port61_ops = { "port 61h", port61_io_read, port61_io_write };

void pit_init(struct pit *p, struct irq_line irq, struct spinlock *lock)
{
	unsigned n;

	*p = (struct pit){ .irq = irq, .lock = lock };
	timer_init(&p->timer, pit_edge);
	for (n = 0; n < ARRAY_SIZE(p->channel); n++)
		p->channel[n] = (struct pit_channel){
			.mode = 3,
			.access = ACCESS_BOTH,
			.gate = n != 2,
			.count = 0x10000,
			.reload = 0x10000,
		};
}

void pit_fini(struct pit *p)
{
	timer_cancel(&p->timer);
}

int pit_register(struct pit *p, struct iobus *ports)
{
	int err = iobus_add(ports, PIT_PORT, 4, &pit_ops, p);

	return err ? err : iobus_add(ports, PORT61, 1, &port61_ops, p);
}

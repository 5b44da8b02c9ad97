// SPDX-License-Identifier: MIT
/*
 * The 8259 pair (drivers/virt/pic.c).
 *
 *  P1  INT is up exactly if a request is let through, and each change was told once.
 *  P2  A level-triggered input's request is its line.
 *  P3  An acknowledge gives an input that was requested and not masked, or the spurious one
 *      (which leaves nothing in service); an edge is used up by it.
 *  P4  What is in service is not given again before its end (no special mask mode, no
 *      automatic end).
 *  P5  The state is one that a chip can be in.
 */
#include <assert.h>
#include <string.h>

#include "drivers/virt/pic.h"
#include "tests/fuzz/device.h"

static struct pic pic, before;
static struct iobus ports;
static bool told;

static void on_intr(void *arg, bool level)
{
	(void)arg;
	assert(level != told);
	told = level;
}

/* Requests of a chip that are not masked. */
static uint8_t wanted(const struct pic_chip *c)
{
	return c->irr & (uint8_t)~c->imr;
}

static void check_chip(const struct pic_chip *c, unsigned n)
{
	uint8_t inputs = n ? 0xff : (uint8_t)~BIT(PIC_CASCADE_IRQ);

	assert(((c->irr ^ c->lines) & c->level & inputs) == 0); /* P2 */
	assert(c->icw == 0 || (c->icw >= 2 && c->icw <= 4)); /* P5 */
	assert(c->lowest <= 7 && (c->base & 7) == 0);
	assert(!c->auto_eoi || c->icw || !(c->isr & ~before.chip[n].isr));
	assert(!(c->level & (n ? 0x21 : 0x07)));
}

static void check(void)
{
	bool request = wanted(&pic.chip[0]) && !pic.chip[0].icw;

	assert(told == pic.intr && (!pic.intr || request)); /* P1 */
	/* with nothing in service there is nothing that could hold a request back */
	assert(pic.intr || !request || pic.chip[0].isr);
	assert(!(pic.chip[0].irr & BIT(PIC_CASCADE_IRQ)) || wanted(&pic.chip[1]));
	check_chip(&pic.chip[0], 0);
	check_chip(&pic.chip[1], 1);
	before = pic;
}

/* P3, P4: could chip `n` have given this vector? */
static bool gave(unsigned n, uint8_t vector)
{
	const struct pic_chip *was = &before.chip[n], *is = &pic.chip[n];
	uint8_t bit = (uint8_t)BIT(vector & 7);

	if ((was->base | (vector & 7)) != vector || !(wanted(was) & bit))
		return false;
	if (!(is->level & bit) && (is->irr & bit))
		return false;
	return is->auto_eoi ? is->isr == was->isr
			    : is->isr == (was->isr | bit) && !(was->isr & bit);
}

/* The cascade is given by the master, whose answer the slave then replaces. */
static bool slave_gave(uint8_t vector)
{
	const struct pic_chip *was = &before.chip[0], *is = &pic.chip[0];
	uint8_t cascade = (uint8_t)BIT(PIC_CASCADE_IRQ);

	if (!(wanted(was) & cascade) || !gave(1, vector))
		return false;
	return is->auto_eoi ? is->isr == was->isr : is->isr == (was->isr | cascade);
}

static void acknowledge(void)
{
	uint8_t vector;

	before = pic;
	vector = pic_acknowledge(&pic);
	if (before.intr) {
		assert(gave(0, vector) || slave_gave(vector));
		return;
	}
	assert(vector == (before.chip[0].base | 7));
	assert(!memcmp(&pic, &before, sizeof(pic)));
}

static void extra(struct input *in)
{
	unsigned what = (unsigned)take(in, 1);

	if (what & 0x80)
		acknowledge();
	else
		pic_set_irq(&pic, what & 15, what & 0x10);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	const struct device d = {
		.range = { { &ports, PIC_MASTER_PORT, 2, 1 },
			   { &ports, PIC_SLAVE_PORT, 2, 1 },
			   { &ports, PIC_ELCR_PORT, 2, 1 } },
		.nr_ranges = 3,
		.extra = extra,
		.check = check,
	};

	fake_reset();
	ports = (struct iobus){ 0 };
	told = false;
	pic_init(&pic, on_intr, NULL);
	before = pic;
	assert(!pic_register(&pic, &ports));
	device_run(&d, &in);
	return 0;
}

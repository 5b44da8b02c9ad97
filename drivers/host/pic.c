/* SPDX-License-Identifier: MIT */
/* The 8259A pair (drivers/host/pic.h). Boot CPU only: the pair interrupts no other. */
#include "drivers/host/pic.h"

#include "hv/cpu.h"

#define MASTER 0x20
#define SLAVE 0xa0
#define DATA 1 /* offset of OCW1 and ICW2-4 */

#define ICW1_INIT 0x11 /* edge triggered, cascade, ICW4 follows */
#define ICW3_MASTER 0x04 /* the slave is at input 2 */
#define ICW3_SLAVE 0x02
#define ICW4_8086 0x01
#define OCW2_EOI 0x20 /* non-specific */
#define CASCADE 2
#define MASK_ALL 0xff

static unsigned vector_base;
static uint16_t mask = 0xffff;

static void write_mask(void)
{
	outb(MASTER + DATA, mask);
	outb(SLAVE + DATA, mask >> 8);
}

void i8259_init(unsigned base)
{
	vector_base = base;
	outb(MASTER + DATA, MASK_ALL);
	outb(SLAVE + DATA, MASK_ALL);
	outb(MASTER, ICW1_INIT);
	outb(SLAVE, ICW1_INIT);
	outb(MASTER + DATA, base);
	outb(SLAVE + DATA, base + 8);
	outb(MASTER + DATA, ICW3_MASTER);
	outb(SLAVE + DATA, ICW3_SLAVE);
	outb(MASTER + DATA, ICW4_8086);
	outb(SLAVE + DATA, ICW4_8086);
	write_mask();
}

void i8259_unmask(unsigned irq)
{
	mask &= ~BIT(irq);
	if (irq >= 8)
		mask &= ~BIT(CASCADE);
	write_mask();
}

void i8259_eoi(unsigned vector)
{
	if (vector - vector_base >= 8)
		outb(SLAVE, OCW2_EOI);
	outb(MASTER, OCW2_EOI);
}

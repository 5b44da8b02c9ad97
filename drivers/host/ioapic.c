/* SPDX-License-Identifier: MIT */
/* The I/O APICs (drivers/host/ioapic.h). Boot CPU only, at boot only. */
#include "drivers/host/ioapic.h"

#include "hv/errno.h"
#include "hv/page.h"

#define IOAPIC_MAX 16
#define WINDOW_BYTES 0x20

/* 32-bit words of the window: the index register, and the register so chosen */
#define IOREGSEL (0x00 / 4)
#define IOWIN (0x10 / 4)
#define REG_VERSION 0x01
#define REG_REDIRECTION 0x10 /* two for each input */

#define RED_ACTIVE_LOW (1u << 13)
#define RED_LEVEL (1u << 15)
#define RED_MASKED (1u << 16)
#define RED_DEST_SHIFT 24

static struct {
	volatile uint32_t *regs;
	uint32_t gsi_base, inputs;
} ioapic[IOAPIC_MAX];
static unsigned nr_ioapics;

static uint32_t read_reg(volatile uint32_t *regs, unsigned reg)
{
	regs[IOREGSEL] = reg;
	return regs[IOWIN];
}

static void write_reg(volatile uint32_t *regs, unsigned reg, uint32_t val)
{
	regs[IOREGSEL] = reg;
	regs[IOWIN] = val;
}

int ioapic_add(hpa_t addr, uint32_t gsi_base)
{
	volatile uint32_t *regs;
	uint32_t version, inputs, i;

	if (nr_ioapics == IOAPIC_MAX)
		return -ENOSPC;
	regs = mmio_map(addr, WINDOW_BYTES);
	if (!regs)
		return -ENOMEM;
	version = read_reg(regs, REG_VERSION);
	if (version == UINT32_MAX)
		return -ENODEV;
	inputs = (version >> 16 & 0xff) + 1;
	for (i = 0; i < inputs; i++)
		write_reg(regs, REG_REDIRECTION + 2 * i, RED_MASKED);
	ioapic[nr_ioapics].regs = regs;
	ioapic[nr_ioapics].gsi_base = gsi_base;
	ioapic[nr_ioapics].inputs = inputs;
	nr_ioapics++;
	return 0;
}

int ioapic_route(uint32_t gsi, unsigned vector, bool level, bool active_low, uint32_t apic_id)
{
	unsigned i;

	for (i = 0; i < nr_ioapics; i++) {
		uint32_t input = gsi - ioapic[i].gsi_base;
		unsigned reg = REG_REDIRECTION + 2 * input;

		if (input >= ioapic[i].inputs)
			continue;
		write_reg(ioapic[i].regs, reg + 1, apic_id << RED_DEST_SHIFT);
		write_reg(ioapic[i].regs, reg,
			  vector | (level ? RED_LEVEL : 0) | (active_low ? RED_ACTIVE_LOW : 0));
		return 0;
	}
	return -ENODEV;
}

/* SPDX-License-Identifier: MIT */
/*
 * The I/O APIC. Guarded by the VM's lock.
 *
 * An edge on a masked pin is lost, as the data sheet has it. A level-triggered pin sends one
 * message and sets remote IRR; the next message can go only after the EOI has cleared it, so
 * no vector is in flight twice.
 */
#include "drivers/virt/ioapic.h"

#include "drivers/virt/io_bytes.h"

/* MMIO offsets */
enum {
	REG_SELECT = 0x00,
	REG_WINDOW = 0x10,
	REG_EOI = 0x40,
};

/* selected registers */
enum {
	IOAPIC_ID = 0,
	IOAPIC_VERSION = 1,
	IOAPIC_ARBITRATION = 2,
	IOAPIC_TABLE = 0x10, /* two for each pin */
};

#define VERSION_VALUE (0x20u | (IOAPIC_PINS - 1) << 16)
#define ID_MASK 0x0f000000u

/* Redirection table entry (data sheet, 3.2.4) */
#define RTE_MODE_SHIFT 8
#define RTE_MODE_MASK 7u
#define RTE_LOGICAL (UINT64_C(1) << 11)
#define RTE_STATUS (UINT64_C(1) << 12) /* a message waits to be sent; never here */
#define RTE_REMOTE_IRR (UINT64_C(1) << 14)
#define RTE_LEVEL (UINT64_C(1) << 15)
#define RTE_MASKED (UINT64_C(1) << 16)
#define RTE_DEST_SHIFT 56
#define RTE_WRITABLE UINT64_C(0xff0000000001afff) /* not status, not remote IRR */

static void ioapic_send(struct ioapic *io, unsigned pin)
{
	uint64_t e = io->entry[pin];
	struct apic_msg m = {
		.dest = (uint32_t)(e >> RTE_DEST_SHIFT),
		.logical = e & RTE_LOGICAL,
		.level = e & RTE_LEVEL,
		.mode = e >> RTE_MODE_SHIFT & RTE_MODE_MASK,
		.vector = (uint8_t)e,
	};

	if (apic_bus_send(io->bus, &m) && m.level)
		io->entry[pin] |= RTE_REMOTE_IRR;
}

/* Send for a level-triggered pin that is asserted and has nothing in flight. */
static void service_level(struct ioapic *io, unsigned pin)
{
	uint64_t e = io->entry[pin];

	if ((io->lines & BIT(pin)) && (e & (RTE_LEVEL | RTE_MASKED | RTE_REMOTE_IRR)) == RTE_LEVEL)
		ioapic_send(io, pin);
}

void ioapic_set_pin(struct ioapic *io, unsigned pin, bool level)
{
	uint32_t bit = (uint32_t)BIT(pin);

	if (level == !!(io->lines & bit))
		return;
	io->lines ^= bit;
	if (!level || io->entry[pin] & RTE_MASKED)
		return;
	if (io->entry[pin] & RTE_LEVEL)
		service_level(io, pin);
	else
		ioapic_send(io, pin);
}

static void ioapic_eoi(void *arg, uint8_t vector)
{
	struct ioapic *io = arg;
	unsigned pin;

	for (pin = 0; pin < IOAPIC_PINS; pin++) {
		if (!(io->entry[pin] & RTE_REMOTE_IRR) || (uint8_t)io->entry[pin] != vector)
			continue;
		io->entry[pin] &= ~RTE_REMOTE_IRR;
		service_level(io, pin);
	}
}

/* An entry made edge-triggered loses its remote IRR: kernels end a level interrupt that
 * way where there is no EOI register. */
static void write_entry(struct ioapic *io, unsigned pin, bool high, uint32_t val)
{
	uint64_t *e = &io->entry[pin];
	uint64_t new = high ? (*e & UINT32_MAX) | (uint64_t)val << 32
			    : (*e & ~(uint64_t)UINT32_MAX) | val;

	*e = (new &RTE_WRITABLE) | (*e & RTE_REMOTE_IRR);
	if (!(*e & RTE_LEVEL))
		*e &= ~RTE_REMOTE_IRR;
	service_level(io, pin);
}

static uint32_t read_window(const struct ioapic *io)
{
	unsigned n = io->select - IOAPIC_TABLE;

	if (io->select >= IOAPIC_TABLE)
		return n / 2 < IOAPIC_PINS ? (uint32_t)(io->entry[n / 2] >> (n & 1 ? 32 : 0)) : 0;
	switch (io->select) {
	case IOAPIC_ID:
	case IOAPIC_ARBITRATION: /* loaded with the ID */
		return io->id;
	case IOAPIC_VERSION:
		return VERSION_VALUE;
	default:
		return 0;
	}
}

static void write_window(struct ioapic *io, uint32_t val)
{
	unsigned n = io->select - IOAPIC_TABLE;

	if (io->select == IOAPIC_ID)
		io->id = val & ID_MASK;
	else if (io->select >= IOAPIC_TABLE && n / 2 < IOAPIC_PINS)
		write_entry(io, n / 2, n & 1, val);
}

/* Registers are doublewords; a byte or word read of one gives its low part. */
static uint64_t ioapic_read(void *dev, uint64_t off, unsigned size)
{
	const struct ioapic *io = dev;
	uint64_t val = off == REG_SELECT ? io->select : off == REG_WINDOW ? read_window(io) : 0;

	return io_low_bytes(val, size);
}

static void ioapic_write(void *dev, uint64_t off, unsigned size, uint64_t val)
{
	struct ioapic *io = dev;

	if (off == REG_SELECT)
		io->select = (uint8_t)val;
	else if (off == REG_WINDOW && size >= 4)
		write_window(io, (uint32_t)val);
	else if (off == REG_EOI)
		ioapic_eoi(io, (uint8_t)val);
}

static const struct io_ops ioapic_ops = { "IOAPIC", ioapic_read, ioapic_write };

void ioapic_init(struct ioapic *io, struct apic_bus *bus, unsigned id)
{
	unsigned pin;

	*io = (struct ioapic){ .bus = bus, .id = id << 24 & ID_MASK };
	for (pin = 0; pin < IOAPIC_PINS; pin++)
		io->entry[pin] = RTE_MASKED;
	bus->eoi = ioapic_eoi;
	bus->arg = io;
}

int ioapic_register(struct ioapic *io, struct iobus *mmio)
{
	return iobus_add(mmio, IOAPIC_BASE, IOAPIC_SIZE, &ioapic_ops, io);
}

/* SPDX-License-Identifier: MIT */
/* PCI configuration access and the host bridge. Guarded by the VM's lock. */
#include "drivers/virt/pci_host.h"

#include "drivers/virt/io_bytes.h"
#include "hv/vm.h"

/* CONFIG_ADDRESS */
enum {
	ADDRESS_REG_MASK = 0xfc,
	ADDRESS_FUNCTION_SHIFT = 8,
	ADDRESS_FUNCTION_MASK = 7,
	ADDRESS_DEVICE_SHIFT = 11,
	ADDRESS_DEVICE_MASK = 31,
	ADDRESS_BUS_SHIFT = 16,
	ADDRESS_BUS_MASK = 0xff,
};
#define ADDRESS_ENABLE UINT32_C(0x80000000)
#define ADDRESS_EXTENDED UINT32_C(0x0f000000) /* AMD: register bits 11:8; none here */
#define ADDRESS_WRITABLE UINT32_C(0x8ffffffc)

/* configuration header (PCI 3.0, 6.1) */
enum {
	CFG_VENDOR = 0x00,
	CFG_DEVICE = 0x02,
	CFG_COMMAND = 0x04,
	CFG_CLASS = 0x08, /* revision, interface, subclass, class */
	COMMAND_IO = 1 << 0,
	COMMAND_MEMORY = 1 << 1,
	COMMAND_MASTER = 1 << 2,
	CLASS_BRIDGE = 6,
};

/* Red Hat's generic host bridge: no kernel has a quirk for it. */
#define BRIDGE_VENDOR 0x1b36
#define BRIDGE_DEVICE 0x0008

/* reset control register (Intel 82371AB 4.1.2.4) */
enum {
	RESET_HARD = 1 << 1,
	RESET_CPU = 1 << 2, /* 0 to 1 resets */
	RESET_BITS = RESET_HARD | RESET_CPU,
};

enum {
	REG_ADDRESS = 0,
	REG_RESET = PCI_RESET_PORT - PCI_HOST_PORT,
	REG_DATA = 4,
};

/* The function that CONFIG_ADDRESS selects; NULL: absent. */
static struct pci_function *selected(const struct pci_host *h)
{
	uint32_t a = h->address;

	if (!(a & ADDRESS_ENABLE) || (a & ADDRESS_EXTENDED) ||
	    (a >> ADDRESS_BUS_SHIFT & ADDRESS_BUS_MASK) ||
	    (a >> ADDRESS_FUNCTION_SHIFT & ADDRESS_FUNCTION_MASK))
		return NULL;
	return h->device[a >> ADDRESS_DEVICE_SHIFT & ADDRESS_DEVICE_MASK];
}

static uint64_t config_read(const struct pci_host *h, unsigned byte, unsigned size)
{
	const struct pci_function *f = selected(h);
	unsigned off = (h->address & ADDRESS_REG_MASK) + byte;
	uint64_t val = 0;
	unsigned i;

	for (i = 0; i < size; i++)
		val |= (uint64_t)(f ? f->config[off + i] : 0xff) << (8 * i);
	return val;
}

static void config_write(const struct pci_host *h, unsigned byte, unsigned size, uint64_t val)
{
	struct pci_function *f = selected(h);
	unsigned off = (h->address & ADDRESS_REG_MASK) + byte;
	uint8_t *c, mask;
	unsigned i;

	if (!f)
		return;
	for (i = 0; i < size; i++) {
		c = &f->config[off + i];
		mask = f->writable[off + i];
		*c = (uint8_t)((*c & ~mask) | ((val >> (8 * i)) & mask));
	}
	if (f->written)
		f->written(f, off, size);
}

static uint64_t host_read(void *dev, uint64_t off, unsigned size)
{
	struct pci_host *h = dev;

	if (off >= REG_DATA)
		return config_read(h, (unsigned)off - REG_DATA, size);
	if (off == REG_ADDRESS && size == 4)
		return h->address;
	if (off == REG_RESET && size == 1)
		return h->reset_control;
	return io_low_bytes(UINT64_MAX, size);
}

static void reset_control_write(struct pci_host *h, uint8_t val)
{
	bool was = h->reset_control & RESET_CPU;

	h->reset_control = val & RESET_BITS;
	if ((val & RESET_CPU) && !was)
		vm_reset(h->vm, "reset through port CF9h");
}

/* CONFIG_ADDRESS is only there for doubleword access: anything else at its ports is
 * ordinary I/O, which is how the reset register fits in. */
static void host_write(void *dev, uint64_t off, unsigned size, uint64_t val)
{
	struct pci_host *h = dev;

	if (off >= REG_DATA)
		config_write(h, (unsigned)off - REG_DATA, size, val);
	else if (off == REG_ADDRESS && size == 4)
		h->address = (uint32_t)val & ADDRESS_WRITABLE;
	else if (off == REG_RESET && size == 1)
		reset_control_write(h, (uint8_t)val);
}

static const struct io_ops pci_host_ops = { "PCI host bridge", host_read, host_write };

static void bridge_init(struct pci_function *f)
{
	uint8_t *c = f->config;

	c[CFG_VENDOR] = BRIDGE_VENDOR & 0xff;
	c[CFG_VENDOR + 1] = BRIDGE_VENDOR >> 8;
	c[CFG_DEVICE] = BRIDGE_DEVICE & 0xff;
	c[CFG_DEVICE + 1] = BRIDGE_DEVICE >> 8;
	c[CFG_COMMAND] = COMMAND_IO | COMMAND_MEMORY | COMMAND_MASTER;
	c[CFG_CLASS + 3] = CLASS_BRIDGE; /* subclass 0: host */
}

void pci_host_init(struct pci_host *h, struct vm *vm)
{
	*h = (struct pci_host){ .vm = vm };
	bridge_init(&h->bridge);
	h->device[0] = &h->bridge;
}

int pci_host_register(struct pci_host *h, struct iobus *ports)
{
	return iobus_add(ports, PCI_HOST_PORT, PCI_HOST_PORTS, &pci_host_ops, h);
}

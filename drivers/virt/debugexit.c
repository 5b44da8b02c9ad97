/* SPDX-License-Identifier: MIT */
/* Port 0xf4. Holds no state. */
#include "drivers/virt/debugexit.h"

#include "hv/vm.h"

static uint64_t debugexit_read(void *dev, uint64_t off, unsigned size)
{
	(void)dev;
	(void)off;
	(void)size;
	return 0;
}

/* The exit status is what the same write makes QEMU's: odd, so never "success" by mistake. */
static void debugexit_write(void *dev, uint64_t off, unsigned size, uint64_t val)
{
	uint32_t code = (uint32_t)val;

	(void)off;
	(void)size;
	vm_poweroff(dev, "debugexit code %u (exit status %u)", code, (code << 1 | 1) & 0xff);
}

static const struct io_ops debugexit_ops = { "debugexit", debugexit_read, debugexit_write };

int debugexit_register(struct vm *vm, struct iobus *ports)
{
	return iobus_add(ports, DEBUGEXIT_PORT, DEBUGEXIT_PORTS, &debugexit_ops, vm);
}

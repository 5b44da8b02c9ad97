/* SPDX-License-Identifier: MIT */
/* POST and delay ports. Guarded by the VM's lock. */
#include "drivers/virt/sink.h"

static uint64_t sink_read(void *dev, uint64_t off, unsigned size)
{
	(void)off;
	(void)size;
	return *(uint8_t *)dev;
}

static void sink_write(void *dev, uint64_t off, unsigned size, uint64_t val)
{
	(void)off;
	(void)size;
	*(uint8_t *)dev = (uint8_t)val;
}

static const struct io_ops sink_ops = { "POST/delay port", sink_read, sink_write };

int sink_register(struct sink *s, struct iobus *ports)
{
	int err;

	*s = (struct sink){ { 0xff, 0xff } };
	err = iobus_add(ports, POST_PORT, 1, &sink_ops, &s->latest[0]);
	return err ? err : iobus_add(ports, DELAY_PORT, 1, &sink_ops, &s->latest[1]);
}

/* SPDX-License-Identifier: MIT */
/*
 * A guest's access to its devices (hv/guest_io.h).
 */
#include "hv/guest_io.h"

#include "hv/print.h"
#include "hv/string.h"
#include "hv/vm.h"

uint32_t guest_port_read(struct vm *vm, uint16_t port, unsigned size)
{
	uint64_t val;

	spin_lock(&vm->lock);
	iobus_read(&vm->ports, port, size, &val);
	spin_unlock(&vm->lock);
	return val;
}

void guest_port_write(struct vm *vm, uint16_t port, unsigned size, uint32_t val)
{
	spin_lock(&vm->lock);
	iobus_write(&vm->ports, port, size, val);
	spin_unlock(&vm->lock);
}

/* Largest power of two of at most 8 bytes that `left` holds. */
static unsigned bus_size(unsigned left)
{
	return left >= 8 ? 8 : left >= 4 ? 4 : left >= 2 ? 2 : 1;
}

void guest_mmio_read(struct vm *vm, gpa_t gpa, void *buf, unsigned size)
{
	uint8_t *b = buf;

	spin_lock(&vm->lock);
	while (size) {
		unsigned n = bus_size(size);
		uint64_t val;

		if (!iobus_read(&vm->mmio, gpa.v, n, &val))
			vm->hole_reads++;
		memcpy(b, &val, n);
		gpa.v += n;
		b += n;
		size -= n;
	}
	spin_unlock(&vm->lock);
}

static void rom_write(struct vm *vm, gpa_t gpa)
{
	vm->rom_writes++;
	if (vm->rom_write_said)
		return;
	vm->rom_write_said = true;
	printk("%s: a write to ROM at 0x%llx is ignored (later ones are only counted, key g)\n",
	       vm->config.name, (unsigned long long)gpa.v);
}

void guest_mmio_write(struct vm *vm, gpa_t gpa, const void *buf, unsigned size)
{
	const uint8_t *b = buf;

	spin_lock(&vm->lock);
	if (p2m_lookup(&vm->p2m, gpa_to_gfn(gpa)).kind == P2M_ROM) {
		rom_write(vm, gpa);
		size = 0;
	}
	while (size) {
		unsigned n = bus_size(size);
		uint64_t val = 0;

		memcpy(&val, b, n);
		if (!iobus_write(&vm->mmio, gpa.v, n, val))
			vm->hole_writes++;
		gpa.v += n;
		b += n;
		size -= n;
	}
	spin_unlock(&vm->lock);
}

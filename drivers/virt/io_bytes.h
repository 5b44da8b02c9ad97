/* SPDX-License-Identifier: MIT */
/*
 * 8-bit devices on a wider bus: the ISA bridge splits a word or doubleword access into
 * byte cycles at ascending ports, lowest byte first.
 */
#ifndef DRIVERS_VIRT_IO_BYTES_H
#define DRIVERS_VIRT_IO_BYTES_H

#include "hv/compiler.h"

/* The low `size` bytes of a register that was read as a whole. */
static inline uint64_t io_low_bytes(uint64_t val, unsigned size)
{
	return val & UINT64_MAX >> (64 - 8 * size);
}

static inline uint64_t io_bytes_read(void *dev, uint64_t off, unsigned size,
				     uint8_t (*read)(void *dev, unsigned reg))
{
	uint64_t val = 0;
	unsigned i;

	for (i = 0; i < size; i++)
		val |= (uint64_t)read(dev, (unsigned)off + i) << (8 * i);
	return val;
}

static inline void io_bytes_write(void *dev, uint64_t off, unsigned size, uint64_t val,
				  void (*write)(void *dev, unsigned reg, uint8_t val))
{
	unsigned i;

	for (i = 0; i < size; i++)
		write(dev, (unsigned)off + i, (uint8_t)(val >> (8 * i)));
}

#endif

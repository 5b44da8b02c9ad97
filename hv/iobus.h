/* SPDX-License-Identifier: MIT */
/*
 * Who answers a guest's port or memory-mapped access. A VM has two buses: ports (16-bit
 * addresses) and MMIO (guest physical addresses). Ranges never overlap. Filled at VM
 * creation, read-only afterwards; devices are called with the VM's device lock held.
 */
#ifndef HV_IOBUS_H
#define HV_IOBUS_H

#include "hv/compiler.h"

#define IOBUS_MAX_RANGES 40

struct io_ops {
	const char *name;
	/* `off` from the range's base; `size` 1, 2, 4 or 8 bytes; an access never crosses
	 * the range's end. Values are zero-extended. */
	uint64_t (*read)(void *dev, uint64_t off, unsigned size);
	void (*write)(void *dev, uint64_t off, unsigned size, uint64_t val);
};

struct io_range {
	uint64_t base, len;
	const struct io_ops *ops;
	void *dev;
};

struct iobus {
	struct io_range range[IOBUS_MAX_RANGES]; /* sorted by base */
	unsigned nr;
	unsigned last; /* latest hit: most accesses repeat */
};

/* 0, -EEXIST (overlaps), -ENOSPC. */
must_check int iobus_add(struct iobus *b, uint64_t base, uint64_t len, const struct io_ops *ops,
			 void *dev);

/* Somebody answers there. */
bool iobus_claims(struct iobus *b, uint64_t addr);

/* True if somebody answered; else a read gives all ones of `size` and a write is lost.
 * An access that crosses a range's end is split into bytes. */
bool iobus_read(struct iobus *b, uint64_t addr, unsigned size, uint64_t *val);
bool iobus_write(struct iobus *b, uint64_t addr, unsigned size, uint64_t val);

#endif

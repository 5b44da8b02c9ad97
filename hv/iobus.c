/* SPDX-License-Identifier: MIT */
/*
 * Who answers a guest's port or memory-mapped access. Filled at VM creation; `last` is a
 * hint that any CPU may overwrite.
 */
#include "hv/iobus.h"

#include "hv/errno.h"

static bool covers(const struct io_range *r, uint64_t addr)
{
	return addr - r->base < r->len;
}

int iobus_add(struct iobus *b, uint64_t base, uint64_t len, const struct io_ops *ops, void *dev)
{
	unsigned i;

	if (b->nr == IOBUS_MAX_RANGES)
		return -ENOSPC;
	for (i = 0; i < b->nr; i++)
		if (base < b->range[i].base + b->range[i].len && b->range[i].base < base + len)
			return -EEXIST;
	for (i = b->nr++; i > 0 && b->range[i - 1].base > base; i--)
		b->range[i] = b->range[i - 1];
	b->range[i] = (struct io_range){ .base = base, .len = len, .ops = ops, .dev = dev };
	return 0;
}

static const struct io_range *find(struct iobus *b, uint64_t addr)
{
	unsigned last = b->last;

	if (likely(last < b->nr && covers(&b->range[last], addr)))
		return &b->range[last];
	for (unsigned i = 0; i < b->nr && b->range[i].base <= addr; i++)
		if (covers(&b->range[i], addr)) {
			b->last = i;
			return &b->range[i];
		}
	return NULL;
}

bool iobus_claims(struct iobus *b, uint64_t addr)
{
	return find(b, addr);
}

static uint64_t ones(unsigned size)
{
	return ~UINT64_C(0) >> (64 - 8 * size);
}

static bool inside(const struct io_range *r, uint64_t addr, unsigned size)
{
	return addr - r->base + size <= r->len;
}

bool iobus_read(struct iobus *b, uint64_t addr, unsigned size, uint64_t *val)
{
	const struct io_range *r = find(b, addr);

	*val = ones(size);
	if (!r)
		return false;
	if (likely(inside(r, addr, size))) {
		*val = r->ops->read(r->dev, addr - r->base, size) & ones(size);
		return true;
	}
	*val = 0;
	for (unsigned i = 0; i < size; i++) {
		uint64_t byte;

		iobus_read(b, addr + i, 1, &byte);
		*val |= byte << (8 * i);
	}
	return true;
}

bool iobus_write(struct iobus *b, uint64_t addr, unsigned size, uint64_t val)
{
	const struct io_range *r = find(b, addr);

	if (!r)
		return false;
	if (likely(inside(r, addr, size))) {
		r->ops->write(r->dev, addr - r->base, size, val & ones(size));
		return true;
	}
	for (unsigned i = 0; i < size; i++)
		iobus_write(b, addr + i, 1, val >> (8 * i) & 0xff);
	return true;
}

/* SPDX-License-Identifier: MIT */
/*
 * Guest memory as the hypervisor reads and writes it (I19).
 */
#include "hv/guest_mem.h"

#include "hv/page.h"
#include "hv/string.h"
#include "hv/vm.h"

enum direction { COPY_FROM_GUEST, COPY_TO_GUEST, ZERO_GUEST };

/* A write is for RAM only, a read may be of ROM as well. */
static bool range_ok(const struct vm *vm, gpa_t gpa, uint64_t len, bool write)
{
	uint64_t end = gpa.v + len;

	if (end < gpa.v)
		return false;
	for (uint64_t a = gpa.v & PAGE_MASK; a < end; a += PAGE_SIZE) {
		enum p2m_kind kind = p2m_lookup(&vm->p2m, gpa_to_gfn(GPA(a))).kind;

		if (kind == P2M_NONE || (write && kind == P2M_ROM))
			return false;
	}
	return true;
}

static void transfer(struct vm *vm, gpa_t gpa, void *buf, uint64_t len, enum direction dir)
{
	uint8_t *b = buf;

	while (len) {
		uint64_t off = gpa.v & ~PAGE_MASK;
		uint64_t n = MIN(len, PAGE_SIZE - off);
		pfn_t pfn = p2m_lookup(&vm->p2m, gpa_to_gfn(gpa)).pfn;
		uint8_t *g = (uint8_t *)pfn_to_ptr(pfn) + off;

		if (dir == COPY_FROM_GUEST)
			memcpy(b, g, n);
		else if (dir == COPY_TO_GUEST)
			memcpy(g, b, n);
		else
			memset(g, 0, n);
		gpa.v += n;
		b += dir == ZERO_GUEST ? 0 : n;
		len -= n;
	}
}

bool guest_read(struct vm *vm, gpa_t gpa, void *buf, uint64_t len)
{
	if (!range_ok(vm, gpa, len, false))
		return false;
	transfer(vm, gpa, buf, len, COPY_FROM_GUEST);
	return true;
}

static bool write_range(struct vm *vm, gpa_t gpa, void *buf, uint64_t len, enum direction dir)
{
	if (!range_ok(vm, gpa, len, true))
		return false;
	transfer(vm, gpa, buf, len, dir);
	mmu_guest_wrote(&vm->mmu, gpa, len);
	return true;
}

bool guest_write(struct vm *vm, gpa_t gpa, const void *buf, uint64_t len)
{
	return write_range(vm, gpa, (void *)buf, len, COPY_TO_GUEST);
}

bool guest_zero(struct vm *vm, gpa_t gpa, uint64_t len)
{
	uint8_t none;

	return write_range(vm, gpa, &none, len, ZERO_GUEST);
}

bool guest_write_rom(struct vm *vm, gpa_t gpa, const void *buf, uint64_t len)
{
	if (gpa.v < BOARD_ROM_BASE || gpa.v > BOARD_ROM_END || len > BOARD_ROM_END - gpa.v)
		return false;
	transfer(vm, gpa, (void *)buf, len, COPY_TO_GUEST);
	return true;
}

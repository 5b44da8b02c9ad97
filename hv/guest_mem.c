/* SPDX-License-Identifier: MIT */
/*
 * Writing guest memory (hv/guest_mem.h). Called from the run loop or while the guest is being
 * made: its vCPUs don't run; no lock.
 */
#include "hv/guest_mem.h"

#include "hv/page.h"
#include "hv/string.h"
#include "hv/vm.h"

static bool is_ram(const struct vm *vm, gpa_t gpa, uint64_t len)
{
	uint64_t end = gpa.v + len;

	if (end < gpa.v)
		return false;
	for (uint64_t a = gpa.v & PAGE_MASK; a < end; a += PAGE_SIZE)
		if (p2m_lookup(&vm->p2m, gpa_to_gfn(GPA(a))).kind != P2M_RAM)
			return false;
	return true;
}

/* `buf` NULL: zeroes. The range is known to be backed by host memory. */
static void put(struct vm *vm, gpa_t gpa, const void *buf, uint64_t len)
{
	const uint8_t *b = buf;

	while (len) {
		uint64_t off = gpa.v & ~PAGE_MASK;
		uint64_t n = MIN(len, PAGE_SIZE - off);
		pfn_t pfn = p2m_lookup(&vm->p2m, gpa_to_gfn(gpa)).pfn;
		uint8_t *g = (uint8_t *)pfn_to_ptr(pfn) + off;

		if (b) {
			memcpy(g, b, n);
			b += n;
		} else {
			memset(g, 0, n);
		}
		gpa.v += n;
		len -= n;
	}
}

static bool write_ram(struct vm *vm, gpa_t gpa, const void *buf, uint64_t len)
{
	if (!is_ram(vm, gpa, len))
		return false;
	put(vm, gpa, buf, len);
	mmu_guest_wrote(&vm->mmu, gpa, len);
	return true;
}

bool guest_write(struct vm *vm, gpa_t gpa, const void *buf, uint64_t len)
{
	return write_ram(vm, gpa, buf, len);
}

bool guest_zero(struct vm *vm, gpa_t gpa, uint64_t len)
{
	return write_ram(vm, gpa, NULL, len);
}

bool guest_write_rom(struct vm *vm, gpa_t gpa, const void *buf, uint64_t len)
{
	if (gpa.v < BOARD_ROM_BASE || gpa.v > BOARD_ROM_END || len > BOARD_ROM_END - gpa.v)
		return false;
	put(vm, gpa, buf, len);
	return true;
}

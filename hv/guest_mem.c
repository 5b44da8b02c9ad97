/* SPDX-License-Identifier: MIT */
/*
 * Writing guest memory (hv/guest_mem.h).
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

struct piece {
	const void *buf; /* NULL: zeroes */
	uint64_t len;
};

static void put(void *host, void *arg)
{
	const struct piece *p = arg;

	if (p->buf)
		memcpy(host, p->buf, p->len);
	else
		memset(host, 0, p->len);
}

/* The ROM is no guest's to write: only the board fills it, and before the guest runs. */
static bool put_in_rom(struct vm *vm, gpa_t gpa, struct piece *p)
{
	pfn_t pfn = p2m_lookup(&vm->p2m, gpa_to_gfn(gpa)).pfn;

	put((uint8_t *)pfn_to_ptr(pfn) + (gpa.v & ~PAGE_MASK), p);
	return true;
}

static bool put_in_ram(struct vm *vm, gpa_t gpa, struct piece *p)
{
	return mmu_guest_update(&vm->mmu, gpa, p->len, put, p);
}

/* Page by page. */
static bool write(struct vm *vm, gpa_t gpa, const void *buf, uint64_t len,
		  bool (*put_piece)(struct vm *vm, gpa_t gpa, struct piece *p))
{
	while (len) {
		struct piece p = { buf, MIN(len, PAGE_SIZE - (gpa.v & ~PAGE_MASK)) };

		if (!put_piece(vm, gpa, &p))
			return false;
		if (buf)
			buf = (const uint8_t *)buf + p.len;
		gpa.v += p.len;
		len -= p.len;
	}
	return true;
}

bool guest_write(struct vm *vm, gpa_t gpa, const void *buf, uint64_t len)
{
	return is_ram(vm, gpa, len) && write(vm, gpa, buf, len, put_in_ram);
}

bool guest_zero(struct vm *vm, gpa_t gpa, uint64_t len)
{
	return guest_write(vm, gpa, NULL, len);
}

bool guest_write_rom(struct vm *vm, gpa_t gpa, const void *buf, uint64_t len)
{
	if (gpa.v < BOARD_ROM_BASE || gpa.v > BOARD_ROM_END || len > BOARD_ROM_END - gpa.v)
		return false;
	return write(vm, gpa, buf, len, put_in_rom);
}

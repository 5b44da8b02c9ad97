/* SPDX-License-Identifier: MIT */
/* The guest of the loader tests; see fake_guest.h. Single-threaded. */
#include "tests/unit/fake_guest.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "guests/board.h"
#include "hv/guest_mem.h"
#include "hv/page.h"
#include "tests/unit/host_print.h"

#define MIB_1 0x100000u

struct vm fake_vm;
uint8_t *fake_ram;

static struct boot_module files[2 + VM_MAX_MODULES];
static void *blocks[ARRAY_SIZE(files)]; /* what they lie in */
static unsigned nr_files;
static bool touched[FAKE_RAM_MAX / PAGE_SIZE];
static uint64_t touched_end; /* no page from here on was */

/* Tests look at untouched bytes below this. */
#define FAKE_SEEN (UINT64_C(16) << 20)

/* Only what was touched is set back, so that a thousand guests cost little. */
static void clean_ram(void)
{
	if (!fake_ram) {
		fake_ram = mmap(NULL, FAKE_RAM_MAX, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		memset(fake_ram, 0xcc, FAKE_SEEN);
	}
	for (uint64_t page = 0; page < touched_end; page++) {
		if (!touched[page])
			continue;
		memset(fake_ram + page * PAGE_SIZE, 0xcc, PAGE_SIZE);
		touched[page] = false;
	}
	touched_end = 0;
}

void fake_guest_new(uint64_t mem)
{
	for (unsigned i = 0; i < nr_files; i++)
		free(blocks[i]);
	nr_files = 0;
	clean_ram();
	memset(&fake_vm.config, 0, sizeof(fake_vm.config));
	strcpy(fake_vm.config.name, "g");
	fake_vm.config.mem = mem;
	host_printk_clear();
}

/* hpa_to_ptr() adds the base of the direct map: subtract it here, modulo 2^64. */
static struct guest_module add_file(const void *file, uint64_t size, const char *args)
{
	void *copy = blocks[nr_files] = malloc(size);
	struct boot_module *m = &files[nr_files++];

	memcpy(copy, file, size);
	m->start = HPA((uint64_t)(uintptr_t)copy - DIRECT_MAP_BASE);
	m->size = size;
	return (struct guest_module){ .file = m, .args = args };
}

void fake_guest_kernel(const void *file, uint64_t size, const char *args)
{
	fake_vm.config.kernel = add_file(file, size, args);
}

void fake_guest_initrd(const void *file, uint64_t size)
{
	fake_vm.config.initrd = add_file(file, size, "");
}

void fake_guest_module(const void *file, uint64_t size, const char *args)
{
	fake_vm.config.module[fake_vm.config.nr_modules++] = add_file(file, size, args);
}

int fake_guest_load(struct guest_entry *entry)
{
	return guest_load(&fake_vm, entry);
}

uint32_t fake_u32(uint64_t gpa)
{
	uint32_t v;

	memcpy(&v, fake_ram + gpa, sizeof(v));
	return v;
}

uint64_t fake_u64(uint64_t gpa)
{
	uint64_t v;

	memcpy(&v, fake_ram + gpa, sizeof(v));
	return v;
}

uint32_t fake_random(void)
{
	static uint32_t x = 2463534242u;

	x ^= x << 13;
	x ^= x >> 17;
	x ^= x << 5;
	return x;
}

/* --- the seams behind the loader --- */

static bool is_ram(uint64_t start, uint64_t len)
{
	uint64_t end;

	if (__builtin_add_overflow(start, len, &end))
		return false;
	return end <= 0xa0000 || (start >= MIB_1 && end <= fake_vm.config.mem);
}

static void touch(uint64_t start, uint64_t len)
{
	uint64_t page = start / PAGE_SIZE;

	for (; page * PAGE_SIZE < start + len; page++)
		touched[page] = true;
	touched_end = MAX(touched_end, page);
}

bool guest_write(struct vm *vm, gpa_t gpa, const void *buf, uint64_t len)
{
	(void)vm;
	if (!is_ram(gpa.v, len))
		return false;
	touch(gpa.v, len);
	memcpy(fake_ram + gpa.v, buf, len);
	return true;
}

bool guest_zero(struct vm *vm, gpa_t gpa, uint64_t len)
{
	(void)vm;
	if (!is_ram(gpa.v, len))
		return false;
	touch(gpa.v, len);
	memset(fake_ram + gpa.v, 0, len);
	return true;
}

unsigned board_memory_map(const struct vm *vm, struct board_region out[], unsigned max)
{
	const struct board_region map[] = {
		{ 0, FAKE_LOW_END, BOARD_REGION_RAM },
		{ FAKE_LOW_END, 0xa0000 - FAKE_LOW_END, BOARD_REGION_RESERVED },
		{ 0xe0000, 0x20000, BOARD_REGION_RESERVED },
		{ MIB_1, vm->config.mem - MIB_1, BOARD_REGION_RAM },
	};

	if (max < ARRAY_SIZE(map))
		abort();
	memcpy(out, map, sizeof(map));
	return ARRAY_SIZE(map);
}

gpa_t board_rsdp(const struct vm *vm)
{
	(void)vm;
	return GPA(FAKE_RSDP);
}

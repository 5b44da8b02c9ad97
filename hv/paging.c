/* SPDX-License-Identifier: MIT */
/*
 * The hypervisor's own page tables (hv/paging.h).
 * `lock` guards the tables once they are in use, and the two windows' next addresses.
 *
 * 1. Tables only grow: an entry that maps something is never changed, so no CPU has to
 *    flush anything.
 * 2. Frames of the image's text and rodata are read-only in the direct map too.
 */
#include "hv/paging.h"

#include "hv/cpu.h"
#include "hv/errno.h"
#include "hv/page.h"
#include "hv/print.h"
#include "hv/spinlock.h"
#include "hv/string.h"

#define ENTRIES 512
#define LEVEL_SHIFT(level) (PAGE_SHIFT + 9 * ((level)-1)) /* level 1: 4 KiB pages */
#define LEVEL_BYTES(level) (UINT64_C(1) << LEVEL_SHIFT(level))

#define MAP_RO (PTE_P | PTE_A | PTE_G | PTE_NX)
#define MAP_RW (MAP_RO | PTE_W | PTE_D)
#define MAP_RX (PTE_P | PTE_A | PTE_G)
/* PAT entry 3: uncached after reset (SDM Vol. 3A table 11-12), and we never write PAT. */
#define MAP_MMIO (MAP_RW | PTE_PCD | PTE_PWT)

/* linker.ld, boot/entry.asm */
extern char image_start[], image_text_end[], image_rodata_end[], image_end[];
extern char boot_stack_guard[], boot_stack_top[];

static struct spinlock lock;
static uint64_t *root; /* PML4 */
static struct memmap *early; /* tables come from here until page_init; NULL afterwards */
static uint64_t mmio_next = MMIO_WINDOW_BASE;
static uint64_t stack_next = STACK_WINDOW_BASE;
static unsigned largest_level = 2;

static uint64_t image_hpa(const char *p)
{
	return (uint64_t)p - IMAGE_VMA;
}

hpa_t image_end_hpa(void)
{
	return HPA(image_hpa(image_end));
}

/* A zeroed table, or NULL. boot/entry.asm maps the first 4 GiB of the direct map. */
static uint64_t *table_alloc(void)
{
	hpa_t at;

	if (!early)
		return mem_alloc(PAGE_SIZE);
	if (memmap_take(early, PAGE_SIZE, UINT64_C(1) << 32, &at))
		return NULL;
	return memset(hpa_to_ptr(at), 0, PAGE_SIZE);
}

/* The table that `entry` points to, made if there is none. NULL: no memory. */
static uint64_t *table_below(uint64_t *entry)
{
	uint64_t *table;

	if (*entry & PTE_P)
		return hpa_to_ptr(HPA(*entry & PTE_ADDR_MASK));
	table = table_alloc();
	if (table)
		*entry = ptr_to_hpa(table).v | PTE_P | PTE_W | PTE_A;
	return table;
}

static bool is_leaf(uint64_t entry, unsigned level)
{
	return (entry & PTE_P) && (level == 1 || (entry & PTE_PS));
}

/* Largest page that fits at va and pa with `bytes` to go. */
static unsigned level_for(uint64_t va, uint64_t pa, uint64_t bytes)
{
	unsigned level = largest_level;

	while (level > 1 && (((va | pa) & (LEVEL_BYTES(level) - 1)) || bytes < LEVEL_BYTES(level)))
		level--;
	return level;
}

/* Map the page at va, of `level` or smaller, unless something is mapped there; *step says
 * how far that reaches. 0 or -ENOMEM. */
static int map_one(uint64_t va, uint64_t pa, unsigned level, uint64_t flags, uint64_t *step)
{
	uint64_t *table = root, *entry;
	unsigned at = 4;

	for (;; at--) {
		entry = &table[(va >> LEVEL_SHIFT(at)) % ENTRIES];
		if (is_leaf(*entry, at) || (at <= level && !(*entry & PTE_P)))
			break;
		table = table_below(entry);
		if (!table)
			return -ENOMEM;
	}
	if (!(*entry & PTE_P))
		*entry = pa | flags | (at > 1 ? PTE_PS : 0);
	*step = LEVEL_BYTES(at) - (va & (LEVEL_BYTES(at) - 1));
	return 0;
}

/* Map pa..pa+bytes at va; pages that are mapped already stay as they are. */
static int map_range(uint64_t va, uint64_t pa, uint64_t bytes, uint64_t flags)
{
	while (bytes) {
		uint64_t step;
		int err = map_one(va, pa, level_for(va, pa, bytes), flags, &step);

		if (err)
			return err;
		step = MIN(step, bytes);
		va += step;
		pa += step;
		bytes -= step;
	}
	return 0;
}

static int map_image_part(const char *from, const char *to, uint64_t flags)
{
	return map_range((uint64_t)from, image_hpa(from), to - from, flags);
}

static int map_image(void)
{
	int err = map_image_part(image_start, image_text_end, MAP_RX);

	if (!err)
		err = map_image_part(image_text_end, image_rodata_end, MAP_RO);
	if (!err)
		err = map_image_part(image_rodata_end, boot_stack_guard, MAP_RW);
	if (!err)
		err = map_image_part(boot_stack_guard + PAGE_SIZE, image_end, MAP_RW);
	return err;
}

static int map_direct(uint64_t start, uint64_t end, uint64_t flags)
{
	return end > start ? map_range(DIRECT_MAP_BASE + start, start, end - start, flags) : 0;
}

static int map_set(const struct range_set *s, uint64_t flags)
{
	unsigned i;
	int err = 0;

	for (i = 0; i < s->nr && !err; i++)
		err = map_direct(s->r[i].start, s->r[i].end, flags);
	return err;
}

static int map_memory(const struct memmap *m, const struct boot_info *bi)
{
	int err = map_direct(IMAGE_LOAD, image_hpa(image_rodata_end), MAP_RO);
	unsigned i;

	if (!err)
		err = map_set(&m->ram, MAP_RW);
	if (!err)
		err = map_set(&m->tables, MAP_RO);
	/* The BIOS's data and ROMs, where ACPI's root pointer may be. */
	if (!err)
		err = map_direct(0, UINT64_C(1) << 20, MAP_RO);
	for (i = 0; i < bi->nr_modules && !err; i++)
		err = map_direct(bi->module[i].start.v & PAGE_MASK,
				 ALIGN_UP(bi->module[i].start.v + bi->module[i].size, PAGE_SIZE),
				 MAP_RO);
	return err;
}

void paging_init(struct memmap *m, const struct boot_info *bi)
{
	/* A copy: the caller's sets change while tables are taken from them. */
	static struct memmap all;
	int err;

	all = *m;
	early = m;
	if (cpu_has(FEAT_PAGE1G))
		largest_level = 3;
	root = table_alloc();
	err = root ? map_image() : -ENOMEM;
	if (!err)
		err = map_memory(&all, bi);
	if (err)
		panic("not enough memory for the hypervisor's page tables");
	write_cr3(ptr_to_hpa(root).v);
	paging_cpu_init();
}

/* Page tables from now on come from the page allocator. */
void paging_late_init(void)
{
	early = NULL;
}

void paging_cpu_init(void)
{
	uint64_t cr4 = read_cr4();

	if (cpu_has(FEAT_PGE))
		cr4 |= CR4_PGE;
	/* Without it a machine check resets the machine without a word. */
	if (cpu_has(FEAT_MCE))
		cr4 |= CR4_MCE;
	/* Only bits that CPUID shows: QEMU's TCG goes astray on reserved ones. */
	if (cpu_has(FEAT_SMEP))
		cr4 |= CR4_SMEP;
	if (cpu_has(FEAT_SMAP))
		cr4 |= CR4_SMAP;
	write_cr4(cr4);
}

int direct_map_add(hpa_t base, uint64_t bytes)
{
	uint64_t start = base.v & PAGE_MASK;
	int err;

	if (base.v >= DIRECT_MAP_BYTES || bytes > DIRECT_MAP_BYTES - base.v)
		return -EINVAL;
	spin_lock(&lock);
	err = map_direct(start, ALIGN_UP(base.v + bytes, PAGE_SIZE), MAP_RO);
	spin_unlock(&lock);
	return err;
}

/* `bytes` of a window's address space, or 0. */
static uint64_t window_take(uint64_t *next, uint64_t bytes, uint64_t end)
{
	uint64_t va = *next;

	if (bytes > end - va)
		return 0;
	*next += bytes;
	return va;
}

void *mmio_map(hpa_t base, size_t bytes)
{
	uint64_t offset = base.v & ~PAGE_MASK;
	uint64_t size = ALIGN_UP(bytes + offset, PAGE_SIZE);
	uint64_t va;

	spin_lock(&lock);
	va = window_take(&mmio_next, size, MMIO_WINDOW_BASE + MMIO_WINDOW_BYTES);
	if (va && map_range(va, base.v - offset, size, MAP_MMIO))
		va = 0;
	spin_unlock(&lock);
	return va ? (void *)(va + offset) : NULL;
}

void *stack_alloc(void)
{
	/* One unmapped page, then the stack. */
	uint64_t bytes = PAGE_SIZE + STACK_BYTES;
	uint64_t va;
	void *mem = mem_alloc(STACK_BYTES);

	if (!mem)
		return NULL;
	spin_lock(&lock);
	va = window_take(&stack_next, bytes, STACK_WINDOW_BASE + STACK_WINDOW_BYTES);
	if (va && map_range(va + PAGE_SIZE, ptr_to_hpa(mem).v, STACK_BYTES, MAP_RW))
		va = 0;
	spin_unlock(&lock);
	return va ? (void *)(va + bytes) : NULL;
}

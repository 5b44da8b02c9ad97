// SPDX-License-Identifier: MIT
/*
 * Kernels and their files (guests/load.c and the boot protocols below it) over the guest of
 * the loader tests. The input says how large the guest is and what goes with the kernel; the
 * rest is the kernel's file.
 *
 *  G1  Nothing is said of a kernel that is loaded, one line with the guest's name of one that
 *      is not, and -ENOMEM goes with the line that asks for more memory.
 *  G2  The loader writes to RAM only, and never has to be told so by the guest's memory.
 *  G3  With the memory that it asks for, the same thing is not too little again.
 *  G4  A loaded kernel starts in RAM, on a GDT that is there, with paging as its mode says.
 *  G5  bzImage: payload and initrd are whole, apart and where the zero page says.
 *  G6  Multiboot: modules and their strings are whole and where the information says.
 *  G7  vmlinux: above 1 MiB, its last segment is whole and cleared behind, its initrd is apart
 *      from it, and the zero page names both as for a bzImage.
 */
#include <assert.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "boot/multiboot1.h"
#include "guests/board.h"
#include "guests/linux_boot.h"
#include "hv/errno.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/fake_guest.h"
#include "tests/unit/host_print.h"

#define MIB UINT64_C(0x100000)
#define MEM_MAX (64 * MIB) /* larger guests take too long */
#define FILE_MAX 32768u
#define EXTRA_MAX 4096u
#define ARGS_MAX 64

static uint8_t file[FILE_MAX], extra[EXTRA_MAX];
static uint64_t file_size;
static char args[ARGS_MAX];

static struct setup {
	uint64_t mem;
	uint64_t initrd; /* bytes; 0: none */
	unsigned nr_modules;
	uint64_t module; /* bytes of each */
} setup;

static void take_setup(struct input *in)
{
	size_t len;

	setup.mem = 8 * MIB + take(in, 1) % 4 * (8 * MIB);
	setup.initrd = take(in, 2) % (EXTRA_MAX + 1);
	setup.nr_modules = (unsigned)(take(in, 1) % (VM_MAX_MODULES + 1));
	setup.module = 1 + take(in, 2) % EXTRA_MAX;
	len = take(in, 1) % ARGS_MAX;
	memset(args, 'a', sizeof(args));
	args[len] = 0;
	/* a file is as long as the input, and may go on in zeros */
	file_size = take(in, 1) * 128 + in->left;
	if (file_size > FILE_MAX)
		file_size = FILE_MAX;
	memset(file, 0, sizeof(file));
	memcpy(file, in->p, in->left < file_size ? in->left : file_size);
}

static int load(uint64_t mem, struct guest_entry *entry)
{
	fake_guest_new(mem);
	fake_guest_kernel(file, file_size, args);
	if (setup.initrd)
		fake_guest_initrd(extra, setup.initrd);
	for (unsigned i = 0; i < setup.nr_modules; i++)
		fake_guest_module(extra + i, setup.module, args);
	return fake_guest_load(entry);
}

static bool is_ram(uint64_t at, uint64_t len)
{
	if (at >= MIB)
		return at <= fake_vm.config.mem && len <= fake_vm.config.mem - at;
	return at <= FAKE_LOW_END && len <= FAKE_LOW_END - at;
}

static void check_refusal(int err)
{
	static const char start[] = "g: not started: ";
	const char *said = host_printk_buf;

	assert(!strncmp(said, start, strlen(start)));
	assert(strchr(said, '\n') == said + strlen(said) - 1);
	assert((err == -ENOMEM) == !!strstr(said, "too little memory"));
	assert(!strstr(said, "no RAM at")); /* G2 */
}

/* The memory that the message asks for, and what for. */
static uint64_t asked(char what[64])
{
	unsigned long long mib;
	const char *at = strstr(host_printk_buf, "memory: ");

	assert(at && sscanf(at, "memory: %63[^=]=%lluM", what, &mib) == 2);
	return mib * MIB;
}

/* G3; each round asks for another thing, so there are few. */
static void check_more_memory(struct guest_entry *entry)
{
	char what[64], before[64] = "";
	uint64_t mem = setup.mem, more;
	int err = -ENOMEM;

	while (err == -ENOMEM) {
		more = asked(what);
		assert(more > mem && more % VM_MEM_UNIT == 0 && more <= BOARD_PCI_HOLE);
		assert(strcmp(what, before) || strstr(what, "modules"));
		if (more > MEM_MAX)
			return;
		strcpy(before, what);
		mem = more;
		err = load(mem, entry);
	}
}

/* --- what was loaded ------------------------------------------------------------------ */

static void check_entry(const struct guest_entry *e)
{
	uint64_t code, pdpt;

	assert(is_ram(e->rip, 1) && is_ram(e->gdt.v, e->gdt_limit + 1u));
	assert(e->cs + 7u <= e->gdt_limit && e->ds + 7u <= e->gdt_limit);
	code = fake_u64(e->gdt.v + e->cs);
	assert(code >> 47 & 1); /* present */
	assert((code >> 53 & 1) == e->long_mode && (code >> 54 & 1) == !e->long_mode); /* L, D */
	if (!e->long_mode)
		return;
	assert(is_ram(e->cr3.v, PAGE_SIZE));
	pdpt = fake_u64(e->cr3.v) & PAGE_MASK;
	assert(is_ram(pdpt, PAGE_SIZE));
	for (unsigned i = 0; i < 4; i++) {
		uint64_t pd = fake_u64(pdpt + 8 * i) & PAGE_MASK;

		assert(is_ram(pd, PAGE_SIZE));
		assert(fake_u64(pd) >> 12 << 12 == (uint64_t)i << 30);
	}
}

/* What both kinds of Linux file must come to; the kernel ends at `end`. */
static void check_params(const struct guest_entry *e, uint64_t start, uint64_t end)
{
	uint64_t initrd = fake_u32(e->rsi + HDR_RAMDISK_IMAGE);

	assert(fake_u32(e->rsi + HDR_CODE32_START) == (uint32_t)start);
	assert(!strcmp((char *)fake_ram + fake_u32(e->rsi + HDR_CMD_LINE_PTR), args));
	assert(fake_u32(e->rsi + HDR_RAMDISK_SIZE) == setup.initrd);
	if (!setup.initrd)
		return;
	assert(is_ram(initrd, setup.initrd) && initrd >= end && initrd % PAGE_SIZE == 0);
	assert(initrd + setup.initrd - 1 <= fake_u32(e->rsi + HDR_INITRD_ADDR_MAX));
	assert(!memcmp(fake_ram + initrd, extra, setup.initrd));
}

static void check_bzimage(const struct guest_entry *e)
{
	unsigned sects = file[HDR_SETUP_SECTS] ? file[HDR_SETUP_SECTS] : DEFAULT_SETUP_SECTS;
	uint64_t payload = (sects + 1) * SECTOR_BYTES, size = file_size - payload;
	uint64_t start = e->rip - (e->long_mode ? ENTRY64_OFFSET : 0);

	assert(is_ram(start, size) && !memcmp(fake_ram + start, file + payload, size));
	check_params(e, start, start + size);
}

/* Of a field of `bytes` bytes. */
static uint64_t elf_field(uint64_t off, unsigned bytes)
{
	uint64_t v = 0;

	memcpy(&v, file + off, bytes);
	return v;
}

/* One program header, in the order of ELF64. */
struct phdr {
	uint64_t type, off, paddr, filesz, memsz;
};

static struct phdr elf_phdr(unsigned i)
{
	bool wide = file[4] == 2;
	uint64_t at = elf_field(wide ? 32 : 28, wide ? 8 : 4) + i * elf_field(wide ? 54 : 42, 2);

	if (wide)
		return (struct phdr){ elf_field(at, 4), elf_field(at + 8, 8), elf_field(at + 24, 8),
				      elf_field(at + 32, 8), elf_field(at + 40, 8) };
	return (struct phdr){ elf_field(at, 4), elf_field(at + 4, 4), elf_field(at + 12, 4),
			      elf_field(at + 16, 4), elf_field(at + 20, 4) };
}

static void check_vmlinux(const struct guest_entry *e)
{
	unsigned nr = (unsigned)elf_field(file[4] == 2 ? 56 : 44, 2);
	uint64_t start = UINT64_MAX, end = 0;
	struct phdr last = { 0 };

	assert(e->long_mode == (file[4] == 2));
	for (unsigned i = 0; i < nr; i++) {
		struct phdr p = elf_phdr(i);

		if (p.type != 1 || p.memsz == 0)
			continue;
		assert(p.paddr >= MIB && is_ram(p.paddr, p.memsz));
		start = p.paddr < start ? p.paddr : start;
		end = p.paddr + p.memsz > end ? p.paddr + p.memsz : end;
		last = p;
	}
	assert(e->rip >= start && e->rip < end);
	if (last.filesz)
		assert(!memcmp(fake_ram + last.paddr, file + last.off, last.filesz));
	for (uint64_t i = last.filesz; i < last.memsz; i += 1 + last.memsz / 64)
		assert(!fake_ram[last.paddr + i]);
	check_params(e, start, end);
}

static bool is_bzimage(void)
{
	return file_size >= HDR_VERSION + 2 && elf_field(HDR_BOOT_FLAG, 2) == BOOT_FLAG_MAGIC &&
	       elf_field(HDR_MAGIC, 4) == HDR_MAGIC_VALUE;
}

static void check_multiboot(const struct guest_entry *e)
{
	struct mb1_info info;

	assert(!e->long_mode && e->rax == MB1_BOOT_MAGIC && is_ram(e->rbx, sizeof(info)));
	memcpy(&info, fake_ram + e->rbx, sizeof(info));
	assert(!strcmp((char *)fake_ram + info.cmdline, args));
	assert(info.mods_count == setup.nr_modules);
	for (unsigned i = 0; i < info.mods_count; i++) {
		struct mb1_module m;

		memcpy(&m, fake_ram + info.mods_addr + i * sizeof(m), sizeof(m));
		assert(m.end - m.start == setup.module && is_ram(m.start, setup.module));
		assert(!memcmp(fake_ram + m.start, extra + i, setup.module));
		assert(!strcmp((char *)fake_ram + m.string, args));
	}
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	for (unsigned i = 0; i < EXTRA_MAX; i++)
		extra[i] = (uint8_t)(i * 7 + i / 256);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	struct guest_entry entry;
	int err;

	take_setup(&in);
	if (setup.nr_modules > 0 && setup.module > EXTRA_MAX - VM_MAX_MODULES)
		setup.module = EXTRA_MAX - VM_MAX_MODULES;
	err = load(setup.mem, &entry);
	if (err) {
		check_refusal(err);
		if (err == -ENOMEM)
			check_more_memory(&entry);
		return 0;
	}
	assert(!*host_printk_buf);
	check_entry(&entry);
	if (entry.rax == MB1_BOOT_MAGIC)
		check_multiboot(&entry);
	else if (is_bzimage())
		check_bzimage(&entry);
	else
		check_vmlinux(&entry);
	return 0;
}

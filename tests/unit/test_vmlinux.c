/* SPDX-License-Identifier: MIT */
/*
 * The loader of Linux's ELF file on synthetic, hostile and (where $XIHV_VMLINUX names one)
 * real kernels. Offsets are written out from the ELF specification and from
 * Documentation/arch/x86/boot.rst, not taken from the loader.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>

#include "tests/unit/loader_test.h"

#define MIB 0x100000u
#define FILE_BYTES 0x4000u
#define PHDRS 0x40u
#define PHDR64_BYTES 56u
#define PHDR32_BYTES 32u
#define NOTE 0x300u /* two notes: 12 bytes, the owner, the description */
#define NOTE_BYTES (24u + 24u)
#define ZERO_PAGE 0x8000u
#define HIGH UINT64_C(0xffffffff80000000)

static uint8_t file[FILE_BYTES];
static struct guest_entry entry;

static void put(unsigned off, uint64_t v, unsigned bytes)
{
	memcpy(file + off, &v, bytes);
}

static void phdr64(unsigned i, uint64_t off, uint64_t va, uint64_t pa, uint64_t filesz,
		   uint64_t memsz)
{
	const uint64_t p[6] = { off, va, pa, filesz, memsz, 0x200000 };

	put(PHDRS + i * PHDR64_BYTES, 1, 4);
	memcpy(file + PHDRS + i * PHDR64_BYTES + 8, p, sizeof(p));
}

static void note(unsigned at, const char *owner, unsigned bytes)
{
	put(at, strlen(owner) + 1, 4);
	put(at + 4, bytes, 4);
	put(at + 8, 0x100, 4);
	strcpy((char *)file + at + 12, owner);
}

static void new_file(unsigned class, unsigned machine)
{
	for (unsigned i = 0; i < FILE_BYTES; i++)
		file[i] = (uint8_t)(i * 13 + 1);
	memset(file, 0, 0x400);
	note(NOTE, "Xen", 8);
	note(NOTE + 24, "Linux", 4);
	memcpy(file, "\177ELF\0\1\1", 7);
	put(4, class, 1);
	put(16, 2, 2);
	put(18, machine, 2);
	put(20, 1, 4);
	fake_guest_new(64 * MIB);
}

/* As Linux is linked: text at 8 MiB, per-CPU data that are linked at 0, data with .bss to
 * 12 MiB, and a note. */
static int new_elf64(void **state)
{
	(void)state;
	new_file(2, 62);
	put(24, 8 * MIB, 8);
	put(32, PHDRS, 8);
	put(54, PHDR64_BYTES, 2);
	put(56, 4, 2);
	phdr64(0, 0x1000, HIGH + 8 * MIB, 8 * MIB, 0x1000, 0x1000);
	phdr64(1, 0x2000, 0, 9 * MIB, 0x800, 0x800);
	phdr64(2, 0x3000, HIGH + 10 * MIB, 10 * MIB, 0x1000, 2 * MIB);
	phdr64(3, NOTE, HIGH + 8 * MIB, 8 * MIB, NOTE_BYTES, NOTE_BYTES);
	put(PHDRS + 3 * PHDR64_BYTES, 4, 4);
	return 0;
}

static int new_elf32(void **state)
{
	const uint32_t p[8] = { 1, 0x1000, 0xc1000000, 8 * MIB, 0x1000, 2 * MIB, 7, 0x1000 };
	const uint32_t n[8] = { 4, NOTE, 0, 0, NOTE_BYTES, NOTE_BYTES, 4, 4 };

	(void)state;
	new_file(1, 3);
	put(24, 8 * MIB, 4);
	put(28, PHDRS, 4);
	put(42, PHDR32_BYTES, 2);
	put(44, 2, 2);
	memcpy(file + PHDRS, p, sizeof(p));
	memcpy(file + PHDRS + PHDR32_BYTES, n, sizeof(n));
	return 0;
}

static int load(const char *args)
{
	return load_file(file, sizeof(file), args, &entry);
}

static void refused(int err, const char *message)
{
	file_is_refused(file, sizeof(file), err, message);
}

static void entry64(void **state)
{
	static const uint8_t zeroes[0x1000];

	(void)state;
	assert_int_equal(load("console=ttyS0"), 0);
	assert_string_equal(host_printk_buf, "");
	assert_true(entry.long_mode);
	assert_int_equal(entry.rip, 8 * MIB);
	assert_int_equal(entry.rsi, ZERO_PAGE);
	assert_int_equal(entry.cs, 0x10);
	assert_int_equal(entry.ds, 0x18);
	assert_int_equal(fake_u64(entry.gdt.v + 0x10), 0x00af9b000000ffff);
	assert_memory_equal(fake_ram + 8 * MIB, file + 0x1000, 0x1000);
	assert_memory_equal(fake_ram + 9 * MIB, file + 0x2000, 0x800);
	assert_memory_equal(fake_ram + 10 * MIB, file + 0x3000, 0x1000);
	assert_memory_equal(fake_ram + 10 * MIB + 0x1000, zeroes, sizeof(zeroes));
	assert_memory_equal(fake_ram + 12 * MIB - 0x1000, zeroes, sizeof(zeroes));
}

/* The first GiB's first and last large page, walked by hand; test_bzimage looks at all. */
static void identity_map(void **state)
{
	uint64_t pdpt, pd;

	(void)state;
	assert_int_equal(load(""), 0);
	pdpt = fake_u64(entry.cr3.v) & ~UINT64_C(0xfff);
	pd = fake_u64(pdpt) & ~UINT64_C(0xfff);
	assert_int_equal(fake_u64(pd), 0x83);
	assert_int_equal(fake_u64(pd + 511 * 8), 511 * UINT64_C(0x200000) | 0x83);
}

static void zero_page(void **state)
{
	const uint8_t *zp;

	(void)state;
	assert_int_equal(load("console=ttyS0 quiet"), 0);
	zp = fake_ram + ZERO_PAGE;
	assert_int_equal(fake_u64(ZERO_PAGE + 0x070), FAKE_RSDP);
	assert_int_equal(zp[0x1e8], 4);
	assert_int_equal(zp[0x1ef], 0); /* sentinel */
	assert_int_equal(zp[0x1fe] | zp[0x1ff] << 8, 0xaa55);
	assert_memory_equal(zp + 0x202, "HdrS", 4);
	assert_int_equal(zp[0x206] | zp[0x207] << 8, 0x020c);
	assert_int_equal(zp[0x210], 0xff);
	assert_int_equal(zp[0x211], 0x01);
	assert_int_equal(fake_u32(ZERO_PAGE + 0x214), 8 * MIB);
	assert_int_equal(fake_u32(ZERO_PAGE + 0x218), 0);
	assert_int_equal(fake_u32(ZERO_PAGE + 0x21c), 0);
	assert_string_equal(fake_ram + fake_u32(ZERO_PAGE + 0x228), "console=ttyS0 quiet");
	assert_int_equal(zp[0x236] | zp[0x237] << 8, 1);
	assert_int_equal(fake_u32(ZERO_PAGE + 0x238), 2047);
	assert_int_equal(fake_u64(ZERO_PAGE + 0x250), 0);
	assert_int_equal(fake_u64(ZERO_PAGE + 0x2d0 + 60), MIB);
	assert_int_equal(fake_u64(ZERO_PAGE + 0x2d8 + 60), 63 * MIB);
}

/* Linux gives its entry as a physical address; a virtual one is as good. */
static void virtual_entry(void **state)
{
	(void)state;
	put(24, HIGH + 8 * MIB + 0x40, 8);
	assert_int_equal(load(""), 0);
	assert_int_equal(entry.rip, 8 * MIB + 0x40);
}

static void entry32(void **state)
{
	(void)state;
	assert_int_equal(load("x"), 0);
	assert_false(entry.long_mode);
	assert_int_equal(entry.rip, 8 * MIB);
	assert_int_equal(entry.rsi, ZERO_PAGE);
	assert_int_equal(entry.cr3.v, 0);
	assert_int_equal(fake_u64(entry.gdt.v + 0x10), 0x00cf9b000000ffff);
	assert_memory_equal(fake_ram + 8 * MIB, file + 0x1000, 0x1000);
	assert_int_equal(fake_u32(ZERO_PAGE + 0x236) & 0xffff, 0);
}

static void initrd(void **state)
{
	static uint8_t data[5000];

	(void)state;
	memset(data, 0x5a, sizeof(data));
	fake_guest_initrd(data, sizeof(data));
	assert_int_equal(load(""), 0);
	assert_int_equal(fake_u32(ZERO_PAGE + 0x218), 64 * MIB - 8192);
	assert_int_equal(fake_u32(ZERO_PAGE + 0x21c), 5000);
	assert_memory_equal(fake_ram + 64 * MIB - 8192, data, sizeof(data));
}

static void too_little_memory(void **state)
{
	static uint8_t data[3 * MIB];

	(void)state;
	fake_guest_new(8 * MIB);
	refused(-ENOMEM,
		"too little memory: its kernel needs mem=12M at least, the line says mem=8M");
	fake_guest_new(12 * MIB);
	assert_int_equal(load(""), 0);
	fake_guest_new(12 * MIB);
	fake_guest_initrd(data, sizeof(data));
	refused(-ENOMEM, "its kernel with the initrd needs mem=16M at least");
	fake_guest_new(16 * MIB);
	fake_guest_initrd(data, sizeof(data));
	assert_int_equal(load(""), 0);
}

static void broken_files(void **state)
{
	static const struct {
		unsigned off, bytes;
		uint64_t val;
		const char *message;
	} t[] = {
		{ 1, 1, 'e', "neither a bzImage nor a multiboot kernel nor an ELF file" },
		{ 4, 1, 3, "an ELF file for another machine (62)" },
		{ 18, 2, 183, "an ELF file for another machine (183)" },
		{ 24, 8, 7 * MIB, "its entry 0x700000 lies in none of its 3 segments" },
		{ 32, 8, FILE_BYTES, "the program headers lie outside the file" },
		{ 54, 2, 8, "the program headers lie outside the file" },
		{ 56, 2, 0, "lies in none of its 0 segments" },
		{ PHDRS + 8, 8, FILE_BYTES - 0xfff, "segment 0 lies outside the file" },
		{ PHDRS + 32, 8, 0x1001, "segment 0 lies outside the file" },
		{ PHDRS + 24, 8, UINT64_MAX, "segment 0 lies above 4 GiB" },
		{ PHDRS + PHDR64_BYTES + 24, 8, 0x8000, "wants to be loaded at 0x8000" },
		{ PHDRS + PHDR64_BYTES + 24, 8, MIB - 1, "to be loaded at 0xfffff" },
		{ PHDRS + PHDR64_BYTES + 24, 8, 0xc0000000, "the board has no RAM" },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(t); i++) {
		new_elf64(state);
		put(t[i].off, t[i].val, t[i].bytes);
		refused(-ENOEXEC, t[i].message);
	}
}

static void other_refusals(void **state)
{
	char args[3000];

	(void)state;
	memset(args, 'a', sizeof(args));
	args[2048] = '\0';
	assert_int_equal(load(args), -ENOEXEC);
	assert_non_null(
		strstr(host_printk_buf, "its command line has 2048 bytes, this kernel takes 2047"));
	new_elf64(state);
	args[2047] = '\0';
	assert_int_equal(load(args), 0);
	new_elf64(state);
	fake_guest_module("x", 1, "");
	refused(-ENOEXEC, "takes an initrd and no modules");
	for (unsigned n = 1; n < 64; n++) {
		new_elf64(state);
		fake_guest_kernel(file, n, "");
		assert_int_equal(fake_guest_load(&entry), -ENOEXEC);
	}
}

/* One of the notes is Linux's, wherever it is; lengths that lead astray are no way out. */
static void notes(void **state)
{
	static const char message[] = "an ELF file without a multiboot header or Linux's notes";
	static const struct {
		unsigned off, bytes;
		uint64_t val;
	} t[] = {
		{ PHDRS + 3 * PHDR64_BYTES, 4, 2 }, /* no notes at all */
		{ PHDRS + 3 * PHDR64_BYTES + 8, 8, UINT64_MAX },
		{ PHDRS + 3 * PHDR64_BYTES + 32, 8, NOTE_BYTES - 7 },
		{ PHDRS + 3 * PHDR64_BYTES + 32, 8, FILE_BYTES },
		{ NOTE, 4, UINT32_MAX },
		{ NOTE + 4, 4, UINT32_MAX },
		{ NOTE + 4, 4, 9 },
		{ NOTE + 24, 4, 5 },
		{ NOTE + 36, 1, 'l' },
		{ NOTE + 41, 1, 'x' },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(t); i++) {
		new_elf64(state);
		put(t[i].off, t[i].val, t[i].bytes);
		refused(-ENOEXEC, message);
	}
	new_elf64(state);
	note(NOTE, "Linux", 4);
	assert_int_equal(load(""), 0);
}

/* Cuts and headers at random: no access outside the file (ASan), no arithmetic that overflows
 * (UBSan), and an error is always told. */
static void hostile(void **state)
{
	for (unsigned i = 0; i < 3000; i++) {
		(fake_random() % 2 ? new_elf64 : new_elf32)(state);
		for (unsigned j = fake_random() % 4; j > 0; j--)
			put(fake_random() % (PHDRS + 3 * PHDR64_BYTES),
			    fake_random() >> fake_random() % 32, 1 + fake_random() % 4);
		fake_guest_new(8 * MIB + fake_random() % 3 * 8 * MIB);
		if (fake_random() % 2)
			fake_guest_initrd(file, 1 + fake_random() % 4096);
		file_ends_in_order(file, sizeof(file), 0x1000);
	}
}

static void real_kernel(void **state)
{
	static uint8_t big[96 * MIB];
	size_t n;

	(void)state;
	if (!named_file("XIHV_VMLINUX", big, sizeof(big), &n))
		skip();
	fake_guest_new(256 * MIB);
	fake_guest_kernel(big, n, "console=ttyS0");
	assert_int_equal(fake_guest_load(&entry), 0);
	assert_int_equal(entry.long_mode, big[4] == 2);
	assert_int_equal(entry.rip, big[24] | big[25] << 8 | big[26] << 16 | big[27] << 24);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(entry64, new_elf64),
		cmocka_unit_test_setup(identity_map, new_elf64),
		cmocka_unit_test_setup(zero_page, new_elf64),
		cmocka_unit_test_setup(virtual_entry, new_elf64),
		cmocka_unit_test_setup(entry32, new_elf32),
		cmocka_unit_test_setup(initrd, new_elf64),
		cmocka_unit_test_setup(too_little_memory, new_elf64),
		cmocka_unit_test_setup(broken_files, new_elf64),
		cmocka_unit_test_setup(other_refusals, new_elf64),
		cmocka_unit_test_setup(notes, new_elf64),
		cmocka_unit_test_setup(hostile, new_elf64),
		cmocka_unit_test(real_kernel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/*
 * The multiboot loader on synthetic and hostile files. Offsets and values are written out
 * from the Multiboot Specification 0.6.96 and the ELF specification, not taken from the
 * loader.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>

#include "tests/unit/loader_test.h"

#define MIB 0x100000u
#define FILE_BYTES 0x3000u
#define HEADER 0x400u /* of multiboot, in the file */
#define PHDRS 0x40u

static uint8_t file[FILE_BYTES];
static struct guest_entry entry;

static void put(unsigned off, uint64_t v, unsigned bytes)
{
	memcpy(file + off, &v, bytes);
}

static void header(unsigned at, uint32_t flags)
{
	put(at, 0x1badb002, 4);
	put(at + 4, flags, 4);
	put(at + 8, -(0x1badb002 + flags), 4);
}

static void kludge(uint32_t header_addr, uint32_t load, uint32_t load_end, uint32_t bss_end,
		   uint32_t start)
{
	put(HEADER + 12, header_addr, 4);
	put(HEADER + 16, load, 4);
	put(HEADER + 20, load_end, 4);
	put(HEADER + 24, bss_end, 4);
	put(HEADER + 28, start, 4);
}

static void fill(void)
{
	fake_guest_new(16 * MIB);
	for (unsigned i = 0; i < FILE_BYTES; i++)
		file[i] = (uint8_t)(i * 13 + 1);
}

static void phdr32(unsigned i, uint32_t off, uint32_t va, uint32_t pa, uint32_t filesz,
		   uint32_t memsz)
{
	const uint32_t p[8] = { 1, off, va, pa, filesz, memsz, 7, 4096 };

	memcpy(file + PHDRS + i * 32, p, sizeof(p));
}

/* An ELF32 kernel: 0x1000 bytes from file offset 0x1000 to 1 MiB, bss to 1 MiB + 0x3000. */
static int new_elf32(void **state)
{
	(void)state;
	fill();
	memset(file, 0, 0x400);
	memcpy(file, "\177ELF\1\1\1", 7);
	put(16, 2, 2);
	put(18, 3, 2);
	put(20, 1, 4);
	put(24, MIB + 0x10, 4);
	put(28, PHDRS, 4);
	put(40, 52, 2);
	put(42, 32, 2);
	put(44, 1, 2);
	phdr32(0, 0x1000, MIB, MIB, 0x1000, 0x3000);
	header(HEADER, 0);
	return 0;
}

static int new_elf64(void **state)
{
	const uint64_t p[6] = { 0x1000, 0xffffffff80100000, 2 * MIB, 0x1000, 0x2000, 4096 };

	new_elf32(state);
	memset(file, 0, 0x400);
	memcpy(file, "\177ELF\2\1\1", 7);
	put(18, 62, 2);
	put(24, 0xffffffff80100020, 8);
	put(32, PHDRS, 8);
	put(54, 56, 2);
	put(56, 1, 2);
	put(PHDRS, 1, 4);
	memcpy(file + PHDRS + 8, p, sizeof(p));
	return 0;
}

static int new_kludge(void **state)
{
	(void)state;
	fill();
	header(HEADER, 0x10000);
	kludge(MIB + HEADER, MIB, MIB + 0x2000, MIB + 0x5000, MIB + 0x500);
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

static void all_bytes(uint64_t from, uint64_t to, uint8_t val)
{
	for (uint64_t at = from; at < to; at++)
		assert_int_equal(fake_ram[at], val);
}

static void elf32(void **state)
{
	(void)state;
	assert_int_equal(load("a b"), 0);
	assert_string_equal(host_printk_buf, "");
	assert_false(entry.long_mode);
	assert_int_equal(entry.rip, MIB + 0x10);
	assert_int_equal(entry.rax, 0x2badb002);
	assert_memory_equal(fake_ram + MIB, file + 0x1000, 0x1000);
	all_bytes(MIB + 0x1000, MIB + 0x3000, 0);
	all_bytes(MIB + 0x3000, MIB + 0x4000, 0xcc);
	all_bytes(0, 0x1000, 0xcc); /* page 0 is nobody's */
	assert_int_equal(fake_u64(entry.gdt.v + entry.cs), 0x00cf9b000000ffff);
	assert_int_equal(fake_u64(entry.gdt.v + entry.ds), 0x00cf93000000ffff);
}

static void information(void **state)
{
	uint64_t info;

	(void)state;
	header(HEADER, 3);
	assert_int_equal(load("a  b"), 0);
	info = entry.rbx;
	assert_true(info >= 0x1000 && info < FAKE_LOW_END);
	assert_int_equal(fake_u32(info), 0x24d);
	assert_int_equal(fake_u32(info + 4), FAKE_LOW_END / 1024);
	assert_int_equal(fake_u32(info + 8), 15 * 1024);
	assert_string_equal(fake_ram + fake_u32(info + 16), "a  b");
	assert_int_equal(fake_u32(info + 20), 0);
	assert_string_equal(fake_ram + fake_u32(info + 64), "xihv");
	/* the map: a size before each entry, which the size doesn't count */
	assert_int_equal(fake_u32(info + 44), 4 * 24);
	assert_int_equal(fake_u32(fake_u32(info + 48)), 20);
	assert_int_equal(fake_u64(fake_u32(info + 48) + 12), FAKE_LOW_END);
	assert_int_equal(fake_u32(fake_u32(info + 48) + 20), 1);
	assert_int_equal(fake_u64(fake_u32(info + 48) + 3 * 24 + 4), MIB);
	assert_int_equal(fake_u64(fake_u32(info + 48) + 3 * 24 + 12), 15 * MIB);
}

static void modules(void **state)
{
	uint64_t list;

	(void)state;
	fake_guest_module("first", 5, "one -x");
	fake_guest_module("second", 6, "");
	assert_int_equal(load(""), 0);
	assert_int_equal(fake_u32(entry.rbx + 20), 2);
	list = fake_u32(entry.rbx + 24);
	assert_int_equal(fake_u32(list), MIB + 0x3000);
	assert_int_equal(fake_u32(list + 4), MIB + 0x3005);
	assert_string_equal(fake_ram + fake_u32(list + 8), "one -x");
	assert_memory_equal(fake_ram + fake_u32(list), "first", 5);
	assert_int_equal(fake_u32(list + 16), MIB + 0x4000);
	assert_string_equal(fake_ram + fake_u32(list + 24), "");
	assert_memory_equal(fake_ram + fake_u32(list + 16), "second", 6);
}

/* Sixteen modules with the longest strings: all of it between page 1 and the EBDA. */
static void most_information(void **state)
{
	char args[BOOT_LINE_MAX];

	(void)state;
	memset(args, 'z', sizeof(args) - 1);
	args[sizeof(args) - 1] = '\0';
	for (int i = 0; i < VM_MAX_MODULES; i++)
		fake_guest_module("m", 1, args);
	assert_int_equal(load(args), 0);
	for (int i = 0; i < VM_MAX_MODULES; i++) {
		uint32_t s = fake_u32(fake_u32(entry.rbx + 24) + i * 16 + 8);

		assert_true(s >= 0x1000 && s + sizeof(args) <= FAKE_LOW_END);
		assert_string_equal(fake_ram + s, args);
	}
}

/* The information gives way to a kernel in low memory, wherever that is. */
static void low_kernels(void **state)
{
	static const uint32_t places[][2] = {
		{ 0x1000, 0x9e000 - 0x4000 },
		{ 0x10000, 0x8f000 },
		{ 0, 0x9d000 },
		{ 0x3000, 0x20000 },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(places); i++) {
		uint32_t start = places[i][0], size = places[i][1];

		new_elf32(state);
		phdr32(0, 0x1000, start, start, 0x1000, size);
		put(24, start + 4, 4);
		assert_int_equal(load("args"), 0);
		assert_true(entry.rbx >= 0x1000);
		assert_true(entry.rbx >= start + size || entry.rbx + 0x1000 <= start);
		assert_string_equal(fake_ram + fake_u32(entry.rbx + 16), "args");
		assert_memory_equal(fake_ram + start, file + 0x1000, 0x1000);
		all_bytes(start + 0x1000, start + size, 0);
	}
	new_elf32(state);
	phdr32(0, 0x1000, 0x1000, 0x1000, 0x1000, 0x9e000);
	put(24, 0x1004, 4);
	refused(-ENOEXEC, "leaves no ");
}

static void entries(void **state)
{
	(void)state;
	put(24, 0xc0100010, 4); /* virtual */
	phdr32(0, 0x1000, 0xc0100000, MIB, 0x1000, 0x3000);
	assert_int_equal(load(""), 0);
	assert_int_equal(entry.rip, MIB + 0x10);
	new_elf32(state);
	put(24, MIB + 0x20, 4); /* physical */
	phdr32(0, 0x1000, 0xc0100000, MIB, 0x1000, 0x3000);
	assert_int_equal(load(""), 0);
	assert_int_equal(entry.rip, MIB + 0x20);
	new_elf32(state);
	put(24, MIB + 0x3000, 4);
	refused(-ENOEXEC, "its entry 0x103000 lies in none of its 1 segments");
}

static void several_segments(void **state)
{
	(void)state;
	put(44, 4, 2);
	phdr32(1, 0x2000, 3 * MIB, 2 * MIB, 0x800, 0x800);
	phdr32(2, 0xffff0000, 4 * MIB, 4 * MIB, 0, 0x1000); /* bss only: its offset means nothing */
	phdr32(3, 0, 0, 0xffffffff, 0xffffffff, 0xffffffff);
	put(PHDRS + 3 * 32, 4, 4); /* PT_NOTE: not loaded */
	fake_guest_module("m", 1, "");
	assert_int_equal(load(""), 0);
	assert_memory_equal(fake_ram + 2 * MIB, file + 0x2000, 0x800);
	all_bytes(4 * MIB, 4 * MIB + 0x1000, 0);
	assert_int_equal(fake_u32(fake_u32(entry.rbx + 24)), 4 * MIB + 0x1000);
}

static void elf64(void **state)
{
	(void)state;
	assert_int_equal(load(""), 0);
	assert_false(entry.long_mode);
	assert_int_equal(entry.rip, 2 * MIB + 0x20);
	assert_memory_equal(fake_ram + 2 * MIB, file + 0x1000, 0x1000);
	all_bytes(2 * MIB + 0x1000, 2 * MIB + 0x2000, 0);
}

static void aout_kludge(void **state)
{
	(void)state;
	assert_int_equal(load(""), 0);
	assert_int_equal(entry.rip, MIB + 0x500);
	assert_memory_equal(fake_ram + MIB, file, 0x2000);
	all_bytes(MIB + 0x2000, MIB + 0x5000, 0);
	all_bytes(MIB + 0x5000, MIB + 0x6000, 0xcc);
	new_kludge(state); /* load address behind the file's start */
	kludge(MIB + 0x100, MIB, MIB + 0x100, 0, MIB);
	assert_int_equal(load(""), 0);
	assert_memory_equal(fake_ram + MIB, file + HEADER - 0x100, 0x100);
	all_bytes(MIB + 0x100, MIB + 0x200, 0xcc);
	new_kludge(state); /* load_end 0: to the end of the file; bss_end 0: no bss */
	kludge(MIB + HEADER, MIB, 0, 0, MIB);
	assert_int_equal(load(""), 0);
	assert_memory_equal(fake_ram + MIB, file, FILE_BYTES);
	all_bytes(MIB + FILE_BYTES, MIB + FILE_BYTES + 0x1000, 0xcc);
}

/* Flag 16 counts also where the file is ELF (3.1.3). */
static void kludge_before_elf(void **state)
{
	new_elf32(state);
	header(HEADER, 0x10000);
	kludge(2 * MIB + HEADER, 2 * MIB, 2 * MIB + 0x1000, 0, 2 * MIB + 0x20);
	assert_int_equal(load(""), 0);
	assert_int_equal(entry.rip, 2 * MIB + 0x20);
}

static void header_place(void **state)
{
	(void)state;
	put(HEADER, 0, 4);
	header(FILE_BYTES - 0x1000 - 12, 0); /* the last 12 bytes of the first 8 KiB */
	assert_int_equal(load(""), 0);
	new_elf32(state);
	put(HEADER, 0, 4);
	header(FILE_BYTES - 0x1000 - 8, 0);
	refused(-ENOEXEC, "an ELF file without a multiboot header");
	new_elf32(state);
	put(HEADER, 0, 4);
	header(HEADER + 2, 0); /* not aligned */
	refused(-ENOEXEC, "an ELF file without a multiboot header");
	new_elf32(state);
	put(HEADER + 8, 1, 4); /* checksum */
	refused(-ENOEXEC, "an ELF file without a multiboot header");
}

static void flags(void **state)
{
	(void)state;
	header(HEADER, 4);
	refused(-ENOEXEC, "requires a video mode (multiboot flag 2)");
	for (unsigned bit = 3; bit < 16; bit++) {
		new_elf32(state);
		header(HEADER, 3 | 1u << bit);
		refused(-ENOEXEC, "requires multiboot flag ");
	}
	for (unsigned bit = 17; bit < 32; bit++) { /* optional ones are ignored */
		new_elf32(state);
		header(HEADER, 3 | 1u << bit);
		assert_int_equal(load(""), 0);
	}
}

static void does_not_fit(void **state)
{
	(void)state;
	phdr32(0, 0x1000, MIB, MIB, 0x1000, 20 * MIB);
	refused(-ENOMEM,
		"too little memory: its kernel needs mem=22M at least, the line says mem=16M");
	new_elf32(state);
	phdr32(0, 0x1000, 32 * MIB, 32 * MIB, 0x1000, 0x1000);
	put(24, 32 * MIB, 4);
	refused(-ENOMEM, "its kernel needs mem=34M at least");
	new_elf32(state);
	phdr32(0, 0x1000, 0x9f000, 0x9f000, 0x1000, 0x20000);
	put(24, 0x9f000, 4);
	refused(-ENOEXEC, "it wants 0x20000 bytes at 0x9f000, where the board has no RAM");
	new_elf32(state);
	put(44, 2, 2);
	phdr32(0, 0x1000, MIB, 16 * MIB, 0x1000, MIB);
	phdr32(1, 0x1000, 20 * MIB, 20 * MIB, 0x1000, MIB);
	refused(-ENOMEM, "its kernel needs mem=22M at least"); /* the one that is enough for both */
	new_elf32(state);
	phdr32(0, 0x1000, MIB, MIB, 0x1000, 15 * MIB);
	fake_guest_module("m", 1, "");
	refused(-ENOMEM, "its kernel with the modules needs mem=18M at least");
	new_elf32(state);
	fake_guest_initrd("i", 1);
	refused(-ENOEXEC, "takes modules and no initrd");
}

static void broken_elf(void **state)
{
	static const struct {
		unsigned off, bytes;
		uint32_t val;
		const char *message;
	} t[] = {
		{ 0, 1, 0, "is no ELF file and gives no load addresses" },
		{ 4, 1, 3, "an ELF file for another machine" },
		{ 4, 1, 2, "an ELF file for another machine (3)" },
		{ 5, 1, 2, "an ELF file for another machine" },
		{ 18, 2, 40, "an ELF file for another machine (40)" },
		{ 28, 4, 0xffffffff, "the program headers lie outside the file" },
		{ 28, 4, FILE_BYTES - 31, "the program headers lie outside the file" },
		{ 42, 2, 31, "the program headers lie outside the file" },
		{ 44, 2, 0xffff, "the program headers lie outside the file" },
		{ 44, 2, 0, "lies in none of its 0 segments" },
		{ PHDRS + 4, 4, 0xfffffff0, "segment 0 lies outside the file" },
		{ PHDRS + 4, 4, FILE_BYTES - 0xfff, "segment 0 lies outside the file" },
		{ PHDRS + 16, 4, 0x3001, "segment 0 lies outside the file" },
		{ PHDRS + 12, 4, 0xfffff000, "segment 0 lies above 4 GiB" },
		{ PHDRS + 12, 4, 0xc0000000, "where the board has no RAM" },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(t); i++) {
		new_elf32(state);
		put(t[i].off, t[i].val, t[i].bytes);
		refused(-ENOEXEC, t[i].message);
	}
}

static void broken_kludge(void **state)
{
	static const struct {
		uint32_t v[5];
		const char *message;
	} t[] = {
		{ { MIB - 4, MIB, 0, 0, MIB },
		  "header_addr 0xffffc does not fit load_addr 0x100000" },
		{ { MIB + HEADER + 4, MIB, 0, 0, MIB }, "does not fit load_addr" },
		{ { MIB + HEADER, MIB, MIB - 1, 0, MIB },
		  "load_end_addr 0xfffff is below load_addr" },
		{ { MIB + HEADER, MIB, MIB + FILE_BYTES + 1, 0, MIB }, "lies outside the file" },
		{ { MIB + HEADER, MIB, MIB + 0x2000, MIB + 0x1fff, MIB },
		  "is below the end of its data" },
		{ { MIB + HEADER, MIB, MIB + 0x2000, 0, MIB + 0x2000 },
		  "lies in none of its 1 segments" },
		{ { 0xffffff00 + 4, 0xffffff00, 0, 0, 0xffffff00 }, "lies above 4 GiB" },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(t); i++) {
		new_kludge(state);
		kludge(t[i].v[0], t[i].v[1], t[i].v[2], t[i].v[3], t[i].v[4]);
		refused(-ENOEXEC, t[i].message);
	}
	new_kludge(state);
	fake_guest_kernel(file, HEADER + 31, "");
	assert_int_equal(fake_guest_load(&entry), -ENOEXEC);
	assert_non_null(strstr(host_printk_buf, "the multiboot header is cut"));
}

static void too_many_segments(void **state)
{
	(void)state;
	put(44, 17, 2);
	for (unsigned i = 0; i < 17; i++)
		phdr32(i, 0x1000, MIB, MIB, 0x100, 0x100);
	refused(-ENOEXEC, "more than 16 segments");
}

static void hostile(void **state)
{
	int (*const makers[])(void **) = { new_elf32, new_elf64, new_kludge };

	for (unsigned i = 0; i < 20000; i++) {
		bool is_kludge = i % 3 == 2;

		makers[i % 3](state);
		for (unsigned j = fake_random() % 4; j > 0; j--)
			put(is_kludge ? HEADER + 12 + fake_random() % 20 : fake_random() % 0x80,
			    fake_random() >> fake_random() % 32, 1 + fake_random() % 4);
		if (fake_random() % 4 == 0)
			fake_guest_module("mod", 3, "x");
		file_ends_in_order(file, sizeof(file), sizeof(file));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(elf32, new_elf32),
		cmocka_unit_test_setup(information, new_elf32),
		cmocka_unit_test_setup(modules, new_elf32),
		cmocka_unit_test_setup(most_information, new_elf32),
		cmocka_unit_test_setup(low_kernels, new_elf32),
		cmocka_unit_test_setup(entries, new_elf32),
		cmocka_unit_test_setup(several_segments, new_elf32),
		cmocka_unit_test_setup(elf64, new_elf64),
		cmocka_unit_test_setup(aout_kludge, new_kludge),
		cmocka_unit_test_setup(kludge_before_elf, new_elf32),
		cmocka_unit_test_setup(header_place, new_elf32),
		cmocka_unit_test_setup(flags, new_elf32),
		cmocka_unit_test_setup(does_not_fit, new_elf32),
		cmocka_unit_test_setup(broken_elf, new_elf32),
		cmocka_unit_test_setup(broken_kludge, new_kludge),
		cmocka_unit_test_setup(too_many_segments, new_elf32),
		cmocka_unit_test_setup(hostile, new_elf32),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

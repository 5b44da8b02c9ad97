/* SPDX-License-Identifier: MIT */
/*
 * The bzImage loader on synthetic, hostile and (where $XIHV_BZIMAGE names one) real kernels.
 * Offsets are written out from Documentation/arch/x86/boot.rst, not taken from the loader.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>

#include "tests/unit/loader_test.h"

#define MIB 0x100000u
#define FILE_BYTES 0x8000u
#define SETUP_SECTS 3u
#define PAYLOAD ((SETUP_SECTS + 1) * 512)
#define ZERO_PAGE 0x8000u

static uint8_t file[FILE_BYTES];
static struct guest_entry entry;

static void put(unsigned off, uint64_t v, unsigned bytes)
{
	memcpy(file + off, &v, bytes);
}

/* A 64-bit relocatable kernel of protocol 2.15 that prefers 16 MiB and needs 24 MiB there. */
static int new_kernel(void **state)
{
	(void)state;
	memset(file, 0, sizeof(file));
	for (unsigned i = PAYLOAD; i < FILE_BYTES; i++)
		file[i] = (uint8_t)(i * 7);
	put(0x1f1, SETUP_SECTS, 1);
	put(0x1f4, (FILE_BYTES - PAYLOAD) / 16, 4);
	put(0x1fe, 0xaa55, 2);
	put(0x200, 0x6aeb, 2); /* jmp: header ends at 0x202 + 0x6a */
	memcpy(file + 0x202, "HdrS", 4);
	put(0x206, 0x020f, 2);
	put(0x211, 0x01, 1);
	put(0x214, MIB, 4);
	put(0x22c, 0x7fffffff, 4);
	put(0x230, 0x200000, 4);
	put(0x234, 1, 1);
	put(0x236, 0x3f, 2);
	put(0x238, 2047, 4);
	put(0x250, 0x1234567812345678, 8);
	put(0x258, 16 * MIB, 8);
	put(0x260, 24 * MIB, 4);
	fake_guest_new(64 * MIB);
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
	(void)state;
	assert_int_equal(load("console=ttyS0"), 0);
	assert_string_equal(host_printk_buf, "");
	assert_true(entry.long_mode);
	assert_int_equal(entry.rip, 16 * MIB + 0x200);
	assert_int_equal(entry.rsi, ZERO_PAGE);
	assert_memory_equal(fake_ram + 16 * MIB, file + PAYLOAD, FILE_BYTES - PAYLOAD);
	assert_int_equal(entry.cs, 0x10);
	assert_int_equal(entry.ds, 0x18);
	assert_int_equal(entry.gdt_limit, 31);
	assert_int_equal(fake_u64(entry.gdt.v + 0x10), 0x00af9b000000ffff);
	assert_int_equal(fake_u64(entry.gdt.v + 0x18), 0x00cf93000000ffff);
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
	assert_memory_equal(zp + 0x202, "HdrS", 4);
	assert_int_equal(zp[0x210], 0xff);
	assert_int_equal(zp[0x211], 0x01);
	assert_int_equal(fake_u32(ZERO_PAGE + 0x214), 16 * MIB);
	assert_int_equal(fake_u32(ZERO_PAGE + 0x218), 0);
	assert_int_equal(fake_u32(ZERO_PAGE + 0x21c), 0);
	assert_string_equal(fake_ram + fake_u32(ZERO_PAGE + 0x228), "console=ttyS0 quiet");
	assert_int_equal(fake_u64(ZERO_PAGE + 0x250), 0);
	assert_int_equal(fake_u32(ZERO_PAGE + 0x260), 24 * MIB);
	/* e820: 20 bytes an entry */
	assert_int_equal(fake_u64(ZERO_PAGE + 0x2d0), 0);
	assert_int_equal(fake_u64(ZERO_PAGE + 0x2d8), FAKE_LOW_END);
	assert_int_equal(fake_u32(ZERO_PAGE + 0x2e0), 1);
	assert_int_equal(fake_u64(ZERO_PAGE + 0x2d0 + 60), MIB);
	assert_int_equal(fake_u64(ZERO_PAGE + 0x2d8 + 60), 63 * MIB);
	assert_int_equal(fake_u32(ZERO_PAGE + 0x2e0 + 60), 1);
}

/* What the tables say for every 2 MiB page below 4 GiB, walked by hand. */
static void identity_map(void **state)
{
	(void)state;
	assert_int_equal(load(""), 0);
	for (uint64_t va = 0; va < UINT64_C(1) << 32; va += 2 * MIB) {
		uint64_t pml4e = fake_u64(entry.cr3.v), pdpte, pde;

		assert_int_equal(pml4e & 0xfff, 3);
		pdpte = fake_u64((pml4e & ~UINT64_C(0xfff)) + (va >> 30) * 8);
		assert_int_equal(pdpte & 0xfff, 3);
		pde = fake_u64((pdpte & ~UINT64_C(0xfff)) + (va >> 21 & 511) * 8);
		assert_int_equal(pde, va | 0x83);
	}
	assert_int_equal(fake_u64(entry.cr3.v + 8), 0);
	assert_true(entry.cr3.v >= 0x1000 && entry.cr3.v + 6 * 4096 <= ZERO_PAGE);
}

static void entry32(void **state)
{
	(void)state;
	put(0x236, 0, 2);
	assert_int_equal(load(""), 0);
	assert_false(entry.long_mode);
	assert_int_equal(entry.rip, 16 * MIB);
	assert_int_equal(entry.rsi, ZERO_PAGE);
	assert_int_equal(fake_u64(entry.gdt.v + 0x10), 0x00cf9b000000ffff);
	assert_int_equal(entry.cr3.v, 0);
}

static void old_protocol(void **state)
{
	(void)state;
	put(0x200, 0x3aeb, 2); /* header ends at 0x23c */
	put(0x206, 0x0206, 2);
	put(0x234, 0, 1);
	assert_int_equal(load("x"), 0);
	assert_false(entry.long_mode);
	assert_int_equal(entry.rip, MIB);
	/* nothing behind the header's end is taken over */
	assert_int_equal(fake_u64(ZERO_PAGE + 0x258), 0);
}

static void alignment(void **state)
{
	(void)state;
	put(0x258, 16 * MIB + 0x1000, 8);
	assert_int_equal(load(""), 0);
	assert_int_equal(entry.rip, 18 * MIB + 0x200);
	new_kernel(state);
	put(0x258, 16 * MIB + 0x1000, 8);
	put(0x234, 0, 1); /* not relocatable: exactly there */
	assert_int_equal(load(""), 0);
	assert_int_equal(entry.rip, 16 * MIB + 0x1000 + 0x200);
}

static void initrd_high(void **state)
{
	static uint8_t initrd[5000];

	(void)state;
	memset(initrd, 0x5a, sizeof(initrd));
	fake_guest_initrd(initrd, sizeof(initrd));
	assert_int_equal(load(""), 0);
	assert_int_equal(fake_u32(ZERO_PAGE + 0x218), 64 * MIB - 8192);
	assert_int_equal(fake_u32(ZERO_PAGE + 0x21c), 5000);
	assert_memory_equal(fake_ram + 64 * MIB - 8192, initrd, sizeof(initrd));
}

static void initrd_limit(void **state)
{
	static uint8_t initrd[5000];

	(void)state;
	put(0x22c, 50 * MIB - 1, 4);
	fake_guest_initrd(initrd, sizeof(initrd));
	assert_int_equal(load(""), 0);
	assert_int_equal(fake_u32(ZERO_PAGE + 0x218), 50 * MIB - 8192);
	new_kernel(state);
	put(0x22c, 40 * MIB, 4);
	fake_guest_initrd(initrd, sizeof(initrd));
	refused(-ENOEXEC,
		"its initrd of 5000 bytes is too large for this kernel, which takes none above 0x2800000");
}

static void too_little_memory(void **state)
{
	static uint8_t initrd[3 * MIB];

	(void)state;
	fake_guest_new(32 * MIB);
	refused(-ENOMEM,
		"too little memory: its kernel needs mem=40M at least, the line says mem=32M");
	fake_guest_new(40 * MIB);
	assert_int_equal(load(""), 0);
	fake_guest_new(40 * MIB);
	fake_guest_initrd(initrd, sizeof(initrd));
	refused(-ENOMEM,
		"too little memory: its kernel with the initrd needs mem=44M at least, the line says mem=40M");
	fake_guest_new(44 * MIB);
	fake_guest_initrd(initrd, sizeof(initrd));
	assert_int_equal(load(""), 0);
	fake_guest_new(8 * MIB);
	refused(-ENOMEM, "needs mem=40M at least, the line says mem=8M");
}

static void command_line_limit(void **state)
{
	char args[300];

	(void)state;
	memset(args, 'a', sizeof(args));
	args[255] = '\0';
	put(0x238, 255, 4);
	assert_int_equal(load(args), 0);
	new_kernel(state);
	put(0x238, 254, 4);
	assert_int_equal(load(args), -ENOEXEC);
	assert_non_null(
		strstr(host_printk_buf, "its command line has 255 bytes, this kernel takes 254"));
}

static void broken_headers(void **state)
{
	static const struct {
		unsigned off, bytes;
		uint64_t val;
		int err;
		const char *message;
	} t[] = {
		{ 0x206, 2, 0x0205, -ENOEXEC, "speaks boot protocol 2.05: expected 2.06 or later" },
		{ 0x211, 1, 0, -ENOEXEC, "is a zImage: expected a bzImage" },
		{ 0x201, 1, 0x10, -ENOEXEC, "the setup header is cut" },
		{ 0x1f1, 1, 63, -ENOEXEC,
		  "the file ends after 32768 bytes, inside the setup code" },
		{ 0x230, 4, 0, -ENOEXEC, "alignment 0x0 is no power of two" },
		{ 0x230, 4, 0x300000, -ENOEXEC, "alignment 0x300000 is no power of two" },
		{ 0x258, 8, 0x1000, -ENOEXEC, "wants to be loaded at 0x1000" },
		{ 0x258, 8, UINT64_MAX, -ENOEXEC, "wants to be loaded at 0xffffffffffffffff" },
		{ 0x258, 8, 0xffffffff, -ENOEXEC, "where the board has no RAM" },
		{ 0x258, 8, 0xc0000000, -ENOEXEC, "where the board has no RAM" },
		{ 0x260, 4, 0xffffffff, -ENOEXEC, "where the board has no RAM" },
		{ 0x260, 4, 0x80000000, -ENOMEM, "its kernel needs mem=2064M at least" },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(t); i++) {
		new_kernel(state);
		put(t[i].off, t[i].val, t[i].bytes);
		refused(t[i].err, t[i].message);
	}
}

/* What follows the kernel (a signature) does no harm; a byte less is still its last
 * paragraph, a paragraph less is not. */
static void cut_file(void **state)
{
	(void)state;
	put(0x1f4, (FILE_BYTES - PAYLOAD) / 16 - 1, 4);
	assert_int_equal(load(""), 0);
	new_kernel(state);
	fake_guest_kernel(file, FILE_BYTES - 15, "");
	assert_int_equal(fake_guest_load(&entry), 0);
	new_kernel(state);
	fake_guest_kernel(file, FILE_BYTES - 16, "");
	assert_int_equal(fake_guest_load(&entry), -ENOEXEC);
	assert_non_null(
		strstr(host_printk_buf, "its file has 32752 bytes, its header speaks of 32768"));
}

static void no_kernel(void **state)
{
	(void)state;
	put(0x202, 0, 4);
	refused(-ENOEXEC, "its kernel is neither a bzImage nor a multiboot kernel nor an ELF file");
	new_kernel(state);
	put(0x1fe, 0, 2);
	refused(-ENOEXEC, "its kernel is neither a bzImage nor a multiboot kernel nor an ELF file");
	for (unsigned n = 1; n < 0x210; n += 13) {
		new_kernel(state);
		fake_guest_kernel(file, n, "");
		assert_int_equal(fake_guest_load(&entry), -ENOEXEC);
	}
	new_kernel(state);
	fake_guest_module("x", 1, "");
	refused(-ENOEXEC, "takes an initrd and no modules");
}

/* Every cut of a good file, and header fields at random: no access outside the file (ASan),
 * no arithmetic that overflows (UBSan), and an error is always told. */
static void hostile(void **state)
{
	static const unsigned fields[] = { 0x1f1, 0x201, 0x206, 0x211, 0x214, 0x22c, 0x230,
					   0x234, 0x236, 0x238, 0x258, 0x25c, 0x260, 0x264 };

	for (unsigned i = 0; i < 3000; i++) {
		new_kernel(state);
		for (unsigned j = fake_random() % 4; j > 0; j--)
			put(fields[fake_random() % ARRAY_SIZE(fields)],
			    fake_random() >> fake_random() % 32, 1 + fake_random() % 4);
		fake_guest_new(8 * MIB + fake_random() % 3 * 16 * MIB);
		if (fake_random() % 2)
			fake_guest_initrd(file, 1 + fake_random() % 4096);
		file_ends_in_order(file, sizeof(file), 0x1000);
	}
}

static void real_kernel(void **state)
{
	static uint8_t big[32 * MIB];
	uint64_t pref;
	size_t n;

	(void)state;
	if (!named_file("XIHV_BZIMAGE", big, sizeof(big), &n))
		skip();
	fake_guest_new(256 * MIB);
	fake_guest_kernel(big, n, "console=ttyS0");
	assert_int_equal(fake_guest_load(&entry), 0);
	memcpy(&pref, big + 0x258, 8);
	assert_int_equal(entry.long_mode, big[0x236] & 1);
	assert_int_equal(entry.rip, pref + (entry.long_mode ? 0x200 : 0));
	fake_guest_new(16 * MIB);
	fake_guest_kernel(big, n, "");
	assert_int_equal(fake_guest_load(&entry), -ENOMEM);
	print_message("%s", host_printk_buf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(entry64, new_kernel),
		cmocka_unit_test_setup(zero_page, new_kernel),
		cmocka_unit_test_setup(identity_map, new_kernel),
		cmocka_unit_test_setup(entry32, new_kernel),
		cmocka_unit_test_setup(old_protocol, new_kernel),
		cmocka_unit_test_setup(alignment, new_kernel),
		cmocka_unit_test_setup(initrd_high, new_kernel),
		cmocka_unit_test_setup(initrd_limit, new_kernel),
		cmocka_unit_test_setup(too_little_memory, new_kernel),
		cmocka_unit_test_setup(command_line_limit, new_kernel),
		cmocka_unit_test_setup(broken_headers, new_kernel),
		cmocka_unit_test_setup(cut_file, new_kernel),
		cmocka_unit_test_setup(no_kernel, new_kernel),
		cmocka_unit_test_setup(hostile, new_kernel),
		cmocka_unit_test_setup(real_kernel, new_kernel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/*
 * ACPI and MP tables as a guest finds them: searched for, checksums added up, and taken apart
 * by iasl, which also compiles guests/dsdt.asl for it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "guests/firmware.h"
#include "tests/unit/fake_hv.h"

static struct vm vm;
static uint8_t dsdt[16384];
static long dsdt_len;
static char dir[] = "/tmp/xihv-acpi-XXXXXX";

static int compile_dsdt(void **state)
{
	char cmd[256];
	FILE *f;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(cmd, sizeof(cmd), "iasl -we -p %s/dsdt guests/dsdt.asl >/dev/null 2>&1", dir);
	assert_int_equal(system(cmd), 0);
	snprintf(cmd, sizeof(cmd), "%s/dsdt.aml", dir);
	f = fopen(cmd, "rb");
	assert_non_null(f);
	dsdt_len = (long)fread(dsdt, 1, sizeof(dsdt), f);
	fclose(f);
	assert_in_range(dsdt_len, 36, sizeof(dsdt) - 1);
	return 0;
}

static int clean_up(void **state)
{
	char cmd[256];

	(void)state;
	snprintf(cmd, sizeof(cmd), "rm -rf %s", dir);
	return system(cmd);
}

static int setup(void **state)
{
	(void)state;
	fake_reset();
	vm = (struct vm){ .nr_vcpus = 1 };
	assert_true(acpi_write(&vm, dsdt, (uint32_t)dsdt_len));
	assert_true(mptable_write(&vm));
	assert_true(bios_write(&vm));
	return 0;
}

static uint32_t u16(uint64_t at)
{
	return fake_memory[at] | fake_memory[at + 1] << 8;
}

static uint32_t u32(uint64_t at)
{
	return u16(at) | u16(at + 2) << 16;
}

static uint8_t sum(uint64_t at, uint32_t len)
{
	uint8_t s = 0;

	while (len--)
		s += fake_memory[at++];
	return s;
}

/* As an OS searches: on 16-byte boundaries. */
static uint64_t search(const char *signature, uint64_t from, uint64_t to)
{
	for (; from < to; from += 16)
		if (!memcmp(fake_memory + from, signature, strlen(signature)))
			return from;
	return 0;
}

static void save(uint64_t table)
{
	char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%.4s.dat", dir, (char *)fake_memory + table);
	f = fopen(path, "wb");
	assert_non_null(f);
	fwrite(fake_memory + table, 1, u32(table + 4), f);
	fclose(f);
}

static void check_table(uint64_t at, const char *signature)
{
	assert_memory_equal(fake_memory + at, signature, 4);
	assert_true(at + u32(at + 4) <= 0x100000);
	assert_int_equal(sum(at, u32(at + 4)), 0);
	save(at);
}

static void rsdp_and_tables(void **state)
{
	uint64_t rsdp = search("RSD PTR ", 0xe0000, 0x100000), rsdt, xsdt, fadt, madt;

	(void)state;
	assert_int_equal(rsdp, FIRMWARE_RSDP);
	assert_int_equal(sum(rsdp, 20), 0);
	assert_int_equal(sum(rsdp, 36), 0);
	assert_int_equal(fake_memory[rsdp + 15], 2);
	rsdt = u32(rsdp + 16);
	xsdt = u32(rsdp + 24);
	check_table(rsdt, "RSDT");
	check_table(xsdt, "XSDT");
	assert_int_equal(u32(rsdt + 4), 36 + 2 * 4);
	assert_int_equal(u32(xsdt + 4), 36 + 2 * 8);
	fadt = u32(rsdt + 36);
	madt = u32(rsdt + 40);
	assert_int_equal(u32(xsdt + 36), fadt);
	assert_int_equal(u32(xsdt + 44), madt);
	assert_int_equal(u32(xsdt + 40) | u32(xsdt + 48), 0);
	check_table(fadt, "FACP");
	check_table(madt, "APIC");
	check_table(u32(fadt + 40), "DSDT");
	assert_int_equal(u32(fadt + 140), u32(fadt + 40)); /* X_DSDT */
	assert_memory_equal(fake_memory + u32(fadt + 36), "FACS", 4);
	assert_int_equal(u32(fadt + 36) % 64, 0);
	assert_true(u32(fadt + 36) < 0xa0000); /* writable */
	save(u32(fadt + 36));
}

/* Offsets of ACPI 6.4 table 5.9. */
static void fadt_fields(void **state)
{
	uint64_t fadt = u32(u32(FIRMWARE_RSDP + 16) + 36);

	(void)state;
	assert_int_equal(u32(fadt + 4), 244);
	assert_int_equal(u16(fadt + 46), 9); /* SCI */
	assert_int_equal(u32(fadt + 48), 0); /* SMI_CMD */
	assert_int_equal(u32(fadt + 56), 0x600);
	assert_int_equal(u32(fadt + 64), 0x604);
	assert_int_equal(u32(fadt + 76), 0x608);
	assert_int_equal(fake_memory[fadt + 88], 4);
	assert_int_equal(fake_memory[fadt + 89], 2);
	assert_int_equal(fake_memory[fadt + 91], 4);
	assert_int_equal(fake_memory[fadt + 108], 0x32); /* century */
	assert_int_equal(u16(fadt + 109), 0x5); /* legacy devices, no 8042, no VGA */
	assert_int_equal(u32(fadt + 112), 0x1535);
	assert_int_equal(u32(fadt + 116), 0x01000801); /* reset: I/O, 8 bits, byte */
	assert_int_equal(u32(fadt + 120), 0xcf9);
	assert_int_equal(fake_memory[fadt + 128], 6);
	assert_int_equal(u32(fadt + 148 + 4), 0x600); /* X_PM1a_EVT */
	assert_int_equal(u32(fadt + 172 + 4), 0x604);
	assert_int_equal(u32(fadt + 208 + 4), 0x608);
	assert_int_equal(fake_memory[fadt + 208 + 1], 32);
}

static void madt_entries(void **state)
{
	uint64_t at = u32(u32(FIRMWARE_RSDP + 16) + 40), end;
	static const uint8_t expected[] = {
		0, 8, 0, 0, 1, 0,  0,	 0, 1, 12, 8,	 0, 0x00, 0x00, 0xc0, 0xfe,
		0, 0, 0, 0, 2, 10, 0,	 0, 2, 0,  0,	 0, 0,	  0,	2,    10,
		0, 9, 9, 0, 0, 0,  0x0d, 0, 4, 6,  0xff, 0, 0,	  1,
	};

	(void)state;
	end = at + u32(at + 4);
	assert_int_equal(u32(at + 36), 0xfee00000);
	assert_int_equal(u32(at + 40), 1);
	assert_int_equal(end - at - 44, sizeof(expected));
	assert_memory_equal(fake_memory + at + 44, expected, sizeof(expected));
}

static void iasl_takes_them_apart(void **state)
{
	static const char *const tables[] = { "RSDT", "XSDT", "FACP", "APIC", "FACS", "DSDT" };
	char cmd[256];
	unsigned i;

	rsdp_and_tables(state);
	for (i = 0; i < ARRAY_SIZE(tables); i++) {
		snprintf(cmd, sizeof(cmd), "iasl -d %s/%s.dat >%s/log 2>&1", dir, tables[i], dir);
		assert_int_equal(system(cmd), 0);
		/* Complaints are in the listing. */
		snprintf(cmd, sizeof(cmd),
			 "! grep -iqE 'error|warning|invalid|incorrect' %s/%s.dsl %s/log", dir,
			 tables[i], dir);
		assert_int_equal(system(cmd), 0);
		/* What was taken apart compiles again. */
		snprintf(cmd, sizeof(cmd), "iasl %s/%s.dsl >%s/log 2>&1", dir, tables[i], dir);
		if (strcmp(tables[i], "FACS") && strcmp(tables[i], "RSDT") &&
		    strcmp(tables[i], "XSDT"))
			assert_int_equal(system(cmd), 0);
	}
}

static void mp_table(void **state)
{
	uint64_t mp = search("_MP_", 0xf0000, 0x100000), at, end;
	unsigned count[5] = { 0 }, entries = 0;

	(void)state;
	assert_int_not_equal(mp, 0);
	assert_int_equal(sum(mp, 16), 0);
	assert_int_equal(fake_memory[mp + 9], 4); /* 1.4 */
	at = u32(mp + 4);
	assert_memory_equal(fake_memory + at, "PCMP", 4);
	assert_int_equal(sum(at, u16(at + 4)), 0);
	end = at + u16(at + 4);
	assert_int_equal(u32(at + 36), 0xfee00000);
	for (entries = u16(at + 34), at += 44; entries; entries--) {
		assert_in_range(fake_memory[at], 0, 4);
		count[fake_memory[at]]++;
		if (fake_memory[at] == 3 && fake_memory[at + 5] == 0)
			assert_int_equal(fake_memory[at + 7], 2); /* IRQ 0 is pin 2 */
		at += fake_memory[at] ? 8 : 20;
	}
	assert_int_equal(at, end);
	assert_int_equal(count[0], 1);
	assert_int_equal(count[1], 2);
	assert_int_equal(count[2], 1);
	assert_int_equal(count[3], 15);
	assert_int_equal(count[4], 2);
}

static void bios_areas(void **state)
{
	(void)state;
	assert_int_equal(u16(0x400), 0x3f8);
	assert_int_equal(u16(0x40e), 0x9f00);
	assert_int_equal(u16(0x413), 0x9f000 / 1024);
	assert_int_equal(fake_memory[0x9f000], 4);
	assert_int_equal(fake_memory[0xffff0], 0xea);
	/* The far jump leads to code that starts with CLI. */
	assert_int_equal(fake_memory[(u16(0xffff3) << 4) + u16(0xffff1)], 0xfa);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(rsdp_and_tables, setup),
		cmocka_unit_test_setup(fadt_fields, setup),
		cmocka_unit_test_setup(madt_entries, setup),
		cmocka_unit_test_setup(iasl_takes_them_apart, setup),
		cmocka_unit_test_setup(mp_table, setup),
		cmocka_unit_test_setup(bios_areas, setup),
	};

	return cmocka_run_group_tests(tests, compile_dsdt, clean_up);
}

/* SPDX-License-Identifier: MIT */
/* ACPI tables written byte by byte from ACPI 6.4, whole and cut at every length. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "drivers/host/acpi_tables.h"

static struct acpi_info a;

static int clear(void **state)
{
	(void)state;
	memset(&a, 0, sizeof(a));
	return 0;
}

/* A copy that ends where the heap block ends, so that ASan sees every byte too far. */
static void with_copy(void (*read)(struct acpi_info *, const uint8_t *, uint32_t),
		      const uint8_t *table, uint32_t len)
{
	uint8_t *copy = malloc(len ? len : 1);

	memcpy(copy, table, len);
	read(&a, copy, len);
	free(copy);
}

static const uint8_t madt[] = {
	/* header: only its length matters here */
	'A',
	'P',
	'I',
	'C',
	0,
	0,
	0,
	0,
	3,
	0,
	0,
	0,
	0,
	0,
	0,
	0,
	0,
	0,
	0,
	0,
	0,
	0,
	0,
	0,
	0,
	0,
	0,
	0,
	0,
	0,
	0,
	0,
	0,
	0,
	0,
	0,
	/* local APIC address, flags */
	0x00,
	0x00,
	0xe0,
	0xfe,
	1,
	0,
	0,
	0,
	/* processor local APIC: uid 0, id 4, enabled; uid 1, id 5, not enabled */
	0,
	8,
	0,
	4,
	1,
	0,
	0,
	0,
	0,
	8,
	1,
	5,
	0,
	0,
	0,
	0,
	/* I/O APIC: id 0, 0xfec00000, from GSI 24 */
	1,
	12,
	0,
	0,
	0x00,
	0x00,
	0xc0,
	0xfe,
	24,
	0,
	0,
	0,
	/* override: ISA 0 is GSI 2, conforming; ISA 9 is GSI 9, active low, level */
	2,
	10,
	0,
	0,
	2,
	0,
	0,
	0,
	0,
	0,
	2,
	10,
	0,
	9,
	9,
	0,
	0,
	0,
	0x0f,
	0,
	/* an entry of a kind unknown */
	0x7f,
	3,
	0,
	/* processor local x2APIC: id 0x12345, enabled */
	9,
	16,
	0,
	0,
	0x45,
	0x23,
	0x01,
	0x00,
	1,
	0,
	0,
	0,
	0,
	0,
	0,
	0,
};

static void madt_whole(void **state)
{
	(void)state;
	with_copy(acpi_read_madt, madt, sizeof(madt));
	assert_int_equal(a.nr_cpus, 2);
	assert_int_equal(a.cpu_apic_id[0], 4);
	assert_int_equal(a.cpu_apic_id[1], 0x12345);
	assert_int_equal(a.nr_ioapics, 1);
	assert_int_equal(a.ioapic[0].addr.v, 0xfec00000);
	assert_int_equal(a.ioapic[0].gsi_base, 24);
	assert_int_equal(a.nr_routes, 2);
	assert_int_equal(a.route[0].isa_irq, 0);
	assert_int_equal(a.route[0].gsi, 2);
	assert_false(a.route[0].level);
	assert_false(a.route[0].active_low);
	assert_int_equal(a.route[1].gsi, 9);
	assert_true(a.route[1].level);
	assert_true(a.route[1].active_low);
}

static void madt_broken(void **state)
{
	uint8_t bad[sizeof(madt)];
	uint32_t len, i;

	(void)state;
	for (len = 0; len <= sizeof(madt); len++)
		with_copy(acpi_read_madt, madt, len);
	/* Every entry length in turn is 0, too short for its kind, or too long. */
	for (i = 44; i < sizeof(madt); i++) {
		static const uint8_t size[] = { 0, 1, 2, 3, 7, 255 };
		unsigned s;

		for (s = 0; s < sizeof(size); s++) {
			memcpy(bad, madt, sizeof(bad));
			bad[i] = size[s];
			with_copy(acpi_read_madt, bad, sizeof(bad));
		}
	}
	assert_true(a.nr_cpus <= ACPI_MAX_CPUS && a.nr_ioapics <= ACPI_MAX_IOAPICS);
}

static void put(uint8_t *t, uint32_t at, unsigned bytes, uint64_t val)
{
	while (bytes--) {
		t[at++] = val;
		val >>= 8;
	}
}

static void fadt_old(void **state)
{
	uint8_t t[116] = { 0 }; /* ACPI 1.0 */
	uint32_t len;

	(void)state;
	put(t, 40, 4, 0x7fe0000);
	put(t, 48, 4, 0xb2);
	put(t, 52, 1, 0xf1);
	put(t, 64, 4, 0x604);
	put(t, 76, 4, 0x608);
	for (len = 0; len <= sizeof(t); len++)
		with_copy(acpi_read_fadt, t, len);
	assert_int_equal(a.dsdt.v, 0x7fe0000);
	assert_int_equal(a.smi_port, 0xb2);
	assert_int_equal(a.acpi_enable, 0xf1);
	assert_int_equal(a.pm_timer_port, 0x608);
	assert_int_equal(a.pm1a_control.space, ACPI_IO);
	assert_int_equal(a.pm1a_control.addr, 0x604);
	assert_int_equal(a.pm1b_control.addr, 0);
	assert_int_equal(a.reset.addr, 0);
	assert_false(a.hw_reduced);
}

static void fadt_new(void **state)
{
	uint8_t t[276] = { 0 };

	(void)state;
	put(t, 40, 4, 0x1000);
	put(t, 64, 4, 0x604);
	put(t, 112, 4, 1u << 10);
	put(t, 116, 1, 1); /* reset register: I/O, 0xcf9, value 0x0f */
	put(t, 120, 8, 0xcf9);
	put(t, 128, 1, 0x0f);
	put(t, 140, 8, UINT64_C(0x123456789000));
	put(t, 172, 1, 0); /* extended PM1a control: in memory */
	put(t, 176, 8, 0xfed80804);
	put(t, 208, 1, 1);
	put(t, 212, 8, 0x808);
	with_copy(acpi_read_fadt, t, sizeof(t));
	assert_int_equal(a.dsdt.v, UINT64_C(0x123456789000));
	assert_int_equal(a.pm1a_control.space, ACPI_MEMORY);
	assert_int_equal(a.pm1a_control.addr, 0xfed80804);
	assert_int_equal(a.pm_timer_port, 0x808);
	assert_int_equal(a.reset.addr, 0xcf9);
	assert_int_equal(a.reset_value, 0x0f);
}

/* A number that is no port must not become one by losing its upper bits. */
static void fadt_no_ports(void **state)
{
	uint8_t t[244] = { 0 };

	(void)state;
	put(t, 48, 4, 0x100b2);
	put(t, 64, 4, 0x604);
	put(t, 68, 4, 0x10704);
	put(t, 172, 1, 1);
	put(t, 176, 8, 0x10604);
	put(t, 208, 1, 1);
	put(t, 212, 8, 0x10608);
	with_copy(acpi_read_fadt, t, sizeof(t));
	assert_int_equal(a.smi_port, 0);
	assert_int_equal(a.pm1a_control.addr, 0x604); /* the old field */
	assert_int_equal(a.pm1b_control.addr, 0);
	assert_int_equal(a.pm_timer_port, 0);
}

static void s5_try(const uint8_t *aml, uint32_t len)
{
	uint8_t t[128] = { 0 };
	uint32_t cut;

	memcpy(t + 36, aml, len);
	memset(&a, 0, sizeof(a));
	for (cut = 0; cut < 36 + len; cut++)
		with_copy(acpi_read_s5, t, cut);
	memset(&a, 0, sizeof(a));
	with_copy(acpi_read_s5, t, 36 + len);
}

static void s5_forms(void **state)
{
	/* Name (_S5_, Package () {5, 6, 0, 0}) */
	static const uint8_t bytes[] = { 0x08, '_',  'S', '5',	'_', 0x12, 0x08,
					 0x04, 0x0a, 5,	  0x0a, 6,   0,	   0 };
	/* {Zero, One}, two-byte PkgLength */
	static const uint8_t ops[] = { 0x08, '\\', '_',	 'S',  '5',  '_',
				       0x12, 0x46, 0x00, 0x02, 0x00, 0x01 };
	/* a word, and nothing behind it */
	static const uint8_t word[] = { 0x08, '_', 'S', '5', '_', 0x12, 0x06, 0x01, 0x0b, 7, 0 };
	/* a method of that name */
	static const uint8_t method[] = { 0x14, 0x08, '_', 'S', '5', '_', 0x00, 0xa4, 0x00 };

	(void)state;
	s5_try(bytes, sizeof(bytes));
	assert_true(a.has_s5);
	assert_int_equal(a.slp_typ_a, 5);
	assert_int_equal(a.slp_typ_b, 6);
	s5_try(ops, sizeof(ops));
	assert_true(a.has_s5);
	assert_int_equal(a.slp_typ_a, 0);
	assert_int_equal(a.slp_typ_b, 1);
	s5_try(word, sizeof(word));
	assert_true(a.has_s5);
	assert_int_equal(a.slp_typ_a, 7);
	assert_int_equal(a.slp_typ_b, 0);
	s5_try(method, sizeof(method));
	assert_false(a.has_s5);
}

static void checksum(void **state)
{
	static const uint8_t good[] = { 1, 2, 0xfd };

	(void)state;
	assert_true(acpi_checksum_ok(good, 3));
	assert_false(acpi_checksum_ok(good, 2));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(madt_whole, clear),
		cmocka_unit_test_setup(madt_broken, clear),
		cmocka_unit_test_setup(fadt_old, clear),
		cmocka_unit_test_setup(fadt_new, clear),
		cmocka_unit_test_setup(fadt_no_ports, clear),
		cmocka_unit_test_setup(s5_forms, clear),
		cmocka_unit_test(checksum),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

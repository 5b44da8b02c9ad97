// SPDX-License-Identifier: MIT
/*
 * The machine's ACPI tables (drivers/host/acpi.c, acpi_tables.c). The first byte says how the
 * rest is meant: one table's bytes, or a whole machine whose tables are laid out here, each with
 * a checksum that is right or wrong.
 *
 *  T1  Nothing behind a table's end is read (each lies in a block of its size).
 *  T2  Counts keep within their arrays; CPUs, IOAPICs and routes are those of the MADT, in its
 *      order.
 *  T3  A port is what the table says, or none: never its low 16 bits.
 *  T4  What is found does not depend on tables whose checksum is wrong.
 *  T5  Nothing outside of memory that the direct map has is read.
 */
#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "drivers/host/acpi.h"
#include "drivers/host/acpi_tables.h"
#include "hv/errno.h"
#include "hv/page.h"
#include "hv/paging.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/host_print.h"

#define MEMORY 0x110000u /* of the machine: 1 MiB as a PC has it, and tables above */
#define ROOT 0x100000u /* below the tables: none that says to be longer reaches it */
#define TABLES 0x101000u
#define EBDA 0x9fc00u
#define ROM 0xe0000u
#define TABLE_SLOT 0x1000u

static uint8_t memory[MEMORY];

void *fake_hpa_to_ptr(hpa_t a)
{
	return (void *)((uintptr_t)memory + a.v);
}

/* T5: what is not here is not mapped; whoever reads it all the same is caught by ASan. */
int direct_map_add(hpa_t base, uint64_t bytes)
{
	return base.v >= MEMORY || bytes > MEMORY - base.v ? -EINVAL : 0;
}

static void put(uint8_t *at, uint64_t val, unsigned bytes)
{
	memcpy(at, &val, bytes);
}

static void check_counts(const struct acpi_info *a)
{
	assert(a->nr_ioapics <= ACPI_MAX_IOAPICS && a->nr_routes <= ACPI_MAX_ROUTES);
	assert(a->nr_cpus <= ACPI_MAX_CPUS);
}

/* --- single tables --------------------------------------------------------------------- */

/* T2: entry by entry, from the specification. */
static void check_madt(const struct acpi_info *a, const uint8_t *t, size_t len)
{
	unsigned cpus = 0, ioapics = 0, routes = 0;

	for (size_t at = 44; at + 2 <= len && t[at + 1] >= 2 && at + t[at + 1] <= len;
	     at += t[at + 1]) {
		const uint8_t *e = t + at;

		if (e[0] == 0 && e[1] >= 8 && (e[4] & 1) && cpus < ACPI_MAX_CPUS)
			assert(a->cpu_apic_id[cpus++] == e[3]);
		if (e[0] == 9 && e[1] >= 16 && (e[8] & 1) && cpus < ACPI_MAX_CPUS)
			assert(!memcmp(&a->cpu_apic_id[cpus++], e + 4, 4));
		if (e[0] == 1 && e[1] >= 12 && ioapics < ACPI_MAX_IOAPICS)
			assert(!memcmp(&a->ioapic[ioapics++].gsi_base, e + 8, 4));
		if (e[0] == 2 && e[1] >= 10 && routes < ACPI_MAX_ROUTES) {
			assert(a->route[routes].isa_irq == e[3]);
			assert(a->route[routes].level == ((e[8] & 12) == 12));
			assert(a->route[routes].active_low == ((e[8] & 3) == 3));
			assert(!memcmp(&a->route[routes++].gsi, e + 4, 4));
		}
	}
	assert(cpus == a->nr_cpus && ioapics == a->nr_ioapics && routes == a->nr_routes);
}

static bool is_field(const uint8_t *t, size_t len, uint64_t val, size_t at, unsigned bytes)
{
	return at + bytes <= len && !memcmp(t + at, &val, bytes);
}

/* A generic address, or the field of the older table; T3. */
static void check_register(struct acpi_register r, const uint8_t *t, size_t len, size_t x_at,
			   size_t at)
{
	if (!r.addr)
		return;
	assert(r.space == ACPI_IO || r.space == ACPI_MEMORY);
	assert(is_field(t, len, r.addr, x_at + 4, 8) || (at && is_field(t, len, r.addr, at, 4)));
	assert(r.space == ACPI_MEMORY || r.addr <= UINT16_MAX);
}

static void check_fadt(const struct acpi_info *a, const uint8_t *t, size_t len)
{
	assert(a->has_fadt);
	check_register(a->pm1a_control, t, len, 172, 64);
	check_register(a->pm1b_control, t, len, 184, 68);
	check_register(a->sleep_control, t, len, 244, 0);
	check_register(a->reset, t, len, 116, 0);
	assert(!a->pm_timer_port || is_field(t, len, a->pm_timer_port, 212, 8) ||
	       is_field(t, len, a->pm_timer_port, 76, 4));
	assert(!a->smi_port || is_field(t, len, a->smi_port, 48, 4));
	assert(!a->dsdt.v || is_field(t, len, a->dsdt.v, 140, 8) ||
	       is_field(t, len, a->dsdt.v, 40, 4));
}

/* Tables come with at least their header: map_table() sees to it. */
static void test_table(struct input *in, unsigned kind)
{
	struct acpi_info a = { 0 };
	size_t len = in->left < ACPI_HEADER_BYTES ? ACPI_HEADER_BYTES : in->left;
	uint8_t *t = calloc(1, len);

	memcpy(t, in->p, in->left);
	if (kind == 1) {
		acpi_read_madt(&a, t, (uint32_t)len);
		check_madt(&a, t, len);
	} else if (kind == 2) {
		acpi_read_fadt(&a, t, (uint32_t)len);
		check_fadt(&a, t, len);
	} else {
		acpi_read_s5(&a, t, (uint32_t)len);
	}
	check_counts(&a);
	free(t);
}

/* --- a machine ------------------------------------------------------------------------- */

static void make_sum(uint8_t *t, size_t len, size_t at, bool right)
{
	uint8_t sum = 0;

	t[at] = 0;
	for (size_t i = 0; i < len; i++)
		sum += t[i];
	t[at] = (uint8_t)(right ? -sum : 1 - sum);
}

static const char signatures[4][5] = { "APIC", "FACP", "SSDT", "DSDT" };

/* One table from the input; returns its bytes. */
static uint32_t take_table(struct input *in, uint8_t *t, unsigned how)
{
	uint32_t body = (uint32_t)take(in, 1) * 2;

	memcpy(t, signatures[how & 3], 4);
	put(t + 4, ACPI_HEADER_BYTES + body, 4);
	for (uint32_t i = 0; i < body; i++)
		t[ACPI_HEADER_BYTES + i] = (uint8_t)take(in, 1);
	if (how & 0x40) /* says a length of its own */
		put(t + 4, take(in, 4), 4);
	return ACPI_HEADER_BYTES + body;
}

/* RSDP, root table, tables, by `in`; those that are wrong are not listed if not `wrong`. */
static void make_machine(struct input in, bool wrong)
{
	unsigned flags = (unsigned)take(&in, 1), nr = flags & 7, width = flags & 8 ? 8 : 4;
	uint8_t *rsdp = memory + (flags & 0x10 ? EBDA : ROM) + 16 * (unsigned)take(&in, 1);
	uint8_t *root = memory + ROOT;

	memset(memory, 0, sizeof(memory));
	put(memory + 0x40e, EBDA >> 4, 2);
	for (unsigned i = 0; i < nr; i++) {
		unsigned how = (unsigned)take(&in, 1);
		uint64_t at = TABLES + i * TABLE_SLOT;
		uint32_t len = take_table(&in, memory + at, how);
		/* One that says a length of its own may add up over that by chance. */
		bool right = !(how & 0x80) || (how & 0x40);

		make_sum(memory + at, len, 9, !(how & 0x80));
		if (right && (how & 0x20)) /* lies somewhere else, if anywhere */
			at = take(&in, 4);
		put(root + ACPI_HEADER_BYTES + width * i, wrong || right ? at : 0, width);
	}
	memcpy(root, width == 8 ? "XSDT" : "RSDT", 4);
	put(root + 4, ACPI_HEADER_BYTES + width * nr, 4);
	make_sum(root, ACPI_HEADER_BYTES + width * nr, 9, true);
	memcpy(rsdp, "RSD PTR ", 8);
	rsdp[15] = width == 8 ? 2 : 0;
	put(rsdp + 16, width == 8 ? 0 : ROOT, 4);
	make_sum(rsdp, 20, 8, true);
	put(rsdp + 24, width == 8 ? ROOT : 0, 8);
}

static struct acpi_info init(void)
{
	static const struct boot_info bi;

	memset((struct acpi_info *)acpi_info(), 0, sizeof(struct acpi_info));
	host_printk_clear();
	acpi_init(&bi);
	check_counts(acpi_info());
	return *acpi_info();
}

static void test_machine(struct input *in)
{
	struct acpi_info all, right;

	make_machine(*in, true);
	all = init();
	make_machine(*in, false);
	right = init();
	assert(!memcmp(&all, &right, sizeof(all))); /* T4 */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	unsigned kind = (unsigned)take(&in, 1) & 3;

	if (kind)
		test_table(&in, kind);
	else
		test_machine(&in);
	return 0;
}

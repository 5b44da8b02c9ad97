/* SPDX-License-Identifier: MIT */
/*
 * What every Linux guest finds in its memory besides its kernel, and the state that it starts
 * in (guests/linux_kernel.h). Called while the guest is being made; no lock.
 */
#include "guests/linux_kernel.h"

#include "guests/linux_boot.h"
#include "hv/errno.h"
#include "hv/string.h"
#include "hv/vm.h"

/* Low memory as the kernel finds it; guests/README.md draws it. */
#define LOW_GDT UINT64_C(0x1000)
#define LOW_PAGE_TABLES UINT64_C(0x2000) /* six pages */
#define LOW_ZERO_PAGE UINT64_C(0x8000)
#define LOW_CMDLINE UINT64_C(0x9000) /* one page: longer than any boot line */

_Static_assert(BOOT_LINE_MAX <= PAGE_SIZE, "a command line fits its page");

/* Page-table bits (Intel SDM Vol. 3A 4.5). */
#define PTE_PRESENT_WRITE UINT64_C(0x3)
#define PDE_LARGE UINT64_C(0x83)
#define LARGE_PAGE (UINT64_C(2) << 20)
#define ENTRIES 512
#define ENTRIES_AT_ONCE 64

struct e820_entry {
	uint64_t base, size;
	uint32_t type;
} __attribute__((packed));

/* One check for both: the message tells all that is needed. */
int linux_find_room(const struct image *im, const struct linux_kernel *k, uint64_t *initrd)
{
	const struct boot_module *file = im->vm->config.initrd.file;
	uint64_t lowest = ALIGN_UP(k->load + k->run_size, PAGE_SIZE), end;
	int err;

	*initrd = 0;
	if (im->vm->config.nr_modules)
		return image_refuse(im,
				    "its kernel is Linux, which takes an initrd and no modules");
	if (!file)
		return image_check_ram(im, k->load, k->run_size, "its kernel");
	if (file->size > UINT32_MAX || lowest + file->size > k->initrd_max + 1)
		return image_refuse(
			im,
			"its initrd of %llu bytes is too large for this kernel, which takes none above 0x%llx",
			(unsigned long long)file->size, (unsigned long long)k->initrd_max);
	err = image_check_ram(im, k->load, lowest + file->size - k->load,
			      "its kernel with the initrd");
	if (err)
		return err;
	end = MIN(image_ram_end(im, k->load), k->initrd_max + 1);
	*initrd = MAX(ALIGN_DOWN(end - file->size, PAGE_SIZE), lowest);
	return 0;
}

int linux_put_field(const struct image *im, unsigned off, uint64_t val, unsigned bytes)
{
	return image_put(im, LOW_ZERO_PAGE + off, &val, bytes);
}

static int put_cmdline(const struct image *im, const struct linux_kernel *k)
{
	const char *args = im->vm->config.kernel.args;
	size_t len = strlen(args);
	int err;

	if (len > k->cmdline_max)
		return image_refuse(im, "its command line has %zu bytes, this kernel takes %u", len,
				    k->cmdline_max);
	err = image_put(im, LOW_CMDLINE, args, len + 1);
	return err ? err : linux_put_field(im, HDR_CMD_LINE_PTR, LOW_CMDLINE, 4);
}

static int put_e820(const struct image *im)
{
	unsigned nr = MIN(im->nr_regions, ZP_E820_MAX);
	int err = linux_put_field(im, ZP_E820_ENTRIES, nr, 1);

	for (unsigned i = 0; i < nr && !err; i++) {
		const struct e820_entry e = {
			.base = im->map[i].base,
			.size = im->map[i].size,
			.type = im->map[i].type,
		};

		err = image_put(im, LOW_ZERO_PAGE + ZP_E820_TABLE + i * sizeof(e), &e, sizeof(e));
	}
	return err;
}

int linux_put_header(const struct image *im, const uint8_t *header, uint64_t bytes)
{
	int err = image_clear(im, LOW_ZERO_PAGE, ZP_BYTES);

	return err ? err : image_put(im, LOW_ZERO_PAGE + HDR_START, header, bytes);
}

int linux_put_params(const struct image *im, const struct linux_kernel *k, uint64_t initrd)
{
	const struct boot_module *file = im->vm->config.initrd.file;
	const struct {
		unsigned off, bytes;
		uint64_t val;
	} fields[] = {
		{ ZP_ACPI_RSDP_ADDR, 8, board_rsdp(im->vm).v },
		{ HDR_VID_MODE, 2, VID_MODE_NORMAL },
		{ HDR_TYPE_OF_LOADER, 1, LOADER_UNKNOWN },
		{ HDR_LOADFLAGS, 1, LOADED_HIGH },
		{ HDR_CODE32_START, 4, k->load },
		{ HDR_RAMDISK_IMAGE, 4, initrd },
		{ HDR_RAMDISK_SIZE, 4, file ? file->size : 0 },
	};
	int err = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(fields) && !err; i++)
		err = linux_put_field(im, fields[i].off, fields[i].val, fields[i].bytes);
	if (!err)
		err = put_cmdline(im, k);
	if (!err)
		err = put_e820(im);
	if (!err && file)
		err = image_put(im, initrd, module_data(&im->vm->config.initrd), file->size);
	return err;
}

/* One table: entry i is first + i * step for `nr` entries, the others are not present. */
static int put_table(const struct image *im, uint64_t gpa, unsigned nr, uint64_t first,
		     uint64_t step)
{
	uint64_t entries[ENTRIES_AT_ONCE];
	int err = 0;

	for (unsigned at = 0; at < ENTRIES && !err; at += ENTRIES_AT_ONCE) {
		for (unsigned i = 0; i < ENTRIES_AT_ONCE; i++)
			entries[i] = at + i < nr ? first + (at + i) * step : 0;
		err = image_put(im, gpa + at * sizeof(entries[0]), entries, sizeof(entries));
	}
	return err;
}

/* The 64-bit entry wants paging on and the first 4 GiB identity mapped. */
static int put_page_tables(const struct image *im, struct guest_entry *entry)
{
	const uint64_t pml4 = LOW_PAGE_TABLES, pdpt = pml4 + PAGE_SIZE, pd = pdpt + PAGE_SIZE;
	const unsigned nr_pds = 4;
	int err = put_table(im, pml4, 1, pdpt | PTE_PRESENT_WRITE, 0);

	if (!err)
		err = put_table(im, pdpt, nr_pds, pd | PTE_PRESENT_WRITE, PAGE_SIZE);
	for (unsigned i = 0; i < nr_pds && !err; i++)
		err = put_table(im, pd + i * PAGE_SIZE, ENTRIES,
				i * ENTRIES * LARGE_PAGE | PDE_LARGE, LARGE_PAGE);
	entry->cr3 = GPA(pml4);
	return err;
}

int linux_enter(const struct image *im, uint64_t rip, bool long_mode, struct guest_entry *entry)
{
	int err;

	entry->long_mode = long_mode;
	entry->rip = rip;
	entry->rsi = LOW_ZERO_PAGE;
	err = image_put_gdt(im, LOW_GDT, entry);
	return err || !long_mode ? err : put_page_tables(im, entry);
}

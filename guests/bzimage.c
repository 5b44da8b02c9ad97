/* SPDX-License-Identifier: MIT */
/*
 * Linux bzImage, boot protocol 2.06 and later (Documentation/arch/x86/boot.rst), entered at
 * its 64-bit entry where it has one, else at its 32-bit entry. Called while the guest is
 * being made; no lock.
 *
 * The kernel is put where it prefers to run and not lower: a relocatable kernel that is
 * loaded lower moves itself there, so nothing would be gained.
 */
#include "guests/image.h"
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

/* What the setup header says, checked. */
struct bzimage {
	unsigned version;
	uint64_t header_end; /* in the file */
	uint64_t payload, payload_size; /* the protected-mode part, in the file */
	bool has_entry64;
	uint64_t load; /* guest physical */
	uint64_t run_size; /* bytes from `load` that it needs before it reads the map */
	uint64_t initrd_max; /* highest address that a byte of it may have */
	uint32_t cmdline_max; /* bytes without the NUL */
};

struct e820_entry {
	uint64_t base, size;
	uint32_t type;
} __attribute__((packed));

bool bzimage_probe(const struct image *im)
{
	return image_has(im, 0, HDR_VERSION + 2) &&
	       image_u16(im, HDR_BOOT_FLAG) == BOOT_FLAG_MAGIC &&
	       image_u32(im, HDR_MAGIC) == HDR_MAGIC_VALUE;
}

/* The last paragraph need not be full, and a signature may follow it. */
static int check_whole(const struct image *im, const struct bzimage *bz)
{
	uint64_t paragraphs = image_u32(im, HDR_SYSSIZE);

	if ((bz->payload_size + PARAGRAPH_BYTES - 1) / PARAGRAPH_BYTES >= paragraphs)
		return 0;
	return image_refuse(
		im, "its kernel is broken: its file has %llu bytes, its header speaks of %llu",
		(unsigned long long)im->size,
		(unsigned long long)(bz->payload + paragraphs * PARAGRAPH_BYTES));
}

static int parse_extent(const struct image *im, struct bzimage *bz)
{
	uint64_t sects = im->file[HDR_SETUP_SECTS];

	bz->version = image_u16(im, HDR_VERSION);
	bz->header_end = HDR_MAGIC + im->file[HDR_JUMP_OFFSET];
	if (bz->version < VERSION_2_06)
		return image_refuse(
			im, "its kernel speaks boot protocol %u.%02u: expected 2.06 or later",
			bz->version >> 8, bz->version & 0xff);
	if (bz->header_end < (bz->version < VERSION_2_10 ? HDR_END_2_06 : HDR_END_2_10) ||
	    !image_has(im, 0, bz->header_end))
		return image_refuse(im, "its kernel is broken: the setup header is cut");
	if (!(im->file[HDR_LOADFLAGS] & LOADED_HIGH))
		return image_refuse(im, "its kernel is a zImage: expected a bzImage");
	bz->payload = ((sects ? sects : DEFAULT_SETUP_SECTS) + 1) * SECTOR_BYTES;
	if (!image_has(im, bz->payload, ENTRY64_OFFSET + 1))
		return image_refuse(
			im,
			"its kernel is broken: the file ends after %llu bytes, inside the setup code",
			(unsigned long long)im->size);
	bz->payload_size = im->size - bz->payload;
	return check_whole(im, bz);
}

static int parse_address(const struct image *im, struct bzimage *bz)
{
	bool relocatable = im->file[HDR_RELOCATABLE];
	uint64_t align = image_u32(im, HDR_KERNEL_ALIGNMENT);

	bz->load = image_u32(im, HDR_CODE32_START);
	bz->run_size = bz->payload_size;
	if (bz->version >= VERSION_2_10) {
		bz->load = image_u64(im, HDR_PREF_ADDRESS);
		bz->run_size = MAX(bz->run_size, image_u32(im, HDR_INIT_SIZE));
	}
	if (relocatable && (align == 0 || (align & (align - 1))))
		return image_refuse(im, "its kernel is broken: alignment 0x%llx is no power of two",
				    (unsigned long long)align);
	if (bz->load < GUEST_1M || bz->load >= GUEST_4G)
		return image_refuse(im, "its kernel is broken: it wants to be loaded at 0x%llx",
				    (unsigned long long)bz->load);
	if (relocatable)
		bz->load = ALIGN_UP(bz->load, align);
	return 0;
}

static int parse_header(const struct image *im, struct bzimage *bz)
{
	int err = parse_extent(im, bz);

	if (err)
		return err;
	bz->has_entry64 = bz->version >= VERSION_2_12 &&
			  image_u16(im, HDR_XLOADFLAGS) & XLF_KERNEL_64;
	bz->initrd_max = image_u32(im, HDR_INITRD_ADDR_MAX);
	bz->cmdline_max = image_u32(im, HDR_CMDLINE_SIZE);
	return parse_address(im, bz);
}

/* Room for the kernel, and for the initrd as high as the kernel permits, where it does not
 * stand in the kernel's way. One check for both: the message tells all that is needed. */
static int find_room(const struct image *im, const struct bzimage *bz, uint64_t *initrd)
{
	const struct boot_module *file = im->vm->config.initrd.file;
	uint64_t lowest = ALIGN_UP(bz->load + bz->run_size, PAGE_SIZE), end;
	int err;

	*initrd = 0;
	if (!file)
		return image_check_ram(im, bz->load, bz->run_size, "its kernel");
	if (file->size > UINT32_MAX || lowest + file->size > bz->initrd_max + 1)
		return image_refuse(
			im,
			"its initrd of %llu bytes is too large for this kernel, which takes none above 0x%llx",
			(unsigned long long)file->size, (unsigned long long)bz->initrd_max);
	err = image_check_ram(im, bz->load, lowest + file->size - bz->load,
			      "its kernel with the initrd");
	if (err)
		return err;
	end = MIN(image_ram_end(im, bz->load), bz->initrd_max + 1);
	*initrd = MAX(ALIGN_DOWN(end - file->size, PAGE_SIZE), lowest);
	return 0;
}

static int put_files(const struct image *im, const struct bzimage *bz, uint64_t initrd)
{
	const struct guest_module *m = &im->vm->config.initrd;
	int err = image_put(im, bz->load, im->file + bz->payload, bz->payload_size);

	if (!err && m->file)
		err = image_put(im, initrd, module_data(m), m->file->size);
	return err;
}

/* A field of the zero page. */
static int put_field(const struct image *im, unsigned off, uint64_t val, unsigned bytes)
{
	return image_put(im, LOW_ZERO_PAGE + off, &val, bytes);
}

static int put_cmdline(const struct image *im, const struct bzimage *bz)
{
	const char *args = im->vm->config.kernel.args;
	size_t len = strlen(args);
	int err;

	if (len > bz->cmdline_max)
		return image_refuse(im, "its command line has %zu bytes, this kernel takes %u", len,
				    bz->cmdline_max);
	err = image_put(im, LOW_CMDLINE, args, len + 1);
	return err ? err : put_field(im, HDR_CMD_LINE_PTR, LOW_CMDLINE, 4);
}

static int put_e820(const struct image *im)
{
	unsigned nr = MIN(im->nr_regions, ZP_E820_MAX);
	int err = put_field(im, ZP_E820_ENTRIES, nr, 1);

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

static int put_zero_page(const struct image *im, const struct bzimage *bz, uint64_t initrd)
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
		{ HDR_CODE32_START, 4, bz->load },
		{ HDR_RAMDISK_IMAGE, 4, initrd },
		{ HDR_RAMDISK_SIZE, 4, file ? file->size : 0 },
	};
	uint64_t end = MIN(bz->header_end, HDR_END_MAX);
	int err = image_clear(im, LOW_ZERO_PAGE, ZP_BYTES);

	if (!err)
		err = image_put(im, LOW_ZERO_PAGE + HDR_START, im->file + HDR_START,
				end - HDR_START);
	if (!err && bz->version >= VERSION_2_10)
		err = put_field(im, HDR_SETUP_DATA, 0, 8); /* a pointer: not the file's to say */
	for (unsigned i = 0; i < ARRAY_SIZE(fields) && !err; i++)
		err = put_field(im, fields[i].off, fields[i].val, fields[i].bytes);
	if (!err)
		err = put_cmdline(im, bz);
	return err ? err : put_e820(im);
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

int bzimage_load(const struct image *im, struct guest_entry *entry)
{
	struct bzimage bz = { 0 };
	uint64_t initrd = 0;
	int err = parse_header(im, &bz);

	if (!err && im->vm->config.nr_modules)
		err = image_refuse(im,
				   "its kernel is a bzImage, which takes an initrd and no modules");
	if (!err)
		err = find_room(im, &bz, &initrd);
	if (!err)
		err = put_zero_page(im, &bz, initrd);
	if (!err)
		err = put_files(im, &bz, initrd);
	if (err)
		return err;
	entry->long_mode = bz.has_entry64;
	entry->rip = bz.load + (bz.has_entry64 ? ENTRY64_OFFSET : 0);
	entry->rsi = LOW_ZERO_PAGE;
	err = image_put_gdt(im, LOW_GDT, entry);
	if (!err && entry->long_mode)
		err = put_page_tables(im, entry);
	return err;
}

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
#include "guests/linux_kernel.h"
#include "hv/vm.h"

/* What the setup header says, checked. */
struct bzimage {
	unsigned version;
	uint64_t header_end; /* in the file */
	uint64_t payload, payload_size; /* the protected-mode part, in the file */
	bool has_entry64;
	struct linux_kernel k;
};

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

	bz->k.load = image_u32(im, HDR_CODE32_START);
	bz->k.run_size = bz->payload_size;
	if (bz->version >= VERSION_2_10) {
		bz->k.load = image_u64(im, HDR_PREF_ADDRESS);
		bz->k.run_size = MAX(bz->k.run_size, image_u32(im, HDR_INIT_SIZE));
	}
	if (relocatable && (align == 0 || (align & (align - 1))))
		return image_refuse(im, "its kernel is broken: alignment 0x%llx is no power of two",
				    (unsigned long long)align);
	if (bz->k.load < GUEST_1M || bz->k.load >= GUEST_4G)
		return image_refuse(im, "its kernel is broken: it wants to be loaded at 0x%llx",
				    (unsigned long long)bz->k.load);
	if (relocatable)
		bz->k.load = ALIGN_UP(bz->k.load, align);
	return 0;
}

static int parse_header(const struct image *im, struct bzimage *bz)
{
	int err = parse_extent(im, bz);

	if (err)
		return err;
	bz->has_entry64 = bz->version >= VERSION_2_12 &&
			  image_u16(im, HDR_XLOADFLAGS) & XLF_KERNEL_64;
	bz->k.initrd_max = image_u32(im, HDR_INITRD_ADDR_MAX);
	bz->k.cmdline_max = image_u32(im, HDR_CMDLINE_SIZE);
	return parse_address(im, bz);
}

static int put_header(const struct image *im, const struct bzimage *bz)
{
	uint64_t end = MIN(bz->header_end, HDR_END_MAX);
	int err = linux_put_header(im, im->file + HDR_START, end - HDR_START);

	if (!err && bz->version >= VERSION_2_10)
		err = linux_put_field(im, HDR_SETUP_DATA, 0,
				      8); /* a pointer: not the file's to say */
	return err;
}

int bzimage_load(const struct image *im, struct guest_entry *entry)
{
	struct bzimage bz = { 0 };
	uint64_t initrd = 0;
	int err = parse_header(im, &bz);

	if (!err)
		err = linux_find_room(im, &bz.k, &initrd);
	if (!err)
		err = put_header(im, &bz);
	if (!err)
		err = linux_put_params(im, &bz.k, initrd);
	if (!err)
		err = image_put(im, bz.k.load, im->file + bz.payload, bz.payload_size);
	if (err)
		return err;
	return linux_enter(im, bz.k.load + (bz.has_entry64 ? ENTRY64_OFFSET : 0), bz.has_entry64,
			   entry);
}

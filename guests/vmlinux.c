/* SPDX-License-Identifier: MIT */
/*
 * Linux as an ELF file: vmlinux, which is what a bzImage carries compressed. Entered as the
 * bzImage's own decompressor enters it: where it is linked, parameters in rsi, 64-bit with an
 * identity map (ELF64) or 32-bit flat (ELF32); Linux arch/x86/kernel/head_64.S, head_32.S. It
 * has no setup header: the one in the parameters is ours. Called while the guest is being
 * made; no lock.
 */
#include "guests/image.h"
#include "guests/kernel_segments.h"
#include "guests/linux_boot.h"
#include "guests/linux_kernel.h"
#include "hv/vm.h"

/* Kernels since 4.19 have a note with their salt (Linux include/linux/build-salt.h). */
#define NOTE_OWNER "Linux"

/* What the boot protocol says of kernels that don't tell: initrds lie lower. */
#define INITRD_MAX 0x37ffffff

/* COMMAND_LINE_SIZE of arch/x86/include/asm/setup.h, without the NUL. */
#define CMDLINE_MAX 2047

static int parse(const struct image *im, struct kernel_segments *ks, struct linux_kernel *k)
{
	bool is_linux;
	int err = segments_from_elf(im, ks);

	if (!err)
		err = elf_find_note(im, NOTE_OWNER, &is_linux);
	if (err)
		return err;
	if (!is_linux)
		return image_refuse(
			im,
			"its kernel is an ELF file without a multiboot header or Linux's notes");
	k->load = segments_start(ks);
	k->run_size = segments_end(ks) - k->load;
	if (k->load >= GUEST_1M)
		return 0;
	return image_refuse(im, "its kernel is broken: it wants to be loaded at 0x%llx",
			    (unsigned long long)k->load);
}

static int put_header(const struct image *im)
{
	static const uint8_t none[HDR_END_2_10 - HDR_START];
	const struct {
		unsigned off, bytes;
		uint64_t val;
	} fields[] = {
		{ HDR_BOOT_FLAG, 2, BOOT_FLAG_MAGIC },
		{ HDR_MAGIC, 4, HDR_MAGIC_VALUE },
		{ HDR_VERSION, 2, VERSION_2_12 },
		{ HDR_XLOADFLAGS, 2, elf_is_64(im) ? XLF_KERNEL_64 : 0 },
		{ HDR_INITRD_ADDR_MAX, 4, INITRD_MAX },
		{ HDR_CMDLINE_SIZE, 4, CMDLINE_MAX },
	};
	int err = linux_put_header(im, none, sizeof(none));

	for (unsigned i = 0; i < ARRAY_SIZE(fields) && !err; i++)
		err = linux_put_field(im, fields[i].off, fields[i].val, fields[i].bytes);
	return err;
}

bool vmlinux_probe(const struct image *im)
{
	return elf_probe(im);
}

int vmlinux_load(const struct image *im, struct guest_entry *entry)
{
	struct linux_kernel k = { .initrd_max = INITRD_MAX, .cmdline_max = CMDLINE_MAX };
	struct kernel_segments ks = { .nr = 0 };
	uint64_t initrd = 0;
	int err = parse(im, &ks, &k);

	if (!err)
		err = linux_find_room(im, &k, &initrd);
	if (!err)
		err = put_header(im);
	if (!err)
		err = linux_put_params(im, &k, initrd);
	if (!err)
		err = segments_put(im, &ks);
	return err ? err : linux_enter(im, ks.entry, elf_is_64(im), entry);
}

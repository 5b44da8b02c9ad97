/* SPDX-License-Identifier: MIT */
/*
 * Loading a guest: finds out what its kernel is and hands it to that boot protocol's
 * loader. Runs while the guest is being made, so nothing else touches its memory; no lock.
 */
#include "guests/load.h"

#include "guests/image.h"
#include "hv/errno.h"
#include "hv/guest_mem.h"
#include "hv/p2m.h"
#include "hv/page.h"
#include "hv/print.h"
#include "hv/string.h"
#include "hv/vm.h"

#define MIB_SHIFT 20
#define REASON_MAX 200

/* Segment descriptors (Intel SDM Vol. 3A 3.4.5): base 0, limit 4 GiB, present, DPL 0,
 * accessed so that no processor need write them. */
#define DESC_CODE32 UINT64_C(0x00cf9b000000ffff)
#define DESC_CODE64 UINT64_C(0x00af9b000000ffff)
#define DESC_DATA UINT64_C(0x00cf93000000ffff)

bool image_has(const struct image *im, uint64_t off, uint64_t len)
{
	return off <= im->size && len <= im->size - off;
}

uint16_t image_u16(const struct image *im, uint64_t off)
{
	return (uint16_t)(im->file[off] | im->file[off + 1] << 8);
}

uint32_t image_u32(const struct image *im, uint64_t off)
{
	return image_u16(im, off) | (uint32_t)image_u16(im, off + 2) << 16;
}

uint64_t image_u64(const struct image *im, uint64_t off)
{
	return image_u32(im, off) | (uint64_t)image_u32(im, off + 4) << 32;
}

uint64_t image_ram_end(const struct image *im, uint64_t gpa)
{
	for (unsigned i = 0; i < im->nr_regions; i++) {
		const struct board_region *r = &im->map[i];

		if (r->type == BOARD_REGION_RAM && gpa >= r->base && gpa - r->base < r->size)
			return r->base + r->size;
	}
	return 0;
}

int image_refuse(const struct image *im, const char *fmt, ...)
{
	char reason[REASON_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(reason, sizeof(reason), fmt, ap);
	va_end(ap);
	printk("%s: not started: %s\n", im->vm->config.name, reason);
	return -ENOEXEC;
}

/* RAM is in one piece from 1 MiB up to the PCI hole, so what must end at `end` needs a
 * guest that large. */
static int too_little(const struct image *im, uint64_t end, const char *what)
{
	printk("%s: not started: too little memory: %s needs mem=%lluM at least, the line says mem=%lluM\n",
	       im->vm->config.name, what,
	       (unsigned long long)(ALIGN_UP(end, VM_MEM_UNIT) >> MIB_SHIFT),
	       (unsigned long long)(im->vm->config.mem >> MIB_SHIFT));
	return -ENOMEM;
}

int image_check_ram(const struct image *im, uint64_t start, uint64_t len, const char *what)
{
	uint64_t ram_end = image_ram_end(im, start), end;

	if (!__builtin_add_overflow(start, len, &end)) {
		if (ram_end && end <= ram_end)
			return 0;
		if (start >= GUEST_1M && end <= BOARD_PCI_HOLE)
			return too_little(im, end, what);
	}
	return image_refuse(
		im, "%s does not fit: it wants 0x%llx bytes at 0x%llx, where the board has no RAM",
		what, (unsigned long long)len, (unsigned long long)start);
}

int image_put(const struct image *im, uint64_t gpa, const void *data, uint64_t len)
{
	if (len == 0 || guest_write(im->vm, GPA(gpa), data, len))
		return 0;
	return image_refuse(im, "no RAM at 0x%llx for the kernel", (unsigned long long)gpa);
}

int image_clear(const struct image *im, uint64_t gpa, uint64_t len)
{
	if (len == 0 || guest_zero(im->vm, GPA(gpa), len))
		return 0;
	return image_refuse(im, "no RAM at 0x%llx for the kernel", (unsigned long long)gpa);
}

const uint8_t *module_data(const struct guest_module *m)
{
	return hpa_to_ptr(m->file->start);
}

int image_put_gdt(const struct image *im, uint64_t gpa, struct guest_entry *entry)
{
	const uint64_t gdt[BOOT_GDT_BYTES / 8] = {
		[BOOT_CS / 8] = entry->long_mode ? DESC_CODE64 : DESC_CODE32,
		[BOOT_DS / 8] = DESC_DATA,
	};

	entry->gdt = GPA(gpa);
	entry->gdt_limit = sizeof(gdt) - 1;
	entry->cs = BOOT_CS;
	entry->ds = BOOT_DS;
	return image_put(im, gpa, gdt, sizeof(gdt));
}

int guest_load(struct vm *vm, struct guest_entry *entry)
{
	const struct guest_module *kernel = &vm->config.kernel;
	struct image im = {
		.vm = vm,
		.file = module_data(kernel),
		.size = kernel->file->size,
	};
	uint64_t header;

	*entry = (struct guest_entry){ 0 };
	im.nr_regions = board_memory_map(vm, im.map, ARRAY_SIZE(im.map));
	if (bzimage_probe(&im))
		return bzimage_load(&im, entry);
	if (multiboot_probe(&im, &header))
		return multiboot_load(&im, header, entry);
	if (vmlinux_probe(&im))
		return vmlinux_load(&im, entry);
	return image_refuse(
		&im, "its kernel is neither a bzImage nor a multiboot kernel nor an ELF file");
}

/* SPDX-License-Identifier: MIT */
/*
 * What the boot protocols share: a kernel file whose every byte is untrusted, the memory it
 * is to go into, and the words in which a refusal is told. Only guests/ includes this.
 */
#ifndef GUESTS_IMAGE_H
#define GUESTS_IMAGE_H

#include "guests/board.h"
#include "guests/load.h"

#define GUEST_1M UINT64_C(0x100000)
#define GUEST_4G UINT64_C(0x100000000)

/* Selectors of the GDT that a kernel starts on; Linux demands these two (boot.rst,
 * "32-bit boot protocol"), multiboot leaves them open. */
#define BOOT_CS 0x10
#define BOOT_DS 0x18
#define BOOT_GDT_BYTES 32

/* One guest being loaded. */
struct image {
	struct vm *vm;
	const uint8_t *file; /* the kernel's; read through image_has() only */
	uint64_t size; /* bytes */
	struct board_region map[BOARD_MAX_REGIONS];
	unsigned nr_regions;
};

/* Bytes [off, off + len) lie in the file. */
bool image_has(const struct image *im, uint64_t off, uint64_t len);

/* Little-endian fields; the caller has asked image_has(). */
uint16_t image_u16(const struct image *im, uint64_t off);
uint32_t image_u32(const struct image *im, uint64_t off);
uint64_t image_u64(const struct image *im, uint64_t off);

/* End of the RAM region that holds `gpa`; 0: it is no RAM. */
uint64_t image_ram_end(const struct image *im, uint64_t gpa);

/*
 * Is [start, start + len) RAM? 0; -ENOMEM: with more memory it would be; -ENOEXEC: it never
 * can be. Both said on the console; `what` is the thing that wants to be there.
 */
must_check int image_check_ram(const struct image *im, uint64_t start, uint64_t len,
			       const char *what);

/* `NAME: not started: ...` on the console; returns -ENOEXEC. */
int image_refuse(const struct image *im, const char *fmt, ...) printf_like(2, 3);

/* Copy into, or clear, guest RAM that image_check_ram() has passed or that is fixed. 0, or
 * -ENOEXEC, said. */
must_check int image_put(const struct image *im, uint64_t gpa, const void *data, uint64_t len);
must_check int image_clear(const struct image *im, uint64_t gpa, uint64_t len);

/* A module's file as the hypervisor sees it. */
const uint8_t *module_data(const struct guest_module *m);

/* Write the GDT to `gpa` and fill the entry's segment fields. 0 or -ENOEXEC. */
must_check int image_put_gdt(const struct image *im, uint64_t gpa, struct guest_entry *entry);

/* guests/bzimage.c */
bool bzimage_probe(const struct image *im);
must_check int bzimage_load(const struct image *im, struct guest_entry *entry);

/* guests/vmlinux.c: any ELF file that multiboot_probe() has not taken. */
bool vmlinux_probe(const struct image *im);
must_check int vmlinux_load(const struct image *im, struct guest_entry *entry);

/* guests/multiboot.c; *header is where in the file the multiboot header lies. */
bool multiboot_probe(const struct image *im, uint64_t *header);
must_check int multiboot_load(const struct image *im, uint64_t header, struct guest_entry *entry);

#endif

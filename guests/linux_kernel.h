/* SPDX-License-Identifier: MIT */
/*
 * A Linux kernel, whatever file it comes in: room for it and its initrd, the parameters that
 * it is given (the "zero page") and the state that it starts in. Linux
 * Documentation/arch/x86/boot.rst, zero-page.rst. Only guests/ includes this.
 */
#ifndef GUESTS_LINUX_KERNEL_H
#define GUESTS_LINUX_KERNEL_H

#include "guests/image.h"

struct linux_kernel {
	uint64_t load; /* guest physical */
	uint64_t run_size; /* bytes from `load` that it needs before it reads the memory map */
	uint64_t initrd_max; /* highest address that a byte of it may have */
	uint32_t cmdline_max; /* bytes without the NUL */
};

/* Room for the kernel, and for the initrd (*initrd, else 0) as high as the kernel permits,
 * where it does not stand in the kernel's way. 0, -ENOMEM or -ENOEXEC, said. */
must_check int linux_find_room(const struct image *im, const struct linux_kernel *k,
			       uint64_t *initrd);

/* The rest: 0 or -ENOEXEC, said. In this order: the parameters cleared but for a setup
 * header; more of its fields; then those that are a loader's to fill, with the command line,
 * the memory map and the initrd. */
must_check int linux_put_header(const struct image *im, const uint8_t *header, uint64_t bytes);
must_check int linux_put_field(const struct image *im, unsigned off, uint64_t val, unsigned bytes);
must_check int linux_put_params(const struct image *im, const struct linux_kernel *k,
				uint64_t initrd);

/* Start at `rip`: 64-bit with the first 4 GiB identity mapped, or 32-bit flat. */
must_check int linux_enter(const struct image *im, uint64_t rip, bool long_mode,
			   struct guest_entry *entry);

#endif

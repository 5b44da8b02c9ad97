/* SPDX-License-Identifier: MIT */
/*
 * A guest for loader tests: memory that is one buffer (RAM to 640 KiB and from 1 MiB up, as
 * the board has it), a kernel file, and what guest_load() made of it.
 */
#ifndef TESTS_UNIT_FAKE_GUEST_H
#define TESTS_UNIT_FAKE_GUEST_H

#include "guests/load.h"
#include "hv/vm.h"

#define FAKE_LOW_END 0x9f000
#define FAKE_RSDP 0xe0010

extern struct vm fake_vm;
#define FAKE_RAM_MAX (UINT64_C(512) << 20)
extern uint8_t *fake_ram; /* 0xcc where nothing was written */

/* Forget the guest before and make one with `mem` bytes, named "g". */
void fake_guest_new(uint64_t mem);

/* Give it files: copied to a block of exactly that size, so that a read beyond is seen. */
void fake_guest_kernel(const void *file, uint64_t size, const char *args);
void fake_guest_initrd(const void *file, uint64_t size);
void fake_guest_module(const void *file, uint64_t size, const char *args);

/* guest_load(); what was printed is in host_printk_buf. */
int fake_guest_load(struct guest_entry *entry);

uint32_t fake_u32(uint64_t gpa);
uint64_t fake_u64(uint64_t gpa);

/* Deterministic numbers for hostile files. */
uint32_t fake_random(void);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Put a guest's kernel into its memory and say in which state the boot vCPU starts. The
 * kind of kernel is found out from the file: bzImage (Linux x86 boot protocol >= 2.06),
 * multiboot 1, or else, if it is an ELF file, Linux's vmlinux.
 */
#ifndef GUESTS_LOAD_H
#define GUESTS_LOAD_H

#include "hv/compiler.h"
#include "hv/guest_config.h"

struct vm;

struct guest_entry {
	bool long_mode; /* 64-bit, paging on with cr3; else 32-bit flat, paging off */
	uint64_t rip, rsi, rax, rbx;
	gpa_t cr3; /* long_mode: identity map of the first 4 GiB at least */
	gpa_t gdt; /* flat segments as the boot protocol demands */
	uint16_t gdt_limit, cs, ds;
};

/* 0; -ENOEXEC (no such kind, or broken: said on the console with the guest's name),
 * -ENOMEM (does not fit into the guest's memory: likewise). */
must_check int guest_load(struct vm *vm, struct guest_entry *entry);

#endif

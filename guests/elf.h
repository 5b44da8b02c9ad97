/* SPDX-License-Identifier: MIT */
/*
 * As much of ELF (System V ABI, "Object Files") as a kernel is made of: offsets for both
 * classes.
 */
#ifndef GUESTS_ELF_H
#define GUESTS_ELF_H

#define ELF_MAGIC 0x464c457f
#define ELF_CLASS 4
#define ELF_CLASS_32 1
#define ELF_CLASS_64 2
#define ELF_DATA 5
#define ELF_DATA_LSB 1
#define ELF_MACHINE 18
#define ELF_EM_386 3
#define ELF_EM_X86_64 62
#define ELF_ENTRY 24
#define ELF32_PHOFF 28
#define ELF32_PHENTSIZE 42
#define ELF32_PHNUM 44
#define ELF32_HEADER_BYTES 52
#define ELF32_PHDR_BYTES 32
#define ELF64_PHOFF 32
#define ELF64_PHENTSIZE 54
#define ELF64_PHNUM 56
#define ELF64_HEADER_BYTES 64
#define ELF64_PHDR_BYTES 56
#define ELF_PT_LOAD 1
#define ELF_PT_NOTE 4
#define ELF_NOTE_BYTES 12 /* lengths of owner and description, type; then these two */
#define ELF_NOTE_ALIGN 4

#endif

; SPDX-License-Identifier: MIT
; What a loader looks for: the multiboot 1 header (0.6.96, section 3.1) in the first 8 KiB
; of the file, the multiboot 2 one (2.0, section 3.1) in the first 32 KiB, 8-byte aligned.

MB1_MAGIC	equ 0x1badb002
MB1_PAGE_ALIGN	equ 1 << 0	; modules on page boundaries
MB1_MEMORY_INFO	equ 1 << 1	; memory map wanted
MB1_FLAGS	equ MB1_PAGE_ALIGN | MB1_MEMORY_INFO

MB2_MAGIC	equ 0xe85250d6
MB2_ARCH_I386	equ 0		; entered in 32-bit protected mode
MB2_TAG_END	equ 0
MB2_TAG_REQUEST	equ 1
MB2_TAG_ALIGN	equ 6
MB2_OPTIONAL	equ 1		; a loader that doesn't know the tag goes on

; information tags that we can use
MB2_INFO_CMDLINE	equ 1
MB2_INFO_LOADER		equ 2
MB2_INFO_MODULE		equ 3
MB2_INFO_MMAP		equ 6
MB2_INFO_ACPI_OLD	equ 14
MB2_INFO_ACPI_NEW	equ 15

section .multiboot progbits alloc noexec nowrite align=8

	align 4
	dd MB1_MAGIC
	dd MB1_FLAGS
	dd 0x100000000 - MB1_MAGIC - MB1_FLAGS

	align 8
mb2_header:
	dd MB2_MAGIC
	dd MB2_ARCH_I386
	dd mb2_header_end - mb2_header
	dd 0x100000000 - MB2_MAGIC - MB2_ARCH_I386 - (mb2_header_end - mb2_header)

request:
	dw MB2_TAG_REQUEST, MB2_OPTIONAL
	dd request_end - request
	dd MB2_INFO_CMDLINE, MB2_INFO_LOADER, MB2_INFO_MODULE, MB2_INFO_MMAP
	dd MB2_INFO_ACPI_OLD, MB2_INFO_ACPI_NEW
request_end:

	align 8
	dw MB2_TAG_ALIGN, MB2_OPTIONAL
	dd 8

	align 8
	dw MB2_TAG_END, 0
	dd 8
mb2_header_end:

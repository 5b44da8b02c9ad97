; SPDX-License-Identifier: MIT
; Where a multiboot loader enters a tiny guest: 32-bit flat, paging off, eax the magic
; number, ebx the information structure (Multiboot Specification 0.6.96, 3.2).

	BITS 32

MB_MAGIC	equ 0x1badb002
MB_FLAGS	equ 3		; modules page-aligned, memory sizes wanted
STACK_BYTES	equ 16384

	SECTION .multiboot
	ALIGN 4
	dd MB_MAGIC
	dd MB_FLAGS
	dd -(MB_MAGIC + MB_FLAGS)

	EXTERN run
	GLOBAL _start, stack_top

	SECTION .text
_start:
	mov	esp, stack_top
	xor	ebp, ebp
	cld
	push	ebx
	push	eax
	call	run
.stop:
	cli
	hlt
	jmp	.stop

	SECTION .bss
	ALIGNB 16
	resb	STACK_BYTES
stack_top:

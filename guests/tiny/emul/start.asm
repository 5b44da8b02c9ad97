; SPDX-License-Identifier: MIT
; From the loader's 32-bit code to main() in 64-bit code: 4 GiB mapped one to one, in 2 MiB
; pages but for the first two, which bed.c changes page by page.

%include "layout.inc"

MB_MAGIC	equ 0x1badb002
MB_FLAGS	equ 3
CR4_PAE		equ 1 << 5
MSR_EFER	equ 0xc0000080
EFER_LME	equ 1 << 8
CR0_SET		equ 1 << 31 | 1 << 16 | 1 << 5 | 1 << 1 | 1	; PG, WP, NE, MP, PE
PTE_P_W		equ 3
PTE_U		equ 4		; of tables: their pages decide
PTE_PS		equ 1 << 7
PAGE		equ 4096
STACK_BYTES	equ 65536

	SECTION .multiboot
	ALIGN 4
	dd MB_MAGIC
	dd MB_FLAGS
	dd -(MB_MAGIC + MB_FLAGS)

	EXTERN emul_main
	GLOBAL _start, gdt, low_table

	SECTION .text
	BITS 32
_start:
	cli
	cld
	mov	esp, stack_top
	mov	esi, ebx		; multiboot information
	mov	edi, pml4		; PML4, PDPT, 4 page directories, table of the first 2 MiB
	mov	ecx, 7 * PAGE / 4
	xor	eax, eax
	rep stosd
	mov	dword [pml4], pdpt + PTE_P_W + PTE_U
	mov	dword [directory], low_table + PTE_P_W + PTE_U
	xor	ecx, ecx
.pdpt:
	mov	eax, ecx
	shl	eax, 12
	add	eax, directory + PTE_P_W + PTE_U
	mov	[pdpt + ecx * 8], eax
	inc	ecx
	cmp	ecx, 4
	jb	.pdpt
	mov	ecx, 1
.large:
	mov	eax, ecx
	shl	eax, 21
	or	eax, PTE_P_W | PTE_PS
	mov	[directory + ecx * 8], eax
	inc	ecx
	cmp	ecx, 4 * 512
	jb	.large
	xor	ecx, ecx
.small:
	mov	eax, ecx
	shl	eax, 12
	or	eax, PTE_P_W
	mov	[low_table + ecx * 8], eax
	inc	ecx
	cmp	ecx, 512
	jb	.small

	mov	eax, CR4_PAE
	mov	cr4, eax
	mov	eax, pml4
	mov	cr3, eax
	mov	ecx, MSR_EFER
	rdmsr
	or	eax, EFER_LME
	wrmsr
	mov	eax, CR0_SET
	mov	cr0, eax
	lgdt	[gdtr]
	jmp	SEL_CODE64:.long
	BITS 64
.long:
	mov	eax, SEL_DATA
	mov	ds, eax
	mov	es, eax
	mov	ss, eax
	mov	edi, esi
	mov	esp, stack_top
	call	emul_main
.stop:
	cli
	hlt
	jmp	.stop

	SECTION .data
	ALIGN 16
gdt:	dq 0
	dq 0x00af9b000000ffff
	dq 0x00cf93000000ffff
	dq 0x00cf9b000000ffff
	dq 0x00009b000000ffff
	dq 0x000093000000ffff
	times 64 - 6 dq 0		; the beds', and a TSS
gdtr:	dw 64 * 8 - 1
	dd gdt

	SECTION .bss
	ALIGNB PAGE
pml4:	resb PAGE
pdpt:	resb PAGE
directory: resb 4 * PAGE
low_table: resb PAGE
	resb STACK_BYTES
stack_top:

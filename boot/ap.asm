; SPDX-License-Identifier: MIT
; An application processor's way from the start-up interrupt (Intel SDM Vol. 3A 8.4.4) to
; ap_main(): real mode at a page below 1 MiB, to which hv/smp_boot.c copies what lies from
; ap_trampoline, then 64-bit mode on the tables of boot/entry.asm, which
; map that page as well as the image, then the final tables and a stack.

PHYS_DELTA	equ 0x80000000		; boot/entry.asm

CR0_PE		equ 1 << 0
CR0_MP		equ 1 << 1
CR0_ET		equ 1 << 4
CR0_NE		equ 1 << 5
CR0_WP		equ 1 << 16
CR0_PG		equ 1 << 31
CR4_PAE		equ 1 << 5
MSR_EFER	equ 0xc0000080
EFER_LME	equ 1 << 8
EFER_NXE	equ 1 << 11
SEL_CODE64	equ 0x08
SEL_DATA	equ 0x10

global ap_trampoline
global ap_trampoline_bytes
extern boot_pml4
extern ap_cr3
extern ap_stack
extern ap_main

%define here(label) (label - ap_trampoline)

section .rodata
bits 16
ap_trampoline:
	cli
	cld
	mov ax, cs
	mov ds, ax
	xor ebx, ebx
	mov bx, ax
	shl ebx, 4			; where this page lies
	lea eax, [ebx + here(.gdt)]
	mov [here(.gdtr) + 2], eax
	lea eax, [ebx + here(.long)]
	mov [here(.entry)], eax
	o32 lgdt [here(.gdtr)]

	mov eax, CR4_PAE
	mov cr4, eax
	mov eax, boot_pml4 + PHYS_DELTA
	mov cr3, eax
	mov ecx, MSR_EFER
	rdmsr
	or eax, EFER_LME | EFER_NXE
	wrmsr
	mov eax, CR0_PE | CR0_MP | CR0_ET | CR0_NE | CR0_WP | CR0_PG
	mov cr0, eax			; straight to long mode (SDM Vol. 3A 9.8.5)
	o32 jmp far [here(.entry)]

bits 64
.long:
	mov rax, ap_entry
	jmp rax

	align 8
.gdt:
	dq 0
	dq 0x00af9a000000ffff		; SEL_CODE64: L, P, S, execute/read
	dq 0x00cf92000000ffff		; SEL_DATA: P, S, read/write
.gdtr:
	dw $ - .gdt - 1
	dd 0
.entry:
	dd 0
	dw SEL_CODE64
ap_trampoline_end:
	align 4
ap_trampoline_bytes:
	dd here(ap_trampoline_end)

section .text
bits 64
ap_entry:
	mov eax, SEL_DATA
	mov ds, eax
	mov es, eax
	mov ss, eax
	xor eax, eax
	mov fs, eax
	mov gs, eax
	mov rax, [rel ap_cr3]
	mov cr3, rax
	mov rsp, [rel ap_stack]
	xor ebp, ebp			; ends the chain of frames for backtraces
	push 0
	jmp ap_main

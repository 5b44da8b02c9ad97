; SPDX-License-Identifier: MIT
; An application processor's way from the start-up interrupt (Intel SDM Vol. 3A 8.4.4) to
; ap_main(): real mode at a page below 1 MiB, to which hv/smp_boot.c copies what lies from
; ap_trampoline, then 64-bit mode on the tables of boot/entry.asm, which map that page as well as
; the image, then the final tables and a stack.

%include "boot/long_mode.inc"

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

	ENABLE_LONG_MODE
	o32 jmp far [here(.entry)]

bits 64
.long:
	mov rax, ap_entry
	jmp rax

	align 8
.gdt:
	dq 0
	dq DESC_CODE64
	dq DESC_DATA
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
	LOAD_DATA_SELECTORS
	mov rax, [rel ap_cr3]
	mov cr3, rax
	mov rsp, [rel ap_stack]
	xor ebp, ebp			; ends the chain of frames for backtraces
	push 0
	jmp ap_main

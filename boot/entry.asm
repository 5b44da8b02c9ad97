; SPDX-License-Identifier: MIT
; From the loader's 32-bit protected mode (multiboot 1 section 3.2, multiboot 2 section
; 3.3: flat segments, paging off, A20 on, interrupts off, no stack, no GDT to rely on) to
; hv_main() in the higher half.
;
; The tables made here map the first 4 GiB three times, all in 2 MiB pages:
;   0                   identity, for this code and the loader's information
;   0xffff800000000000  start of the direct map (hv/page.h)
;   0xffffffff80000000  the image (the first GiB only)
; hv/paging.c puts the final ones in their place.

%include "boot/long_mode.inc"

IMAGE_VMA	equ 0xffffffff80000000

BOOT_STACK	equ 32768
PAGE		equ 4096

; page-table entry bits (Intel SDM Vol. 3A 4.5)
PTE_P		equ 1 << 0
PTE_W		equ 1 << 1
PTE_PS		equ 1 << 7

EFLAGS_ID	equ 1 << 21

CPUID_EXT_MAX	equ 0x80000000
CPUID_EXT_FEAT	equ 0x80000001
EXT_EDX_NX	equ 1 << 20
EXT_EDX_LM	equ 1 << 29

COM1		equ 0x3f8
UART_LCR_DLAB	equ 0x80
UART_LCR_8N1	equ 0x03
UART_LSR_THRE	equ 0x20
VGA_TEXT	equ 0xb8000
VGA_ATTR	equ 0x4f		; white on red

global boot_entry
global boot_stack_guard
global boot_stack_top
global boot_pml4
extern hv_main

section .boot progbits alloc exec nowrite align=16
bits 32

boot_entry:
	cli
	cld
	mov edi, eax			; magic and information: the arguments of hv_main,
	mov esi, ebx			; where the System V ABI wants them
	mov esp, boot_stack_top + PHYS_DELTA
	push 0
	popfd

	call require_cpu
	call build_tables

	ENABLE_LONG_MODE

	lgdt [boot_gdtr]
	jmp SEL_CODE64:long_entry

; Returns only on a CPU with CPUID, long mode and NX. Keeps edi, esi.
require_cpu:
	pushfd
	pop eax
	mov ecx, eax
	xor eax, EFLAGS_ID		; can be changed only where CPUID is (SDM Vol. 1 3.4.3.3)
	push eax
	popfd
	pushfd
	pop eax
	cmp eax, ecx
	mov ebp, text_cpuid
	je refuse

	mov eax, CPUID_EXT_MAX
	cpuid
	cmp eax, CPUID_EXT_FEAT
	mov ebp, text_long
	jb refuse
	mov eax, CPUID_EXT_FEAT
	cpuid
	test edx, EXT_EDX_LM
	jz refuse
	mov ebp, text_nx
	test edx, EXT_EDX_NX
	jz refuse
	ret

; Print the text at ebp on COM1 and on a VGA text screen, and stop for good.
refuse:
	mov dx, COM1 + 3		; 115200 8N1 (PC16550D, 8.1 to 8.3)
	mov al, UART_LCR_DLAB
	out dx, al
	mov dx, COM1
	mov al, 1
	out dx, al
	inc dx
	mov al, 0
	out dx, al
	mov dx, COM1 + 3
	mov al, UART_LCR_8N1
	out dx, al

	mov edi, VGA_TEXT
	mov esi, ebp
.next:
	lodsb
	test al, al
	jz .halt
	mov bl, al
	mov ah, VGA_ATTR
	stosw
	mov ecx, 1000000		; no UART answers: don't wait for ever
	mov dx, COM1 + 5
.wait:
	in al, dx
	test al, UART_LSR_THRE
	loopz .wait
	mov dx, COM1
	mov al, bl
	out dx, al
	jmp .next
.halt:
	cli
	hlt
	jmp .halt

; .bss was cleared by the loader, so only present entries are written. Keeps edi, esi.
build_tables:
	push edi
	mov edi, boot_pd + PHYS_DELTA
	mov eax, PTE_P | PTE_W | PTE_PS
	mov ecx, 4 * 512
.pd:
	mov [edi], eax
	add eax, 1 << 21		; after the last one this wraps, unused
	add edi, 8
	loop .pd

	mov edi, boot_pdpt_low + PHYS_DELTA
	mov eax, boot_pd + PHYS_DELTA + (PTE_P | PTE_W)
	mov ecx, 4
.pdpt:
	mov [edi], eax
	add eax, PAGE
	add edi, 8
	loop .pdpt

	mov eax, boot_pd + PHYS_DELTA + (PTE_P | PTE_W)
	mov [boot_pdpt_high + PHYS_DELTA + 510 * 8], eax
	mov eax, boot_pdpt_low + PHYS_DELTA + (PTE_P | PTE_W)
	mov [boot_pml4 + PHYS_DELTA], eax
	mov [boot_pml4 + PHYS_DELTA + 256 * 8], eax
	mov eax, boot_pdpt_high + PHYS_DELTA + (PTE_P | PTE_W)
	mov [boot_pml4 + PHYS_DELTA + 511 * 8], eax
	pop edi
	ret

bits 64
long_entry:
	LOAD_DATA_SELECTORS
	mov rsp, boot_stack_top
	xor ebp, ebp			; ends the chain of frames for backtraces
	mov edi, edi			; upper halves are undefined after the switch
	mov esi, esi
	push 0				; no return address: a backtrace ends here
	mov rax, hv_main
	jmp rax

	align 8
boot_gdt:
	dq 0
	dq DESC_CODE64
	dq DESC_DATA
boot_gdtr:
	dw $ - boot_gdt - 1
	dd boot_gdt

text_cpuid:
	db "xihv: this CPU has no CPUID instruction; a 64-bit CPU with SVM or VMX is needed.", 13, 10, 0
text_long:
	db "xihv: this CPU has no long mode; a 64-bit CPU with SVM or VMX is needed.", 13, 10, 0
text_nx:
	db "xihv: this CPU has no NX bit, or the firmware has disabled it; xihv needs it.", 13, 10, 0

section .bss.boot nobits alloc noexec write align=4096
boot_pml4:	resb PAGE
boot_pdpt_low:	resb PAGE
boot_pdpt_high:	resb PAGE
boot_pd:	resb 4 * PAGE
boot_stack_guard: resb PAGE		; hv/paging.c leaves it out
	resb BOOT_STACK
boot_stack_top:

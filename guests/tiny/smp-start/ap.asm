; SPDX-License-Identifier: MIT
; Where a start-up interrupt begins: real mode, CS:0 in a page below 1 MiB to which this is
; copied. It writes down what it finds and goes on in ap_main(), in 32-bit code.

%include "layout.inc"

CR0_PE		equ 1
VECTOR		equ 0x40
IVT_ENTRY	equ VECTOR * 4
STACK		equ 0xff0	; in the same page
STACK_BYTES	equ 4096

	EXTERN ap_main
	GLOBAL ap_low, ap_low_end, ap_seen, ap_gdtr

%define AT(x) ((x) - ap_low)	; in its segment

	SECTION .data
	ALIGN 16
ap_low:
	BITS 16
	mov	bx, ds
	mov	ax, cs
	mov	ds, ax
	mov	[AT(seen.cs)], ax
	mov	[AT(seen.ds)], bx
	mov	[AT(seen.ss)], ss
	mov	[AT(seen.edx)], edx
	mov	ss, ax
	mov	esp, STACK
	pushfd
	pop	dword [AT(seen.eflags)]
	call	.here
.here:
	pop	ax
	sub	ax, AT(.here)
	mov	[AT(seen.ip)], ax
	mov	eax, cr0
	mov	[AT(seen.cr0)], eax
	; the interrupt table is at 0
	xor	ax, ax
	mov	es, ax
	mov	word [es:IVT_ENTRY], AT(.handler)
	mov	[es:IVT_ENTRY + 2], cs
	int	VECTOR
	o32 lgdt [AT(gdtr)]
	mov	eax, cr0
	or	al, CR0_PE
	mov	cr0, eax
	jmp	dword SEL_CODE32:.in32
.handler:
	inc	dword [AT(seen.interrupts)]
	iret

	BITS 32
.in32:
	LOAD_DATA_SELECTORS
	mov	esp, stack_top
	call	ap_main
.stop:
	cli
	hlt
	jmp	.stop

	ALIGN 4
gdtr:	dw	0
	dd	0
	ALIGN 4
seen:				; struct ap_seen
.eflags: dd	0
.cr0:	dd	0
.edx:	dd	0
.interrupts: dd	0
.cs:	dw	0
.ip:	dw	0
.ds:	dw	0
.ss:	dw	0
ap_low_end:

	SECTION .rodata
ap_seen: dd	AT(seen)
ap_gdtr: dd	AT(gdtr)

	SECTION .bss
	ALIGNB 16
	resb	STACK_BYTES
stack_top:

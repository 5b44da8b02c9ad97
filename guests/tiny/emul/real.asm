; SPDX-License-Identifier: MIT
; One instruction in real mode: out of long mode, all registers set, a far jump to it; the
; interrupt table's handlers come back. The part that runs below 64 KiB is copied to LOW;
; every address in it goes through AT().

%include "layout.inc"

	GLOBAL real_enter, real_low, real_low_end, real_regs
	BITS 64

CR0_PG		equ 1 << 31
CR0_PE		equ 1
STUB		equ 16
IVT_BYTES	equ VECTORS * 4

%define AT(x) (LOW + (x) - real_low)

	SECTION .text
; void real_enter(void): the registers are in the copy of real_regs, before and after
real_enter:
	push	rbx
	push	rbp
	push	r12
	push	r13
	push	r14
	push	r15
	mov	[own_rsp], rsp
	sidt	[own_idtr]
	jmp	far dword [rel to32]
real_left64:
	mov	eax, SEL_DATA
	mov	ds, eax
	mov	es, eax
	mov	ss, eax
	mov	rsp, [own_rsp]
	lidt	[own_idtr]
	pop	r15
	pop	r14
	pop	r13
	pop	r12
	pop	rbp
	pop	rbx
	ret

	BITS 32
real_in32:
	mov	eax, cr0
	and	eax, ~CR0_PG		; leaves long mode; EFER.LME stays
	mov	cr0, eax
	jmp	SEL_CODE16:AT(to_real)
real_left32:
	mov	eax, cr0
	or	eax, CR0_PG
	mov	cr0, eax
	jmp	SEL_CODE64:real_left64

	SECTION .data
	ALIGN 8
to32:	dd	real_in32
	dw	SEL_CODE32

	ALIGN 16
real_low:
	BITS 16
to_real:
	mov	ax, SEL_DATA16		; limits of 64 KiB, which real mode keeps
	mov	ds, ax
	mov	es, ax
	mov	fs, ax
	mov	gs, ax
	mov	ss, ax
	mov	eax, cr0
	and	eax, ~CR0_PE
	mov	cr0, eax
	jmp	0:AT(.real)
.real:
	xor	ax, ax
	mov	ds, ax
	mov	ss, ax
	mov	esp, LOW_STACK
	o32 lidt [AT(ivt_pointer)]
	push	dword [AT(regs.flags)]
	popfd
	mov	es, [AT(regs.es)]
	mov	fs, [AT(regs.fs)]
	mov	gs, [AT(regs.gs)]
	mov	ss, [AT(regs.ss)]
	mov	esp, [AT(regs.gpr + 4 * 4)]
	mov	eax, [AT(regs.ip)]
	mov	[AT(target)], ax
	mov	ax, [AT(regs.cs)]
	mov	[AT(target) + 2], ax
	mov	eax, [AT(regs.gpr)]
	mov	ecx, [AT(regs.gpr + 1 * 4)]
	mov	edx, [AT(regs.gpr + 2 * 4)]
	mov	ebx, [AT(regs.gpr + 3 * 4)]
	mov	ebp, [AT(regs.gpr + 5 * 4)]
	mov	esi, [AT(regs.gpr + 6 * 4)]
	mov	edi, [AT(regs.gpr + 7 * 4)]
	mov	ds, [AT(regs.ds)]
	jmp	far [cs:AT(target)]

	ALIGN STUB
stubs:
%assign v 0
%rep VECTORS
	mov	byte [cs:AT(regs.vector)], v
	jmp	strict near caught
	ALIGN STUB
%assign v v + 1
%endrep

caught:
	mov	[cs:AT(regs.gpr)], eax
	mov	[cs:AT(regs.es)], es
	mov	[cs:AT(regs.ss)], ss
	mov	[cs:AT(regs.ds)], ds
	mov	[cs:AT(regs.fs)], fs
	mov	[cs:AT(regs.gs)], gs
	mov	[cs:AT(regs.gpr + 1 * 4)], ecx
	mov	[cs:AT(regs.gpr + 2 * 4)], edx
	mov	[cs:AT(regs.gpr + 3 * 4)], ebx
	mov	[cs:AT(regs.gpr + 5 * 4)], ebp
	mov	[cs:AT(regs.gpr + 6 * 4)], esi
	mov	[cs:AT(regs.gpr + 7 * 4)], edi
	mov	bp, sp			; IP, CS, FLAGS; the stack may wrap
	movzx	eax, word [bp]
	mov	[cs:AT(regs.ip)], eax
	add	bp, 2
	mov	ax, [bp]
	mov	[cs:AT(regs.cs)], ax
	add	bp, 2
	movzx	eax, word [bp]
	mov	[cs:AT(regs.flags)], eax
	mov	eax, esp
	add	ax, 6
	mov	[cs:AT(regs.gpr + 4 * 4)], eax
	xor	ax, ax
	mov	ds, ax
	mov	ss, ax
	mov	esp, LOW_STACK
	push	dword 2			; RFLAGS: only the bit that is always 1
	popfd
	mov	eax, cr0
	or	al, CR0_PE
	mov	cr0, eax
	jmp	dword SEL_CODE32:real_left32

	ALIGN 4
ivt_pointer:
	dw	IVT_BYTES - 1
	dd	AT(ivt)
ivt:
%assign v 0
%rep VECTORS
	dw	AT(stubs) + v * STUB, 0
%assign v v + 1
%endrep
target:	dw	0, 0
	ALIGN 8
regs:				; struct real_regs
.gpr:	times 8 dd 0
.ip:	dd	0
.flags:	dd	0
.es:	dw	0
.cs:	dw	0
.ss:	dw	0
.ds:	dw	0
.fs:	dw	0
.gs:	dw	0
.vector: dd	0
real_low_end:

	SECTION .rodata
real_regs: dd	AT(regs)

	SECTION .bss
own_rsp: resq	1
own_idtr: resb	16

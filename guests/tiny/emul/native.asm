; SPDX-License-Identifier: MIT
; One instruction of ring 0 on this CPU, in 64-bit code or in 16- and 32-bit code under long
; mode's tables: an IRET goes to it with all registers set, the exception that ends it comes
; back on a stack of its own (IST).

%include "layout.inc"

	GLOBAL native_enter, native_stubs, native_esp, native_ist_top
	EXTERN native_current, native_unexpected
	BITS 64

MSR_FS_BASE	equ 0xc0000100
MSR_GS_BASE	equ 0xc0000101
RFLAGS_FIXED	equ 2
STUB		equ 16		; bytes from one stub to the next
FRAMES		equ 65536	; aligned: one upper half of ESP

; the ModRM numbers 0 to 7 in the order of struct native_state
%macro LOAD_GPRS 1
	mov	rcx, [%1 + NS_GPR + 1 * 8]
	mov	rdx, [%1 + NS_GPR + 2 * 8]
	mov	rbx, [%1 + NS_GPR + 3 * 8]
	mov	rbp, [%1 + NS_GPR + 5 * 8]
	mov	rsi, [%1 + NS_GPR + 6 * 8]
	mov	rdi, [%1 + NS_GPR + 7 * 8]
%assign k 8
%rep 8
	mov	r%+k, [%1 + NS_GPR + k * 8]
%assign k k + 1
%endrep
	mov	rax, [%1 + NS_GPR]
%endmacro

%macro WRITE_BASE 2
	mov	ecx, %1
	mov	eax, [rdi + %2]
	mov	edx, [rdi + %2 + 4]
	wrmsr
%endmacro

	SECTION .text
; void native_enter(struct native_state *s)
native_enter:
	push	rbx
	push	rbp
	push	r12
	push	r13
	push	r14
	push	r15
	mov	[own_rsp], rsp
	mov	rsp, native_esp
	mov	es, [rdi + NS_SEL]
	mov	ds, [rdi + NS_SEL + 3 * 8]
	mov	fs, [rdi + NS_SEL + 4 * 8]
	mov	gs, [rdi + NS_SEL + 5 * 8]
	cmp	qword [rdi + NS_CODE64], 0
	je	.go
	WRITE_BASE MSR_FS_BASE, NS_FS_BASE
	WRITE_BASE MSR_GS_BASE, NS_GS_BASE
.go:
	push	qword [rdi + NS_SEL + 2 * 8]
	push	qword [rdi + NS_GPR + 4 * 8]
	push	qword [rdi + NS_RFLAGS]
	push	qword [rdi + NS_SEL + 1 * 8]
	push	qword [rdi + NS_RIP]
	mov	rax, rdi
	LOAD_GPRS rax
	iretq

; vectors that push an error code (Intel SDM Vol. 3A 6.15)
%define HAS_ERROR(v) ((v) == 8 || ((v) >= 10 && (v) <= 14) || (v) == 17)

	ALIGN STUB
native_stubs:
%assign v 0
%rep VECTORS
%if !HAS_ERROR(v)
	push	0
%endif
	push	v
	jmp	strict near caught
	ALIGN STUB
%assign v v + 1
%endrep

; [rsp]: vector, error code, RIP, CS, RFLAGS, RSP, SS
caught:
	push	rax
	mov	rax, [native_current]
	test	rax, rax
	jz	unexpected
	mov	[rax + NS_GPR + 1 * 8], rcx
	mov	[rax + NS_GPR + 2 * 8], rdx
	mov	[rax + NS_GPR + 3 * 8], rbx
	mov	[rax + NS_GPR + 5 * 8], rbp
	mov	[rax + NS_GPR + 6 * 8], rsi
	mov	[rax + NS_GPR + 7 * 8], rdi
%assign k 8
%rep 8
	mov	[rax + NS_GPR + k * 8], r%+k
%assign k k + 1
%endrep
	pop	qword [rax + NS_GPR]
	pop	qword [rax + NS_VECTOR]
	pop	qword [rax + NS_ERROR]
	pop	qword [rax + NS_RIP]
	pop	qword [rax + NS_SEL + 1 * 8]
	pop	qword [rax + NS_RFLAGS]
	pop	qword [rax + NS_GPR + 4 * 8]
	pop	qword [rax + NS_SEL + 2 * 8]
	mov	[rax + NS_SEL], es
	mov	[rax + NS_SEL + 3 * 8], ds
	mov	[rax + NS_SEL + 4 * 8], fs
	mov	[rax + NS_SEL + 5 * 8], gs
	mov	rcx, cr2
	mov	[rax + NS_CR2], rcx
	mov	ecx, SEL_DATA
	mov	ds, ecx
	mov	es, ecx
	mov	ss, ecx
	mov	rsp, [own_rsp]
	push	RFLAGS_FIXED
	popfq
	pop	r15
	pop	r14
	pop	r13
	pop	r12
	pop	rbp
	pop	rbx
	ret

; An exception of the guest's own code: the end. It still is on the IST's stack.
unexpected:
	mov	rdi, [rsp + 8]
	mov	rsi, [rsp + 24]
	cld
	call	native_unexpected

	SECTION .bss
	ALIGNB FRAMES
	resb	FRAMES / 2
native_esp:
	resb	FRAMES / 2
	resb	4096
native_ist_top:
own_rsp: resq	1

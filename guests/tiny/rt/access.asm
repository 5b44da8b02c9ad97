; SPDX-License-Identifier: MIT
; One memory access whose page fault or #GP is caught: from ring 0 or ring 3, in 32-bit
; protected mode or in compatibility mode under long mode's tables, and from 64-bit code of
; either ring. paging.h tells how it is used.

	BITS 32
%include "layout.inc"

	GLOBAL access_run, access_run64, access_load_cr3, access_load_cr4, access_invlpg64, access_user_page
	GLOBAL access_pf32, access_gp32, access_back32
	GLOBAL access_pf64, access_gp64, access_back64
	GLOBAL access_result
	EXTERN access_unexpected

USER_PAGE	equ 0x50000000	; where paging.c maps access_user_page for ring 3
USER_CODE64	equ 0x800	; offset in that page of the 64-bit code
USER_STACK	equ 0xff0
FLAGS_FIXED	equ 2		; the bit of EFLAGS that is always 1
NO_TRAP		equ 0xffffffff
ACCESS_READ	equ 0
ACCESS_WRITE	equ 1		; else: execute, the page holds a RET

	SECTION .bss
	ALIGNB 8
access_result:			; struct access_result
.vector: resd	1
.error:	resd	1
.cr2:	resq	1
.value:	resd	1
saved_esp: resd	1
live:	resd	1

	SECTION .text

; eax kind, %1 (ecx or rcx) address -> eax value read
%macro DO_ACCESS 1
	cmp	eax, ACCESS_WRITE
	je	%%write
	ja	%%execute
	mov	eax, [%1]
	jmp	%%done
%%write:
	mov	dword [%1], 0x5a5a5a5a
	jmp	%%done
%%execute:
	call	%1
%%done:
%endmacro

%macro ENTER_ACCESS 0
	push	ebp
	push	ebx
	push	esi
	push	edi
	mov	dword [access_result.vector], NO_TRAP
	mov	[saved_esp], esp
	mov	dword [live], 1
%endmacro

; void access_run(kind, address, user, flags)
access_run:
	ENTER_ACCESS
	mov	eax, [esp + 20]
	mov	ecx, [esp + 24]
	mov	edx, [esp + 32]
	cmp	dword [esp + 28], 0
	jne	.user
	push	edx
	popfd
	DO_ACCESS ecx
	mov	[access_result.value], eax
	jmp	finish
.user:
	mov	ebx, SEL_USER_DATA
	mov	ds, ebx
	mov	es, ebx
	push	SEL_USER_DATA
	push	USER_PAGE + USER_STACK
	push	edx
	push	SEL_USER_CODE
	push	USER_PAGE
	iretd

; Everything comes back here, in 32-bit code of ring 0.
finish:
	mov	eax, SEL_DATA
	mov	ds, eax
	mov	es, eax
	mov	esp, [saved_esp]
	push	FLAGS_FIXED
	popfd
	mov	dword [live], 0
	pop	edi
	pop	esi
	pop	ebx
	pop	ebp
	ret

; void access_run64(kind, address_low, address_high, user, flags)
access_run64:
	ENTER_ACCESS
	mov	eax, [esp + 20]
	mov	ecx, [esp + 24]
	mov	edx, [esp + 28]
	mov	ebx, [esp + 32]
	mov	esi, [esp + 36]
	jmp	SEL_CODE64:.in64
	BITS 64
.in64:
	mov	esp, esp
	mov	ecx, ecx
	shl	rdx, 32
	or	rcx, rdx
	test	ebx, ebx
	jnz	.user
	push	rsi
	popfq
	DO_ACCESS rcx
	mov	[abs access_result.value], eax
	push	SEL_CODE32
	push	finish
	o64 retf
.user:
	push	SEL_USER_DATA
	push	USER_PAGE + USER_STACK
	push	rsi
	push	SEL_USER_CODE64
	push	USER_PAGE + USER_CODE64
	iretq
	BITS 32

; void access_load_cr3(cr3)
access_load_cr3:
	ENTER_ACCESS
	mov	eax, [esp + 20]
	mov	cr3, eax
	jmp	finish

; void access_load_cr4(cr4)
access_load_cr4:
	ENTER_ACCESS
	mov	eax, [esp + 20]
	mov	cr4, eax
	jmp	finish

; void access_invlpg64(address_low, address_high)
access_invlpg64:
	mov	ecx, [esp + 4]
	mov	edx, [esp + 8]
	jmp	SEL_CODE64:.in64
	BITS 64
.in64:
	mov	esp, esp
	mov	ecx, ecx
	shl	rdx, 32
	or	rcx, rdx
	invlpg	[rcx]
	push	SEL_CODE32
	push	.out
	o64 retf
	BITS 32
.out:
	ret

; Handlers of 32-bit mode. DS may be ring 3's, which serves as well.
access_gp32:
	mov	dword [access_result.vector], 13
	jmp	fault32
access_pf32:
	mov	dword [access_result.vector], 14
fault32:
	pop	dword [access_result.error]
	mov	eax, cr2
	mov	[access_result.cr2], eax
	mov	dword [access_result.cr2 + 4], 0
	cmp	dword [live], 0
	jne	finish
	push	dword [esp]		; eip
	call	access_unexpected
access_back32:
	mov	[access_result.value], eax
	jmp	finish

; Handlers of long mode: the way back is an IRET to 32-bit code.
	BITS 64
%macro TO_FINISH 0
	mov	eax, [abs saved_esp]
	push	SEL_DATA
	push	rax
	push	FLAGS_FIXED
	push	SEL_CODE32
	push	finish
	iretq
%endmacro
access_gp64:
	mov	dword [abs access_result.vector], 13
	jmp	fault64
access_pf64:
	mov	dword [abs access_result.vector], 14
fault64:
	pop	rax
	mov	[abs access_result.error], eax
	mov	rax, cr2
	mov	[abs access_result.cr2], eax
	shr	rax, 32
	mov	[abs access_result.cr2 + 4], eax
	cmp	dword [abs live], 0
	jne	.expected
	pop	rax			; rip
	mov	ecx, [abs unexpected_esp]
	push	SEL_DATA
	push	rcx
	push	FLAGS_FIXED
	push	SEL_CODE32
	push	unexpected32
	iretq
.expected:
	TO_FINISH
access_back64:
	mov	[abs access_result.value], eax
	TO_FINISH

	BITS 32
unexpected32:
	push	eax
	call	access_unexpected

	SECTION .data
unexpected_esp:
	dd	unexpected_stack

	SECTION .bss
	ALIGNB 16
	resb	4096
unexpected_stack:

; What ring 3 runs; paging.c maps this page at USER_PAGE. Its end is ring 3's stack.
	SECTION .data
	ALIGN 4096
access_user_page:
	DO_ACCESS ecx
	int	0x80
	times USER_CODE64 - ($ - access_user_page) db 0
	BITS 64
	DO_ACCESS rcx
	int	0x80
	times 4096 - ($ - access_user_page) db 0

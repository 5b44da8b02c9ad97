; SPDX-License-Identifier: MIT
; A stub for each of the first 64 vectors in 32-bit protected mode: makes the frames alike
; and calls trap() in traps.c.

	BITS 32
%include "layout.inc"

	EXTERN trap
	GLOBAL trap_stubs

; vectors that push an error code (Intel SDM Vol. 3A 6.15)
%define HAS_ERROR(v) ((v) == 8 || ((v) >= 10 && (v) <= 14) || (v) == 17)

	SECTION .text
%assign v 0
%rep 64
stub_%+v:
%if !HAS_ERROR(v)
	push	0
%endif
	push	v
	jmp	all_traps
%assign v v + 1
%endrep

all_traps:
	pusha
	cld
	push	esp		; struct trap_frame *
	call	trap
	add	esp, 4
	popa
	add	esp, 8
	iret

	SECTION .rodata
trap_stubs:
%assign v 0
%rep 64
	dd	stub_%+v
%assign v v + 1
%endrep

; SPDX-License-Identifier: MIT
; Entry of exceptions and interrupts, and the instructions that may fault and have a fix-up.

; vectors with an error code: 8, 10-14, 17, 21 (SDM Vol. 3A table 6-1), 29, 30 (APM Vol. 2 8.2)
ERROR_CODES	equ (1 << 8) | (0x1f << 10) | (1 << 17) | (1 << 21) | (1 << 29) | (1 << 30)
NR_VECTORS	equ 256
EIO		equ 5
FRAME_RIP	equ 17 * 8		; struct trap_frame

extern trap_handle
global trap_stubs
global rdmsr_safe
global wrmsr_safe
global probe_read

section .text

; One stub a vector, 16 bytes each, so that the IDT is filled by arithmetic.
	align 16
trap_stubs:
%assign vec 0
%rep NR_VECTORS
	align 16
%if vec >= 32 || !((ERROR_CODES >> vec) & 1)
	push 0
%endif
	push vec
	jmp trap_common
%assign vec vec + 1
%endrep

; struct trap_frame, then C. Interrupts are off and stay so. There is no user mode, so GS is ours,
; but for exceptions near the world switch (take_gs_back() in hv/traps.c).
trap_common:
	push rax
	push rcx
	push rdx
	push rbx
	push rbp
	push rsi
	push rdi
	push r8
	push r9
	push r10
	push r11
	push r12
	push r13
	push r14
	push r15
	cld
	mov rdi, rsp
	push qword [rdi + FRAME_RIP]	; a link in the chain of frames, for backtraces
	push rbp
	mov rbp, rsp
	call trap_handle
	add rsp, 16
	pop r15
	pop r14
	pop r13
	pop r12
	pop r11
	pop r10
	pop r9
	pop r8
	pop rdi
	pop rsi
	pop rbp
	pop rbx
	pop rdx
	pop rcx
	pop rax
	add rsp, 16
	iretq

; int rdmsr_safe(uint32_t msr, uint64_t *val)
rdmsr_safe:
	mov ecx, edi
.may_fault:
	rdmsr
	shl rdx, 32
	or rax, rdx
	mov [rsi], rax
	xor eax, eax
	ret
.fixup:
	mov eax, -EIO
	ret

; int wrmsr_safe(uint32_t msr, uint64_t val)
wrmsr_safe:
	mov ecx, edi
	mov eax, esi
	mov rdx, rsi
	shr rdx, 32
.may_fault:
	wrmsr
	xor eax, eax
	ret
.fixup:
	mov eax, -EIO
	ret

; bool probe_read(uint64_t va, uint64_t *val)
probe_read:
.may_fault:
	mov rax, [rdi]
	mov [rsi], rax
	mov eax, 1
	ret
.fixup:
	xor eax, eax
	ret

; Pairs of the instruction that may fault and where to go on (struct fixup in hv/traps.c).
section extable progbits alloc noexec nowrite align=8
	dq rdmsr_safe.may_fault, rdmsr_safe.fixup
	dq wrmsr_safe.may_fault, wrmsr_safe.fixup
	dq probe_read.may_fault, probe_read.fixup

; SPDX-License-Identifier: MIT
;
; The VMX world switch (Intel SDM Vol. 3C 26.2 to 26.6, 27.5).
;
; enum vmx_entry_result vmx_enter(struct cpu_regs *regs, uint64_t *host_rsp, bool launched)
;
; RSP, RIP and RFLAGS travel in the VMCS; the other general registers are exchanged here, in
; the encoding order of struct cpu_regs (hv/emul.h). *host_rsp is what the VMCS has for the
; host's RSP. Called and returns with interrupts off.

bits 64
section .text

%define REG(n) rdi + (n) * 8

VMCS_HOST_RSP	equ 0x6c14		; vmx/vmcs.h
FAIL_INVALID	equ 1			; enum vmx_entry_result
FAIL_VALID	equ 2

global vmx_enter
global vmx_exit_to

vmx_enter:
	push	rbp
	push	rbx
	push	r12
	push	r13
	push	r14
	push	r15
	push	rdi			; regs

	cmp	[rsi], rsp		; as deep in the stack as before?
	je	.same_rsp
	mov	[rsi], rsp
	mov	eax, VMCS_HOST_RSP
	vmwrite	rax, rsp
.same_rsp:
	test	dl, dl			; no MOV below changes flags
	mov	rax, [REG(0)]
	mov	rcx, [REG(1)]
	mov	rdx, [REG(2)]
	mov	rbx, [REG(3)]
	mov	rbp, [REG(5)]
	mov	rsi, [REG(6)]
	mov	r8,  [REG(8)]
	mov	r9,  [REG(9)]
	mov	r10, [REG(10)]
	mov	r11, [REG(11)]
	mov	r12, [REG(12)]
	mov	r13, [REG(13)]
	mov	r14, [REG(14)]
	mov	r15, [REG(15)]
	mov	rdi, [REG(7)]
	jz	.launch
	vmresume
	jmp	.failed
.launch:
	vmlaunch

; Behind either only if it failed: the registers are the guest's, RSP is ours.
.failed:
	mov	eax, FAIL_INVALID	; CF: there is no current VMCS
	jc	.out
	mov	eax, FAIL_VALID		; ZF: VMCS_INSN_ERROR says why
.out:
	add	rsp, 8			; regs, which still hold what they held
	jmp	.return

vmx_exit_to:
	xchg	rdi, [rsp]		; guest RDI for regs
	mov	[REG(0)], rax
	mov	[REG(1)], rcx
	mov	[REG(2)], rdx
	mov	[REG(3)], rbx
	mov	[REG(5)], rbp
	mov	[REG(6)], rsi
	mov	[REG(8)], r8
	mov	[REG(9)], r9
	mov	[REG(10)], r10
	mov	[REG(11)], r11
	mov	[REG(12)], r12
	mov	[REG(13)], r13
	mov	[REG(14)], r14
	mov	[REG(15)], r15
	pop	rcx
	mov	[REG(7)], rcx
	xor	eax, eax

vmx_enter.return:
	pop	r15
	pop	r14
	pop	r13
	pop	r12
	pop	rbx
	pop	rbp
	ret

; SPDX-License-Identifier: MIT
;
; The SVM world switch (AMD APM Vol. 2 15.5).
;
; void svm_enter(struct cpu_regs *regs, uint64_t guest_vmcb, uint64_t host_vmcb)
;
; RAX, RSP, RIP and RFLAGS travel in the VMCB; the other general registers are exchanged
; here, in the encoding order of struct cpu_regs (hv/emul.h). VMLOAD/VMSAVE carry FS, GS,
; TR, LDTR and the system-call MSRs; the host's copies never change, so they are only
; loaded. Called and returns with interrupts off.

bits 64
section .text

%define REG(n) rdi + (n) * 8

global svm_enter
svm_enter:
	push	rbp
	push	rbx
	push	r12
	push	r13
	push	r14
	push	r15
	push	rdx			; host VMCB
	push	rdi			; regs

	mov	rax, rsi
	clgi				; nothing is taken until guest mode ...
	sti				; ... where a physical interrupt must cause an exit
	vmload
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
	vmrun
.exit:
	vmsave				; the exit gave RAX, the guest VMCB, back

	xchg	rdi, [rsp]		; guest RDI for regs
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

	pop	rax
	vmload				; the host's TR and GS before its interrupts
	cli
	stgi

	pop	r15
	pop	r14
	pop	r13
	pop	r12
	pop	rbx
	pop	rbp
	ret

; An intercepted #DB of the guest's single step comes once more under Bochs 2.7, here, where the
; host has neither TF nor breakpoints: nothing to do (struct fixup in hv/traps.c).
section extable progbits alloc noexec nowrite align=8
	dq svm_enter.exit, svm_enter.exit

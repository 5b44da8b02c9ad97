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

%include "hv/cpu_regs.inc"

global svm_enter
svm_enter:
	PUSH_HOST_REGS
	push	rdx			; host VMCB
	push	rdi			; regs

	mov	rax, rsi
.guest_next:
	clgi				; nothing is taken until guest mode ...
	sti				; ... where a physical interrupt must cause an exit
	vmload
.gs_is_the_guests:
	LOAD_GUEST_REGS
	vmrun
.exit:
	vmsave				; the exit gave RAX, the guest VMCB, back

	SAVE_GUEST_REGS

	pop	rax
	vmload				; the host's TR and GS before its interrupts
.gs_is_ours:
	cli
	stgi

	POP_HOST_REGS
	ret

.once_more:
	mov	rdi, [rsp]		; some registers may be the guest's
	jmp	.guest_next

; An intercepted #DB of the guest's single step comes once more under Bochs 2.7, here, where the
; host has neither TF nor breakpoints: nothing to do (struct fixup in hv/traps.c).
section extable progbits alloc noexec nowrite align=8
	dq svm_enter.exit, svm_enter.exit

; Where there must be no interrupt, and QEMU 7.2 takes one (struct no_irq in hv/traps.c): before
; VMRUN it is begun again, since that needs IF; behind it goes on.
section no_irq progbits alloc noexec nowrite align=8
	dq svm_enter.gs_is_the_guests, svm_enter.exit, svm_enter.once_more
	dq svm_enter.exit, svm_enter.gs_is_ours, 0

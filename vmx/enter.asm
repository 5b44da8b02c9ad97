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

%include "hv/cpu_regs.inc"

VMCS_HOST_RSP	equ 0x6c14		; vmx/vmcs.h
FAIL_INVALID	equ 1			; enum vmx_entry_result
FAIL_VALID	equ 2

global vmx_enter
global vmx_exit_to

vmx_enter:
	PUSH_HOST_REGS
	push	rdi			; regs

	cmp	[rsi], rsp		; as deep in the stack as before?
	je	.same_rsp
	mov	[rsi], rsp
	mov	eax, VMCS_HOST_RSP
.write_rsp:
	vmwrite	rax, rsp
.same_rsp:
	test	dl, dl			; no MOV below changes flags
	mov	rax, [REG(0)]
	LOAD_GUEST_REGS
	jz	.launch
.resume:
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
	SAVE_GUEST_REGS
	mov	[REG(0)], rax
	xor	eax, eax

vmx_enter.return:
	POP_HOST_REGS
	ret

; SPDX-License-Identifier: MIT
;
; test_nmi.py lays this over a function of xihv: the I/O APIC's input 2 becomes NMIs for local
; APIC 0, and there the 8254's channel 0 ticks as the BIOS left it. IOAPIC is the address of a
; pointer to the I/O APIC's registers.

bits 64
IOREGSEL	equ 0x00
IOWIN		equ 0x10
REDIRECTION	equ 0x10 + 2 * 2	; two registers an input (82093AA data sheet)
NMI		equ 4 << 8

	mov	rax, [abs qword IOAPIC]
	mov	dword [rax + IOREGSEL], REDIRECTION + 1
	mov	dword [rax + IOWIN], 0
	mov	dword [rax + IOREGSEL], REDIRECTION
	mov	dword [rax + IOWIN], NMI
	ret

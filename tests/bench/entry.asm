; SPDX-License-Identifier: MIT
; What `make bench` puts behind a stock kernel's own real-mode part (Linux boot protocol,
; 32-bit entry at 1 MiB, flat segments): say what the TSC is there and end QEMU. Under
; -icount that is what BIOS, boot ROM and real-mode code take before the kernel's entry.
	bits 32

COM1 equ 0x3f8
DEBUG_EXIT equ 0xf4

	rdtsc
	mov esi, edx
	mov edi, eax
	call base
base:
	pop ebx
	lea ebp, [ebx + text - base]
.next:
	mov al, [ebp]
	inc ebp
	test al, al
	jz .number
	call putc
	jmp .next
.number:
	mov ecx, 16 ; hexadecimal digits of ESI:EDI
.digit:
	shld eax, esi, 4
	and eax, 0xf
	shld esi, edi, 4
	shl edi, 4
	mov al, [ebx + eax + digits - base]
	call putc
	loop .digit
	mov al, 10
	call putc
	out DEBUG_EXIT, al
	cli
	hlt

putc:
	mov dx, COM1
	out dx, al
	ret

text: db "bench: kernel entry, tsc 0x", 0
digits: db "0123456789abcdef"

; SPDX-License-Identifier: MIT
; What real mode does, as a list of results: each has a name, what there was, what there should
; be. The part that runs below 64 KiB is copied to LOW, with CS, DS, ES and SS 0; every address
; in it goes through AT().

%include "layout.inc"

	BITS 32

LOW		equ 0x8000
LOW_STACK	equ 0x7ff0
FAR_STACK	equ 0x6000	; linear
FAR_SS		equ 0x0203	; RPL 3: with CR0.PE no state that a VM entry takes
FAR_CS		equ 0x0010
BUFFER		equ 0x7000
HIGH		equ 0x200000	; above 1 MiB

CR0_PE		equ 1
CR0_TS		equ 8
CR0_ET		equ 0x10
FLAG_TF		equ 1 << 8
FLAG_IF		equ 1 << 9
FLAG_OF		equ 1 << 11
FLAG_ID		equ 1 << 21

; behind SEL_CODE32 and SEL_DATA, in a GDT of its own
SEL_CODE16	equ 0x18
SEL_DATA16	equ 0x20

VECTORS		equ 0x50
NO_VECTOR	equ 0xff
VECTOR_PIT	equ 0x20
VECTOR_INT	equ 0x40

PIC1		equ 0x20
PIC2		equ 0xa0
PIC_EOI		equ 0x20
PIC_READ_IRR	equ 0x0a
PIT_CH0		equ 0x40
PIT_CONTROL	equ 0x43
PIT_DIVISOR	equ 1193
UART_SCRATCH	equ 0x3ff
POST		equ 0x80

LAPIC_ICR	equ 0xfee00300
ICR_NMI_SELF	equ 0x44400	; NMI, level, self
MSR_APIC_BASE	equ 0x1b
MSR_SYSENTER_CS	equ 0x174

%define AT(x) (LOW + (x) - real_low)

	GLOBAL real_mode, real_low, real_low_end, real_results, real_nr_results
	GLOBAL real_fs_is_unreal

	SECTION .text
; void real_mode(void): there and back; real_results has what came of it
real_mode:
	pushad
	mov	[own_esp], esp
	sgdt	[own_gdtr]
	sidt	[own_idtr]
	lgdt	[gdtr]
	jmp	SEL_CODE16:AT(to_real)
back:
	mov	esp, [own_esp]
	lgdt	[own_gdtr]
	lidt	[own_idtr]
	popad
	ret

	SECTION .data
	ALIGN 16
real_low:
	BITS 16

; The result eax, whose name is %1, should be %2.
%assign NR 0
%define BY_SEG cs		; a segment that can be written and has base 0
%macro RESULT 2
	[SECTION .rodata]
%%name:	db	%1, 0
	__SECT__
	mov	dword [BY_SEG:AT(results) + NR * 12], %%name
	mov	[BY_SEG:AT(results) + NR * 12 + 4], eax
	mov	dword [BY_SEG:AT(results) + NR * 12 + 8], %2
%assign NR NR + 1
%endmacro

; Behind an exception it goes on at %1.
%macro EXPECT 1
	mov	word [cs:AT(seen.vector)], NO_VECTOR
	mov	word [cs:AT(resume)], AT(%1)
%endmacro

; The exception that came: vector %2, at %3.
%macro CAME 3
	movzx	eax, word [cs:AT(seen.vector)]
	RESULT %1, %2
	movzx	eax, word [cs:AT(seen.ip)]
	RESULT {%1, ": its IP"}, AT(%3)
%endmacro

to_real:
	mov	ax, SEL_DATA16		; limits of 64 KiB, which real mode keeps
	mov	ds, ax
	mov	es, ax
	mov	gs, ax
	mov	ss, ax
	cmp	byte [AT(real_fs_is_unreal)], 0
	je	.fs
	mov	ax, SEL_DATA
.fs:
	mov	fs, ax
	mov	eax, cr0
	and	eax, ~CR0_PE
	mov	cr0, eax
	jmp	0:AT(.real)
.real:
	xor	ax, ax
	mov	ds, ax
	mov	es, ax
	mov	ss, ax
	mov	esp, LOW_STACK
	mov	fs, ax
	mov	gs, ax
	lidt	[AT(ivt_pointer)]
	mov	eax, cr0
	and	eax, CR0_PE
	RESULT "CR0.PE is clear", 0

	call	software_interrupts
	call	faults
	call	flags
	call	segments
	call	stack
	call	far_branches
	call	ports
	call	control
	call	timer
	call	interrupt_flag
	cmp	byte [AT(real_fs_is_unreal)], 0
	je	.plain
	call	beyond_64k
	jmp	to_protected
.plain:
	call	rare

; A stack and a data segment that no selector of the GDT would give.
to_protected:
	mov	ax, FAR_SS
	mov	ss, ax
	mov	esp, FAR_STACK - FAR_SS * 16
	mov	ax, FAR_SS + 1
	mov	ds, ax
	mov	eax, cr0
	or	al, CR0_PE
	mov	cr0, eax
%define BY_SEG es
	push	dword 0x12345678	; segments are still those of real mode
	call	.near
	mov	eax, [FAR_STACK - 4 - (FAR_SS + 1) * 16]
	RESULT "CR0.PE set, real mode's segments: stack and data", 0x12345678
	pop	ebx
	mov	eax, esp
	RESULT "CR0.PE set, real mode's segments: ESP", FAR_STACK - FAR_SS * 16
	jmp	dword SEL_CODE32:back32
%define BY_SEG cs
.near:
	ret

; --- interrupts --------------------------------------------------------------------------

software_interrupts:
	sti
	EXPECT	.never
	mov	word [AT(resume)], 0
	int	VECTOR_INT
.behind_int:
	cli
	CAME	"INT n", VECTOR_INT, .behind_int
	movzx	eax, word [AT(seen.cs)]
	RESULT "INT n pushes CS", 0
	movzx	eax, word [AT(seen.flags)]
	and	eax, FLAG_IF | FLAG_TF
	RESULT "INT n pushes IF", FLAG_IF
	movzx	eax, word [AT(seen.inside)]
	and	eax, FLAG_IF | FLAG_TF
	RESULT "INT n clears IF", 0
	EXPECT	.behind_int3
	int3
.behind_int3:
	CAME	"INT3", 3, .behind_int3
	EXPECT	.behind_into
	mov	al, 0x7f
	inc	al
	into
.behind_into:
	CAME	"INTO with OF", 4, .behind_into
	EXPECT	.never
	xor	al, al
	into
	movzx	eax, word [AT(seen.vector)]
	RESULT "INTO without OF", NO_VECTOR
.never:
	ret

faults:
	EXPECT	.behind_div
	xor	cx, cx
.div:
	div	cx
.behind_div:
	CAME	"DIV by 0", 0, .div
	EXPECT	.behind_ud
.ud:
	ud2
.behind_ud:
	CAME	"UD2", 6, .ud
	EXPECT	.behind_lldt
	xor	ax, ax
.lldt:
	lldt	ax
.behind_lldt:
	CAME	"LLDT", 6, .lldt
	EXPECT	.behind_step
	pushf
	pop	ax
	or	ah, FLAG_TF >> 8
	push	ax
	popf
	nop
.stepped:
	nop
.behind_step:
	CAME	"a single step", 1, .stepped
	movzx	eax, word [AT(seen.flags)]
	and	eax, FLAG_TF
	RESULT "a single step pushes TF", FLAG_TF
	; QEMU's processor lets it through
	EXPECT	.behind_limit
	mov	eax, [0xfffe]
.behind_limit:
	movzx	eax, word [AT(seen.vector)]
	cmp	eax, NO_VECTOR
	jne	.limit
	mov	eax, 13
.limit:
	RESULT "an access across the limit", 13
	mov	word [AT(resume)], 0
	ret

; --- flags, segments, stack, branches ------------------------------------------------------

flags:
	sti
	pushf
	cli
	pop	ax
	and	eax, FLAG_IF
	RESULT "STI, PUSHF", FLAG_IF
	pushfd
	pop	eax
	and	eax, FLAG_IF
	RESULT "CLI, PUSHFD", 0
	pushfd
	pop	eax
	mov	ebx, eax
	xor	eax, FLAG_ID
	push	eax
	popfd
	pushfd
	pop	eax
	xor	eax, ebx
	and	eax, FLAG_ID
	RESULT "POPFD changes ID", FLAG_ID
	push	word 0x3002
	popf
	pushf
	pop	ax
	and	eax, 0x3000
	RESULT "POPF changes IOPL", 0x3000
	push	word 2
	popf
	ret

segments:
	mov	dword [BUFFER + 0x20], 0xcafe0001
	mov	ax, BUFFER >> 4
	mov	fs, ax
	mov	eax, [fs:0x20]
	RESULT "MOV FS", 0xcafe0001
	mov	ax, fs
	movzx	eax, ax
	RESULT "MOV from FS", BUFFER >> 4
	push	fs
	pop	es
	mov	eax, [es:0x20]
	RESULT "PUSH FS, POP ES", 0xcafe0001
	mov	dword [BUFFER], 0x5678 | (BUFFER >> 4) << 16
	lgs	di, [BUFFER]
	mov	eax, [gs:0x20]
	RESULT "LGS, its segment", 0xcafe0001
	movzx	eax, di
	RESULT "LGS, its offset", 0x5678
	mov	dword [BUFFER + 4], LOW_STACK >> 8 << 8
	mov	[BUFFER + 8], sp
	lss	sp, [BUFFER + 4]
	push	word 0x4321
	pop	bx
	movzx	eax, bx
	mov	sp, [BUFFER + 8]
	RESULT "LSS", 0x4321
	xor	ax, ax
	mov	es, ax
	mov	fs, ax
	mov	gs, ax
	ret

stack:
	mov	eax, 0x11111111
	mov	ecx, 0x22222222
	mov	edx, 0x33333333
	mov	edi, 0x44444444
	pushad
	xor	eax, eax
	xor	ecx, ecx
	xor	edx, edx
	xor	edi, edi
	popad
	add	eax, ecx
	add	eax, edx
	add	eax, edi
	RESULT "PUSHAD, POPAD", 0xaaaaaaaa
	mov	bp, sp
	pusha
	mov	ax, bp
	sub	ax, sp
	mov	[BUFFER], ax
	popa
	movzx	eax, word [BUFFER]
	RESULT "PUSHA", 16
	mov	esi, BUFFER
	mov	edi, BUFFER + 0x100
	mov	dword [BUFFER + 12], 0xfeedbeef
	mov	ecx, 4
	cld
	a32 rep movsd
	mov	eax, [BUFFER + 0x10c]
	RESULT "REP MOVSD", 0xfeedbeef
	ret

far_branches:
	call	FAR_CS:AT(.function) - FAR_CS * 16
	movzx	eax, bx
	RESULT "CALL far, CS in it", FAR_CS
	mov	dword [BUFFER], (AT(.function) - FAR_CS * 16) | FAR_CS << 16
	xor	bx, bx
	call	far [BUFFER]
	movzx	eax, bx
	RESULT "CALL far by memory", FAR_CS
	mov	ax, cs
	movzx	eax, ax
	RESULT "RETF, CS behind it", 0
	jmp	FAR_CS:AT(.there) - FAR_CS * 16
.there:
	mov	ax, cs
	mov	[BUFFER], ax
	jmp	far [cs:AT(.pointer) - FAR_CS * 16]
.here:
	movzx	eax, word [BUFFER]
	RESULT "JMP far", FAR_CS
	mov	ax, cs
	movzx	eax, ax
	RESULT "JMP far by memory", 0
	ret
.function:
	mov	bx, cs
	retf
.pointer:
	dw	AT(.here), 0

; --- ports and control registers -----------------------------------------------------------

ports:
	mov	dx, UART_SCRATCH
	mov	al, 0xa5
	out	dx, al
	xor	al, al
	in	al, dx
	movzx	eax, al
	RESULT "OUT, IN", 0xa5
	mov	di, BUFFER
	mov	dword [BUFFER], 0
	mov	cx, 3
	cld
	rep insb
	mov	eax, [BUFFER]
	RESULT "REP INSB", 0xa5a5a5
	mov	byte [BUFFER + 1], 0x3c
	mov	si, BUFFER
	mov	cx, 2
	rep outsb
	in	al, dx
	movzx	eax, al
	RESULT "REP OUTSB", 0x3c
	out	POST, al
	ret

control:
	mov	eax, cr0
	mov	ebx, eax
	or	al, CR0_TS
	lmsw	ax
	smsw	ax
	and	eax, CR0_TS | CR0_PE
	RESULT "LMSW, SMSW", CR0_TS
	clts
	mov	eax, cr0
	and	eax, CR0_TS | CR0_PE
	RESULT "CLTS", 0
	mov	ecx, cr3
	mov	eax, 0x5000
	mov	cr3, eax
	mov	eax, cr3
	mov	cr3, ecx
	RESULT "MOV CR3", 0x5000
	mov	eax, 0x1234
	mov	dr0, eax
	xor	eax, eax
	mov	eax, dr0
	RESULT "MOV DR0", 0x1234
	mov	eax, dr7
	RESULT "MOV from DR7", 0x400
	xor	edx, edx
	mov	eax, 0x18
	mov	ecx, MSR_SYSENTER_CS
	wrmsr
	xor	eax, eax
	rdmsr
	RESULT "WRMSR, RDMSR", 0x18
	xor	eax, eax
	cpuid
	mov	ecx, MSR_APIC_BASE
	rdmsr
	and	eax, 0xfffff000
	RESULT "CPUID, RDMSR of the APIC's base", 0xfee00000
	sidt	[BUFFER]
	movzx	eax, word [BUFFER]
	RESULT "SIDT, limit", VECTORS * 4 - 1
	mov	eax, [BUFFER + 2]
	RESULT "SIDT, base", AT(ivt)
	rdtsc
	mov	ebx, eax
	mov	ecx, edx
	wbinvd
	invlpg	[BUFFER]
	rdtsc
	sub	eax, ebx
	sbb	edx, ecx
	mov	eax, edx
	RESULT "RDTSC goes on", 0
	ret

; What xihv's emulator does not know, behind WRMSR of SYSENTER_CS.
rare:
	EXPECT	.behind_sysenter
.sysenter:
	sysenter
.behind_sysenter:
	CAME	"SYSENTER", 13, .sysenter
	mov	word [AT(resume)], 0
	enter	8, 0
	leave
	mov	ax, 57
	aam
	movzx	eax, ax
	RESULT "AAM", 0x507
	fninit
	fnstcw	[BUFFER]
	movzx	eax, word [BUFFER]
	RESULT "FNINIT, FNSTCW", 0x37f
	ret

; --- interrupts from outside ---------------------------------------------------------------

timer:
	mov	al, 0x34
	out	PIT_CONTROL, al
	mov	al, PIT_DIVISOR & 0xff
	out	PIT_CH0, al
	mov	al, PIT_DIVISOR >> 8
	out	PIT_CH0, al
	mov	al, 0xfe
	out	PIC1 + 1, al
	mov	dword [AT(ticks)], 0
	sti
.spin:
	cmp	dword [AT(ticks)], 3
	jb	.spin
.sleep:
	hlt
	cmp	dword [AT(ticks)], 6
	jb	.sleep
	cli
	mov	eax, [AT(ticks)]
	cmp	eax, 6
	jbe	.enough
	mov	eax, 6			; the machine was slow
.enough:
	RESULT "timer interrupts, awake and in HLT", 6
	ret

; One waits; the instruction behind STI comes first.
interrupt_flag:
	mov	al, PIC_READ_IRR
	out	PIC1, al
.wait:
	in	al, PIC1
	test	al, 1
	jz	.wait
	mov	dword [AT(ticks)], 0
	sti
	cli
	mov	eax, [AT(ticks)]
	RESULT "STI, CLI", 0
	sti
	nop
	cli
	mov	eax, [AT(ticks)]
	RESULT "STI, NOP, CLI", 1
	mov	al, 0xff
	out	PIC1 + 1, al
	ret

beyond_64k:
	mov	dword [fs:dword HIGH], 0xfade0002
	mov	eax, [fs:dword HIGH]
	RESULT "memory beyond 1 MiB", 0xfade0002
	EXPECT	.never
	mov	word [AT(resume)], 0
	mov	dword [fs:dword LAPIC_ICR], ICR_NMI_SELF
	mov	ecx, 100000
.wait:
	cmp	word [AT(seen.vector)], NO_VECTOR
	a32 loope .wait
	movzx	eax, word [AT(seen.vector)]
	RESULT "an NMI", 2
.never:
	ret

; --- handlers ------------------------------------------------------------------------------

%assign v 0
%rep VECTORS
stub_%+v:
	mov	word [cs:AT(seen.vector)], v
	jmp	caught
%assign v v + 1
%endrep

caught:
	push	bp
	mov	bp, sp
	push	eax
	pushf
	pop	word [cs:AT(seen.inside)]
	mov	ax, [bp + 2]
	mov	[cs:AT(seen.ip)], ax
	mov	ax, [bp + 4]
	mov	[cs:AT(seen.cs)], ax
	mov	ax, [bp + 6]
	mov	[cs:AT(seen.flags)], ax
	mov	ax, [cs:AT(resume)]
	test	ax, ax
	jz	.back
	mov	[bp + 2], ax
	and	word [bp + 6], ~FLAG_TF
.back:
	pop	eax
	pop	bp
	iret

tick:
	push	ax
	inc	dword [cs:AT(ticks)]
	mov	al, PIC_EOI
	out	PIC1, al
	pop	ax
	iret

	BITS 32
back32:
	LOAD_DATA_SELECTORS
	jmp	back

	ALIGN 4
ivt_pointer:
	dw	VECTORS * 4 - 1
	dd	AT(ivt)
	ALIGN 4
ivt:
%assign v 0
%rep VECTORS
%if v == VECTOR_PIT
	dw	AT(tick), 0
%else
	dw	AT(stub_%+v), 0
%endif
%assign v v + 1
%endrep
seen:
.vector: dw	0
.ip:	dw	0
.cs:	dw	0
.flags:	dw	0
.inside: dw	0
resume:	dw	0
ticks:	dd	0
real_fs_is_unreal: db 0
	ALIGN 4
results: times NR * 3 dd 0
real_low_end:

	ALIGN 8
gdt:	dq	0
	dq	0x00cf9b000000ffff
	dq	0x00cf93000000ffff
	dq	0x00009b000000ffff
	dq	0x000093000000ffff
gdtr:	dw	$ - gdt - 1
	dd	gdt

	SECTION .rodata
real_results: dd AT(results)
real_nr_results: dd NR

	SECTION .bss
own_esp: resd	1
own_gdtr: resb	8
own_idtr: resb	8

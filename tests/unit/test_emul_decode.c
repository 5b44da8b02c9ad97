/* SPDX-License-Identifier: MIT */
/*
 * The decoder: vectors from the manual, lengths and mnemonics against NASM as an
 * independent oracle, and random bytes in front of a page that must not be touched.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "hv/emul.h"
#include "hv/emul_table.h"
#include "hv/errno.h"

static struct insn insn;

static int decode(const char *bytes, unsigned n, unsigned mode)
{
	memset(&insn, 0x5a, sizeof(insn));
	return insn_decode(&insn, (const uint8_t *)bytes, n, mode);
}

#define DECODE(bytes, mode) decode(bytes, sizeof(bytes) - 1, mode)
#define ASSERT_OP(o, l)                        \
	do {                                   \
		assert_int_equal(insn.op, o);  \
		assert_int_equal(insn.len, l); \
	} while (0)

static void control_registers(void **state)
{
	(void)state;
	assert_int_equal(DECODE("\x0f\x22\xd8", 8), 0); /* mov cr3, rax */
	ASSERT_OP(INSN_MOV_TO_CR, 3);
	assert_int_equal(insn.reg, 3);
	assert_int_equal(insn.rm, REG_RAX);
	assert_int_equal(insn.op_size, 8);
	assert_int_equal(DECODE("\x45\x0f\x20\xc7", 8), 0); /* mov r15, cr8 */
	ASSERT_OP(INSN_MOV_FROM_CR, 4);
	assert_int_equal(insn.reg, 8);
	assert_int_equal(insn.rm, REG_R15);
	/* SDM Vol. 2B, MOV CRn: mod is ignored, so no displacement follows. */
	assert_int_equal(DECODE("\x0f\x22\x04", 4), 0);
	ASSERT_OP(INSN_MOV_TO_CR, 3);
	assert_int_equal(insn.reg, 0);
	assert_int_equal(insn.rm, REG_RSP);
	assert_int_equal(insn.op_size, 4);
	/* APM Vol. 3: LOCK MOV CR0 is CR8; LOCK with any other is undefined. */
	assert_int_equal(DECODE("\xf0\x0f\x20\xc0", 4), 0);
	assert_int_equal(insn.reg, 8);
	assert_int_equal(DECODE("\xf0\x0f\x20\xd8", 4), -EINVAL);
	assert_int_equal(DECODE("\x0f\x23\xf9", 8), 0); /* mov dr7, rcx */
	ASSERT_OP(INSN_MOV_TO_DR, 3);
	assert_int_equal(insn.reg, 7);
	assert_int_equal(insn.rm, REG_RCX);
}

static void memory_forms(void **state)
{
	(void)state;
	assert_int_equal(DECODE("\x0f\x01\x38", 8), 0); /* invlpg [rax] */
	ASSERT_OP(INSN_INVLPG, 3);
	assert_int_equal(insn.base, REG_RAX);
	assert_int_equal(insn.index, -1);
	assert_int_equal(insn.seg, SEG_DS);
	assert_int_equal(DECODE("\x41\x0f\x01\x7c\x24\x10", 8), 0); /* invlpg [r12+0x10] */
	ASSERT_OP(INSN_INVLPG, 6);
	assert_int_equal(insn.base, REG_R12);
	assert_int_equal(insn.disp, 0x10);
	assert_int_equal(insn.seg, SEG_DS);
	assert_int_equal(DECODE("\x65\x8b\x04\x25\x28\x00\x00\x00", 8), 0); /* mov eax, gs:[0x28] */
	ASSERT_OP(INSN_MOV, 8);
	assert_int_equal(insn.base, -1);
	assert_int_equal(insn.seg, SEG_GS);
	assert_int_equal(DECODE("\x8b\x05\xfc\xff\xff\xff", 8), 0); /* mov eax, [rip-4] */
	assert_int_equal(insn.base, -2);
	assert_int_equal(insn.disp, -4);
	assert_int_equal(DECODE("\x8b\x05\xfc\xff\xff\xff", 4), 0); /* mov eax, [0xfffffffc] */
	assert_int_equal(insn.base, -1);
	assert_int_equal(DECODE("\x4b\x8b\x54\xa5\x80", 8), 0); /* mov rdx, [r13+r12*4-128] */
	ASSERT_OP(INSN_MOV, 5);
	assert_int_equal(insn.base, REG_R13);
	assert_int_equal(insn.index, REG_R12);
	assert_int_equal(insn.scale, 2);
	assert_int_equal(insn.disp, -128);
	assert_int_equal(insn.op_size, 8);
	assert_int_equal(insn.seg, SEG_DS);
	assert_int_equal(DECODE("\x8b\x45\x00", 4), 0); /* mov eax, [ebp] */
	assert_int_equal(insn.seg, SEG_SS);
	assert_int_equal(DECODE("\x8b\x42\x10", 2), 0); /* mov ax, [bp+si+0x10] */
	ASSERT_OP(INSN_MOV, 3);
	assert_int_equal(insn.base, REG_RBP);
	assert_int_equal(insn.index, REG_RSI);
	assert_int_equal(insn.seg, SEG_SS);
	assert_int_equal(insn.addr_size, 2);
	assert_int_equal(DECODE("\x8b\x0e\x34\x12", 2), 0); /* mov cx, [0x1234] */
	assert_int_equal(insn.base, -1);
	assert_int_equal(insn.disp, 0x1234);
	assert_int_equal(insn.seg, SEG_DS);
	assert_int_equal(DECODE("\xa1\x88\x77\x66\x55\x44\x33\x22\x11", 8), 0); /* mov eax, moffs */
	ASSERT_OP(INSN_MOV, 9);
	assert_int_equal(insn.disp, 0x1122334455667788);
}

static void prefixes(void **state)
{
	(void)state;
	assert_int_equal(DECODE("\x0f\xc3\x07", 2), 0); /* movnti has no 16-bit form */
	assert_int_equal(insn.op_size, 4);
	assert_int_equal(DECODE("\x66\x67\x26\xf3\xa5", 4), 0); /* rep movsw, 16-bit addresses */
	ASSERT_OP(INSN_MOVS, 5);
	assert_int_equal(insn.op_size, 2);
	assert_int_equal(insn.addr_size, 2);
	assert_int_equal(insn.rep, 0xf3);
	assert_int_equal(insn.seg, SEG_ES);
	assert_int_equal(DECODE("\xf3\xf2\xae", 4), 0); /* the last of F2, F3 counts */
	assert_int_equal(insn.rep, 0xf2);
	assert_int_equal(DECODE("\x64\x2e\x8b\x00", 4), 0); /* the last segment counts */
	assert_int_equal(insn.seg, SEG_CS);
	assert_int_equal(DECODE("\x64\x2e\x8b\x00", 8), 0); /* CS is none in 64-bit mode */
	assert_int_equal(insn.seg, SEG_FS);
	assert_int_equal(DECODE("\x48\x66\x01\xc8", 8), 0); /* REX before a prefix is lost */
	assert_int_equal(insn.op_size, 2);
	assert_int_equal(DECODE("\x66\x48\x01\xc8", 8), 0);
	assert_int_equal(insn.op_size, 8);
	assert_int_equal(DECODE("\x90", 8), 0);
	ASSERT_OP(INSN_NOP, 1);
	assert_int_equal(DECODE("\x41\x90", 8), 0);
	ASSERT_OP(INSN_XCHG, 2);
	assert_int_equal(insn.rm, REG_R8);
	assert_int_equal(DECODE("\xf3\x90", 4), 0);
	ASSERT_OP(INSN_PAUSE, 2);
	assert_int_equal(DECODE("\x40", 4), 0);
	ASSERT_OP(INSN_INC, 1);
}

static void undefined_and_unsupported(void **state)
{
	(void)state;
	assert_int_equal(DECODE("\xf0\x01\xc8", 8), -EINVAL); /* lock add eax, ecx */
	assert_int_equal(insn.len, 3);
	assert_int_equal(DECODE("\xf0\x39\x08", 8), -EINVAL); /* lock cmp [rax], ecx */
	assert_int_equal(DECODE("\xf0\x01\x08", 8), 0);
	assert_int_equal(DECODE("\xf0\xf4", 8), -EINVAL); /* lock hlt */
	assert_int_equal(DECODE("\x8d\xc0", 8), -EINVAL); /* lea with a register */
	assert_int_equal(DECODE("\x8c\xf0", 8), -EINVAL); /* mov eax, segment register 6 */
	assert_int_equal(DECODE("\x06", 8), -EINVAL); /* push es */
	assert_int_equal(DECODE("\x06", 4), 0);
	assert_int_equal(DECODE("\xc5\xf8\x77", 8), -ENOTSUP); /* vzeroupper */
	assert_int_equal(DECODE("\xc5\x00", 4), -ENOTSUP); /* lds */
	assert_int_equal(DECODE("\x62\xf1\x7c\x48\x28\x00", 8), -ENOTSUP); /* EVEX */
	assert_int_equal(DECODE("\x8f\xe8\x78\x00", 8), -ENOTSUP); /* XOP */
	assert_int_equal(DECODE("\x0f\x28\x00", 8), -ENOTSUP); /* movaps */
	assert_int_equal(DECODE("\x66\xe8\x00\x00\x00\x00", 8), -ENOTSUP); /* vendors differ */
	assert_int_equal(DECODE("\x66\x48\xe8\x00\x00\x00\x00", 8), 0);
	assert_int_equal(insn.len, 7);
	assert_int_equal(DECODE("\x63\xc8", 4), -ENOTSUP); /* arpl */
	assert_int_equal(DECODE("\x63\xc8", 8), 0);
	assert_int_equal(DECODE("\x66\x63\x03", 8), -ENOTSUP); /* movsxd ax: vendors differ */
	assert_int_equal(DECODE("\x66\x48\x63\x03", 8), 0);
	assert_int_equal(insn.src_size, 4);
}

static void too_long_or_too_short(void **state)
{
	(void)state;
	/* 14 prefixes and a NOP are 15 bytes, one more is #GP. */
	assert_int_equal(DECODE("\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x90", 8),
			 0);
	assert_int_equal(insn.len, 15);
	assert_int_equal(DECODE("\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x90",
				8),
			 -EINVAL);
	assert_int_equal(insn.len, 0);
	assert_int_equal(DECODE("", 8), -EFAULT);
	assert_int_equal(DECODE("\x0f", 8), -EFAULT);
	assert_int_equal(DECODE("\x0f\x01", 8), -EFAULT);
	assert_int_equal(DECODE("\x8b\x80\x00\x00\x00", 8), -EFAULT);
	assert_int_equal(DECODE("\xe9\x00\x00\x00", 4), -EFAULT);
}

/* --- NASM as the oracle -------------------------------------------------------------- */

#define M16 1
#define M32 2
#define M64 4
#define ALL (M16 | M32 | M64)
#define LEGACY (M16 | M32)

struct form {
	const char *text; /* # stands for each memory operand of the mode */
	enum insn_op op;
	unsigned modes;
};

static const struct form forms[] = {
	{ "add byte #,5", INSN_ADD, ALL },
	{ "or word #,0x1234", INSN_OR, ALL },
	{ "adc dword #,0x123456", INSN_ADC, ALL },
	{ "sbb dword #,-3", INSN_SBB, ALL },
	{ "and qword #,0x12345678", INSN_AND, M64 },
	{ "sub #,cx", INSN_SUB, ALL },
	{ "xor #,ebx", INSN_XOR, ALL },
	{ "cmp #,dl", INSN_CMP, ALL },
	{ "cmp r9,#", INSN_CMP, M64 },
	{ "lock xadd #,eax", INSN_XADD, ALL },
	{ "add al,1", INSN_ADD, ALL },
	{ "add ax,0x1234", INSN_ADD, ALL },
	{ "add eax,0x123456", INSN_ADD, ALL },
	{ "add rax,0x123456", INSN_ADD, M64 },
	{ "test byte #,1", INSN_TEST, ALL },
	{ "test dword #,1", INSN_TEST, ALL },
	{ "test al,1", INSN_TEST, ALL },
	{ "inc ax", INSN_INC, ALL },
	{ "dec edi", INSN_DEC, ALL },
	{ "inc byte #", INSN_INC, ALL },
	{ "not word #", INSN_NOT, ALL },
	{ "neg dword #", INSN_NEG, ALL },
	{ "mul byte #", INSN_MUL, ALL },
	{ "imul word #", INSN_IMUL_WIDE, ALL },
	{ "imul ecx,#", INSN_IMUL, ALL },
	{ "imul cx,#,0x1234", INSN_IMUL, ALL },
	{ "imul ecx,#,-5", INSN_IMUL, ALL },
	{ "div dword #", INSN_DIV, ALL },
	{ "idiv byte #", INSN_IDIV, ALL },
	{ "rol byte #,1", INSN_ROL, ALL },
	{ "rcr word #,cl", INSN_RCR, ALL },
	{ "shl dword #,7", INSN_SHL, ALL },
	{ "sar qword #,63", INSN_SAR, M64 },
	{ "shld #,eax,5", INSN_SHLD, ALL },
	{ "shrd #,ax,cl", INSN_SHRD, ALL },
	{ "bt dword #,5", INSN_BT, ALL },
	{ "bts #,eax", INSN_BTS, ALL },
	{ "lock btr #,cx", INSN_BTR, ALL },
	{ "btc qword #,63", INSN_BTC, M64 },
	{ "bsf eax,#", INSN_BSF, ALL },
	{ "bsr cx,#", INSN_BSR, ALL },
	{ "tzcnt ecx,#", INSN_TZCNT, ALL },
	{ "lzcnt ecx,#", INSN_LZCNT, ALL },
	{ "mov byte #,5", INSN_MOV, ALL },
	{ "mov dword #,0x12345678", INSN_MOV, ALL },
	{ "mov word #,0x1234", INSN_MOV, ALL },
	{ "mov qword #,-2", INSN_MOV, M64 },
	{ "mov rax,0x123456789abcdef0", INSN_MOV, M64 },
	{ "mov bl,3", INSN_MOV, ALL },
	{ "mov cx,0x1234", INSN_MOV, ALL },
	{ "mov esi,0x12345678", INSN_MOV, ALL },
	{ "mov #,ds", INSN_MOV_FROM_SREG, ALL },
	{ "mov eax,gs", INSN_MOV_FROM_SREG, ALL },
	{ "mov r11b,#", INSN_MOV, M64 },
	{ "movzx eax,byte #", INSN_MOVZX, ALL },
	{ "movzx ecx,word #", INSN_MOVZX, ALL },
	{ "movsx cx,byte #", INSN_MOVSX, ALL },
	{ "movsx esi,word #", INSN_MOVSX, ALL },
	{ "movsxd r8,dword #", INSN_MOVSX, M64 },
	{ "movbe eax,#", INSN_MOVBE, ALL },
	{ "movbe #,cx", INSN_MOVBE, ALL },
	{ "movnti #,eax", INSN_MOV, ALL },
	{ "bswap edx", INSN_BSWAP, ALL },
	{ "bswap r13", INSN_BSWAP, M64 },
	{ "lea ecx,#", INSN_LEA, ALL },
	{ "xchg #,al", INSN_XCHG, ALL },
	{ "xchg eax,ebx", INSN_XCHG, ALL },
	{ "lock cmpxchg #,ecx", INSN_CMPXCHG, ALL },
	{ "cmpxchg8b #", INSN_CMPXCHG8B, ALL },
	{ "lock cmpxchg16b #", INSN_CMPXCHG8B, M64 },
	{ "setnz #", INSN_SETCC, ALL },
	{ "cmovge ecx,#", INSN_CMOVCC, ALL },
	{ "cbw", INSN_CBW, ALL },
	{ "cdqe", INSN_CBW, M64 },
	{ "cwd", INSN_CWD, ALL },
	{ "cqo", INSN_CWD, M64 },
	{ "xlatb", INSN_XLAT, ALL },
	{ "nop dword #", INSN_NOP, ALL },
	{ "prefetchnta #", INSN_NOP, ALL },
	{ "lahf", INSN_LAHF, ALL },
	{ "sahf", INSN_SAHF, ALL },
	{ "clc", INSN_CLC, ALL },
	{ "stc", INSN_STC, ALL },
	{ "cmc", INSN_CMC, ALL },
	{ "cld", INSN_CLD, ALL },
	{ "std", INSN_STD, ALL },
	{ "push cx", INSN_PUSH, ALL },
	{ "push ebx", INSN_PUSH, LEGACY },
	{ "push r12", INSN_PUSH, M64 },
	{ "push es", INSN_PUSH, LEGACY },
	{ "push fs", INSN_PUSH, ALL },
	{ "push byte 5", INSN_PUSH, ALL },
	{ "push word 0x1234", INSN_PUSH, ALL },
	{ "push dword 0x12345678", INSN_PUSH, LEGACY },
	{ "push word #", INSN_PUSH, ALL },
	{ "push qword #", INSN_PUSH, M64 },
	{ "pop word #", INSN_POP, ALL },
	{ "pop dword #", INSN_POP, LEGACY },
	{ "pop si", INSN_POP, ALL },
	{ "pushf", INSN_PUSHF, ALL },
	{ "popf", INSN_POPF, ALL },
	{ "leave", INSN_LEAVE, ALL },
	{ "call $+5", INSN_CALL, ALL },
	{ "call word #", INSN_CALL, LEGACY },
	{ "call dword #", INSN_CALL, LEGACY },
	{ "call qword #", INSN_CALL, M64 },
	{ "jmp dword #", INSN_JMP, LEGACY },
	{ "jmp qword #", INSN_JMP, M64 },
	{ "jmp short $", INSN_JMP, ALL },
	{ "jmp near $+300", INSN_JMP, ALL },
	{ "jz short $", INSN_JCC, ALL },
	{ "jle near $+300", INSN_JCC, ALL },
	{ "ret", INSN_RET, ALL },
	{ "ret 0x1234", INSN_RET, ALL },
	{ "loop $", INSN_LOOP, ALL },
	{ "loopne $", INSN_LOOP, ALL },
	{ "jecxz $", INSN_JCXZ, ALL },
	{ "rep movsb", INSN_MOVS, ALL },
	{ "movsd", INSN_MOVS, ALL },
	{ "rep stosw", INSN_STOS, ALL },
	{ "stosq", INSN_STOS, M64 },
	{ "lodsb", INSN_LODS, ALL },
	{ "repne scasb", INSN_SCAS, ALL },
	{ "repe cmpsd", INSN_CMPS, ALL },
	{ "rep insb", INSN_INS, ALL },
	{ "rep outsw", INSN_OUTS, ALL },
	{ "in al,0x71", INSN_IN, ALL },
	{ "in eax,dx", INSN_IN, ALL },
	{ "out 0x70,al", INSN_OUT, ALL },
	{ "out dx,ax", INSN_OUT, ALL },
	{ "mov eax,cr0", INSN_MOV_FROM_CR, LEGACY },
	{ "mov rcx,cr8", INSN_MOV_FROM_CR, M64 },
	{ "mov cr4,rbx", INSN_MOV_TO_CR, M64 },
	{ "mov dr7,rax", INSN_MOV_TO_DR, M64 },
	{ "mov ebx,dr6", INSN_MOV_FROM_DR, LEGACY },
	{ "clts", INSN_CLTS, ALL },
	{ "lmsw #", INSN_LMSW, ALL },
	{ "smsw #", INSN_SMSW, ALL },
	{ "smsw eax", INSN_SMSW, ALL },
	{ "invlpg #", INSN_INVLPG, ALL },
	{ "invd", INSN_INVD, ALL },
	{ "wbinvd", INSN_WBINVD, ALL },
	{ "cpuid", INSN_CPUID, ALL },
	{ "rdmsr", INSN_RDMSR, ALL },
	{ "wrmsr", INSN_WRMSR, ALL },
	{ "rdtsc", INSN_RDTSC, ALL },
	{ "rdtscp", INSN_RDTSCP, ALL },
	{ "rdpmc", INSN_RDPMC, ALL },
	{ "hlt", INSN_HLT, ALL },
	{ "pause", INSN_PAUSE, ALL },
	{ "monitor", INSN_MONITOR, ALL },
	{ "mwait", INSN_MWAIT, ALL },
	{ "xgetbv", INSN_XGETBV, ALL },
	{ "xsetbv", INSN_XSETBV, ALL },
	{ "int 0x80", INSN_INT, ALL },
	{ "int3", INSN_INT3, ALL },
	{ "into", INSN_INTO, LEGACY },
	{ "int1", INSN_ICEBP, ALL },
	{ "iretd", INSN_IRET, ALL },
	{ "iretq", INSN_IRET, M64 },
	{ "rsm", INSN_RSM, ALL },
	{ "cli", INSN_CLI, ALL },
	{ "sti", INSN_STI, ALL },
	{ "sgdt #", INSN_SGDT, ALL },
	{ "sidt #", INSN_SIDT, ALL },
	{ "lgdt #", INSN_LGDT, ALL },
	{ "lidt #", INSN_LIDT, ALL },
	{ "sldt #", INSN_SLDT, ALL },
	{ "str eax", INSN_STR, ALL },
	{ "lldt #", INSN_LLDT, ALL },
	{ "ltr ax", INSN_LTR, ALL },
	{ "vmrun", INSN_VMRUN, ALL },
	{ "vmmcall", INSN_VMMCALL, ALL },
	{ "vmload", INSN_VMLOAD, ALL },
	{ "vmsave", INSN_VMSAVE, ALL },
	{ "stgi", INSN_STGI, ALL },
	{ "clgi", INSN_CLGI, ALL },
	{ "skinit", INSN_SKINIT, M64 },
	{ "invlpga", INSN_INVLPGA, ALL },
	{ "vmcall", INSN_VMCALL, ALL },
	{ "vmlaunch", INSN_VMLAUNCH, ALL },
	{ "vmresume", INSN_VMRESUME, ALL },
	{ "vmxoff", INSN_VMXOFF, ALL },
	{ "vmxon #", INSN_VMXON, ALL },
	{ "vmclear #", INSN_VMCLEAR, ALL },
	{ "vmptrld #", INSN_VMPTRLD, ALL },
	{ "vmptrst #", INSN_VMPTRST, ALL },
	{ "vmread #,ecx", INSN_VMREAD, LEGACY },
	{ "vmwrite rcx,#", INSN_VMWRITE, M64 },
	{ "invept ecx,#", INSN_INVEPT, LEGACY },
	{ "invvpid rcx,#", INSN_INVVPID, M64 },
	{ "invpcid rcx,#", INSN_INVPCID, M64 },
	{ "vmfunc", INSN_VMFUNC, ALL },
	{ "getsec", INSN_GETSEC, ALL },
	{ "db 0x0f,0x01,0xfd", INSN_RDPRU, ALL },
};

static const char *const mem16[] = { "[bx+si]", "[bp+di+5]", "[0x1234]", "[si+0x1234]",
				     "[bp]",	"[es:di]",   "[eax]",	 "[ebp+ecx*4+0x12345678]",
				     NULL };
static const char *const mem32[] = { "[eax]",
				     "[ebp]",
				     "[esp]",
				     "[esp+8]",
				     "[0x12345678]",
				     "[ecx*8+0x10]",
				     "[fs:ebx+esi*2-128]",
				     "[edi+0x12345]",
				     "[bx+si]",
				     "[word 0x1234]",
				     NULL };
static const char *const mem64[] = {
	"[rax]",       "[r13]",		  "[r12]",	"[rsp+8]",	 "[rbp-1000]",
	"[rel $+100]", "[abs 0x1234]",	  "[r9+r10*4]", "[gs:rcx+0x28]", "[eax+4]",
	"[r15*8+5]",   "[rbx+r12*2-128]", NULL
};

struct line {
	const struct form *form;
	unsigned mode;
	char text[64];
	unsigned offset;
};

static struct line lines[4096];
static unsigned nr_lines;

static void add_line(const struct form *f, unsigned mode, const char *mem)
{
	struct line *l = &lines[nr_lines++];
	const char *hash = strchr(f->text, '#');

	assert_true(nr_lines < ARRAY_SIZE(lines));
	l->form = f;
	l->mode = mode;
	if (hash)
		snprintf(l->text, sizeof(l->text), "%.*s%s%s", (int)(hash - f->text), f->text, mem,
			 hash + 1);
	else
		snprintf(l->text, sizeof(l->text), "%s", f->text);
}

static void add_forms(unsigned mode, unsigned bit, const char *const *mem)
{
	for (unsigned i = 0; i < ARRAY_SIZE(forms); i++) {
		if (!(forms[i].modes & bit))
			continue;
		if (!strchr(forms[i].text, '#'))
			add_line(&forms[i], mode, "");
		for (unsigned k = 0; strchr(forms[i].text, '#') && mem[k]; k++)
			add_line(&forms[i], mode, mem[k]);
	}
}

/* Assembles the lines; the listing gives each one's offset in the binary. */
static size_t assemble(uint8_t *image, size_t size)
{
	char dir[] = "/tmp/emulXXXXXX", path[64], command[256], text[512];
	unsigned bits = 0, number, offset;
	FILE *f;
	size_t n;

	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/a.asm", dir);
	f = fopen(path, "w");
	assert_non_null(f);
	for (unsigned i = 0; i < nr_lines; i++) {
		if (lines[i].mode != bits)
			fprintf(f, "bits %u\n", lines[i].mode * 8);
		bits = lines[i].mode;
		fprintf(f, "L%u: %s\n", i, lines[i].text);
	}
	fclose(f);
	snprintf(command, sizeof(command), "cd %s && nasm -w-all -f bin -l a.lst a.asm -o a.bin",
		 dir);
	assert_int_equal(system(command), 0);

	snprintf(path, sizeof(path), "%s/a.lst", dir);
	f = fopen(path, "r");
	assert_non_null(f);
	while (fgets(text, sizeof(text), f)) {
		char *label = strchr(text, 'L');
		unsigned index;

		if (sscanf(text, "%u %x", &number, &offset) == 2 && label &&
		    sscanf(label, "L%u:", &index) == 1 && index < nr_lines)
			lines[index].offset = offset;
	}
	fclose(f);
	snprintf(path, sizeof(path), "%s/a.bin", dir);
	f = fopen(path, "r");
	assert_non_null(f);
	n = fread(image, 1, size, f);
	fclose(f);
	snprintf(command, sizeof(command), "rm -r %s", dir);
	assert_int_equal(system(command), 0);
	return n;
}

static void lengths_are_those_of_nasm(void **state)
{
	static uint8_t image[1 << 16];
	size_t size;

	(void)state;
	add_forms(2, M16, mem16);
	add_forms(4, M32, mem32);
	add_forms(8, M64, mem64);
	size = assemble(image, sizeof(image));
	lines[nr_lines].offset = size;
	for (unsigned i = 0; i < nr_lines; i++) {
		struct line *l = &lines[i];
		unsigned want = l[1].offset - l->offset;
		int rc = insn_decode(&insn, image + l->offset, want, l->mode);

		if (rc || insn.len != want || insn.op != l->form->op)
			fail_msg("bits %u: %s: rc %d, length %u, NASM's %u, op %u (%s)",
				 l->mode * 8, l->text, rc, insn.len, want, insn.op,
				 rc ? "" : insn.desc->name);
		assert_memory_equal(insn.bytes, image + l->offset, want);
		/* One byte less is too few, whatever the length. */
		assert_int_equal(insn_decode(&insn, image + l->offset, want - 1, l->mode), -EFAULT);
	}
	assert_true(nr_lines > 1500);
}

/* --- random bytes --------------------------------------------------------------------- */

static uint64_t seed = 0x9e3779b97f4a7c15;

static uint64_t random64(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

static void never_reads_past_the_end(void **state)
{
	static const unsigned modes[] = { 2, 4, 8 };
	long page = sysconf(_SC_PAGESIZE);
	uint8_t *map =
		mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	unsigned decoded = 0;

	(void)state;
	assert_ptr_not_equal(map, MAP_FAILED);
	assert_int_equal(mprotect(map + page, page, PROT_NONE), 0);
	for (unsigned i = 0; i < 1000000; i++) {
		uint64_t r = random64();
		unsigned n = 1 + r % 15, mode = modes[(r >> 8) % 3];
		uint8_t *bytes = map + page - n;
		int rc;

		for (unsigned k = 0; k < n; k++)
			bytes[k] = random64() >> 32;
		if (r >> 63) /* more of the second map, and prefixes */
			bytes[0] = (r >> 62) & 1 ? 0x0f : 0x66;
		rc = insn_decode(&insn, bytes, n, mode);
		assert_true(rc == 0 || rc == -EFAULT || rc == -EINVAL || rc == -ENOTSUP);
		if (rc)
			continue;
		decoded++;
		assert_in_range(insn.len, 1, n);
		assert_int_equal(insn_decode(&insn, bytes, insn.len, mode), 0);
	}
	assert_true(decoded > 100000);
	munmap(map, 2 * page);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(control_registers),
		cmocka_unit_test(memory_forms),
		cmocka_unit_test(prefixes),
		cmocka_unit_test(undefined_and_unsupported),
		cmocka_unit_test(too_long_or_too_short),
		cmocka_unit_test(lengths_are_those_of_nasm),
		cmocka_unit_test(never_reads_past_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

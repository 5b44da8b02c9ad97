/* SPDX-License-Identifier: MIT */
/*
 * The emulator's scope: one row for each opcode that it decodes, in tables that the decoder
 * indexes by opcode byte. hv/EMULATOR.md is printed from them (`make emul-doc`).
 * An opcode without a row is outside the scope. All data is constant: no lock.
 */
#ifndef HV_EMUL_TABLE_H
#define HV_EMUL_TABLE_H

#include "hv/compiler.h"

/* clang-format off */
enum insn_op {
	INSN_NONE, /* no row */
	INSN_PREFIX,

	/* The eight of opcodes 00-3F and group 1, in encoding order. */
	INSN_ADD, INSN_OR, INSN_ADC, INSN_SBB, INSN_AND, INSN_SUB, INSN_XOR, INSN_CMP,
	INSN_TEST, INSN_INC, INSN_DEC, INSN_NEG, INSN_NOT,
	INSN_ROL, INSN_ROR, INSN_RCL, INSN_RCR, INSN_SHL, INSN_SHR, INSN_SAR,
	INSN_SHLD, INSN_SHRD,
	INSN_IMUL, /* two and three operands */
	INSN_MUL, INSN_IMUL_WIDE, INSN_DIV, INSN_IDIV,
	INSN_BT, INSN_BTS, INSN_BTR, INSN_BTC,
	INSN_BSF, INSN_BSR, INSN_TZCNT, INSN_LZCNT,
	INSN_MOV, INSN_MOV_FROM_SREG, INSN_MOVZX, INSN_MOVSX, INSN_MOVBE, INSN_BSWAP,
	INSN_LEA, INSN_XCHG, INSN_XADD, INSN_CMPXCHG, INSN_CMPXCHG8B,
	INSN_SETCC, INSN_CMOVCC, INSN_CBW, INSN_CWD, INSN_XLAT, INSN_NOP,
	INSN_LAHF, INSN_SAHF, INSN_CLC, INSN_STC, INSN_CMC, INSN_CLD, INSN_STD,
	INSN_PUSH, INSN_POP, INSN_PUSHF, INSN_POPF, INSN_PUSHA, INSN_POPA, INSN_LEAVE,
	INSN_CALL, INSN_RET, INSN_JMP, INSN_JCC, INSN_LOOP, INSN_JCXZ,
	INSN_MOVS, INSN_STOS, INSN_LODS, INSN_CMPS, INSN_SCAS, INSN_INS, INSN_OUTS,
	INSN_IN, INSN_OUT,
	INSN_MOV_TO_SREG, INSN_POP_SREG, INSN_LSS, INSN_LFS, INSN_LGS,
	INSN_FAR_JMP, INSN_FAR_CALL, INSN_FAR_RET, INSN_IRET, INSN_INT, INSN_INT3, INSN_INTO,
	INSN_CLI, INSN_STI,
	INSN_SGDT, INSN_SIDT, INSN_LGDT, INSN_LIDT, INSN_SLDT, INSN_STR, INSN_LLDT, INSN_LTR,

	/* From here on decoded only; the exit handlers execute them. */
	INSN_FIRST_DECODE_ONLY,
	INSN_MOV_FROM_CR = INSN_FIRST_DECODE_ONLY, INSN_MOV_TO_CR,
	INSN_MOV_FROM_DR, INSN_MOV_TO_DR,
	INSN_CLTS, INSN_LMSW, INSN_SMSW, INSN_INVLPG, INSN_INVD, INSN_WBINVD,
	INSN_CPUID, INSN_RDMSR, INSN_WRMSR, INSN_RDTSC, INSN_RDTSCP, INSN_RDPMC, INSN_RDPRU,
	INSN_HLT, INSN_PAUSE, INSN_MONITOR, INSN_MWAIT, INSN_XGETBV, INSN_XSETBV,
	INSN_ICEBP, INSN_RSM, INSN_UD2,
	INSN_VMRUN, INSN_VMMCALL, INSN_VMLOAD, INSN_VMSAVE, INSN_STGI, INSN_CLGI, INSN_SKINIT,
	INSN_INVLPGA,
	INSN_VMCALL, INSN_VMLAUNCH, INSN_VMRESUME, INSN_VMXOFF, INSN_VMXON, INSN_VMFUNC,
	INSN_VMPTRLD, INSN_VMPTRST, INSN_VMCLEAR, INSN_VMREAD, INSN_VMWRITE,
	INSN_INVEPT, INSN_INVVPID, INSN_INVPCID, INSN_GETSEC,
	NR_INSN_OPS
};
/* clang-format on */

/* Where an operand is. The letters are those of the opcode maps (Intel SDM Vol. 2D A.2). */
enum emul_operand {
	OPN_NONE,
	OPN_ACC, /* AL, AX, EAX, RAX */
	OPN_DX,
	OPN_CL,
	OPN_ONE,
	OPN_SEG, /* segment register in bits 5:3 of the opcode */
	OPN_SI, /* X: string source */
	OPN_DI, /* Y: string destination */
	OPN_OPREG, /* Z: register in bits 2:0 of the opcode */

	OPN_RM, /* E; from here on a ModRM byte follows */
	OPN_RM8,
	OPN_RM16,
	OPN_RM32,
	OPN_MEM, /* M: mod 3 is undefined */
	OPN_GPR, /* R: rm is a register whatever mod says */
	OPN_REG, /* G */
	OPN_SREG, /* S */
	OPN_CR, /* C */
	OPN_DR, /* D */

	OPN_IMM8, /* Ib, sign-extended; from here on bytes of the instruction */
	OPN_IMM8U, /* Ib */
	OPN_IMM16, /* Iw */
	OPN_IMMZ, /* Iz: of the operand size, at most 32 bits, sign-extended */
	OPN_IMMV, /* Iv: of the operand size */
	OPN_REL8, /* Jb */
	OPN_RELZ, /* Jz */
	OPN_MOFFS, /* O: an address of the address size */
	OPN_PTR, /* A: a far pointer, offset and selector */
	NR_OPERANDS
};
#define OPN_FIRST_MODRM OPN_RM
#define OPN_FIRST_IMM OPN_IMM8

/* struct insn_desc.flags */
enum insn_flags {
	IF_BYTE = 1 << 0, /* operand size is 1 */
	IF_D64 = 1 << 1, /* 64-bit mode: operand size is 8, or 2 with 66 */
	IF_F64 = 1 << 2, /* 64-bit mode: operand size is 8; vendors differ about 66 */
	IF_NATURAL = 1 << 3, /* operand size is 8 in 64-bit mode, else 4 */
	IF_MAX32 = 1 << 4, /* REX.W does not widen it */
	IF_MEM16 = 1 << 5, /* a memory operand has 16 bits, whatever the operand size */
	IF_NO64 = 1 << 6, /* undefined in 64-bit mode */
	IF_ONLY64 = 1 << 7, /* means something else outside it */
	IF_LOCK = 1 << 8, /* LOCK is allowed if the destination is memory */
	IF_R = 1 << 9, /* the first operand is read */
	IF_W = 1 << 10, /* the first operand is written */

	/* The row stands for several; `group` points to them. */
	IF_BY_REG = 1 << 11, /* 8 by modrm.reg */
	IF_BY_MOD_REG = 1 << 12, /* the same, and 8 more for mod 3 */
	IF_BY_RM = 1 << 13, /* 8 by modrm.rm */
	IF_BY_PREFIX = 1 << 14, /* 4 by mandatory prefix: none, 66, F3, F2 */
	IF_ANY_GROUP = IF_BY_REG | IF_BY_MOD_REG | IF_BY_RM | IF_BY_PREFIX,

	/* What the operands imply, by IF_OF_OPERAND, so that the decoder only tests bits. */
	IF_MODRM = 1 << 15,
	IF_IMM = 1 << 16,
	IF_MEM_ONLY = 1 << 17, /* mod 3 is undefined */
	IF_RM_IS_REG = 1 << 18, /* mod is ignored */
	IF_NARROW = 1 << 19, /* the source is smaller than the operand size */
	IF_SREG = 1 << 20, /* modrm.reg is a segment register */

	IF_MIN32 = 1 << 21, /* operand size is 4 where it would be 2 */

	/* Executed only outside 64-bit mode (vendors differ), or only in real mode; else decoded. */
	IF_LEGACY = 1 << 22,
	IF_REAL = 1 << 23,
};

#define IF_OF_OPERAND(k)                                                            \
	(((k) >= OPN_FIRST_MODRM && (k) < OPN_FIRST_IMM ? IF_MODRM : 0) |           \
	 ((k) >= OPN_FIRST_IMM ? IF_IMM : 0) | ((k) == OPN_MEM ? IF_MEM_ONLY : 0) | \
	 ((k) == OPN_GPR ? IF_RM_IS_REG : 0) | ((k) == OPN_SREG ? IF_SREG : 0) |    \
	 ((k) == OPN_RM8 || (k) == OPN_RM16 || (k) == OPN_RM32 ? IF_NARROW : 0))

struct insn_desc {
	union {
		const char *name;
		const struct insn_desc *group;
	};
	uint8_t op; /* enum insn_op */
	uint8_t opnd[3]; /* enum emul_operand, destination first */
	uint32_t flags;
};

extern const struct insn_desc emul_map_1byte[256];
extern const struct insn_desc emul_map_0f[256];
extern const struct insn_desc emul_map_0f38[256];

/* The row that `row` (IF_ANY_GROUP) has for these bytes of the instruction. */
static inline const struct insn_desc *insn_group_member(const struct insn_desc *row, uint8_t modrm,
							uint8_t rep, bool opsize)
{
	unsigned reg = (modrm >> 3) & 7;

	if (row->flags & IF_BY_REG)
		return &row->group[reg];
	if (row->flags & IF_BY_MOD_REG)
		return &row->group[reg | (modrm >= 0xc0) << 3];
	if (row->flags & IF_BY_RM)
		return &row->group[modrm & 7];
	if (rep)
		return &row->group[rep == 0xf3 ? 2 : 3];
	return &row->group[opsize ? 1 : 0];
}

/* INS, OUTS, IN, OUT. */
static inline bool insn_uses_port(enum insn_op op)
{
	return op >= INSN_INS && op <= INSN_OUT;
}

#endif

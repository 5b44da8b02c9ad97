/* SPDX-License-Identifier: MIT */
/*
 * The rows of the emulator's scope (Intel SDM Vol. 2D A.3, A.4; AMD APM Vol. 3 A.1, A.2).
 * Groups come first, then the three opcode maps. Constant: no lock.
 */
#include "hv/emul_table.h"

/* clang-format off */
#define ROW3(n, o, a, b, c, f) { .name = n, .op = o, .opnd = { a, b, c }, \
	.flags = (f) | IF_OF_OPERAND(a) | IF_OF_OPERAND(b) | IF_OF_OPERAND(c) }
#define ROW(n, o, a, b, f) ROW3(n, o, a, b, OPN_NONE, f)
#define PLAIN(n, o) ROW(n, o, OPN_NONE, OPN_NONE, 0)
#define PREFIX { .name = "prefix", .op = INSN_PREFIX }
#define GROUP(how, rows) { .group = rows, .flags = how }

#define RW (IF_R | IF_W)
#define RWL (IF_R | IF_W | IF_LOCK)

/* The same row for the byte form and, one opcode up, for the full operand size. */
#define PAIR(at, n, o, a, b, f) \
	[at] = ROW(n, o, a, b, (f) | IF_BYTE), [(at) + 1] = ROW(n, o, a, b, f)

/* Opcodes 00-3F: six forms of each operation. */
#define ALU(at, n, o, w, lock) \
	PAIR(at, n, o, OPN_RM, OPN_REG, IF_R | (w) | (lock)), \
	PAIR((at) + 2, n, o, OPN_REG, OPN_RM, IF_R | (w)), \
	PAIR((at) + 4, n, o, OPN_ACC, OPN_IMMZ, IF_R | (w))

#define GROUP1(src, f) { \
	ROW("add", INSN_ADD, OPN_RM, src, RWL | (f)), ROW("or", INSN_OR, OPN_RM, src, RWL | (f)), \
	ROW("adc", INSN_ADC, OPN_RM, src, RWL | (f)), ROW("sbb", INSN_SBB, OPN_RM, src, RWL | (f)), \
	ROW("and", INSN_AND, OPN_RM, src, RWL | (f)), ROW("sub", INSN_SUB, OPN_RM, src, RWL | (f)), \
	ROW("xor", INSN_XOR, OPN_RM, src, RWL | (f)), ROW("cmp", INSN_CMP, OPN_RM, src, IF_R | (f)) }

/* /6 is an undocumented SHL that every CPU has. */
#define GROUP2(src, f) { \
	ROW("rol", INSN_ROL, OPN_RM, src, RW | (f)), ROW("ror", INSN_ROR, OPN_RM, src, RW | (f)), \
	ROW("rcl", INSN_RCL, OPN_RM, src, RW | (f)), ROW("rcr", INSN_RCR, OPN_RM, src, RW | (f)), \
	ROW("shl", INSN_SHL, OPN_RM, src, RW | (f)), ROW("shr", INSN_SHR, OPN_RM, src, RW | (f)), \
	ROW("shl", INSN_SHL, OPN_RM, src, RW | (f)), ROW("sar", INSN_SAR, OPN_RM, src, RW | (f)) }

#define GROUP3(f) { \
	ROW("test", INSN_TEST, OPN_RM, OPN_IMMZ, IF_R | (f)), \
	ROW("test", INSN_TEST, OPN_RM, OPN_IMMZ, IF_R | (f)), \
	ROW("not", INSN_NOT, OPN_RM, OPN_NONE, RWL | (f)), \
	ROW("neg", INSN_NEG, OPN_RM, OPN_NONE, RWL | (f)), \
	ROW("mul", INSN_MUL, OPN_RM, OPN_NONE, IF_R | (f)), \
	ROW("imul", INSN_IMUL_WIDE, OPN_RM, OPN_NONE, IF_R | (f)), \
	ROW("div", INSN_DIV, OPN_RM, OPN_NONE, IF_R | (f)), \
	ROW("idiv", INSN_IDIV, OPN_RM, OPN_NONE, IF_R | (f)) }
/* clang-format on */

static const struct insn_desc group1_byte[8] = GROUP1(OPN_IMMZ, IF_BYTE);
static const struct insn_desc group1_full[8] = GROUP1(OPN_IMMZ, 0);
static const struct insn_desc group1_imm8[8] = GROUP1(OPN_IMM8, 0);

static const struct insn_desc group1a[8] = {
	ROW("pop", INSN_POP, OPN_RM, OPN_NONE, IF_W | IF_D64),
};

static const struct insn_desc group2_byte_imm[8] = GROUP2(OPN_IMM8U, IF_BYTE);
static const struct insn_desc group2_full_imm[8] = GROUP2(OPN_IMM8U, 0);
static const struct insn_desc group2_byte_one[8] = GROUP2(OPN_ONE, IF_BYTE);
static const struct insn_desc group2_full_one[8] = GROUP2(OPN_ONE, 0);
static const struct insn_desc group2_byte_cl[8] = GROUP2(OPN_CL, IF_BYTE);
static const struct insn_desc group2_full_cl[8] = GROUP2(OPN_CL, 0);

static const struct insn_desc group3_byte[8] = GROUP3(IF_BYTE);
static const struct insn_desc group3_full[8] = GROUP3(0);

static const struct insn_desc group4[8] = {
	ROW("inc", INSN_INC, OPN_RM, OPN_NONE, RWL | IF_BYTE),
	ROW("dec", INSN_DEC, OPN_RM, OPN_NONE, RWL | IF_BYTE),
};

static const struct insn_desc group5[8] = {
	[0] = ROW("inc", INSN_INC, OPN_RM, OPN_NONE, RWL),
	[1] = ROW("dec", INSN_DEC, OPN_RM, OPN_NONE, RWL),
	[2] = ROW("call", INSN_CALL, OPN_RM, OPN_NONE, IF_R | IF_F64),
	[3] = ROW("callf", INSN_FAR_CALL, OPN_MEM, OPN_NONE, IF_R | IF_LEGACY),
	[4] = ROW("jmp", INSN_JMP, OPN_RM, OPN_NONE, IF_R | IF_F64),
	[5] = ROW("jmpf", INSN_FAR_JMP, OPN_MEM, OPN_NONE, IF_R | IF_LEGACY),
	[6] = ROW("push", INSN_PUSH, OPN_RM, OPN_NONE, IF_R | IF_D64),
};

static const struct insn_desc group6[8] = {
	ROW("sldt", INSN_SLDT, OPN_RM, OPN_NONE, IF_W | IF_MEM16),
	ROW("str", INSN_STR, OPN_RM, OPN_NONE, IF_W | IF_MEM16),
	ROW("lldt", INSN_LLDT, OPN_RM16, OPN_NONE, IF_R),
	ROW("ltr", INSN_LTR, OPN_RM16, OPN_NONE, IF_R),
};

static const struct insn_desc group7_reg0[8] = {
	[1] = PLAIN("vmcall", INSN_VMCALL),
	[2] = PLAIN("vmlaunch", INSN_VMLAUNCH),
	[3] = PLAIN("vmresume", INSN_VMRESUME),
	[4] = PLAIN("vmxoff", INSN_VMXOFF),
};

static const struct insn_desc group7_reg1[8] = {
	[0] = PLAIN("monitor", INSN_MONITOR),
	[1] = PLAIN("mwait", INSN_MWAIT),
};

static const struct insn_desc group7_reg2[8] = {
	[0] = PLAIN("xgetbv", INSN_XGETBV),
	[1] = PLAIN("xsetbv", INSN_XSETBV),
	[4] = PLAIN("vmfunc", INSN_VMFUNC),
};

static const struct insn_desc group7_reg3[8] = {
	PLAIN("vmrun", INSN_VMRUN),   PLAIN("vmmcall", INSN_VMMCALL), PLAIN("vmload", INSN_VMLOAD),
	PLAIN("vmsave", INSN_VMSAVE), PLAIN("stgi", INSN_STGI),	      PLAIN("clgi", INSN_CLGI),
	PLAIN("skinit", INSN_SKINIT), PLAIN("invlpga", INSN_INVLPGA),
};

static const struct insn_desc group7_reg7[8] = {
	[1] = PLAIN("rdtscp", INSN_RDTSCP),
	[5] = PLAIN("rdpru", INSN_RDPRU),
};

static const struct insn_desc group7[16] = {
	[0] = ROW("sgdt", INSN_SGDT, OPN_MEM, OPN_NONE, IF_W | IF_NATURAL),
	[1] = ROW("sidt", INSN_SIDT, OPN_MEM, OPN_NONE, IF_W | IF_NATURAL),
	/* 64-bit mode: always 8 bytes of base; else a 66 prefix means 3 (SDM Vol. 2A, LGDT). */
	[2] = ROW("lgdt", INSN_LGDT, OPN_MEM, OPN_NONE, IF_R | IF_D64),
	[3] = ROW("lidt", INSN_LIDT, OPN_MEM, OPN_NONE, IF_R | IF_D64),
	[4] = ROW("smsw", INSN_SMSW, OPN_RM, OPN_NONE, IF_W | IF_MEM16),
	[6] = ROW("lmsw", INSN_LMSW, OPN_RM16, OPN_NONE, IF_R),
	[7] = ROW("invlpg", INSN_INVLPG, OPN_MEM, OPN_NONE, 0),
	[8 + 0] = GROUP(IF_BY_RM, group7_reg0),
	[8 + 1] = GROUP(IF_BY_RM, group7_reg1),
	[8 + 2] = GROUP(IF_BY_RM, group7_reg2),
	[8 + 3] = GROUP(IF_BY_RM, group7_reg3),
	[8 + 4] = ROW("smsw", INSN_SMSW, OPN_RM, OPN_NONE, IF_W),
	[8 + 6] = ROW("lmsw", INSN_LMSW, OPN_RM16, OPN_NONE, IF_R),
	[8 + 7] = GROUP(IF_BY_RM, group7_reg7),
};

static const struct insn_desc group8[8] = {
	[4] = ROW("bt", INSN_BT, OPN_RM, OPN_IMM8U, IF_R),
	[5] = ROW("bts", INSN_BTS, OPN_RM, OPN_IMM8U, RWL),
	[6] = ROW("btr", INSN_BTR, OPN_RM, OPN_IMM8U, RWL),
	[7] = ROW("btc", INSN_BTC, OPN_RM, OPN_IMM8U, RWL),
};

static const struct insn_desc group9_reg6[4] = {
	[0] = ROW("vmptrld", INSN_VMPTRLD, OPN_MEM, OPN_NONE, IF_R),
	[1] = ROW("vmclear", INSN_VMCLEAR, OPN_MEM, OPN_NONE, IF_R),
	[2] = ROW("vmxon", INSN_VMXON, OPN_MEM, OPN_NONE, IF_R),
};

static const struct insn_desc group9[16] = {
	/* cmpxchg16b with REX.W */
	[1] = ROW("cmpxchg8b", INSN_CMPXCHG8B, OPN_MEM, OPN_NONE, RWL),
	[6] = GROUP(IF_BY_PREFIX, group9_reg6),
	[7] = ROW("vmptrst", INSN_VMPTRST, OPN_MEM, OPN_NONE, IF_W),
};

static const struct insn_desc group11_byte[8] = { ROW("mov", INSN_MOV, OPN_RM, OPN_IMMZ,
						      IF_W | IF_BYTE) };
static const struct insn_desc group11_full[8] = { ROW("mov", INSN_MOV, OPN_RM, OPN_IMMZ, IF_W) };

/* REX.B makes it an exchange with r8: the decoder's. */
static const struct insn_desc nop_pause[4] = {
	PLAIN("nop", INSN_NOP),
	PLAIN("nop", INSN_NOP),
	PLAIN("pause", INSN_PAUSE),
	PLAIN("nop", INSN_NOP),
};

/* Where the CPU has no TZCNT or LZCNT, the prefix is ignored; the executor asks the CPU. */
static const struct insn_desc bsf_tzcnt[4] = {
	ROW("bsf", INSN_BSF, OPN_REG, OPN_RM, RW),
	ROW("bsf", INSN_BSF, OPN_REG, OPN_RM, RW),
	ROW("tzcnt", INSN_TZCNT, OPN_REG, OPN_RM, RW),
	ROW("bsf", INSN_BSF, OPN_REG, OPN_RM, RW),
};
static const struct insn_desc bsr_lzcnt[4] = {
	ROW("bsr", INSN_BSR, OPN_REG, OPN_RM, RW),
	ROW("bsr", INSN_BSR, OPN_REG, OPN_RM, RW),
	ROW("lzcnt", INSN_LZCNT, OPN_REG, OPN_RM, RW),
	ROW("bsr", INSN_BSR, OPN_REG, OPN_RM, RW),
};

static const struct insn_desc movnti[4] = { ROW("movnti", INSN_MOV, OPN_MEM, OPN_REG,
						IF_W | IF_MIN32) };
static const struct insn_desc vmread[4] = { ROW("vmread", INSN_VMREAD, OPN_RM, OPN_REG,
						IF_W | IF_NATURAL) };
static const struct insn_desc vmwrite[4] = { ROW("vmwrite", INSN_VMWRITE, OPN_REG, OPN_RM,
						 IF_R | IF_NATURAL) };
static const struct insn_desc invept[4] = { [1] = ROW("invept", INSN_INVEPT, OPN_REG, OPN_MEM,
						      IF_R | IF_NATURAL) };
static const struct insn_desc invvpid[4] = { [1] = ROW("invvpid", INSN_INVVPID, OPN_REG, OPN_MEM,
						       IF_R | IF_NATURAL) };
static const struct insn_desc invpcid[4] = { [1] = ROW("invpcid", INSN_INVPCID, OPN_REG, OPN_MEM,
						       IF_R | IF_NATURAL) };
static const struct insn_desc movbe_load[4] = {
	ROW("movbe", INSN_MOVBE, OPN_REG, OPN_MEM, IF_W),
	ROW("movbe", INSN_MOVBE, OPN_REG, OPN_MEM, IF_W),
};
static const struct insn_desc movbe_store[4] = {
	ROW("movbe", INSN_MOVBE, OPN_MEM, OPN_REG, IF_W),
	ROW("movbe", INSN_MOVBE, OPN_MEM, OPN_REG, IF_W),
};

const struct insn_desc emul_map_1byte[256] = {
	ALU(0x00, "add", INSN_ADD, IF_W, IF_LOCK),
	[0x06] = ROW("push", INSN_PUSH, OPN_SEG, OPN_NONE, IF_R | IF_NO64),
	[0x07] = ROW("pop", INSN_POP_SREG, OPN_SEG, OPN_NONE, IF_W | IF_NO64),
	ALU(0x08, "or", INSN_OR, IF_W, IF_LOCK),
	[0x0e] = ROW("push", INSN_PUSH, OPN_SEG, OPN_NONE, IF_R | IF_NO64),
	ALU(0x10, "adc", INSN_ADC, IF_W, IF_LOCK),
	[0x16] = ROW("push", INSN_PUSH, OPN_SEG, OPN_NONE, IF_R | IF_NO64),
	[0x17] = ROW("pop", INSN_POP_SREG, OPN_SEG, OPN_NONE, IF_W | IF_NO64),
	ALU(0x18, "sbb", INSN_SBB, IF_W, IF_LOCK),
	[0x1e] = ROW("push", INSN_PUSH, OPN_SEG, OPN_NONE, IF_R | IF_NO64),
	[0x1f] = ROW("pop", INSN_POP_SREG, OPN_SEG, OPN_NONE, IF_W | IF_NO64),
	ALU(0x20, "and", INSN_AND, IF_W, IF_LOCK),
	[0x26] = PREFIX,
	ALU(0x28, "sub", INSN_SUB, IF_W, IF_LOCK),
	[0x2e] = PREFIX,
	ALU(0x30, "xor", INSN_XOR, IF_W, IF_LOCK),
	[0x36] = PREFIX,
	ALU(0x38, "cmp", INSN_CMP, 0, 0),
	[0x3e] = PREFIX,
	[0x40 ... 0x47] = ROW("inc", INSN_INC, OPN_OPREG, OPN_NONE, RW | IF_NO64),
	[0x48 ... 0x4f] = ROW("dec", INSN_DEC, OPN_OPREG, OPN_NONE, RW | IF_NO64),
	[0x50 ... 0x57] = ROW("push", INSN_PUSH, OPN_OPREG, OPN_NONE, IF_R | IF_D64),
	[0x58 ... 0x5f] = ROW("pop", INSN_POP, OPN_OPREG, OPN_NONE, IF_W | IF_D64),
	[0x60] = ROW("pusha", INSN_PUSHA, OPN_NONE, OPN_NONE, IF_NO64),
	[0x61] = ROW("popa", INSN_POPA, OPN_NONE, OPN_NONE, IF_NO64),
	[0x63] = ROW("movsxd", INSN_MOVSX, OPN_REG, OPN_RM32, IF_W | IF_ONLY64),
	[0x64 ... 0x67] = PREFIX,
	[0x68] = ROW("push", INSN_PUSH, OPN_IMMZ, OPN_NONE, IF_R | IF_D64),
	[0x69] = ROW3("imul", INSN_IMUL, OPN_REG, OPN_RM, OPN_IMMZ, IF_W),
	[0x6a] = ROW("push", INSN_PUSH, OPN_IMM8, OPN_NONE, IF_R | IF_D64),
	[0x6b] = ROW3("imul", INSN_IMUL, OPN_REG, OPN_RM, OPN_IMM8, IF_W),
	PAIR(0x6c, "ins", INSN_INS, OPN_DI, OPN_DX, IF_W | IF_MAX32),
	PAIR(0x6e, "outs", INSN_OUTS, OPN_DX, OPN_SI, IF_R | IF_MAX32),
	[0x70 ... 0x7f] = ROW("jcc", INSN_JCC, OPN_REL8, OPN_NONE, IF_F64),
	[0x80] = GROUP(IF_BY_REG, group1_byte),
	[0x81] = GROUP(IF_BY_REG, group1_full),
	[0x83] = GROUP(IF_BY_REG, group1_imm8),
	PAIR(0x84, "test", INSN_TEST, OPN_RM, OPN_REG, IF_R),
	PAIR(0x86, "xchg", INSN_XCHG, OPN_RM, OPN_REG, RWL),
	PAIR(0x88, "mov", INSN_MOV, OPN_RM, OPN_REG, IF_W),
	PAIR(0x8a, "mov", INSN_MOV, OPN_REG, OPN_RM, IF_W),
	[0x8c] = ROW("mov", INSN_MOV_FROM_SREG, OPN_RM, OPN_SREG, IF_W | IF_MEM16),
	[0x8d] = ROW("lea", INSN_LEA, OPN_REG, OPN_MEM, IF_W),
	[0x8e] = ROW("mov", INSN_MOV_TO_SREG, OPN_SREG, OPN_RM16, IF_W | IF_LEGACY),
	[0x8f] = GROUP(IF_BY_REG, group1a),
	[0x90] = GROUP(IF_BY_PREFIX, nop_pause),
	[0x91 ... 0x97] = ROW("xchg", INSN_XCHG, OPN_OPREG, OPN_ACC, RW),
	[0x98] = ROW("cbw", INSN_CBW, OPN_NONE, OPN_NONE, 0),
	[0x99] = ROW("cwd", INSN_CWD, OPN_NONE, OPN_NONE, 0),
	[0x9a] = ROW("callf", INSN_FAR_CALL, OPN_PTR, OPN_NONE, IF_NO64),
	[0x9c] = ROW("pushf", INSN_PUSHF, OPN_NONE, OPN_NONE, IF_D64),
	[0x9d] = ROW("popf", INSN_POPF, OPN_NONE, OPN_NONE, IF_D64),
	[0x9e] = PLAIN("sahf", INSN_SAHF),
	[0x9f] = PLAIN("lahf", INSN_LAHF),
	PAIR(0xa0, "mov", INSN_MOV, OPN_ACC, OPN_MOFFS, IF_W),
	PAIR(0xa2, "mov", INSN_MOV, OPN_MOFFS, OPN_ACC, IF_W),
	PAIR(0xa4, "movs", INSN_MOVS, OPN_DI, OPN_SI, IF_W),
	PAIR(0xa6, "cmps", INSN_CMPS, OPN_SI, OPN_DI, IF_R),
	PAIR(0xa8, "test", INSN_TEST, OPN_ACC, OPN_IMMZ, IF_R),
	PAIR(0xaa, "stos", INSN_STOS, OPN_DI, OPN_ACC, IF_W),
	PAIR(0xac, "lods", INSN_LODS, OPN_ACC, OPN_SI, IF_W),
	PAIR(0xae, "scas", INSN_SCAS, OPN_ACC, OPN_DI, IF_R),
	[0xb0 ... 0xb7] = ROW("mov", INSN_MOV, OPN_OPREG, OPN_IMMV, IF_W | IF_BYTE),
	[0xb8 ... 0xbf] = ROW("mov", INSN_MOV, OPN_OPREG, OPN_IMMV, IF_W),
	[0xc0] = GROUP(IF_BY_REG, group2_byte_imm),
	[0xc1] = GROUP(IF_BY_REG, group2_full_imm),
	[0xc2] = ROW("ret", INSN_RET, OPN_IMM16, OPN_NONE, IF_F64),
	[0xc3] = ROW("ret", INSN_RET, OPN_NONE, OPN_NONE, IF_F64),
	[0xc6] = GROUP(IF_BY_REG, group11_byte),
	[0xc7] = GROUP(IF_BY_REG, group11_full),
	[0xc9] = ROW("leave", INSN_LEAVE, OPN_NONE, OPN_NONE, IF_D64),
	[0xca] = ROW("retf", INSN_FAR_RET, OPN_IMM16, OPN_NONE, IF_LEGACY),
	[0xcb] = ROW("retf", INSN_FAR_RET, OPN_NONE, OPN_NONE, IF_LEGACY),
	[0xcc] = ROW("int3", INSN_INT3, OPN_NONE, OPN_NONE, IF_REAL),
	[0xcd] = ROW("int", INSN_INT, OPN_IMM8U, OPN_NONE, IF_REAL),
	[0xce] = ROW("into", INSN_INTO, OPN_NONE, OPN_NONE, IF_NO64 | IF_REAL),
	[0xcf] = ROW("iret", INSN_IRET, OPN_NONE, OPN_NONE, IF_REAL),
	[0xd0] = GROUP(IF_BY_REG, group2_byte_one),
	[0xd1] = GROUP(IF_BY_REG, group2_full_one),
	[0xd2] = GROUP(IF_BY_REG, group2_byte_cl),
	[0xd3] = GROUP(IF_BY_REG, group2_full_cl),
	[0xd7] = ROW("xlat", INSN_XLAT, OPN_NONE, OPN_NONE, IF_BYTE),
	[0xe0] = ROW("loopne", INSN_LOOP, OPN_REL8, OPN_NONE, IF_F64),
	[0xe1] = ROW("loope", INSN_LOOP, OPN_REL8, OPN_NONE, IF_F64),
	[0xe2] = ROW("loop", INSN_LOOP, OPN_REL8, OPN_NONE, IF_F64),
	[0xe3] = ROW("jcxz", INSN_JCXZ, OPN_REL8, OPN_NONE, IF_F64),
	PAIR(0xe4, "in", INSN_IN, OPN_ACC, OPN_IMM8U, IF_W | IF_MAX32),
	PAIR(0xe6, "out", INSN_OUT, OPN_IMM8U, OPN_ACC, IF_MAX32),
	[0xe8] = ROW("call", INSN_CALL, OPN_RELZ, OPN_NONE, IF_F64),
	[0xe9] = ROW("jmp", INSN_JMP, OPN_RELZ, OPN_NONE, IF_F64),
	[0xea] = ROW("jmpf", INSN_FAR_JMP, OPN_PTR, OPN_NONE, IF_NO64),
	[0xeb] = ROW("jmp", INSN_JMP, OPN_REL8, OPN_NONE, IF_F64),
	PAIR(0xec, "in", INSN_IN, OPN_ACC, OPN_DX, IF_W | IF_MAX32),
	PAIR(0xee, "out", INSN_OUT, OPN_DX, OPN_ACC, IF_MAX32),
	[0xf0] = PREFIX,
	[0xf1] = PLAIN("icebp", INSN_ICEBP),
	[0xf2 ... 0xf3] = PREFIX,
	[0xf4] = PLAIN("hlt", INSN_HLT),
	[0xf5] = PLAIN("cmc", INSN_CMC),
	[0xf6] = GROUP(IF_BY_REG, group3_byte),
	[0xf7] = GROUP(IF_BY_REG, group3_full),
	[0xf8] = PLAIN("clc", INSN_CLC),
	[0xf9] = PLAIN("stc", INSN_STC),
	[0xfa] = PLAIN("cli", INSN_CLI),
	[0xfb] = PLAIN("sti", INSN_STI),
	[0xfc] = PLAIN("cld", INSN_CLD),
	[0xfd] = PLAIN("std", INSN_STD),
	[0xfe] = GROUP(IF_BY_REG, group4),
	[0xff] = GROUP(IF_BY_REG, group5),
};

const struct insn_desc emul_map_0f[256] = {
	[0x00] = GROUP(IF_BY_REG, group6),
	[0x01] = GROUP(IF_BY_MOD_REG, group7),
	[0x06] = PLAIN("clts", INSN_CLTS),
	[0x08] = PLAIN("invd", INSN_INVD),
	[0x09] = PLAIN("wbinvd", INSN_WBINVD),
	[0x0b] = PLAIN("ud2", INSN_UD2),
	/* Prefetches and hints touch no memory that could fault. */
	[0x0d] = ROW("prefetch", INSN_NOP, OPN_RM, OPN_NONE, 0),
	[0x18] = ROW("prefetch", INSN_NOP, OPN_RM, OPN_NONE, 0),
	[0x1f] = ROW("nop", INSN_NOP, OPN_RM, OPN_NONE, 0),
	[0x20] = ROW("mov", INSN_MOV_FROM_CR, OPN_GPR, OPN_CR, IF_W | IF_NATURAL),
	[0x21] = ROW("mov", INSN_MOV_FROM_DR, OPN_GPR, OPN_DR, IF_W | IF_NATURAL),
	[0x22] = ROW("mov", INSN_MOV_TO_CR, OPN_CR, OPN_GPR, IF_W | IF_NATURAL),
	[0x23] = ROW("mov", INSN_MOV_TO_DR, OPN_DR, OPN_GPR, IF_W | IF_NATURAL),
	[0x30] = PLAIN("wrmsr", INSN_WRMSR),
	[0x31] = PLAIN("rdtsc", INSN_RDTSC),
	[0x32] = PLAIN("rdmsr", INSN_RDMSR),
	[0x33] = PLAIN("rdpmc", INSN_RDPMC),
	[0x37] = PLAIN("getsec", INSN_GETSEC),
	[0x40 ... 0x4f] = ROW("cmovcc", INSN_CMOVCC, OPN_REG, OPN_RM, RW),
	[0x78] = GROUP(IF_BY_PREFIX, vmread),
	[0x79] = GROUP(IF_BY_PREFIX, vmwrite),
	[0x80 ... 0x8f] = ROW("jcc", INSN_JCC, OPN_RELZ, OPN_NONE, IF_F64),
	[0x90 ... 0x9f] = ROW("setcc", INSN_SETCC, OPN_RM, OPN_NONE, IF_W | IF_BYTE),
	[0xa0] = ROW("push", INSN_PUSH, OPN_SEG, OPN_NONE, IF_R | IF_D64),
	[0xa1] = ROW("pop", INSN_POP_SREG, OPN_SEG, OPN_NONE, IF_W | IF_D64 | IF_LEGACY),
	[0xa2] = PLAIN("cpuid", INSN_CPUID),
	[0xa3] = ROW("bt", INSN_BT, OPN_RM, OPN_REG, IF_R),
	[0xa4] = ROW3("shld", INSN_SHLD, OPN_RM, OPN_REG, OPN_IMM8U, RW),
	[0xa5] = ROW3("shld", INSN_SHLD, OPN_RM, OPN_REG, OPN_CL, RW),
	[0xa8] = ROW("push", INSN_PUSH, OPN_SEG, OPN_NONE, IF_R | IF_D64),
	[0xa9] = ROW("pop", INSN_POP_SREG, OPN_SEG, OPN_NONE, IF_W | IF_D64 | IF_LEGACY),
	[0xaa] = PLAIN("rsm", INSN_RSM),
	[0xab] = ROW("bts", INSN_BTS, OPN_RM, OPN_REG, RWL),
	[0xac] = ROW3("shrd", INSN_SHRD, OPN_RM, OPN_REG, OPN_IMM8U, RW),
	[0xad] = ROW3("shrd", INSN_SHRD, OPN_RM, OPN_REG, OPN_CL, RW),
	[0xaf] = ROW("imul", INSN_IMUL, OPN_REG, OPN_RM, RW),
	PAIR(0xb0, "cmpxchg", INSN_CMPXCHG, OPN_RM, OPN_REG, RWL),
	[0xb2] = ROW("lss", INSN_LSS, OPN_REG, OPN_MEM, IF_W | IF_LEGACY),
	[0xb3] = ROW("btr", INSN_BTR, OPN_RM, OPN_REG, RWL),
	[0xb4] = ROW("lfs", INSN_LFS, OPN_REG, OPN_MEM, IF_W | IF_LEGACY),
	[0xb5] = ROW("lgs", INSN_LGS, OPN_REG, OPN_MEM, IF_W | IF_LEGACY),
	[0xb6] = ROW("movzx", INSN_MOVZX, OPN_REG, OPN_RM8, IF_W),
	[0xb7] = ROW("movzx", INSN_MOVZX, OPN_REG, OPN_RM16, IF_W),
	[0xba] = GROUP(IF_BY_REG, group8),
	[0xbb] = ROW("btc", INSN_BTC, OPN_RM, OPN_REG, RWL),
	[0xbc] = GROUP(IF_BY_PREFIX, bsf_tzcnt),
	[0xbd] = GROUP(IF_BY_PREFIX, bsr_lzcnt),
	[0xbe] = ROW("movsx", INSN_MOVSX, OPN_REG, OPN_RM8, IF_W),
	[0xbf] = ROW("movsx", INSN_MOVSX, OPN_REG, OPN_RM16, IF_W),
	PAIR(0xc0, "xadd", INSN_XADD, OPN_RM, OPN_REG, RWL),
	[0xc3] = GROUP(IF_BY_PREFIX, movnti),
	[0xc7] = GROUP(IF_BY_MOD_REG, group9),
	[0xc8 ... 0xcf] = ROW("bswap", INSN_BSWAP, OPN_OPREG, OPN_NONE, RW),
};

const struct insn_desc emul_map_0f38[256] = {
	[0x80] = GROUP(IF_BY_PREFIX, invept),	   [0x81] = GROUP(IF_BY_PREFIX, invvpid),
	[0x82] = GROUP(IF_BY_PREFIX, invpcid),	   [0xf0] = GROUP(IF_BY_PREFIX, movbe_load),
	[0xf1] = GROUP(IF_BY_PREFIX, movbe_store),
};

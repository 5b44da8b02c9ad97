/* SPDX-License-Identifier: MIT */
/*
 * The instruction emulator: decode (hv/emul_decode.c) and execute (hv/emul_exec.c), over
 * one table of what is in its scope (hv/emul_table.c). It knows instructions and nothing
 * else: the vCPU is behind struct emul_ops, so that host tests run it against the CPU they
 * run on.
 */
#ifndef HV_EMUL_H
#define HV_EMUL_H

#include "hv/compiler.h"

#define INSN_MAX 15 /* bytes (Intel SDM Vol. 2A 2.3.11) */

/* general registers in encoding order */
enum {
	REG_RAX,
	REG_RCX,
	REG_RDX,
	REG_RBX,
	REG_RSP,
	REG_RBP,
	REG_RSI,
	REG_RDI,
	REG_R8,
	REG_R9,
	REG_R10,
	REG_R11,
	REG_R12,
	REG_R13,
	REG_R14,
	REG_R15,
	NR_GPRS
};

enum seg { SEG_ES, SEG_CS, SEG_SS, SEG_DS, SEG_FS, SEG_GS, SEG_TR, SEG_LDTR, NR_SEGS };

/* A segment register with its hidden part. `attr` as in the VMX access-rights format
 * (Intel SDM Vol. 3C 24.4.1): type 3:0, S 4, DPL 6:5, P 7, AVL 12, L 13, D/B 14, G 15,
 * unusable 16. */
struct segment {
	uint16_t sel;
	uint32_t attr;
	uint32_t limit; /* bytes, last valid offset */
	uint64_t base;
};

/* GDTR, IDTR. */
struct descriptor_table {
	uint64_t base;
	uint16_t limit;
};

/* The general state that an instruction changes; the vCPU embeds it. */
struct cpu_regs {
	uint64_t gpr[NR_GPRS];
	uint64_t rip;
	uint64_t rflags;
};

enum emul_result {
	EMUL_OK, /* executed; rip is behind it (or at the next iteration of a REP) */
	EMUL_FAULT, /* the guest gets ctx->fault; nothing else changed */
	EMUL_RETRY, /* memory or bytes changed meanwhile: run the guest again */
	EMUL_UNHANDLED, /* outside the scope; nothing changed */
	EMUL_NO_LOCK, /* emul_ops.cmpxchg only: see there; emul_execute never returns it */
};

struct emul_fault {
	uint8_t vector;
	bool has_error;
	uint32_t error;
	uint64_t cr2; /* vector 14 */
};

/* A decoded instruction. Holds no state of the vCPU, so it can be cached by its bytes. */
struct insn {
	uint8_t bytes[INSN_MAX]; /* the first `len` are set */
	uint8_t len;
	uint8_t mode; /* 2, 4, 8: code size it was decoded for */
	uint8_t op_size, addr_size; /* bytes: 1 (byte form), 2, 4, 8 */
	uint16_t op; /* enum insn_op */
	uint8_t rex, rep, seg_override; /* rep: 0, 0xf2, 0xf3; seg_override: enum seg or 0xff */
	bool lock;
	bool has_modrm;
	uint8_t opcode; /* its last byte */
	uint8_t mod, reg,
		rm; /* with REX extension; mod 3 and rm also for a register in the opcode */
	uint8_t seg; /* enum seg of the memory operand: override or default */
	int8_t base, index; /* GPR or -1; base -2: RIP-relative */
	uint8_t scale;
	int64_t disp; /* or the address of a MOV with a memory offset */
	uint64_t imm; /* sign-extended where the instruction does that */
	uint16_t sel; /* of a far pointer; its offset is imm */
	uint8_t src_size; /* movzx, movsx: bytes of the source */
	const struct insn_desc *desc; /* row of the scope table */
};

struct emul_ctx;

/* Memory is by linear address: segmentation is the emulator's, paging the owner's.
 * Each returns EMUL_OK, EMUL_FAULT (ctx->fault filled), EMUL_RETRY or EMUL_UNHANDLED. */
struct emul_ops {
	enum emul_result (*read)(struct emul_ctx *c, uint64_t la, void *buf, unsigned size);
	enum emul_result (*write)(struct emul_ctx *c, uint64_t la, const void *buf, unsigned size);
	/* Whether a write of `size` bytes would go through; changes nothing. */
	enum emul_result (*check_write)(struct emul_ctx *c, uint64_t la, unsigned size);
	/* Atomic: if *la == *expected store *desired, else *expected = *la; size 1..16. Needs
	 * write access in both cases. EMUL_NO_LOCK, nothing done: that cannot be had there (a
	 * device, ROM, two pages), the emulator makes plain accesses as a bus without LOCK does. */
	enum emul_result (*cmpxchg)(struct emul_ctx *c, uint64_t la, void *expected,
				    const void *desired, unsigned size, bool *done);
	/* Ports. The CPU checked IOPL and the I/O bitmap before the exit; nobody does it again, and
	 * vcpu_step() does not come here where the bitmap would count. */
	enum emul_result (*io_in)(struct emul_ctx *c, uint16_t port, unsigned size, uint32_t *val);
	enum emul_result (*io_out)(struct emul_ctx *c, uint16_t port, unsigned size, uint32_t val);
	void (*get_segment)(struct emul_ctx *c, enum seg s, struct segment *out);
	void (*set_segment)(struct emul_ctx *c, enum seg s, const struct segment *in);
	void (*get_tables)(struct emul_ctx *c, struct descriptor_table *gdt,
			   struct descriptor_table *idt);
	void (*set_tables)(struct emul_ctx *c, const struct descriptor_table *gdt,
			   const struct descriptor_table *idt);
};

struct emul_ctx {
	const struct emul_ops *ops;
	struct cpu_regs *regs;
	uint8_t mode; /* 2, 4, 8: default code size (8: 64-bit mode) */
	uint8_t cpl;
	bool protected_mode; /* CR0.PE, not vm86: segment types are checked, not only limits */
	bool long_mode; /* EFER.LMA */
	bool la57; /* CR4.LA57: canonical means 57 bits, else 48 */
	/* For the memory operations: this access is to a descriptor table, a supervisor's whatever
	 * the CPL (SDM Vol. 3A 4.6.1). */
	bool implicit;
	/* Set by STI, MOV SS and POP SS, whose end begins an interrupt shadow. */
	bool sti_shadow, ss_shadow;
	struct emul_fault fault;
};

/*
 * Decode up to `n` bytes for code size `mode`. 0; -EFAULT: more bytes are needed than `n`;
 * -EINVAL: out->len 0: longer than 15 bytes (#GP), else an undefined form (#UD);
 * -ENOTSUP: outside the scope. Never reads past bytes[n-1] or bytes[14].
 */
must_check int insn_decode(struct insn *out, const uint8_t *bytes, unsigned n, unsigned mode);

/* Offset of the memory operand in its segment (insn->seg), wrapped to the address size. */
uint64_t insn_offset(const struct cpu_regs *regs, const struct insn *insn);

/* Linear address of the memory operand at `insn` (its start for string forms is in the
 * registers instead). Checks nothing. c->regs->rip is the instruction's own. */
uint64_t insn_ea(const struct emul_ctx *c, const struct insn *insn);

/* The same with the checks of segment and canonical form for an access of `size` bytes:
 * EMUL_OK and *la, or EMUL_FAULT. For instructions that an exit handler executes. */
must_check enum emul_result emul_locate(struct emul_ctx *c, const struct insn *insn, unsigned size,
					bool write, uint64_t *la);

/*
 * Execute one instruction that was decoded for c->mode, or a bounded number of iterations of
 * a REP form: EMUL_OK with rip still at it means that it is not done. Completed iterations
 * stay when a later one faults. RFLAGS.TF, RF and the interrupt shadow are the caller's;
 * so are instructions that the scope table only decodes: EMUL_UNHANDLED, as for what it says
 * that is executed elsewhere only, and for a change of privilege, a gate or a task.
 */
must_check enum emul_result emul_execute(struct emul_ctx *c, const struct insn *insn);

/*
 * Deliver an interrupt or exception as real mode does, by the table at IDTR (SDM Vol. 3B
 * 20.1.4). EMUL_FAULT: that faults itself, nothing has changed.
 */
must_check enum emul_result emul_real_interrupt(struct emul_ctx *c, uint8_t vector);

#endif

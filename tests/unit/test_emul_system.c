/* SPDX-License-Identifier: MIT */
/*
 * Segment registers, far branches, interrupts of real mode and the system registers, as far as
 * ring 3 of the host cannot be asked. Expected values are from the manuals.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hv/emul_table.h"
#include "hv/x86.h"
#include "tests/unit/emul_fake.h"

#define LA UINT64_C(0x10000)
#define SIZE UINT64_C(0x10000)
#define GDT_LA UINT64_C(0x500000)
#define STACK 0x8000

#define DATA 0x00cf92000000ffffULL /* 4 GiB, not accessed yet */
#define DATA_DPL3 0x00cff2000000ffffULL
#define DATA_ABSENT 0x00cf12000000ffffULL
#define READ_ONLY 0x00cf90000000ffffULL
#define CODE32 0x00cf9a000000ffffULL
#define CODE16_AT_2M 0x00009a200000ffffULL /* 64 KiB */
#define CODE64 0x00af9a000000ffffULL
#define CODE_BOTH 0x00ef9a000000ffffULL /* L and D/B */
#define CODE_ABSENT 0x00cf1a000000ffffULL
#define CODE_EXECUTE_ONLY 0x00cf98000000ffffULL
#define LDT 0x000082300000002fULL /* 0x300000, six entries */
#define TSS 0x0000894000000067ULL
#define TSS16 0x000081400000002bULL
#define CALL_GATE 0x00008c0000080000ULL
#define ACCESSED BIT(40)
#define BUSY BIT(41)

enum {
	NONE,
	SEL_DATA,
	SEL_DATA_DPL3,
	SEL_DATA_ABSENT,
	SEL_READ_ONLY,
	SEL_CODE32,
	SEL_CODE16,
	SEL_CODE64,
	SEL_CODE_BOTH,
	SEL_CODE_ABSENT,
	SEL_EXECUTE_ONLY,
	SEL_LDT,
	SEL_TSS,
	SEL_TSS_HIGH,
	SEL_TSS16,
	SEL_CALL_GATE,
	NR_SELECTORS
};
#define SEL(name) ((name) << 3)

static const uint64_t descriptors[NR_SELECTORS] = {
	[SEL_DATA] = DATA,
	[SEL_DATA_DPL3] = DATA_DPL3,
	[SEL_DATA_ABSENT] = DATA_ABSENT,
	[SEL_READ_ONLY] = READ_ONLY,
	[SEL_CODE32] = CODE32,
	[SEL_CODE16] = CODE16_AT_2M,
	[SEL_CODE64] = CODE64,
	[SEL_CODE_BOTH] = CODE_BOTH,
	[SEL_CODE_ABSENT] = CODE_ABSENT,
	[SEL_EXECUTE_ONLY] = CODE_EXECUTE_ONLY,
	[SEL_LDT] = LDT,
	[SEL_TSS] = TSS,
	[SEL_TSS16] = TSS16,
	[SEL_CALL_GATE] = CALL_GATE,
};

static uint8_t mem[SIZE];
static uint64_t gdt[NR_SELECTORS];
static struct fake f;

static enum emul_result fake_run(const void *bytes, unsigned n)
{
	struct insn insn;

	assert_int_equal(insn_decode(&insn, bytes, n, f.ctx.mode), 0);
	assert_int_equal(insn.len, n);
	f.ctx.sti_shadow = f.ctx.ss_shadow = false;
	return emul_execute(&f.ctx, &insn);
}

#define RUN(bytes) fake_run(bytes, sizeof(bytes) - 1)

static void put(unsigned off, uint64_t v, unsigned size)
{
	memcpy(mem + off, &v, size);
}

static uint64_t mem_at(unsigned off, unsigned size)
{
	uint64_t v = 0;

	memcpy(&v, mem + off, size);
	return v;
}

/* Ring 0. */
static void start(unsigned mode)
{
	memset(mem, 0, sizeof(mem));
	memcpy(gdt, descriptors, sizeof(gdt));
	fake_init(&f, mode, mem, LA, SIZE);
	f.ctx.cpl = 0;
	f.table = (uint8_t *)gdt;
	f.table_la = GDT_LA;
	f.table_size = sizeof(gdt);
	f.gdt = (struct descriptor_table){ .base = GDT_LA, .limit = sizeof(gdt) - 1 };
	f.seg[SEG_LDTR].attr = SEG_UNUSABLE;
	f.regs.gpr[REG_RSP] = LA + STACK;
	f.regs.rip = 0x1000;
}

static void start_real(void)
{
	start(2);
	for (unsigned i = 0; i <= SEG_GS; i++)
		f.seg[i] = (struct segment){
			.sel = LA >> 4, .base = LA, .limit = 0xffff, .attr = SEG_P | SEG_S | 3
		};
	f.regs.gpr[REG_RSP] = STACK;
	f.idt = (struct descriptor_table){ .base = LA, .limit = 0x3ff };
	f.regs.rflags = RFLAGS_FIXED;
}

static void assert_fault(enum emul_result r, unsigned vector, uint32_t error)
{
	assert_int_equal(r, EMUL_FAULT);
	assert_int_equal(f.ctx.fault.vector, vector);
	assert_int_equal(f.ctx.fault.error, error);
}

/* MOV of `sel` to DS or SS. */
static enum emul_result mov_ds(uint16_t sel)
{
	f.regs.gpr[REG_RAX] = sel;
	return RUN("\x8e\xd8");
}

static enum emul_result mov_ss(uint16_t sel)
{
	f.regs.gpr[REG_RAX] = sel;
	return RUN("\x8e\xd0");
}

/* --- segment registers -------------------------------------------------------------------- */

static void data_segments(void **state)
{
	(void)state;
	start(4);
	assert_int_equal(mov_ds(SEL(SEL_DATA)), EMUL_OK);
	assert_int_equal(f.seg[SEG_DS].sel, SEL(SEL_DATA));
	assert_int_equal(f.seg[SEG_DS].limit, 0xffffffff);
	assert_int_equal(f.seg[SEG_DS].attr, 0xc093);
	assert_int_equal(f.regs.rip, 0x1002);
	assert_false(f.ctx.ss_shadow);
	assert_fault(mov_ds(SEL(SEL_DATA_ABSENT)), VEC_NP, SEL(SEL_DATA_ABSENT));
	assert_fault(mov_ds(SEL(SEL_EXECUTE_ONLY)), VEC_GP, SEL(SEL_EXECUTE_ONLY));
	assert_fault(mov_ds(SEL(SEL_TSS)), VEC_GP, SEL(SEL_TSS));
	assert_fault(mov_ds(SEL(NR_SELECTORS)), VEC_GP, SEL(NR_SELECTORS)); /* beyond the table */
	assert_fault(mov_ds(SEL(SEL_DATA) | SEL_TI), VEC_GP, SEL(SEL_DATA) | SEL_TI); /* no LDT */
	assert_fault(mov_ds(SEL(SEL_DATA) | 3), VEC_GP, SEL(SEL_DATA)); /* RPL > DPL */
	assert_int_equal(f.regs.rip, 0x1002);
	assert_int_equal(mov_ds(SEL(SEL_CODE32)), EMUL_OK); /* code that can be read */
	assert_int_equal(mov_ds(3), EMUL_OK); /* null */
	assert_true(f.seg[SEG_DS].attr & SEG_UNUSABLE);
	assert_int_equal(f.seg[SEG_DS].sel, 3);
}

static void stack_segments(void **state)
{
	(void)state;
	start(4);
	assert_int_equal(mov_ss(SEL(SEL_DATA)), EMUL_OK);
	assert_true(f.ctx.ss_shadow);
	assert_fault(mov_ss(SEL(SEL_DATA_ABSENT)), VEC_SS, SEL(SEL_DATA_ABSENT));
	assert_fault(mov_ss(SEL(SEL_READ_ONLY)), VEC_GP, SEL(SEL_READ_ONLY));
	assert_fault(mov_ss(SEL(SEL_DATA_DPL3)), VEC_GP, SEL(SEL_DATA_DPL3));
	assert_fault(mov_ss(SEL(SEL_DATA) | 1), VEC_GP, SEL(SEL_DATA));
	assert_fault(mov_ss(0), VEC_GP, 0);
	put(STACK, SEL(SEL_DATA), 4);
	assert_int_equal(RUN("\x17"), EMUL_OK); /* pop ss */
	assert_true(f.ctx.ss_shadow);
	assert_int_equal(f.regs.gpr[REG_RSP], LA + STACK + 4);
	put(0x100, 0x12345678 | (uint64_t)SEL(SEL_DATA) << 32, 8);
	f.regs.gpr[REG_RBX] = LA + 0x100;
	assert_int_equal(RUN("\x0f\xb2\x23"), EMUL_OK); /* lss esp, [ebx] */
	assert_false(f.ctx.ss_shadow); /* it has loaded both */
	assert_int_equal(f.regs.gpr[REG_RSP], 0x12345678);
}

/* The processor writes to the table, whoever is the user; once. */
static void descriptors_are_marked(void **state)
{
	(void)state;
	start(4);
	f.ctx.cpl = 3;
	assert_int_equal(mov_ds(SEL(SEL_DATA_DPL3) | 3), EMUL_OK);
	assert_int_equal(gdt[SEL_DATA_DPL3], DATA_DPL3 | ACCESSED);
	assert_int_equal(f.atomics, 1);
	assert_int_equal(mov_ds(SEL(SEL_DATA_DPL3) | 3), EMUL_OK);
	assert_int_equal(f.atomics, 1);
	assert_false(f.ctx.implicit);
	assert_false(f.wild);
	start(4);
	f.rivals = 1; /* somebody changes it meanwhile */
	assert_int_equal(mov_ds(SEL(SEL_DATA)), EMUL_RETRY);
	assert_int_equal(f.regs.rip, 0x1000);
	assert_int_equal(mov_ds(SEL(SEL_DATA)), EMUL_OK);
	assert_fault(mov_ds(SEL(SEL_READ_ONLY) | 3), VEC_GP, SEL(SEL_READ_ONLY));
	assert_int_equal(gdt[SEL_READ_ONLY], READ_ONLY); /* nothing happened */
}

static void local_descriptors(void **state)
{
	(void)state;
	start(4);
	f.seg[SEG_LDTR] = (struct segment){ .base = GDT_LA, .limit = 0xf, .attr = SEG_P | 2 };
	f.gdt.limit = 0;
	assert_int_equal(mov_ds(SEL(SEL_DATA) | SEL_TI), EMUL_OK);
	assert_fault(mov_ds(SEL(SEL_DATA_DPL3) | SEL_TI), VEC_GP, SEL(SEL_DATA_DPL3) | SEL_TI);
	assert_fault(mov_ds(SEL(SEL_DATA)), VEC_GP, SEL(SEL_DATA));
}

static void real_mode_segments(void **state)
{
	(void)state;
	start_real();
	f.seg[SEG_DS].limit = 0xffffffff; /* stays: "unreal" mode */
	assert_int_equal(mov_ds(0x1234), EMUL_OK);
	assert_int_equal(f.seg[SEG_DS].sel, 0x1234);
	assert_int_equal(f.seg[SEG_DS].base, 0x12340);
	assert_int_equal(f.seg[SEG_DS].limit, 0xffffffff);
	f.seg[SEG_DS] = (struct segment){ .attr = SEG_UNUSABLE };
	assert_int_equal(mov_ds(0), EMUL_OK); /* null is nothing special */
	assert_false(f.seg[SEG_DS].attr & SEG_UNUSABLE);
	assert_int_equal(f.seg[SEG_DS].limit, 0xffff);
	assert_int_equal(mov_ss(7), EMUL_OK);
	assert_true(f.ctx.ss_shadow);
}

static void not_in_64_bit_mode(void **state)
{
	(void)state;
	start(8);
	assert_int_equal(mov_ds(0), EMUL_UNHANDLED);
	assert_int_equal(RUN("\x0f\xa1"), EMUL_UNHANDLED); /* pop fs */
	assert_int_equal(RUN("\xcb"), EMUL_UNHANDLED); /* retf */
	assert_int_equal(RUN("\xcd\x80"), EMUL_UNHANDLED); /* int 0x80 */
	assert_int_equal(RUN("\x48\xcf"), EMUL_UNHANDLED); /* iretq */
}

/* --- far branches -------------------------------------------------------------------------- */

static enum emul_result jmp_far(uint16_t sel, uint32_t offset)
{
	uint8_t bytes[] = { 0xea, 0, 0, 0, 0, 0, 0 };

	memcpy(bytes + 1, &offset, sizeof(offset));
	memcpy(bytes + 5, &sel, sizeof(sel));
	return fake_run(bytes, sizeof(bytes));
}

static void far_jumps(void **state)
{
	(void)state;
	start(4);
	assert_int_equal(jmp_far(SEL(SEL_CODE16), 0x1234), EMUL_OK);
	assert_int_equal(f.regs.rip, 0x1234);
	assert_int_equal(f.seg[SEG_CS].base, 0x200000);
	assert_int_equal(f.seg[SEG_CS].attr, 0x9b);
	assert_int_equal(gdt[SEL_CODE16], CODE16_AT_2M | ACCESSED);
	assert_fault(jmp_far(SEL(SEL_CODE_ABSENT), 0), VEC_NP, SEL(SEL_CODE_ABSENT));
	assert_fault(jmp_far(SEL(SEL_DATA), 0), VEC_GP, SEL(SEL_DATA));
	assert_fault(jmp_far(0, 0), VEC_GP, 0);
	assert_fault(jmp_far(SEL(SEL_CODE32) | 1, 0), VEC_GP, SEL(SEL_CODE32));
	start(4);
	assert_fault(jmp_far(SEL(SEL_CODE16), 0x10000), VEC_GP, 0); /* beyond the limit */
	assert_int_equal(gdt[SEL_CODE16], CODE16_AT_2M);
	assert_int_equal(jmp_far(SEL(SEL_CALL_GATE), 0), EMUL_UNHANDLED);
	assert_int_equal(jmp_far(SEL(SEL_TSS), 0), EMUL_UNHANDLED);
	assert_int_equal(f.regs.rip, 0x1000);
}

/* The way into 64-bit code, as kernels take it. */
static void far_jump_to_64_bit_code(void **state)
{
	(void)state;
	start(4);
	f.ctx.long_mode = true;
	assert_int_equal(jmp_far(SEL(SEL_CODE64), 0x12345678), EMUL_OK);
	assert_int_equal(f.seg[SEG_CS].attr, 0xa09b);
	assert_int_equal(f.regs.rip, 0x12345678);
	assert_fault(jmp_far(SEL(SEL_CODE_BOTH), 0), VEC_GP, SEL(SEL_CODE_BOTH));
	f.ctx.long_mode = false; /* L means nothing */
	assert_int_equal(jmp_far(SEL(SEL_CODE_BOTH), 0), EMUL_OK);
}

static void far_calls(void **state)
{
	(void)state;
	start(4);
	f.seg[SEG_CS].sel = SEL(SEL_CODE32);
	put(0x100, 0x2000 | (uint64_t)SEL(SEL_CODE32) << 32, 8);
	f.regs.gpr[REG_RBX] = LA + 0x100;
	assert_int_equal(RUN("\xff\x1b"), EMUL_OK); /* call far [ebx] */
	assert_int_equal(f.regs.rip, 0x2000);
	assert_int_equal(f.regs.gpr[REG_RSP], LA + STACK - 8);
	assert_int_equal(mem_at(STACK - 4, 4), SEL(SEL_CODE32));
	assert_int_equal(mem_at(STACK - 8, 4), 0x1002);
	assert_int_equal(RUN("\xca\x08\x00"), EMUL_OK); /* retf 8 */
	assert_int_equal(f.regs.rip, 0x1002);
	assert_int_equal(f.regs.gpr[REG_RSP], LA + STACK + 8);
	/* the second push does not fit: the first is not made either */
	memset(mem, 0x55, SIZE);
	put(0x100, 0x2000 | (uint64_t)SEL(SEL_CODE32) << 32, 8);
	f.regs.gpr[REG_RSP] = LA + 4;
	assert_fault(RUN("\xff\x1b"), VEC_PF, 2);
	assert_int_equal(mem_at(0, 4), 0x55555555);
	assert_int_equal(f.regs.gpr[REG_RSP], LA + 4);
}

static void far_returns(void **state)
{
	(void)state;
	start(4);
	put(STACK, 0x3000 | (uint64_t)(SEL(SEL_CODE32) | 3) << 32, 8);
	assert_int_equal(RUN("\xcb"), EMUL_UNHANDLED); /* to an outer ring */
	f.ctx.cpl = 3;
	put(STACK, 0x3000 | (uint64_t)SEL(SEL_CODE32) << 32, 8);
	assert_fault(RUN("\xcb"), VEC_GP, SEL(SEL_CODE32)); /* to an inner one */
	f.ctx.cpl = 0;
	put(STACK, 0x3000 | (uint64_t)SEL(SEL_CALL_GATE) << 32, 8);
	assert_fault(RUN("\xcb"), VEC_GP, SEL(SEL_CALL_GATE));
	assert_int_equal(f.regs.gpr[REG_RSP], LA + STACK);
}

/* --- interrupts ----------------------------------------------------------------------------- */

static void real_mode_interrupts(void **state)
{
	const uint64_t flags = RFLAGS_FIXED | RFLAGS_CF | RFLAGS_IF | RFLAGS_TF;

	(void)state;
	start_real();
	put(0x21 * 4, 0x1234 | 0x5678 << 16, 4);
	f.regs.rflags = flags | RFLAGS_AC;
	assert_int_equal(RUN("\xcd\x21"), EMUL_OK);
	assert_int_equal(f.regs.rip, 0x1234);
	assert_int_equal(f.seg[SEG_CS].sel, 0x5678);
	assert_int_equal(f.seg[SEG_CS].base, 0x56780);
	assert_int_equal(f.regs.rflags, RFLAGS_FIXED | RFLAGS_CF);
	assert_int_equal(f.regs.gpr[REG_RSP], STACK - 6);
	assert_int_equal(mem_at(STACK - 2, 2), flags);
	assert_int_equal(mem_at(STACK - 4, 2), LA >> 4);
	assert_int_equal(mem_at(STACK - 6, 2), 0x1002);
	f.regs.rip = 0x1000;
	assert_int_equal(RUN("\xcf"), EMUL_OK); /* iret */
	assert_int_equal(f.regs.rip, 0x1002);
	assert_int_equal(f.seg[SEG_CS].base, LA);
	assert_int_equal(f.regs.rflags, flags);
	assert_int_equal(f.regs.gpr[REG_RSP], STACK);
	/* one from outside is at the instruction, not behind it */
	assert_int_equal(emul_real_interrupt(&f.ctx, 0x21), EMUL_OK);
	assert_int_equal(mem_at(STACK - 6, 2), 0x1002);
	assert_int_equal(f.regs.rip, 0x1234);
}

static void interrupts_that_fail(void **state)
{
	struct cpu_regs before;

	(void)state;
	start_real();
	f.idt.limit = 0x21 * 4 + 2;
	before = f.regs;
	assert_fault(RUN("\xcd\x21"), VEC_GP, 0);
	assert_false(f.ctx.fault.has_error); /* real mode */
	f.idt.limit++;
	f.seg[SEG_CS].limit = 0xff;
	put(0x21 * 4, 0x100, 4);
	assert_fault(RUN("\xcd\x21"), VEC_GP, 0); /* the handler is beyond CS's limit */
	f.seg[SEG_CS].limit = 0xffff;
	f.regs.gpr[REG_RSP] = before.gpr[REG_RSP] = 3; /* the second word would wrap */
	assert_fault(emul_real_interrupt(&f.ctx, 0x21), VEC_SS, 0);
	assert_int_equal(mem_at(1, 2), 0);
	assert_memory_equal(&f.regs, &before, sizeof(before));
	f.ctx.protected_mode = true;
	assert_int_equal(RUN("\xcd\x21"), EMUL_UNHANDLED);
	f.ctx.protected_mode = false;
	f.regs.rflags |= RFLAGS_VM;
	assert_int_equal(RUN("\xcd\x21"), EMUL_UNHANDLED);
	assert_int_equal(RUN("\xcf"), EMUL_UNHANDLED);
}

static void breakpoint_and_overflow(void **state)
{
	(void)state;
	start_real();
	put(3 * 4, 0x3333, 4);
	put(4 * 4, 0x4444, 4);
	assert_int_equal(RUN("\xcc"), EMUL_OK);
	assert_int_equal(f.regs.rip, 0x3333);
	assert_int_equal(mem_at(STACK - 6, 2), 0x1001);
	assert_int_equal(RUN("\xce"), EMUL_OK); /* into, without OF */
	assert_int_equal(f.regs.rip, 0x3334);
	f.regs.rflags |= RFLAGS_OF;
	assert_int_equal(RUN("\xce"), EMUL_OK);
	assert_int_equal(f.regs.rip, 0x4444);
}

static void iret_of_32_bits(void **state)
{
	(void)state;
	start_real();
	put(STACK, 0x2000 | (uint64_t)0x4321 << 32, 8);
	put(STACK + 8, 0xffffffff, 4);
	assert_int_equal(RUN("\x66\xcf"), EMUL_OK);
	assert_int_equal(f.regs.rip, 0x2000);
	assert_int_equal(f.seg[SEG_CS].sel, 0x4321);
	assert_int_equal(f.regs.rflags, 0x257fd5 | RFLAGS_FIXED); /* SDM Vol. 2A, IRET */
	put(STACK + 12, 0x10000, 4); /* EIP: beyond the limit */
	assert_fault(RUN("\x66\xcf"), VEC_GP, 0);
}

static void interrupt_flag(void **state)
{
	(void)state;
	start_real();
	assert_int_equal(RUN("\xfb"), EMUL_OK); /* sti */
	assert_true(f.regs.rflags & RFLAGS_IF);
	assert_true(f.ctx.sti_shadow);
	assert_int_equal(RUN("\xfb"), EMUL_OK);
	assert_false(f.ctx.sti_shadow); /* it was set before */
	assert_int_equal(RUN("\xfa"), EMUL_OK); /* cli */
	assert_false(f.regs.rflags & RFLAGS_IF);
	assert_false(f.ctx.sti_shadow);
	f.regs.rflags |= RFLAGS_VM;
	assert_int_equal(RUN("\xfa"), EMUL_UNHANDLED); /* CR4.VME decides */
	f.regs.rflags |= RFLAGS_IOPL;
	assert_int_equal(RUN("\xfa"), EMUL_OK);
	start(4);
	assert_int_equal(RUN("\xfa"), EMUL_OK);
	f.ctx.cpl = 1;
	assert_int_equal(RUN("\xfa"), EMUL_UNHANDLED); /* CR4.PVI decides */
}

/* --- system registers ------------------------------------------------------------------------ */

static void loading_tables(void **state)
{
	(void)state;
	start_real();
	put(0x100, 0x7f | (uint64_t)0xaabbccdd << 16, 6);
	f.regs.gpr[REG_RBX] = 0x100;
	assert_int_equal(RUN("\x0f\x01\x17"), EMUL_OK); /* lgdt [bx]: 24 bits of it */
	assert_int_equal(f.gdt.base, 0xbbccdd);
	assert_int_equal(f.gdt.limit, 0x7f);
	assert_int_equal(f.idt.base, LA);
	assert_int_equal(RUN("\x66\x0f\x01\x1f"), EMUL_OK); /* o32 lidt [bx] */
	assert_int_equal(f.idt.base, 0xaabbccdd);
	f.regs.gpr[REG_RBX] = 0xfffc;
	assert_fault(RUN("\x0f\x01\x17"), VEC_GP, 0); /* across the limit */
	assert_int_equal(f.gdt.limit, 0x7f);
	start(8);
	put(0x102, UINT64_C(0xffff8000aabbccdd), 8);
	f.regs.gpr[REG_RBX] = LA + 0x100;
	assert_int_equal(RUN("\x66\x0f\x01\x13"), EMUL_OK); /* lgdt [rbx]: 66 means nothing */
	assert_int_equal(f.gdt.base, UINT64_C(0xffff8000aabbccdd));
}

static void tables_that_may_not_be_loaded(void **state)
{
	(void)state;
	start(8);
	put(0x102, UINT64_C(0x8000000000000000), 8);
	f.regs.gpr[REG_RBX] = LA + 0x100;
	assert_fault(RUN("\x0f\x01\x13"), VEC_GP, 0); /* not canonical */
	f.ctx.cpl = 3;
	put(0x102, 0, 8);
	assert_fault(RUN("\x0f\x01\x13"), VEC_GP, 0);
	assert_int_equal(RUN("\x0f\x01\x03"), EMUL_UNHANDLED); /* sgdt: CR4.UMIP decides */
}

static void storing_tables(void **state)
{
	(void)state;
	start_real();
	f.gdt = (struct descriptor_table){ .base = 0x12345678, .limit = 0x9abc };
	f.regs.gpr[REG_RBX] = 0x100;
	assert_int_equal(RUN("\x0f\x01\x07"), EMUL_OK); /* sgdt [bx]: all of the base */
	assert_int_equal(mem_at(0x100, 8), UINT64_C(0x123456789abc));
	f.regs.gpr[REG_RBX] = 0xfffc; /* the base does not fit: the limit is not written either */
	assert_fault(RUN("\x0f\x01\x07"), VEC_GP, 0);
	assert_int_equal(mem_at(0xfffc, 2), 0);
	start(8);
	f.idt = (struct descriptor_table){ .base = UINT64_C(0xffff800012345678), .limit = 0xfff };
	f.regs.gpr[REG_RBX] = LA + 0x100;
	assert_int_equal(RUN("\x0f\x01\x0b"), EMUL_OK); /* sidt [rbx] */
	assert_int_equal(mem_at(0x100, 2), 0xfff);
	assert_int_equal(mem_at(0x102, 8), UINT64_C(0xffff800012345678));
}

static enum emul_result ltr(uint16_t sel)
{
	f.regs.gpr[REG_RAX] = sel;
	return RUN("\x0f\x00\xd8");
}

static enum emul_result lldt(uint16_t sel)
{
	f.regs.gpr[REG_RAX] = sel;
	return RUN("\x0f\x00\xd0");
}

static void task_register(void **state)
{
	(void)state;
	start(4);
	assert_int_equal(ltr(SEL(SEL_TSS)), EMUL_OK);
	assert_int_equal(f.seg[SEG_TR].sel, SEL(SEL_TSS));
	assert_int_equal(f.seg[SEG_TR].attr, 0x8b);
	assert_int_equal(f.seg[SEG_TR].limit, 0x67);
	assert_int_equal(gdt[SEL_TSS], TSS | BUSY);
	assert_fault(ltr(SEL(SEL_TSS)), VEC_GP, SEL(SEL_TSS)); /* busy */
	assert_int_equal(ltr(SEL(SEL_TSS16)), EMUL_OK);
	assert_fault(ltr(SEL(SEL_DATA)), VEC_GP, SEL(SEL_DATA));
	assert_fault(ltr(0), VEC_GP, 0);
	assert_int_equal(RUN("\x0f\x00\xc9"), EMUL_OK); /* str ecx */
	assert_int_equal(f.regs.gpr[REG_RCX], SEL(SEL_TSS16));
	f.ctx.cpl = 3;
	assert_fault(ltr(SEL(SEL_TSS)), VEC_GP, 0);
	start(8); /* 16 bytes, and no 16-bit TSS */
	gdt[SEL_TSS_HIGH] = 0xffff8000;
	assert_int_equal(ltr(SEL(SEL_TSS)), EMUL_OK);
	assert_int_equal(f.seg[SEG_TR].base, UINT64_C(0xffff800000400000));
	assert_fault(ltr(SEL(SEL_TSS16)), VEC_GP, SEL(SEL_TSS16));
	start_real();
	assert_fault(ltr(SEL(SEL_TSS)), VEC_UD, 0);
}

static void ldt_register(void **state)
{
	(void)state;
	start(4);
	assert_int_equal(lldt(SEL(SEL_LDT)), EMUL_OK);
	assert_int_equal(f.seg[SEG_LDTR].base, 0x300000);
	assert_int_equal(f.seg[SEG_LDTR].limit, 0x2f);
	f.regs.gpr[REG_RBX] = LA;
	assert_int_equal(RUN("\x0f\x00\x03"), EMUL_OK); /* sldt [ebx] */
	assert_int_equal(mem_at(0, 4), SEL(SEL_LDT)); /* 16 bits */
	assert_fault(lldt(SEL(SEL_LDT) | SEL_TI), VEC_GP, SEL(SEL_LDT) | SEL_TI);
	assert_fault(lldt(SEL(SEL_TSS)), VEC_GP, SEL(SEL_TSS));
	assert_int_equal(lldt(0), EMUL_OK);
	assert_true(f.seg[SEG_LDTR].attr & SEG_UNUSABLE);
}

static void all_registers_at_once(void **state)
{
	(void)state;
	start(2);
	f.ctx.protected_mode = true;
	f.regs.gpr[REG_RSP] = STACK;
	f.seg[SEG_SS].base = LA;
	for (unsigned i = 0; i < 8; i++)
		if (i != REG_RSP)
			f.regs.gpr[i] = 0x11110000 + i;
	assert_int_equal(RUN("\x60"), EMUL_OK); /* pusha */
	assert_int_equal(f.regs.gpr[REG_RSP], STACK - 16);
	assert_int_equal(mem_at(STACK - 2, 2), REG_RAX);
	assert_int_equal(mem_at(STACK - 10, 2), STACK);
	assert_int_equal(mem_at(STACK - 16, 2), REG_RDI);
	put(STACK - 10, 0xdead, 2); /* is not loaded */
	put(STACK - 4, 0xbeef, 2);
	assert_int_equal(RUN("\x61"), EMUL_OK); /* popa */
	assert_int_equal(f.regs.gpr[REG_RSP], STACK);
	assert_int_equal(f.regs.gpr[REG_RCX], 0x1111beef);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(data_segments),
		cmocka_unit_test(stack_segments),
		cmocka_unit_test(descriptors_are_marked),
		cmocka_unit_test(local_descriptors),
		cmocka_unit_test(real_mode_segments),
		cmocka_unit_test(not_in_64_bit_mode),
		cmocka_unit_test(far_jumps),
		cmocka_unit_test(far_jump_to_64_bit_code),
		cmocka_unit_test(far_calls),
		cmocka_unit_test(far_returns),
		cmocka_unit_test(real_mode_interrupts),
		cmocka_unit_test(interrupts_that_fail),
		cmocka_unit_test(breakpoint_and_overflow),
		cmocka_unit_test(iret_of_32_bits),
		cmocka_unit_test(interrupt_flag),
		cmocka_unit_test(loading_tables),
		cmocka_unit_test(tables_that_may_not_be_loaded),
		cmocka_unit_test(storing_tables),
		cmocka_unit_test(task_register),
		cmocka_unit_test(ldt_register),
		cmocka_unit_test(all_registers_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

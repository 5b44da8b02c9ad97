/* SPDX-License-Identifier: MIT */
/*
 * The executor where the host's CPU cannot be asked: 16-bit and real-mode code,
 * segmentation, atomic operations against other CPUs, REP across calls and faults, ports.
 * Expected values are from the manuals.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hv/emul_table.h"
#include "hv/x86.h"
#include "tests/unit/emul_fake.h"

#define LA UINT64_C(0x100000)
#define SIZE UINT64_C(0x10000)

#define ATTR_READ_ONLY 0xc0f1
#define ATTR_EXPAND_DOWN 0xc0f7
#define ATTR_EXECUTE_ONLY 0xc0f9

static uint8_t mem[SIZE];
static struct fake f;

/* Decode at regs.rip (in `bytes`) and execute. */
static enum emul_result fake_run(struct fake *fake, const void *bytes, unsigned n)
{
	struct insn insn;

	assert_int_equal(insn_decode(&insn, bytes, n, fake->ctx.mode), 0);
	assert_int_equal(insn.len, n);
	return emul_execute(&fake->ctx, &insn);
}

#define RUN(bytes) fake_run(&f, bytes, sizeof(bytes) - 1)

static void start(unsigned mode)
{
	for (unsigned i = 0; i < SIZE; i++)
		mem[i] = (uint8_t)(i * 7);
	fake_init(&f, mode, mem, LA, SIZE);
	f.regs.rip = 0x1000;
}

static void start_real(void)
{
	start(2);
	for (unsigned i = 0; i < NR_SEGS; i++)
		f.seg[i].base = LA;
}

static uint64_t mem_at(unsigned off, unsigned size)
{
	uint64_t v = 0;

	memcpy(&v, mem + off, size);
	return v;
}

static void assert_fault(unsigned vector, bool has_error, uint32_t error)
{
	assert_int_equal(f.ctx.fault.vector, vector);
	assert_int_equal(f.ctx.fault.has_error, has_error);
	assert_int_equal(f.ctx.fault.error, error);
}

static void real_mode_addresses(void **state)
{
	(void)state;
	start_real();
	f.regs.gpr[REG_RBX] = 0xfff0;
	f.regs.gpr[REG_RSI] = 0x0030;
	f.regs.gpr[REG_RAX] = 0xaaaabeef;
	assert_int_equal(RUN("\x89\x00"), EMUL_OK); /* mov [bx+si], ax: the offset wraps */
	assert_int_equal(mem_at(0x20, 2), 0xbeef);
	assert_int_equal(f.regs.rip, 0x1002);
	assert_int_equal(RUN("\x66\x67\x89\x46\x10"), EMUL_OK); /* mov [esi+0x10], eax */
	assert_int_equal(mem_at(0x40, 4), 0xaaaabeef);
	f.regs.gpr[REG_RBX] = 0xffff;
	f.regs.gpr[REG_RSI] = 0;
	assert_int_equal(RUN("\x89\x00"), EMUL_FAULT); /* two bytes at 0xffff */
	assert_fault(VEC_GP, false, 0);
	f.regs.gpr[REG_RBP] = 0xffff;
	assert_int_equal(RUN("\x89\x46\x00"), EMUL_FAULT); /* [bp]: the stack segment */
	assert_fault(VEC_SS, false, 0);
	f.regs.rflags |= RFLAGS_VM; /* virtual-8086 mode pushes an error code */
	assert_int_equal(RUN("\x89\x46\x00"), EMUL_FAULT);
	assert_fault(VEC_SS, true, 0);
}

static void sixteen_bit_stack_and_branches(void **state)
{
	(void)state;
	start_real();
	f.regs.gpr[REG_RSP] = 0x12340000; /* SP is 0: the push wraps, the upper half stays */
	f.regs.gpr[REG_RAX] = 0x5678;
	assert_int_equal(RUN("\x50"), EMUL_OK);
	assert_int_equal(f.regs.gpr[REG_RSP], 0x1234fffe);
	assert_int_equal(mem_at(0xfffe, 2), 0x5678);
	f.regs.rip = 0xfff0;
	assert_int_equal(RUN("\xe8\x20\x00"), EMUL_OK); /* call: ip wraps to 0x13 */
	assert_int_equal(f.regs.rip, 0x0013);
	assert_int_equal(mem_at(0xfffc, 2), 0xfff3);
	assert_int_equal(RUN("\xc2\x02\x00"), EMUL_OK); /* ret 2 */
	assert_int_equal(f.regs.rip, 0xfff3);
	assert_int_equal(f.regs.gpr[REG_RSP], 0x12340000);
	assert_int_equal(RUN("\x66\xe9\x00\x00\x01\x00"), EMUL_FAULT); /* beyond CS's limit */
	assert_fault(VEC_GP, false, 0);
	assert_int_equal(f.regs.rip, 0xfff3);
	f.regs.gpr[REG_RCX] = 0xabcd0001;
	assert_int_equal(RUN("\xe2\xfe"), EMUL_OK); /* loop: CX only */
	assert_int_equal(f.regs.gpr[REG_RCX], 0xabcd0000);
	assert_int_equal(f.regs.rip, 0xfff5);
	assert_int_equal(RUN("\xe3\x0b"), EMUL_OK); /* jcxz */
	assert_int_equal(f.regs.rip, 0x0002);
}

static void protected_mode_segments(void **state)
{
	(void)state;
	start(4);
	f.regs.gpr[REG_RBX] = LA;
	f.regs.gpr[REG_RAX] = 0x11223344;
	f.seg[SEG_DS].attr = ATTR_READ_ONLY;
	assert_int_equal(RUN("\x8b\x0b"), EMUL_OK); /* mov ecx, [ebx] */
	assert_int_equal(RUN("\x89\x03"), EMUL_FAULT); /* mov [ebx], eax */
	assert_fault(VEC_GP, true, 0);
	assert_int_equal(RUN("\x2e\x89\x03"), EMUL_FAULT); /* code is never written */
	assert_fault(VEC_GP, true, 0);
	f.seg[SEG_CS].attr = ATTR_EXECUTE_ONLY;
	assert_int_equal(RUN("\x2e\x8b\x03"), EMUL_FAULT); /* nor read, unless it says so */
	assert_fault(VEC_GP, true, 0);
	f.seg[SEG_ES].attr = SEG_UNUSABLE; /* a null selector */
	assert_int_equal(RUN("\x26\x8b\x03"), EMUL_FAULT);
	assert_fault(VEC_GP, true, 0);

	f.seg[SEG_DS].attr = ATTR_EXPAND_DOWN; /* valid are the offsets above the limit */
	f.seg[SEG_DS].limit = LA - 1;
	assert_int_equal(RUN("\x8b\x0b"), EMUL_OK);
	f.seg[SEG_DS].limit = LA;
	assert_int_equal(RUN("\x8b\x0b"), EMUL_FAULT);
	assert_fault(VEC_GP, true, 0);

	f.seg[SEG_SS].limit = LA + 2;
	f.regs.gpr[REG_RBP] = LA;
	assert_int_equal(RUN("\x8b\x45\x00"), EMUL_FAULT); /* its last byte is beyond */
	assert_fault(VEC_SS, true, 0);
	f.seg[SEG_SS].limit = LA + 3;
	assert_int_equal(RUN("\x8b\x45\x00"), EMUL_OK);

	f.seg[SEG_FS].base = LA - 0x1000; /* linear addresses wrap at 4 GiB */
	f.regs.gpr[REG_RBX] = 0x1010;
	assert_int_equal(RUN("\x64\x8b\x0b"), EMUL_OK);
	assert_int_equal(f.regs.gpr[REG_RCX], mem_at(0x10, 4));
	f.seg[SEG_FS].base = 0xfffff000;
	f.regs.gpr[REG_RBX] = LA + 0x1020;
	assert_int_equal(RUN("\x64\x8b\x0b"), EMUL_OK);
	assert_int_equal(f.regs.gpr[REG_RCX], mem_at(0x20, 4));
}

static void canonical_addresses(void **state)
{
	(void)state;
	start(8);
	f.regs.gpr[REG_RBX] = UINT64_C(0x0000800000000000);
	assert_int_equal(RUN("\x8b\x03"), EMUL_FAULT);
	assert_fault(VEC_GP, true, 0);
	f.regs.gpr[REG_RBX] = UINT64_C(0x00007ffffffffffe); /* the last bytes are beyond */
	assert_int_equal(RUN("\x8b\x03"), EMUL_FAULT);
	assert_fault(VEC_GP, true, 0);
	f.regs.gpr[REG_RSP] = UINT64_C(0x0000800000000008);
	assert_int_equal(RUN("\x50"), EMUL_FAULT);
	assert_fault(VEC_SS, true, 0);
	f.ctx.la57 = true; /* canonical, but nothing is there */
	assert_int_equal(RUN("\x50"), EMUL_FAULT);
	assert_int_equal(f.ctx.fault.vector, VEC_PF);
	f.seg[SEG_GS].base = LA; /* DS has no base in 64-bit mode, GS has */
	f.seg[SEG_DS].base = 0x5000;
	f.regs.gpr[REG_RBX] = 0x30;
	assert_int_equal(RUN("\x65\x8b\x03"), EMUL_OK);
	assert_int_equal(f.regs.gpr[REG_RAX], mem_at(0x30, 4));
	f.regs.gpr[REG_RBX] = LA;
	assert_int_equal(RUN("\x3e\x8b\x03"), EMUL_OK);
	assert_int_equal(f.regs.gpr[REG_RAX], mem_at(0, 4));
}

static void effective_address(void **state)
{
	struct insn insn;

	(void)state;
	start(8);
	f.seg[SEG_GS].base = 0x10000;
	f.seg[SEG_DS].base = 0x77777;
	f.regs.gpr[REG_RAX] = 0x1234;
	assert_int_equal(insn_decode(&insn, (const uint8_t *)"\x65\x0f\x01\x78\x10", 5, 8), 0);
	assert_int_equal(insn_ea(&f.ctx, &insn), 0x11244); /* invlpg gs:[rax+0x10] */
	assert_int_equal(insn_decode(&insn, (const uint8_t *)"\x0f\x01\x38", 3, 8), 0);
	assert_int_equal(insn_ea(&f.ctx, &insn), 0x1234);
	/* invlpg [rip+0x20] counts from the next instruction */
	assert_int_equal(insn_decode(&insn, (const uint8_t *)"\x0f\x01\x3d\x20\x00\x00\x00", 7, 8),
			 0);
	assert_int_equal(insn_ea(&f.ctx, &insn), 0x1027);
	start(4);
	f.seg[SEG_DS].base = 0xfffff000;
	f.regs.gpr[REG_RAX] = 0x1234;
	assert_int_equal(insn_decode(&insn, (const uint8_t *)"\x0f\x01\x38", 3, 4), 0);
	assert_int_equal(insn_ea(&f.ctx, &insn), 0x234);
}

/* I12: with other CPUs writing in between, no update is lost. */
static void locked_operations_are_atomic(void **state)
{
	(void)state;
	start(8);
	f.regs.gpr[REG_RBX] = LA;
	f.regs.gpr[REG_RAX] = 5;
	mem[0] = 10;
	mem[1] = mem[2] = mem[3] = 0;
	f.rivals = 3;
	assert_int_equal(RUN("\xf0\x01\x03"), EMUL_OK); /* lock add [rbx], eax */
	assert_int_equal(mem_at(0, 4), 10 + 3 + 5);
	assert_int_equal(f.rivals, 0);
	f.rivals = 2;
	assert_int_equal(RUN("\xf0\x0f\xc1\x03"), EMUL_OK); /* lock xadd [rbx], eax */
	assert_int_equal(mem_at(0, 4), 18 + 2 + 5);
	assert_int_equal(f.regs.gpr[REG_RAX], 20);
	f.rivals = 1;
	f.atomics = 0;
	assert_int_equal(RUN("\x87\x03"), EMUL_OK); /* xchg locks without the prefix */
	assert_true(f.atomics > 0);
	assert_int_equal(mem_at(0, 4), 20);
	assert_int_equal(f.regs.gpr[REG_RAX], 26);
	f.atomics = 0;
	assert_int_equal(RUN("\x87\x03"), EMUL_OK);
	assert_int_equal(f.atomics,
			 1); /* without a rival there is one try: one write to a device */
	assert_int_equal(RUN("\x87\x03"), EMUL_OK);
	f.atomics = 0;
	assert_int_equal(RUN("\x01\x03"), EMUL_OK); /* add without LOCK is none */
	assert_int_equal(f.atomics, 0);
	assert_int_equal(mem_at(0, 4), 46);
}

static void endless_rivals_end_the_exit(void **state)
{
	struct cpu_regs before;

	(void)state;
	start(8);
	f.regs.gpr[REG_RBX] = LA;
	f.rivals = 1000000;
	before = f.regs;
	assert_int_equal(RUN("\xf0\xff\x03"), EMUL_RETRY); /* lock inc dword [rbx] */
	assert_memory_equal(&before, &f.regs, sizeof(before));
}

/* A counter that moves at each read must not keep a locked instruction from ending. */
static void locked_instructions_on_a_device(void **state)
{
	(void)state;
	start(8);
	f.is_device = true;
	f.regs.gpr[REG_RBX] = LA;
	f.regs.gpr[REG_RCX] = 5;
	mem[0] = 40;
	assert_int_equal(RUN("\xf0\x0f\xc1\x0b"), EMUL_OK); /* lock xadd [rbx], ecx */
	assert_int_equal(f.regs.gpr[REG_RCX] & 0xff, 40);
	assert_int_equal(mem[0], 45);
	assert_int_equal(f.reads, 1);
	assert_int_equal(f.writes, 1);
	f.regs.gpr[REG_RAX] = 3; /* another value than there is */
	assert_int_equal(RUN("\xf0\x0f\xb0\x0b"), EMUL_OK); /* lock cmpxchg [rbx], cl */
	assert_false(f.regs.rflags & RFLAGS_ZF);
	assert_int_equal(f.regs.gpr[REG_RAX] & 0xff, 45);
	assert_int_equal(f.reads, 2);
	assert_int_equal(f.writes, 2); /* the old value, as the processor does */
	assert_int_equal(mem[0], 45);
	f.regs.gpr[REG_RAX] = 45;
	assert_int_equal(RUN("\xf0\x0f\xb0\x0b"), EMUL_OK);
	assert_true(f.regs.rflags & RFLAGS_ZF);
	assert_int_equal(mem[0], 40);
}

static void cmpxchg_pairs(void **state)
{
	uint64_t pair[2] = { 0x1111111122222222, 0x3333333344444444 };

	(void)state;
	start(8);
	memcpy(mem + 16, pair, sizeof(pair));
	f.regs.gpr[REG_RSI] = LA + 16;
	f.regs.gpr[REG_RAX] = pair[0];
	f.regs.gpr[REG_RDX] = pair[1];
	f.regs.gpr[REG_RBX] = 7;
	f.regs.gpr[REG_RCX] = 8;
	assert_int_equal(RUN("\xf0\x48\x0f\xc7\x0e"), EMUL_OK); /* lock cmpxchg16b [rsi] */
	assert_true(f.regs.rflags & RFLAGS_ZF);
	assert_int_equal(mem_at(16, 8), 7);
	assert_int_equal(mem_at(24, 8), 8);
	assert_int_equal(f.atomics, 1); /* one operation, not two halves */
	assert_int_equal(RUN("\x0f\xc7\x0e"), EMUL_OK); /* cmpxchg8b [rsi]: differs */
	assert_false(f.regs.rflags & RFLAGS_ZF);
	assert_int_equal(f.regs.gpr[REG_RAX], 7);
	assert_int_equal(f.regs.gpr[REG_RDX], 0);
	f.regs.gpr[REG_RSI] = LA + 8;
	assert_int_equal(RUN("\x48\x0f\xc7\x0e"), EMUL_FAULT); /* not aligned */
	assert_fault(VEC_GP, true, 0);
}

/* CMPXCHG that fails still needs write access; a read for an update asks for it too. */
static void updates_ask_for_write_access(void **state)
{
	(void)state;
	start(8);
	f.ro_lo = LA;
	f.ro_hi = LA + PAGE_SIZE;
	f.regs.gpr[REG_RBX] = LA;
	f.regs.gpr[REG_RAX] = ~mem_at(0, 4);
	assert_int_equal(RUN("\x0f\xb1\x0b"), EMUL_FAULT); /* cmpxchg [rbx], ecx */
	assert_fault(VEC_PF, true, 7);
	assert_int_equal(RUN("\x83\x03\x01"), EMUL_FAULT); /* add dword [rbx], 1 */
	assert_fault(VEC_PF, true, 7);
	assert_int_equal(RUN("\x83\x3b\x01"), EMUL_OK); /* cmp does not */
	f.regs.gpr[REG_RBX] = LA + SIZE;
	assert_int_equal(RUN("\x83\x03\x01"), EMUL_FAULT); /* nothing there at all */
	assert_fault(VEC_PF, true, 6);
	assert_int_equal(RUN("\x83\x3b\x01"), EMUL_FAULT);
	assert_fault(VEC_PF, true, 4);
}

/* The last page read-only, the next one absent: the CPU stops at the first. */
static void updates_fault_page_by_page(void **state)
{
	(void)state;
	start(8);
	f.ro_lo = LA;
	f.ro_hi = LA + SIZE;
	f.regs.gpr[REG_RBX] = LA + SIZE - 2;
	assert_int_equal(RUN("\x83\x03\x01"), EMUL_FAULT); /* add dword [rbx], 1 */
	assert_fault(VEC_PF, true, 7);
	assert_int_equal(f.ctx.fault.cr2, LA + SIZE - 2);
	/* without a lock (two pages, a device) a compare-exchange still is a write */
	f.is_device = true;
	assert_int_equal(RUN("\x0f\xb1\x0b"), EMUL_FAULT); /* cmpxchg [rbx], ecx */
	assert_fault(VEC_PF, true, 7);
	assert_int_equal(f.reads, 0);
}

/* For LMSW and SMSW, which exit handlers execute. */
static void located_operands_are_checked(void **state)
{
	struct insn insn;
	uint64_t la;

	(void)state;
	start(4);
	f.seg[SEG_DS] = (struct segment){ .base = LA, .limit = 9, .attr = f.seg[SEG_DS].attr };
	f.regs.gpr[REG_RBX] = 8;
	assert_int_equal(insn_decode(&insn, (const uint8_t *)"\x0f\x01\x33", 3, 4), 0); /* lmsw */
	assert_int_equal(emul_locate(&f.ctx, &insn, 2, false, &la), EMUL_OK);
	assert_int_equal(la, LA + 8);
	f.regs.gpr[REG_RBX] = 9;
	assert_int_equal(emul_locate(&f.ctx, &insn, 2, false, &la), EMUL_FAULT);
	assert_fault(VEC_GP, true, 0);
	f.regs.gpr[REG_RBX] = 8;
	f.seg[SEG_DS].attr &= ~2u; /* read-only: SMSW may not */
	assert_int_equal(emul_locate(&f.ctx, &insn, 2, true, &la), EMUL_FAULT);
	assert_fault(VEC_GP, true, 0);
}

static void rep_stops_and_goes_on(void **state)
{
	unsigned calls = 0;

	(void)state;
	start(8);
	f.regs.gpr[REG_RDI] = LA;
	f.regs.gpr[REG_RCX] = 1000;
	f.regs.gpr[REG_RAX] = 0x5a;
	while (f.regs.rip == 0x1000) {
		assert_int_equal(RUN("\xf3\xaa"), EMUL_OK); /* rep stosb */
		calls++;
		assert_true(calls < 1000);
	}
	assert_true(calls > 1); /* I14: one call is bounded */
	assert_int_equal(f.regs.gpr[REG_RCX], 0);
	assert_int_equal(f.regs.gpr[REG_RDI], LA + 1000);
	assert_int_equal(mem[999], 0x5a);
	assert_int_equal(mem[1000], (uint8_t)(1000 * 7));
}

static void rep_fault_keeps_what_is_done(void **state)
{
	(void)state;
	start(8);
	f.regs.gpr[REG_RSI] = LA;
	f.regs.gpr[REG_RDI] = LA + SIZE - 10;
	f.regs.gpr[REG_RCX] = 5;
	f.regs.rflags |= RFLAGS_CF;
	assert_int_equal(RUN("\xf3\xa5"), EMUL_FAULT); /* rep movsd: the third crosses the end */
	assert_fault(VEC_PF, true, 6);
	assert_int_equal(f.ctx.fault.cr2, LA + SIZE);
	assert_int_equal(f.regs.gpr[REG_RCX], 3);
	assert_int_equal(f.regs.gpr[REG_RSI], LA + 8);
	assert_int_equal(f.regs.gpr[REG_RDI], LA + SIZE - 2);
	assert_int_equal(f.regs.rip, 0x1000);
	/* A comparison that faults later leaves the flags as they were (SDM Vol. 2B, REP). */
	memset(mem + SIZE - 4, 0, 4);
	f.regs.gpr[REG_RDI] = LA + SIZE - 4;
	f.regs.gpr[REG_RAX] = 1;
	f.regs.gpr[REG_RCX] = 9;
	assert_int_equal(RUN("\xf2\xae"), EMUL_FAULT); /* repne scasb */
	assert_int_equal(f.regs.gpr[REG_RCX], 5);
	assert_true(f.regs.rflags & RFLAGS_CF);
}

static void rep_with_nothing_to_do(void **state)
{
	(void)state;
	start(8);
	f.regs.gpr[REG_RCX] = UINT64_C(0x100000000); /* ECX is 0 */
	f.regs.gpr[REG_RDI] = 0;
	assert_int_equal(RUN("\x67\xf3\xab"), EMUL_OK);
	assert_int_equal(f.regs.rip, 0x1003);
	assert_false(f.wild);
}

static void ports(void **state)
{
	(void)state;
	start(8);
	f.in_value = 0x11223344;
	f.regs.gpr[REG_RAX] = UINT64_C(0xffffffffffffffff);
	f.regs.gpr[REG_RDX] = 0xabcd1234;
	assert_int_equal(RUN("\xec"), EMUL_OK); /* in al, dx */
	assert_int_equal(f.port, 0x1234);
	assert_int_equal(f.regs.gpr[REG_RAX], UINT64_C(0xffffffffffffff44));
	assert_int_equal(RUN("\xe5\x71"), EMUL_OK); /* in eax, 0x71: zero-extends */
	assert_int_equal(f.port, 0x71);
	assert_int_equal(f.regs.gpr[REG_RAX], 0x11223345);
	assert_int_equal(RUN("\xe6\x80"), EMUL_OK); /* out 0x80, al */
	assert_int_equal(f.port, 0x80);
	assert_int_equal(f.out_value, 0x45);
	assert_int_equal(RUN("\x48\xef"), EMUL_OK); /* REX.W does not widen */
	assert_int_equal(f.out_value, 0x11223345);
}

static void string_ports(void **state)
{
	(void)state;
	start(8);
	f.in_value = 0x10;
	f.regs.gpr[REG_RDI] = LA;
	f.regs.gpr[REG_RCX] = 3;
	assert_int_equal(RUN("\xf3\x6c"), EMUL_OK); /* rep insb */
	assert_int_equal(mem_at(0, 3), 0x121110);
	f.regs.gpr[REG_RSI] = LA + 2;
	f.regs.gpr[REG_RCX] = 2;
	f.regs.rflags |= RFLAGS_DF;
	assert_int_equal(RUN("\xf3\x6e"), EMUL_OK); /* rep outsb, downwards */
	assert_int_equal(f.out_value, 0x11);
	assert_int_equal(f.outs, 2);
	assert_int_equal(f.regs.gpr[REG_RSI], LA);
	/* A destination that cannot be written must not cost the device a value. */
	f.ro_lo = LA;
	f.ro_hi = LA + PAGE_SIZE;
	f.regs.gpr[REG_RDI] = LA;
	f.ins = 0;
	assert_int_equal(RUN("\x6d"), EMUL_FAULT);
	assert_fault(VEC_PF, true, 7);
	assert_int_equal(f.ins, 0);
}

static void popf_by_privilege(void **state)
{
	(void)state;
	start(8);
	memset(mem, 0, 64);
	f.regs.gpr[REG_RSP] = LA; /* pops 0 */
	assert_int_equal(RUN("\x9d"), EMUL_OK);
	assert_true(f.regs.rflags & RFLAGS_IF); /* CPL 3 > IOPL 0 */
	f.regs.rflags |= RFLAGS_IOPL;
	assert_int_equal(RUN("\x9d"), EMUL_OK);
	assert_false(f.regs.rflags & RFLAGS_IF);
	assert_true(f.regs.rflags & RFLAGS_IOPL); /* only CPL 0 changes it */
	f.ctx.cpl = 0;
	assert_int_equal(RUN("\x9d"), EMUL_OK);
	assert_int_equal(f.regs.rflags, RFLAGS_FIXED);
	f.ctx.mode = 2; /* vm86 with IOPL < 3 */
	f.ctx.protected_mode = false;
	f.regs.rflags |= RFLAGS_VM;
	assert_int_equal(RUN("\x9d"), EMUL_FAULT);
	assert_fault(VEC_GP, true, 0);
	f.ctx.fault.vector = 0;
	assert_int_equal(RUN("\x9c"), EMUL_FAULT); /* pushf */
	assert_fault(VEC_GP, true, 0);
}

static void pop_to_an_address_by_rsp(void **state)
{
	(void)state;
	start(8);
	f.regs.gpr[REG_RSP] = LA + 8;
	assert_int_equal(RUN("\x8f\x44\x24\x08"), EMUL_OK); /* pop qword [rsp+8] */
	assert_int_equal(f.regs.gpr[REG_RSP], LA + 16);
	assert_int_equal(mem_at(24, 8), mem_at(8, 8));
}

static void divide_error_changes_nothing(void **state)
{
	struct cpu_regs before;

	(void)state;
	start(8);
	f.regs.gpr[REG_RAX] = 1;
	before = f.regs;
	assert_int_equal(RUN("\x48\xf7\xf3"), EMUL_FAULT); /* div rbx, which is 0 */
	assert_fault(VEC_DE, false, 0);
	assert_memory_equal(&before, &f.regs, sizeof(before));
	f.regs.gpr[REG_RBX] = UINT64_MAX; /* INT64_MIN / -1 */
	f.regs.gpr[REG_RAX] = (uint64_t)INT64_MIN;
	f.regs.gpr[REG_RDX] = UINT64_MAX;
	assert_int_equal(RUN("\x48\xf7\xfb"), EMUL_FAULT);
	assert_fault(VEC_DE, false, 0);
}

static void results_of_memory_pass_through(void **state)
{
	struct cpu_regs before;

	(void)state;
	start(8);
	f.regs.gpr[REG_RBX] = LA;
	before = f.regs;
	f.memory_result = EMUL_RETRY;
	assert_int_equal(RUN("\x8b\x03"), EMUL_RETRY);
	assert_int_equal(RUN("\xf0\x01\x03"), EMUL_RETRY);
	f.memory_result = EMUL_UNHANDLED;
	assert_int_equal(RUN("\x89\x03"), EMUL_UNHANDLED);
	assert_int_equal(RUN("\xf3\xa4"), EMUL_OK); /* with a count of 0 it touches none */
	f.regs.rip = before.rip;
	assert_memory_equal(&before, &f.regs, sizeof(before));
	f.memory_result = EMUL_OK;
	assert_int_equal(RUN("\x0f\xa2"), EMUL_UNHANDLED); /* cpuid is the exit handler's */
	assert_memory_equal(&before, &f.regs, sizeof(before));
}

static void bit_strings(void **state)
{
	(void)state;
	start(2);
	for (unsigned i = 0; i < NR_SEGS; i++)
		f.seg[i].base = LA;
	memset(mem, 0, SIZE);
	f.regs.gpr[REG_RBX] = 4;
	f.regs.gpr[REG_RCX] = 0xffdf; /* -33 of 16 bits: bit 15 three words below */
	assert_int_equal(RUN("\x0f\xab\x0f"), EMUL_OK); /* bts [bx], cx: wraps at 64 KiB */
	assert_int_equal(mem_at(0xfffe, 2), 0x8000);
	assert_false(f.regs.rflags & RFLAGS_CF);
	assert_int_equal(RUN("\x0f\xa3\x0f"), EMUL_OK); /* bt */
	assert_true(f.regs.rflags & RFLAGS_CF);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(real_mode_addresses),
		cmocka_unit_test(sixteen_bit_stack_and_branches),
		cmocka_unit_test(protected_mode_segments),
		cmocka_unit_test(canonical_addresses),
		cmocka_unit_test(effective_address),
		cmocka_unit_test(locked_operations_are_atomic),
		cmocka_unit_test(endless_rivals_end_the_exit),
		cmocka_unit_test(locked_instructions_on_a_device),
		cmocka_unit_test(cmpxchg_pairs),
		cmocka_unit_test(updates_ask_for_write_access),
		cmocka_unit_test(updates_fault_page_by_page),
		cmocka_unit_test(located_operands_are_checked),
		cmocka_unit_test(rep_stops_and_goes_on),
		cmocka_unit_test(rep_fault_keeps_what_is_done),
		cmocka_unit_test(rep_with_nothing_to_do),
		cmocka_unit_test(ports),
		cmocka_unit_test(string_ports),
		cmocka_unit_test(popf_by_privilege),
		cmocka_unit_test(pop_to_an_address_by_rsp),
		cmocka_unit_test(divide_error_changes_nothing),
		cmocka_unit_test(results_of_memory_pass_through),
		cmocka_unit_test(bit_strings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/*
 * One instruction on the host's CPU. An IRET goes to it with all registers set; the exception
 * that ends it is a signal, whose handler takes the results and returns behind the IRET.
 * Between the two nothing but assembly runs: FS is the instruction's, not the C library's.
 * Single-threaded.
 */
#define _GNU_SOURCE /* REG_RAX and so on */
#include "tests/unit/emul_native.h"

#include <asm/ldt.h>
#include <asm/prctl.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#define FRAME_STACK 65536 /* aligned: the upper half of its addresses' ESP is one */

_Static_assert(offsetof(struct native_state, rip) == 0x80, "native_enter");
_Static_assert(offsetof(struct native_state, fs_base) == 0x90, "native_enter");
_Static_assert(offsetof(struct native_state, sel) == 0xa0, "native_enter");
_Static_assert(offsetof(struct native_state, code64) == 0xd0, "native_enter");

static const int greg_of[16] = { REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP,
				 REG_RSI, REG_RDI, REG_R8,  REG_R9,  REG_R10, REG_R11,
				 REG_R12, REG_R13, REG_R14, REG_R15 };

/* Assembly reaches them by name. */
uint64_t native_own_fs, native_own_rsp, native_frame_top, native_left_sel[6];

void native_enter(struct native_state *s);
void native_left(void);
void native_on_signal(int sig, siginfo_t *info, void *context);
void native_on_exception(int sig, siginfo_t *info, void *context);

/* arch_prctl(2) is 158; 0x1001 sets GS, 0x1002 FS. */
__asm__(".pushsection .text\n"
	"native_enter:\n"
	"	push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15\n"
	"	mov %rsp, native_own_rsp(%rip)\n"
	"	mov %rdi, %rbp\n"
	"	mov native_frame_top(%rip), %rsp\n"
	"	mov 0xb8(%rbp), %ds\n"
	"	mov 0xa0(%rbp), %es\n"
	"	cmpq $0, 0xd0(%rbp)\n"
	"	je 1f\n"
	"	mov $158, %eax; mov $0x1001, %edi; mov 0x98(%rbp), %rsi; syscall\n"
	"	mov $158, %eax; mov $0x1002, %edi; mov 0x90(%rbp), %rsi; syscall\n"
	"	jmp 2f\n"
	"1:	mov 0xc8(%rbp), %gs\n"
	"	mov 0xc0(%rbp), %fs\n"
	"2:	push 0xb0(%rbp)\n" /* SS, RSP, RFLAGS, CS, RIP */
	"	push 0x20(%rbp)\n"
	"	push 0x88(%rbp)\n"
	"	push 0xa8(%rbp)\n"
	"	push 0x80(%rbp)\n"
	"	mov 0x00(%rbp), %rax; mov 0x08(%rbp), %rcx; mov 0x10(%rbp), %rdx\n"
	"	mov 0x18(%rbp), %rbx; mov 0x30(%rbp), %rsi; mov 0x38(%rbp), %rdi\n"
	"	mov 0x40(%rbp), %r8;  mov 0x48(%rbp), %r9;  mov 0x50(%rbp), %r10\n"
	"	mov 0x58(%rbp), %r11; mov 0x60(%rbp), %r12; mov 0x68(%rbp), %r13\n"
	"	mov 0x70(%rbp), %r14; mov 0x78(%rbp), %r15; mov 0x28(%rbp), %rbp\n"
	"	iretq\n"
	"native_left:\n"
	"	pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx\n"
	"	ret\n"
	"native_on_signal:\n" /* flags first: AC may be set; FS goes with its base */
	"	pushq $0x202; popfq\n"
	"	mov %es, native_left_sel(%rip); mov %ds, native_left_sel+24(%rip)\n"
	"	mov %fs, native_left_sel+32(%rip); mov %gs, native_left_sel+40(%rip)\n"
	"	push %rdi; push %rsi; push %rdx\n"
	"	mov $158, %eax; mov $0x1002, %edi; mov native_own_fs(%rip), %rsi; syscall\n"
	"	pop %rdx; pop %rsi; pop %rdi\n"
	"	jmp native_on_exception\n"
	".popsection\n");

static struct native_state *current;

void native_on_exception(int sig, siginfo_t *info, void *context)
{
	greg_t *g = ((ucontext_t *)context)->uc_mcontext.gregs;

	(void)sig;
	(void)info;
	if (!current)
		abort(); /* an exception of the test's own */
	for (unsigned i = 0; i < 16; i++)
		current->gpr[i] = (uint64_t)g[greg_of[i]];
	current->rip = (uint64_t)g[REG_RIP];
	current->rflags = (uint64_t)g[REG_EFL];
	current->vector = (uint64_t)g[REG_TRAPNO];
	current->error = (uint64_t)g[REG_ERR];
	current->cr2 = (uint64_t)g[REG_CR2];
	memcpy(current->sel, native_left_sel, sizeof(current->sel));
	current->sel[1] = (uint64_t)g[REG_CSGSFS] & 0xffff; /* CS, SS */
	current->sel[2] = (uint64_t)g[REG_CSGSFS] >> 48;
	current = NULL;
	g[REG_RIP] = (greg_t)native_left;
	g[REG_RSP] = (greg_t)native_own_rsp;
	g[REG_EFL] = 0x202;
	g[REG_CSGSFS] = NATIVE_CS64 | (greg_t)NATIVE_DS << 48;
}

void native_init(void)
{
	static const int signals[] = { SIGTRAP, SIGSEGV, SIGFPE, SIGILL, SIGBUS };
	static uint8_t stack[65536];
	static uint8_t frames[FRAME_STACK] __attribute__((aligned(FRAME_STACK)));
	stack_t st = { .ss_sp = stack, .ss_size = sizeof(stack) };
	struct sigaction sa = { .sa_sigaction = native_on_signal,
				.sa_flags = SA_SIGINFO | SA_ONSTACK };

	native_frame_top = (uint64_t)(uintptr_t)frames + FRAME_STACK / 2;
	if (sigaltstack(&st, NULL) || syscall(SYS_arch_prctl, ARCH_GET_FS, &native_own_fs))
		abort();
	for (unsigned i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		if (sigaction(signals[i], &sa, NULL))
			abort();
}

void native_run(struct native_state *s)
{
	current = s;
	native_enter(s);
}

uint32_t native_esp_high(void)
{
	return (uint32_t)native_frame_top & 0xffff0000;
}

uint16_t native_set_ldt(unsigned index, const struct native_segment *s)
{
	const int write = 0x11; /* of modify_ldt(2) */
	struct user_desc d = { .entry_number = index,
			       .base_addr = s->base,
			       .limit = s->limit,
			       .seg_32bit = s->big,
			       .contents = s->kind,
			       .read_exec_only = s->read_only,
			       .limit_in_pages = s->pages,
			       .useable = 1 };

	if (syscall(SYS_modify_ldt, write, &d, sizeof(d)))
		abort();
	return (uint16_t)(index << 3 | 7);
}

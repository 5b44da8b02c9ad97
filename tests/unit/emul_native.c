/* SPDX-License-Identifier: MIT */
/*
 * One instruction on the host's CPU. A first INT3 brings us into a signal handler, which
 * puts the wanted registers into the frame that it returns to; the exception that ends the
 * instruction brings us there again, with the results. Single-threaded.
 */
#define _GNU_SOURCE /* REG_RAX and so on */
#include "tests/unit/emul_native.h"

#include <asm/prctl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#define USER_CS32 0x23 /* Linux's selectors (arch/x86/include/asm/segment.h) */
#define USER_DS 0x2b

#define FLAG_TF 0x100

static const int greg_of[16] = { REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP,
				 REG_RSI, REG_RDI, REG_R8,  REG_R9,  REG_R10, REG_R11,
				 REG_R12, REG_R13, REG_R14, REG_R15 };

static struct native_state *current;
static bool current_is_32, inside;
static gregset_t caller;

static void enter(greg_t *g)
{
	memcpy(caller, g, sizeof(caller));
	for (unsigned i = 0; i < 16; i++)
		g[greg_of[i]] = (greg_t)current->gpr[i];
	g[REG_RIP] = (greg_t)current->rip;
	g[REG_EFL] = (greg_t)(current->rflags & ~(uint64_t)FLAG_TF);
	if (current_is_32)
		g[REG_CSGSFS] = (g[REG_CSGSFS] & ~(greg_t)0xffff) | USER_CS32;
	inside = true;
}

static void leave(greg_t *g)
{
	for (unsigned i = 0; i < 16; i++)
		current->gpr[i] = (uint64_t)g[greg_of[i]];
	current->rip = (uint64_t)g[REG_RIP];
	current->rflags = (uint64_t)g[REG_EFL];
	current->vector = (unsigned)g[REG_TRAPNO];
	current->error = (uint64_t)g[REG_ERR];
	current->cr2 = (uint64_t)g[REG_CR2];
	memcpy(g, caller, sizeof(caller));
	inside = false;
}

static void on_exception(int sig, siginfo_t *info, void *context)
{
	ucontext_t *u = context;

	(void)info;
	if (inside)
		leave(u->uc_mcontext.gregs);
	else if (sig == SIGTRAP && current)
		enter(u->uc_mcontext.gregs);
	else
		abort(); /* an exception of the test's own */
}

void native_init(void)
{
	static const int signals[] = { SIGTRAP, SIGSEGV, SIGFPE, SIGILL, SIGBUS };
	static uint8_t stack[65536];
	stack_t st = { .ss_sp = stack, .ss_size = sizeof(stack) };
	struct sigaction sa = { .sa_sigaction = on_exception, .sa_flags = SA_SIGINFO | SA_ONSTACK };

	if (sigaltstack(&st, NULL))
		abort();
	for (unsigned i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		if (sigaction(signals[i], &sa, NULL))
			abort();
	__asm__ volatile("mov %0, %%ds\n\tmov %0, %%es" : : "r"(USER_DS));
}

void native_run(struct native_state *s, bool code32)
{
	current = s;
	current_is_32 = code32;
	__asm__ volatile("int3" : : : "memory");
	current = NULL;
}

void native_set_gs_base(uint64_t base)
{
	if (syscall(SYS_arch_prctl, ARCH_SET_GS, base))
		abort();
}

/* SPDX-License-Identifier: MIT */
/* See co.h. The sanitizer is told of stacks if it is linked in. */
#include "tests/model/co.h"

#include <stdint.h>
#include <stdlib.h>

#define STACK_BYTES (256u << 10)
#define SAVED_REGISTERS 6 /* rbp rbx r12-r15 */

/* Push the registers that a call preserves, swap stacks, pop. */
void co_swap(void **save, void *to);
__asm__(".text\n"
	".globl co_swap\n"
	".type co_swap, @function\n"
	"co_swap:\n"
	"	push %rbp\n"
	"	push %rbx\n"
	"	push %r12\n"
	"	push %r13\n"
	"	push %r14\n"
	"	push %r15\n"
	"	mov %rsp, (%rdi)\n"
	"	mov %rsi, %rsp\n"
	"	pop %r15\n"
	"	pop %r14\n"
	"	pop %r13\n"
	"	pop %r12\n"
	"	pop %rbx\n"
	"	pop %rbp\n"
	"	ret\n"
	".size co_swap, . - co_swap\n"
	".section .note.GNU-stack,\"\",@progbits\n"
	".text\n");

void __attribute__((weak))
__sanitizer_start_switch_fiber(void **save, const void *bottom, size_t size);
void __attribute__((weak))
__sanitizer_finish_switch_fiber(void *saved, const void **old_bottom, size_t *old_size);

void __attribute__((weak)) __asan_unpoison_memory_region(const void *p, size_t bytes);

static void *main_sp;
static const void *main_stack;
static size_t main_bytes;
static struct co *starting;

static void finish_switch(void *saved, const void **old, size_t *bytes)
{
	if (__sanitizer_finish_switch_fiber)
		__sanitizer_finish_switch_fiber(saved, old, bytes);
}

static void begin(void)
{
	struct co *c = starting;

	finish_switch(NULL, &main_stack, &main_bytes);
	c->body(c->arg);
	abort();
}

void co_init(struct co *c, void (*body)(void *arg), void *arg)
{
	void **sp;

	if (!c->stack) {
		c->stack = aligned_alloc(4096, STACK_BYTES);
		c->stack_bytes = STACK_BYTES;
	}
	if (!c->stack)
		abort();
	if (__asan_unpoison_memory_region) /* what an abandoned body left */
		__asan_unpoison_memory_region(c->stack, c->stack_bytes);
	c->body = body;
	c->arg = arg;
	c->asan = NULL;
	/* As a call of begin() leaves it: aligned to 16 before its return address. */
	sp = (void **)(void *)((char *)c->stack + c->stack_bytes) - 1;
	*--sp = (void *)(uintptr_t)begin;
	c->sp = sp - SAVED_REGISTERS;
}

void co_run(struct co *c)
{
	void *saved = NULL;

	starting = c;
	if (__sanitizer_start_switch_fiber)
		__sanitizer_start_switch_fiber(&saved, c->stack, c->stack_bytes);
	co_swap(&main_sp, c->sp);
	finish_switch(saved, NULL, NULL);
}

void co_give_way(struct co *c)
{
	if (__sanitizer_start_switch_fiber)
		__sanitizer_start_switch_fiber(&c->asan, main_stack, main_bytes);
	co_swap(&c->sp, main_sp);
	finish_switch(c->asan, &main_stack, &main_bytes);
}

void co_leave(struct co *c)
{
	if (__sanitizer_start_switch_fiber)
		__sanitizer_start_switch_fiber(NULL, main_stack, main_bytes);
	co_swap(&c->sp, main_sp);
	abort();
}

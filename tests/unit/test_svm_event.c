/* SPDX-License-Identifier: MIT */
/* svm/event.c where interrupts are injected as virtual ones: whatever an exit comes to first, none is
 * lost, and none reaches a guest that has interrupts off. And what is done where VMRUN forgets
 * their shadow. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "hv/emul_table.h"
#include "hv/x86.h"
#include "svm/svm.h"

#define VECTOR 0xec

struct svm_features svm_features = { .injects_intr_twice = true };

static struct vmcb vmcb;
static struct svm_vcpu svm;
static struct vcpu v;
static struct insn insn;
static unsigned cpl, steps; /* calls of vcpu_step() */

static void inject(void)
{
	v.pending = (struct event){ .type = EVENT_INTR, .vector = VECTOR };
	if (svm_window_is_open(&vmcb) != v.want_window)
		svm_change_window(&v);
	svm_inject_pending(&v);
	assert_int_equal(v.pending.type, EVENT_NONE);
}

/* The guest has run. Its exit's handler may do something. */
static void exits(void (*handler)(void))
{
	if (svm.virtual_intr)
		svm_note_virtual_interrupt(&v);
	if (handler)
		handler();
	vcpu_reinject(&v);
	if (svm.virtual_intr)
		svm_take_back_virtual_interrupt(&v);
}

static void raise_pf(void)
{
	v.delivering.type = EVENT_NONE;
	v.pending = (struct event){ .type = EVENT_EXCEPTION, .vector = VEC_PF };
}

static void hlt(void)
{
	v.state = VCPU_HALTED;
}

unsigned svm_get_cpl(struct vcpu *vcpu)
{
	assert_ptr_equal(vcpu, &v);
	return cpl;
}

const struct insn *vcpu_insn(struct vcpu *vcpu)
{
	assert_ptr_equal(vcpu, &v);
	return &insn;
}

bool vcpu_step(struct vcpu *vcpu)
{
	assert_ptr_equal(vcpu, &v);
	steps++;
	hlt();
	return true;
}

static int setup(void **state)
{
	(void)state;
	steps = 0;
	memset(&vmcb, 0, sizeof(vmcb));
	svm = (struct svm_vcpu){ .vmcb = &vmcb };
	v = (struct vcpu){ .arch = &svm, .state = VCPU_RUNNABLE };
	v.regs.rflags = RFLAGS_IF;
	inject();
	assert_true(vmcb.v_intr & V_IRQ);
	assert_int_equal(vmcb.event_inj, 0);
	return 0;
}

static void assert_pending(void)
{
	assert_int_equal(v.pending.type, EVENT_INTR);
	assert_int_equal(v.pending.vector, VECTOR);
	assert_false(svm.virtual_intr);
	assert_int_equal(vmcb.v_intr, 0);
}

static void test_delivered(void **state)
{
	(void)state;
	vmcb.v_intr &= ~V_IRQ;
	exits(NULL);
	assert_int_equal(v.pending.type, EVENT_NONE);
	assert_false(svm.virtual_intr);
	assert_int_equal(vmcb.v_intr, 0);
}

static void test_exit_comes_first(void **state)
{
	(void)state;
	exits(NULL);
	assert_pending();
}

static void test_exit_while_it_is_delivered(void **state)
{
	(void)state;
	vmcb.exit_int_info = EVENT_VALID | VECTOR;
	svm_note_virtual_interrupt(&v);
	assert_int_equal(v.delivering.type, EVENT_INTR);
	assert_int_equal(vmcb.exit_int_info, 0);
	exits(NULL);
	assert_pending();
}

static void test_exception_goes_first(void **state)
{
	(void)state;
	exits(raise_pf);
	assert_int_equal(v.pending.type, EVENT_EXCEPTION);
	svm_inject_pending(&v);
	assert_true(vmcb.event_inj & EVENT_VALID);
	assert_true(vmcb.v_intr & V_IRQ); /* goes on waiting */
	exits(NULL);
	assert_pending();
}

static void test_hlt_does_not_wait_for_it(void **state)
{
	(void)state;
	exits(hlt);
	assert_pending();
	assert_int_equal(v.state, VCPU_RUNNABLE);
}

static void test_hlt_with_interrupts_off(void **state)
{
	(void)state;
	v.regs.rflags = 0;
	exits(hlt);
	assert_pending();
	assert_int_equal(v.state, VCPU_HALTED);
}

/* Another waits behind it, and meanwhile the guest has turned interrupts off. */
static void test_with_a_window_it_waits_for_if(void **state)
{
	(void)state;
	v.regs.rflags = 0;
	exits(NULL);
	assert_pending();
	v.want_window = true;
	inject();
	assert_int_equal(vmcb.event_inj, 0);
	assert_true(vmcb.v_intr & V_IRQ);
	v.regs.rflags = RFLAGS_IF; /* the window opens */
	exits(NULL);
	assert_int_equal(v.pending.type, EVENT_INTR);
	assert_true(vmcb.v_intr & V_IRQ); /* the window's */
	inject();
	assert_int_equal(vmcb.event_inj & EVENT_VECTOR_MASK, VECTOR);
	assert_true(vmcb.v_intr & V_IRQ);
}

static void test_window_is_closed_behind_it(void **state)
{
	(void)state;
	exits(raise_pf);
	v.want_window = true;
	svm_change_window(&v);
	v.want_window = false;
	svm_change_window(&v);
	assert_true(vmcb.v_intr & V_IRQ);
}

/* What is in an interrupt's shadow comes before anything else, unless an exception has. */
static void test_shadow_is_finished(void **state)
{
	(void)state;
	exits(NULL);
	svm_finish_shadow(&v); /* the interrupt that was taken back */
	v.pending.type = EVENT_NONE;
	cpl = 3; /* ports, and more, are not asked for there */
	svm_finish_shadow(&v);
	cpl = 0;
	insn.op = INSN_NONE;
	svm_finish_shadow(&v);
	assert_int_equal(steps, 0);
	insn.op = INSN_HLT;
	svm_finish_shadow(&v);
	assert_int_equal(v.state, VCPU_HALTED);
	svm_finish_shadow(&v);
	assert_int_equal(steps, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_delivered, setup),
		cmocka_unit_test_setup(test_exit_comes_first, setup),
		cmocka_unit_test_setup(test_exit_while_it_is_delivered, setup),
		cmocka_unit_test_setup(test_exception_goes_first, setup),
		cmocka_unit_test_setup(test_hlt_does_not_wait_for_it, setup),
		cmocka_unit_test_setup(test_hlt_with_interrupts_off, setup),
		cmocka_unit_test_setup(test_with_a_window_it_waits_for_if, setup),
		cmocka_unit_test_setup(test_window_is_closed_behind_it, setup),
		cmocka_unit_test_setup(test_shadow_is_finished, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

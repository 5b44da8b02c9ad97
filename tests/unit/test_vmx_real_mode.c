/* SPDX-License-Identifier: MIT */
/* States that no entry takes: real mode as vm86, step by step, and the way out of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/fake_exits.h"

#define V (&fake_vcpu)
#define DATA (SEG_P | SEG_S | 0x3u)
#define CODE (SEG_P | SEG_S | 0xbu)
#define VM86 0xf3u
#define SELECTOR(s) (0x100 + 4 * (s)) /* RPL 0 */
#define BITMAP_IN_RUN 0x12345678u /* whatever else */

static const struct segment tr = {
	.sel = 0x28, .attr = SEG_P | 0xb, .limit = 0x2067, .base = 0x700
};

static void set_real_segments(void)
{
	for (enum seg s = SEG_ES; s <= SEG_GS; s++) {
		struct segment r = { .sel = SELECTOR(s), .limit = 0xffff, .attr = DATA };

		if (s == SEG_CS)
			r.attr = CODE;
		r.base = (uint64_t)r.sel << 4;
		vmx_ops.set_segment(V, s, &r);
	}
	vmx_ops.set_segment(V, SEG_TR, &tr);
	vmx_ops.set_segment(V, SEG_LDTR, &(struct segment){ .attr = SEG_UNUSABLE });
}

static int setup(void **state)
{
	(void)state;
	fake_exits_reset();
	V->cr0 = CR0_ET;
	V->cr4 = V->efer = 0;
	V->mmu.hw.long_mode = false;
	vmx_ops.paging_changed(V);
	set_real_segments();
	V->regs.rflags = RFLAGS_FIXED | RFLAGS_IF | RFLAGS_IOPL;
	fake_vmcs[VMCS_GUEST_SYSENTER_CS] = 0x10;
	fake_vmcs[VMCS_EXCEPTION_BITMAP] = BITMAP_IN_RUN;
	return 0;
}

static void run(void)
{
	V->leave = false;
	vmx_ops.run(V);
}

/* So many instructions without an entry. */
static void run_steps(unsigned n)
{
	fake_nr_steps = fake_stepped + n;
	run();
}

static void change_segment(enum seg s, void (*change)(struct segment *r))
{
	struct segment r;

	vmx_ops.get_segment(V, s, &r);
	change(&r);
	vmx_ops.set_segment(V, s, &r);
}

/* --- virtual-8086 mode ------------------------------------------------------------------- */

static void in_vm86(void)
{
	struct segment r;

	for (enum seg s = SEG_ES; s <= SEG_GS; s++) {
		vmx_ops.get_segment(V, s, &r);
		assert_int_equal(r.attr, VM86);
		assert_int_equal(r.limit, 0xffff);
		assert_int_equal(r.sel, SELECTOR(s));
	}
	vmx_ops.get_segment(V, SEG_TR, &r);
	assert_int_equal(r.attr, SEG_P | 0xb);
	assert_true(r.limit < 0x67); /* no I/O bitmap: no ports */
	assert_int_equal(fake_vmcs[VMCS_GUEST_RFLAGS], RFLAGS_FIXED | RFLAGS_IF | RFLAGS_VM);
	assert_int_equal(fake_vmcs[VMCS_EXCEPTION_BITMAP], 0xffffffff);
	assert_int_equal(fake_vmcs[VMCS_GUEST_SYSENTER_CS], 0);
	/* it loads DS, and clears IF */
	fake_fields(0x0806, 0x2000, 0x680c, 0x20000);
	fake_vmcs[VMCS_GUEST_RFLAGS] &= ~RFLAGS_IF;
}

static void vm86_and_back(void **state)
{
	struct segment r;

	(void)state;
	fake_exit(VMX_EXIT_CPUID);
	fake_entries[0].in_guest = in_vm86;
	run();
	assert_string_equal(fake_told(), "cpuid 0;");
	assert_int_equal(V->regs.rflags, RFLAGS_FIXED | RFLAGS_IOPL);
	vmx_ops.get_segment(V, SEG_CS, &r);
	assert_int_equal(r.attr, CODE);
	vmx_ops.get_segment(V, SEG_DS, &r);
	assert_int_equal(r.attr, DATA);
	assert_int_equal(r.sel, 0x2000);
	assert_int_equal(r.base, 0x20000);
	vmx_ops.get_segment(V, SEG_TR, &r);
	assert_int_equal(r.sel, tr.sel);
	assert_int_equal(r.limit, tr.limit);
	assert_int_equal(r.base, tr.base);
	assert_int_equal(fake_vmcs[VMCS_GUEST_SYSENTER_CS], 0x10);
	assert_int_equal(fake_vmcs[VMCS_EXCEPTION_BITMAP], VMX_EXCEPTIONS);
	assert_int_equal(vmx_ops.get_cpl(V), 0);
}

static void assert_real_segments(void)
{
	struct segment r;

	for (enum seg s = SEG_ES; s <= SEG_GS; s++) {
		vmx_ops.get_segment(V, s, &r);
		assert_int_equal(r.attr, s == SEG_CS ? CODE : DATA);
	}
	vmx_ops.get_segment(V, SEG_TR, &r);
	assert_int_equal(r.limit, tr.limit);
	assert_int_equal(V->regs.rflags, RFLAGS_FIXED | RFLAGS_IF | RFLAGS_IOPL);
}

/* Made ready for an entry, it leaves without one; or is looked at once more. */
static void entry_that_does_not_come_about(void **state)
{
	(void)state;
	V->poked = true;
	run();
	assert_int_equal(fake_entered, 0);
	assert_real_segments();
	assert_int_equal(fake_vmcs[VMCS_EXCEPTION_BITMAP], VMX_EXCEPTIONS);
	assert_string_equal(fake_told(), "");
	fake_exit(VMX_EXIT_CPUID);
	run();
	assert_int_equal(fake_entered, 1);
	assert_real_segments();
}

static const char *after_exception(unsigned vector)
{
	fake_nr_entries = fake_entered = 0;
	fake_vmcs[VMCS_EXIT_INTR_INFO] = INTR_VALID | INTR_HARD_EXCEPTION << INTR_TYPE_SHIFT |
					 vector;
	fake_exit(VMX_EXIT_EXCEPTION_OR_NMI);
	run();
	return fake_told();
}

static void exceptions_in_vm86(void **state)
{
	(void)state;
	assert_string_equal(after_exception(VEC_GP), "step;"); /* CLI, INT n, OUT, ... */
	assert_string_equal(after_exception(VEC_BP), "step;");
	assert_string_equal(after_exception(VEC_OF), "step;");
	assert_string_equal(after_exception(VEC_DE), "inject 0;");
	assert_string_equal(after_exception(VEC_UD), "inject 6;");
	assert_string_equal(after_exception(VEC_DB), "exception 1;");
	assert_string_equal(after_exception(VEC_PF), "page fault 0 0;");
	fake_step_result = false; /* nothing that vm86 refuses: it was beyond a limit */
	assert_string_equal(after_exception(VEC_GP), "step;inject 13;");
}

/* Bochs says that INT n was being delivered when it gives #GP. */
static void vectoring_of_a_software_interrupt(void **state)
{
	(void)state;
	fake_vmcs[VMCS_IDT_VECTORING_INFO] = INTR_VALID | INTR_SOFT_INTERRUPT << INTR_TYPE_SHIFT |
					     0x40;
	assert_string_equal(after_exception(VEC_GP), "step;");
	assert_int_equal(V->pending.type, EVENT_NONE);
}

/* --- where vm86 does not fit -------------------------------------------------------------- */

static void base_elsewhere(struct segment *r)
{
	r->base++;
}

static void longer(struct segment *r)
{
	r->limit = 0xffffffff;
	r->attr |= SEG_G;
}

static void of_32_bits(struct segment *r)
{
	r->attr |= SEG_DB;
}

static void unusable(struct segment *r)
{
	r->attr = SEG_UNUSABLE;
}

static void stepped_without_entry(void)
{
	fake_nr_entries = fake_entered = 0;
	run_steps(2);
	assert_string_equal(fake_told(), "step;step;");
	assert_int_equal(fake_entered, 0);
	setup(NULL);
}

static void segments_that_vm86_cannot_have(void **state)
{
	(void)state;
	change_segment(SEG_CS, base_elsewhere); /* after a reset */
	stepped_without_entry();
	change_segment(SEG_FS, longer);
	stepped_without_entry();
	change_segment(SEG_CS, of_32_bits);
	stepped_without_entry();
	change_segment(SEG_SS, of_32_bits);
	stepped_without_entry();
	change_segment(SEG_ES, unusable);
	stepped_without_entry();
	V->cr4 = CR4_VME;
	stepped_without_entry();
	V->cr0 |= CR0_AM;
	V->regs.rflags |= RFLAGS_AC;
	stepped_without_entry();
	change_segment(SEG_DS, of_32_bits); /* means nothing there */
	fake_exit(VMX_EXIT_CPUID);
	run();
	assert_int_equal(fake_entered, 1);
	assert_int_equal(V->exits.count[EXIT_EMULATED], 0);
}

static void steps_are_counted_and_out_of_guest_mode(void **state)
{
	(void)state;
	change_segment(SEG_FS, longer);
	V->in_guest = true;
	run_steps(3);
	assert_false(V->in_guest);
	assert_int_equal(V->exits.count[EXIT_EMULATED], 3);
}

static void lacking_instruction_kills(void **state)
{
	(void)state;
	change_segment(SEG_FS, longer);
	fake_step_result = false;
	run();
	assert_string_equal(fake_told(), "step;kill in a state that VMX does not take (real mode, "
					 "which vm86 cannot be);");
}

/* --- events in real mode ------------------------------------------------------------------ */

static void events_go_by_the_interrupt_table(void **state)
{
	(void)state;
	V->pending = (struct event){ .type = EVENT_INTR, .vector = 0x20 };
	fake_exit(VMX_EXIT_CPUID);
	run();
	assert_string_equal(fake_told(), "deliver 32;cpuid 0;");
	assert_false(fake_vmcs[VMCS_ENTRY_INTR_INFO] & INTR_VALID);
}

/* No exit says that IF is set again: it is looked at behind each instruction. */
static void waiting_events_are_asked_again(void **state)
{
	(void)state;
	change_segment(SEG_FS, longer);
	V->want_window = true;
	run_steps(2);
	assert_string_equal(fake_told(), "look;step;look;step;");
	V->want_window = false;
	V->want_nmi_window = true;
	run_steps(1);
	assert_string_equal(fake_told(), "look;step;");
}

/* A shadow that an emulated MOV SS has begun: that of STI is none with IF = 0. */
static void shadows_without_if(void **state)
{
	(void)state;
	V->intr_shadow = true;
	V->regs.rflags &= ~RFLAGS_IF;
	fake_exit(VMX_EXIT_CPUID);
	run();
	assert_int_equal(fake_vmcs_writes[VMCS_GUEST_INTERRUPTIBILITY], 1);
	assert_int_equal(fake_vmcs[VMCS_GUEST_INTERRUPTIBILITY], BLOCKING_BY_MOV_SS);
}

/* --- protected mode with real mode's segments ---------------------------------------------- */

static void other_rpl(struct segment *r)
{
	r->sel |= 3;
}

static void set_pe(void)
{
	V->cr0 |= CR0_PE;
	vmx_ops.paging_changed(V);
}

static void same_rpl(struct segment *r)
{
	r->sel &= ~3;
}

static unsigned steps_to_go;

static void loads_ss_at_last(void)
{
	if (!--steps_to_go)
		change_segment(SEG_SS, same_rpl);
}

static void steps_until_it_is_taken(void **state)
{
	(void)state;
	change_segment(SEG_SS, other_rpl);
	set_pe();
	V->irq_check = true; /* waits for a state in which it can be delivered */
	steps_to_go = 3;
	fake_in_step = loads_ss_at_last;
	fake_exit(VMX_EXIT_CPUID);
	run();
	assert_string_equal(fake_told(), "step;step;step;look;cpuid 0;");
	assert_int_equal(fake_vmcs[VMCS_EXCEPTION_BITMAP], BITMAP_IN_RUN); /* no vm86 */
	/* from then on nobody asks, until the mode changes again */
	change_segment(SEG_SS, other_rpl);
	fake_nr_entries = fake_entered = 0;
	fake_exit(VMX_EXIT_CPUID);
	run();
	assert_string_equal(fake_told(), "cpuid 0;");
	V->efer |= EFER_LMA;
	vmx_ops.paging_changed(V);
	steps_to_go = 1;
	fake_nr_entries = fake_entered = 0;
	fake_exit(VMX_EXIT_CPUID);
	run();
	assert_string_equal(fake_told(), "step;cpuid 0;");
}

static void taken_as_they_are(void **state)
{
	(void)state;
	set_pe();
	fake_exit(VMX_EXIT_CPUID);
	run();
	assert_string_equal(fake_told(), "cpuid 0;");
}

static void told_why(void **state)
{
	(void)state;
	change_segment(SEG_SS, other_rpl);
	set_pe();
	V->pending = (struct event){ .type = EVENT_EXCEPTION, .vector = VEC_GP };
	run();
	assert_string_equal(fake_told(), "kill vector 0xd cannot be delivered in a state that VMX "
					 "does not take (SS and CS have the same RPL);");
	V->pending.type = EVENT_NONE;
	fake_step_result = false;
	run();
	assert_string_equal(fake_told(), "step;kill in a state that VMX does not take (SS and CS "
					 "have the same RPL);");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup(name, setup)
		T(vm86_and_back),
		T(entry_that_does_not_come_about),
		T(exceptions_in_vm86),
		T(vectoring_of_a_software_interrupt),
		T(segments_that_vm86_cannot_have),
		T(steps_are_counted_and_out_of_guest_mode),
		T(lacking_instruction_kills),
		T(events_go_by_the_interrupt_table),
		T(waiting_events_are_asked_again),
		T(shadows_without_if),
		T(steps_until_it_is_taken),
		T(taken_as_they_are),
		T(told_why),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

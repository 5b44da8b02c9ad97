/* SPDX-License-Identifier: MIT */
/* VMX exits to neutral handlers: reasons and qualifications (Intel SDM Vol. 3C 27.2). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "hv/emul_table.h"
#include "tests/unit/fake_exits.h"
#include "tests/unit/host_print.h"

static int setup(void **state)
{
	(void)state;
	fake_exits_reset();
	return 0;
}

/* One exit; the reason that it was counted under. */
static enum exit_reason handle(uint32_t reason)
{
	return vmx_handle_exit(&fake_vcpu, reason);
}

static void expect(uint32_t reason, enum exit_reason counted, const char *told)
{
	assert_int_equal(handle(reason), counted);
	assert_string_equal(fake_told(), told);
}

static void operands(uint64_t qualification, unsigned length)
{
	fake_fields(VMCS_EXIT_QUALIFICATION, qualification, VMCS_EXIT_INSN_LEN, length);
}

static void exception(enum vmx_intr_type type, unsigned vector)
{
	fake_vmcs[VMCS_EXIT_INTR_INFO] = INTR_VALID | type << INTR_TYPE_SHIFT | vector;
}

static void page_faults(void **state)
{
	(void)state;
	exception(INTR_HARD_EXCEPTION, VEC_PF);
	fake_fields(VMCS_EXIT_QUALIFICATION, 0xffff800000001234, VMCS_EXIT_ERROR_CODE, 0x12);
	expect(0, EXIT_PAGE_FAULT, "page fault ffff800000001234 12;");
	assert_int_equal(fake_vcpu.exits.raw_page_faults, 1);
}

static void control_registers(void **state)
{
	(void)state;
	operands(0 | 0 << 4 | 3 << 8, 3);
	expect(28, EXIT_CR_WRITE, "to cr0 from 3 3;");
	operands(3 | 0 << 4 | 15 << 8, 4);
	expect(28, EXIT_CR_WRITE, "to cr3 from 15 4;");
	operands(3 | 1 << 4 | 4 << 8, 3);
	expect(28, EXIT_CR_READ, "from cr3 to 4 3;");
	operands(8 | 1 << 4 | 8 << 8, 4);
	expect(28, EXIT_CR_READ, "from cr8 to 8 4;");
	operands(2 << 4, 2);
	expect(28, EXIT_CR_WRITE, "clts 2;");
	operands(3 << 4 | 0xffdfu << 16, 3);
	expect(28, EXIT_CR_WRITE, "lmsw ffdf 3;");
	operands(3 << 4 | 1 << 6 | 0x13 << 16, 5); /* from memory */
	expect(28, EXIT_CR_WRITE, "lmsw 13 5;");
}

static void ports(void **state)
{
	(void)state;
	operands(0 | 1 << 3 | 0x71 << 16, 2);
	expect(30, EXIT_IO, "in 71 size 1 2;");
	operands(1 | 0x3d4 << 16, 2);
	expect(30, EXIT_IO, "out 3d4 size 2 2;");
	operands(3 | 1 << 3 | 0xcfcu << 16, 1);
	expect(30, EXIT_IO, "in cfc size 4 1;");
	operands(0 | 1 << 4 | 1 << 5 | 0x3f8u << 16, 2);
	expect(30, EXIT_IO, "string io;");
}

static void instructions(void **state)
{
	(void)state;
	operands(0x7f1234567000, 4);
	expect(14, EXIT_INVLPG, "invlpg 7f1234567000 4;");
	operands(0, 2);
	expect(10, EXIT_CPUID, "cpuid 2;");
	expect(31, EXIT_MSR_READ, "rdmsr 2;");
	expect(32, EXIT_MSR_WRITE, "wrmsr 2;");
	expect(29, EXIT_DR, "dr;");
	operands(0, 1);
	expect(12, EXIT_HLT, "hlt 1;");
}

static void instructions_by_name(void **state)
{
	static const struct {
		uint32_t reason;
		enum insn_op op;
		enum exit_reason counted;
	} named[] = {
		{ 13, INSN_INVD, EXIT_INSTRUCTION },  { 54, INSN_WBINVD, EXIT_INSTRUCTION },
		{ 15, INSN_RDPMC, EXIT_INSTRUCTION }, { 55, INSN_XSETBV, EXIT_INSTRUCTION },
		{ 18, INSN_VMCALL, EXIT_HYPERCALL },  { 40, INSN_PAUSE, EXIT_INSTRUCTION },
		{ 27, INSN_NONE, EXIT_INSTRUCTION },  { 19, INSN_NONE, EXIT_INSTRUCTION },
		{ 36, INSN_NONE, EXIT_INSTRUCTION },  { 39, INSN_NONE, EXIT_INSTRUCTION },
		{ 58, INSN_NONE, EXIT_INSTRUCTION },
	};
	char want[32];

	(void)state;
	operands(0, 3);
	for (unsigned i = 0; i < ARRAY_SIZE(named); i++) {
		snprintf(want, sizeof(want),
			 named[i].op == INSN_NONE ? "undefined;" : "instruction %d 3;",
			 named[i].op);
		expect(named[i].reason, named[i].counted, want);
	}
}

static void interrupts(void **state)
{
	(void)state;
	expect(1, EXIT_INTR, "");
	assert_int_equal(fake_irq_windows, 1);
	assert_false(fake_vcpu.leave);
	expect(52, EXIT_INTR, ""); /* the preemption timer: the run loop looks at the clock */
	assert_int_equal(fake_irq_windows, 2);
	assert_true(fake_vcpu.leave);
	for (uint32_t reason = 7; reason <= 8; reason++) {
		fake_vcpu.want_window = fake_vcpu.want_nmi_window = true;
		fake_vcpu.irq_check = false;
		expect(reason, EXIT_INTR_WINDOW, "");
		assert_false(fake_vcpu.want_window || fake_vcpu.want_nmi_window);
		assert_true(fake_vcpu.irq_check);
	}
}

/* An NMI is the host's: its handler runs, the guest hears nothing of it. */
static void host_nmi(void **state)
{
	(void)state;
	exception(INTR_NMI, VEC_NMI);
	expect(0, EXIT_NMI, "");
	assert_int_equal(fake_host_nmis, 1);
	assert_int_equal(fake_vcpu.pending.type, EVENT_NONE);
	assert_false(fake_vcpu.nmi_blocked);
}

/* The IRET that faults has unblocked NMIs, but will be run again (27.2.3); not so if what
 * faulted was the delivery of another event. */
static void iret_that_faults(void **state)
{
	(void)state;
	exception(INTR_HARD_EXCEPTION, VEC_PF);
	fake_vmcs[VMCS_EXIT_INTR_INFO] |= INTR_NMI_UNBLOCKING;
	handle(0);
	assert_true(fake_vcpu.nmi_blocked);
	fake_vcpu.nmi_blocked = false;
	fake_vcpu.delivering.type = EVENT_EXCEPTION;
	handle(0);
	assert_false(fake_vcpu.nmi_blocked);
}

static void exceptions(void **state)
{
	(void)state;
	exception(INTR_HARD_EXCEPTION, VEC_AC);
	expect(0, EXIT_EXCEPTION, "exception 17 error 0;");
	exception(INTR_HARD_EXCEPTION, VEC_MC);
	expect(0, EXIT_EXCEPTION, "kill a machine check of the processor hit it;");
}

/* DR6 is the exit's to set: B0-B3 are new, BS and BD stay until the guest clears them. */
static void debug_exceptions(void **state)
{
	(void)state;
	vmx_ops.set_dr(&fake_vcpu, 6, DR6_RESET | 2);
	exception(INTR_HARD_EXCEPTION, VEC_DB);
	operands(1 | BIT(12), 1);
	expect(0, EXIT_EXCEPTION, "exception 1;");
	assert_int_equal(vmx_ops.get_dr(&fake_vcpu, 6), DR6_RESET | 1);
	operands(DR6_BS, 1);
	expect(0, EXIT_EXCEPTION, "exception 1;");
	assert_int_equal(vmx_ops.get_dr(&fake_vcpu, 6), DR6_RESET | DR6_BS);
}

static void int1_is_behind_itself(void **state)
{
	(void)state;
	fake_vcpu.regs.rip = 0x1000;
	exception(INTR_PRIVILEGED_EXCEPTION, VEC_DB);
	operands(0, 1);
	expect(0, EXIT_EXCEPTION, "exception 1;");
	assert_int_equal(fake_vcpu.regs.rip, 0x1001);
}

static void ends_of_guests(void **state)
{
	(void)state;
	expect(2, EXIT_SHUTDOWN, "kill triple fault;");
	expect(9, EXIT_TASK_SWITCH, "kill a hardware task switch is not virtualized;");
	expect(0x80000022, EXIT_FAILED_ENTRY, "kill an MSR could not be loaded;");
	expect(0x80000029, EXIT_FAILED_ENTRY, "kill machine check during the entry;");
}

static void nothing_of_the_guests(void **state)
{
	(void)state;
	for (uint32_t reason = 3; reason <= 6; reason++)
		expect(reason, EXIT_OTHER, "");
	expect(43, EXIT_CR_WRITE, "");
}

static void every_number_is_answered(void **state)
{
	(void)state;
	for (uint32_t reason = 0; reason < 100; reason++) {
		operands(0, 1);
		exception(INTR_HARD_EXCEPTION, VEC_AC);
		assert_in_range(handle(reason), 0, NR_EXIT_REASONS - 1);
	}
}

static void names(void **state)
{
	(void)state;
	assert_string_equal(vmx_exit_reason_name(33), "invalid guest state");
	assert_string_equal(vmx_exit_reason_name(35), "unknown");
	assert_string_equal(vmx_exit_reason_name(0xffff), "unknown");
	assert_string_equal(vmx_insn_error_name(8), "an invalid host-state field");
	assert_string_equal(vmx_insn_error_name(14), "unknown error");
	assert_string_equal(vmx_insn_error_name(1000), "unknown error");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup(name, setup)
		T(page_faults),
		T(control_registers),
		T(ports),
		T(instructions),
		T(instructions_by_name),
		T(interrupts),
		T(host_nmi),
		T(iret_that_faults),
		T(exceptions),
		T(debug_exceptions),
		T(int1_is_behind_itself),
		T(ends_of_guests),
		T(nothing_of_the_guests),
		T(every_number_is_answered),
		T(names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

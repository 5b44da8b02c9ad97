/* SPDX-License-Identifier: MIT */
/* Controls from capability MSRs (Intel SDM Vol. 3C appendix A). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "vmx/caps.h"
#include "vmx/vmcs.h"

#define ANY UINT64_C(0xffffffff00000000) /* every control may be either */

/* A processor that has everything, and forces what the manual's default1 class has (A.2). */
static struct vmx_msrs rich(void)
{
	return (struct vmx_msrs){
		.basic = 0x12345678,
		.control = { [VMX_PIN] = ANY | 0x16,
			     [VMX_PROC] = ANY | 0x0401e172,
			     [VMX_PROC2] = ANY,
			     [VMX_EXIT] = ANY | 0x36dff,
			     [VMX_ENTRY] = ANY | 0x11ff },
		.misc = 5,
		.ept_vpid = BIT(32) | BIT(40) | BIT(41) | BIT(42),
		.cr0_fixed0 = 0x80000021,
		.cr0_fixed1 = 0xffffffff,
		.cr4_fixed0 = 0x2000,
		.cr4_fixed1 = 0x1727ff,
		.linear_bits = 57,
	};
}

static void lose(struct vmx_msrs *m, enum vmx_control_word w, uint64_t bit)
{
	m->control[w] &= ~(bit << 32);
}

static void everything(void **state)
{
	struct vmx_msrs m = rich();
	struct vmx_caps c;

	(void)state;
	m.control[VMX_PROC] = ANY | 0x04006172; /* the TRUE one forces less */
	assert_null(vmx_caps_find(&c, &m));
	assert_int_equal(c.revision, 0x12345678);
	assert_false(c.below_4g);
	assert_int_equal(c.timer_shift, 5);
	assert_int_equal(c.linear_bits, 57);
	assert_int_equal(c.control[VMX_PIN], 0x16 | BIT(0) | BIT(3) | BIT(5) | BIT(6));
	assert_int_equal(c.control[VMX_PROC], 0x04006172 | BIT(3) | BIT(7) | BIT(9) | BIT(10) |
						      BIT(11) | BIT(15) | BIT(16) | BIT(21) |
						      BIT(24) | BIT(28) | BIT(29) | BIT(31));
	assert_int_equal(c.control[VMX_PROC2], BIT(3) | BIT(5) | BIT(6));
	assert_int_equal(c.control[VMX_EXIT], 0x36dff | BIT(2) | BIT(9));
	assert_true(c.invvpid_address);
	assert_true(c.invvpid_context);
}

/* What must be 1 is, although nobody asked. */
static void forced_bits_stay(void **state)
{
	struct vmx_msrs m = rich();
	struct vmx_caps c;

	(void)state;
	m.control[VMX_PIN] |= BIT(20);
	assert_null(vmx_caps_find(&c, &m));
	assert_true(c.control[VMX_PIN] & BIT(20));
	assert_int_equal(c.control[VMX_PROC] & 0x0401e172, 0x0401e172);
}

static const struct {
	enum vmx_control_word word;
	uint64_t bit;
	const char *name;
} needed[] = {
	{ VMX_PIN, BIT(0), "external-interrupt exiting" },
	{ VMX_PIN, BIT(3), "NMI exiting" },
	{ VMX_PIN, BIT(5), "virtual NMIs" },
	{ VMX_PROC, BIT(2), "interrupt-window exiting" },
	{ VMX_PROC, BIT(3), "TSC offsetting" },
	{ VMX_PROC, BIT(7), "HLT exiting" },
	{ VMX_PROC, BIT(9), "INVLPG exiting" },
	{ VMX_PROC, BIT(15), "CR3-load exiting" },
	{ VMX_PROC, BIT(16), "CR3-store exiting" },
	{ VMX_PROC, BIT(22), "NMI-window exiting" },
	{ VMX_PROC, BIT(23), "MOV-DR exiting" },
	{ VMX_PROC, BIT(24), "unconditional I/O exiting" },
	{ VMX_EXIT, BIT(9), "a 64-bit host" },
	{ VMX_ENTRY, BIT(9), "64-bit guests and others" },
};

static void names_what_it_lacks(void **state)
{
	struct vmx_caps c;

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(needed); i++) {
		struct vmx_msrs m = rich();

		m.control[needed[i].word] &= ~needed[i].bit;
		lose(&m, needed[i].word, needed[i].bit);
		assert_string_equal(vmx_caps_find(&c, &m), needed[i].name);
	}
}

/* What is switched must be able to be off, too. */
static void switched_ones_must_not_be_forced(void **state)
{
	struct vmx_msrs m = rich();
	struct vmx_caps c;

	(void)state;
	m.control[VMX_ENTRY] |= BIT(9);
	assert_string_equal(vmx_caps_find(&c, &m), "64-bit guests and others");
}

static void nothing_that_is_not_needed(void **state)
{
	struct vmx_msrs m = rich();
	struct vmx_caps c;

	(void)state;
	lose(&m, VMX_PIN, BIT(6));
	lose(&m, VMX_PROC, BIT(21));
	lose(&m, VMX_PROC, BIT(28));
	lose(&m, VMX_PROC, BIT(31));
	m.control[VMX_PROC2] = 0;
	m.ept_vpid = 0;
	assert_null(vmx_caps_find(&c, &m));
	assert_int_equal(c.control[VMX_PROC2], 0);
	assert_int_equal(c.control[VMX_PROC] & (BIT(21) | BIT(28) | BIT(31)), 0);
	assert_int_equal(c.control[VMX_PIN] & BIT(6), 0);
	/* CR8 exits then */
	assert_int_equal(c.control[VMX_PROC] & (BIT(19) | BIT(20)), BIT(19) | BIT(20));
}

static void vpids_that_cannot_be_flushed(void **state)
{
	struct vmx_caps c;

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		const uint64_t caps[] = { BIT(40) | BIT(41) | BIT(42), BIT(32) | BIT(40),
					  BIT(32) | BIT(42) };
		struct vmx_msrs m = rich();

		m.ept_vpid = caps[i];
		assert_null(vmx_caps_find(&c, &m));
		assert_int_equal(!!(c.control[VMX_PROC2] & BIT(5)), i == 2);
	}
	assert_false(c.invvpid_context);
	assert_false(c.invvpid_address);
}

static void fixed_bits(void **state)
{
	struct vmx_msrs m = rich();
	struct vmx_caps c;

	(void)state;
	m.basic |= BIT(48);
	assert_null(vmx_caps_find(&c, &m));
	assert_true(c.below_4g);
	assert_int_equal(vmx_fix_cr0(&c, 0x10), 0x80000031);
	assert_int_equal(vmx_fix_cr0(&c, UINT64_C(1) << 40), 0x80000021);
	assert_int_equal(vmx_fix_cr4(&c, 0x20), 0x2020);
	assert_int_equal(vmx_fix_cr4(&c, 0x300020), 0x102020); /* no SMAP */
}

static void extras_by_name(void **state)
{
	struct vmx_msrs m = rich();
	struct vmx_caps c;
	unsigned n = 0, missing = 0;
	const char *name;
	bool have;

	(void)state;
	lose(&m, VMX_PIN, BIT(6));
	assert_null(vmx_caps_find(&c, &m));
	for (; (name = vmx_caps_extra(&c, n, &have)); n++)
		if (!have) {
			assert_string_equal(name, "preemption timer");
			missing++;
		}
	assert_int_equal(n, 7);
	assert_int_equal(missing, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(everything),
		cmocka_unit_test(forced_bits_stay),
		cmocka_unit_test(names_what_it_lacks),
		cmocka_unit_test(switched_ones_must_not_be_forced),
		cmocka_unit_test(nothing_that_is_not_needed),
		cmocka_unit_test(vpids_that_cannot_be_flushed),
		cmocka_unit_test(fixed_bits),
		cmocka_unit_test(extras_by_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* INIT and SIPI (Intel SDM Vol. 3A 8.4.3): what each does in which state. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "drivers/virt/vlapic.h"
#include "hv/vendor.h"
#include "hv/vm.h"

static struct vm vm;
static struct vcpu vcpu;
static struct segment cs;
static unsigned resets, lapic_inits, kicks, leaves, unloads;

static void get_segment(struct vcpu *v, enum seg s, struct segment *out)
{
	(void)v;
	assert_int_equal(s, SEG_CS);
	*out = cs;
}

static void set_segment(struct vcpu *v, enum seg s, const struct segment *in)
{
	(void)v;
	assert_int_equal(s, SEG_CS);
	cs = *in;
}

static void unload(struct vcpu *v)
{
	(void)v;
	unloads++;
}

static const struct vendor_ops ops = {
	.get_segment = get_segment,
	.set_segment = set_segment,
	.unload = unload,
};
const struct vendor_ops *vendor = &ops;

void vlapic_init_signal(struct vlapic *l)
{
	(void)l;
	assert_int_equal(vm.lock.held, 1);
	lapic_inits++;
}

void vcpu_reset_registers(struct vcpu *v)
{
	v->regs.rip = 0xfff0;
	cs = (struct segment){ .sel = 0xf000, .base = 0xffff0000, .limit = 0xffff, .attr = 0x9b };
	resets++;
}

void vcpu_kick(struct vcpu *v)
{
	(void)v;
	kicks++;
}

void vcpu_leave(struct vcpu *v)
{
	(void)v;
	leaves++;
}

static int setup(void **state)
{
	(void)state;
	vm = (struct vm){ .nr_vcpus = 1 };
	vcpu = (struct vcpu){ .vm = &vm, .id = 1, .state = VCPU_RUNNABLE };
	vcpu_reset_registers(&vcpu);
	resets = lapic_inits = kicks = leaves = unloads = 0;
	return 0;
}

static void init_resets(void **state)
{
	(void)state;
	vcpu_init_signal(&vcpu);
	assert_true(vcpu_start_changes(&vcpu));
	assert_int_equal(leaves, 1); /* it may be running */
	assert_int_equal(kicks, 1); /* or sleeping */
	vcpu_take_start_signals(&vcpu);
	assert_int_equal(vcpu.state, VCPU_OFF);
	assert_int_equal(resets, 1);
	assert_int_equal(lapic_inits, 1);
	assert_int_equal(unloads, 1);
	assert_false(vcpu_start_changes(&vcpu));
}

static void sipi_starts(void **state)
{
	(void)state;
	vcpu.state = VCPU_OFF;
	vcpu_sipi(&vcpu, 0x9a);
	vcpu_take_start_signals(&vcpu);
	assert_int_equal(vcpu.state, VCPU_RUNNABLE);
	assert_int_equal(cs.sel, 0x9a00);
	assert_int_equal(cs.base, 0x9a000);
	assert_int_equal(cs.limit, 0xffff);
	assert_int_equal(vcpu.regs.rip, 0);
	assert_int_equal(resets, 0); /* it was INIT that did */
}

/* Both may have come before the vCPU's CPU looks. */
static void init_then_sipi(void **state)
{
	(void)state;
	vcpu_init_signal(&vcpu);
	vcpu_sipi(&vcpu, 0x10);
	vcpu_sipi(&vcpu, 0x20); /* the first counts */
	vcpu_take_start_signals(&vcpu);
	assert_int_equal(vcpu.state, VCPU_RUNNABLE);
	assert_int_equal(resets, 1);
	assert_int_equal(cs.base, 0x10000);
}

static void sipi_to_one_that_runs_is_nothing(void **state)
{
	(void)state;
	vcpu_sipi(&vcpu, 0x10);
	assert_false(vcpu_start_changes(&vcpu));
	vcpu.state = VCPU_HALTED;
	vcpu_sipi(&vcpu, 0x10);
	assert_false(vcpu_start_changes(&vcpu));
}

static void init_undoes_a_sipi(void **state)
{
	(void)state;
	vcpu.state = VCPU_OFF;
	vcpu_sipi(&vcpu, 0x10);
	vcpu_init_signal(&vcpu);
	vcpu_take_start_signals(&vcpu);
	assert_int_equal(vcpu.state, VCPU_OFF);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(init_resets, setup),
		cmocka_unit_test_setup(sipi_starts, setup),
		cmocka_unit_test_setup(init_then_sipi, setup),
		cmocka_unit_test_setup(sipi_to_one_that_runs_is_nothing, setup),
		cmocka_unit_test_setup(init_undoes_a_sipi, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

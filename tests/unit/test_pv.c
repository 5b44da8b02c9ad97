/* SPDX-License-Identifier: MIT */
/* KVM's paravirtual interface: hypercalls, and the steal-time page. A TSC tick is a nanosecond. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "drivers/virt/vlapic.h"
#include "hv/pv.h"
#include "hv/pvclock.h"
#include "hv/timer.h"
#include "hv/vm.h"
#include "tests/unit/fake_tsc.h"

#define VCPUS 4
#define MS NSEC_PER_MSEC
#define PAGE_AT 0x5000

enum { HC_KICK = 5, HC_IPI = 10, HC_YIELD = 11 };

uint64_t fake_tsc;

static struct vm vm;
static struct vcpu vcpus[VCPUS];
static unsigned kicks[VCPUS], stops_told, flushes;
static struct {
	unsigned nr;
	uint8_t vector;
	enum apic_delivery mode;
} got[VCPUS];
static union {
	uint8_t byte[64];
	struct {
		uint64_t steal;
		uint32_t version, flags;
		uint8_t preempted;
	};
} page;
static bool page_is_ram;

void vcpu_kick(struct vcpu *v)
{
	kicks[v->id]++;
}

bool vlapic_deliver(struct vlapic *l, enum apic_delivery mode, uint8_t vector, bool level)
{
	unsigned id = (unsigned)((uintptr_t)l - 1);

	assert_int_equal(vm.lock.held, 1);
	assert_false(level);
	got[id].nr++;
	got[id].vector = vector;
	got[id].mode = mode;
	return true;
}

uint64_t tsc_to_ns(uint64_t ticks)
{
	return ticks;
}

void pvclock_tell_stopped(struct vcpu *v)
{
	(void)v;
	stops_told++;
}

void mmu_flush(struct mmu_vcpu *v, bool global)
{
	assert_ptr_equal(v, &vcpus[0].mmu);
	assert_true(global);
	flushes++;
}

bool mmu_guest_update(struct mmu *m, gpa_t gpa, unsigned len, void (*change)(void *host, void *arg),
		      void *arg)
{
	assert_ptr_equal(m, &vm.mmu);
	assert_int_equal(gpa.v, PAGE_AT);
	assert_int_equal(len, 64);
	if (page_is_ram)
		change(page.byte, arg);
	return page_is_ram;
}

static int setup(void **state)
{
	(void)state;
	memset(vcpus, 0, sizeof(vcpus));
	memset(kicks, 0, sizeof(kicks));
	memset(got, 0, sizeof(got));
	memset(&page, 0, sizeof(page));
	stops_told = flushes = 0;
	page_is_ram = true;
	fake_tsc = 1000 * NSEC_PER_SEC;
	vm = (struct vm){ .nr_vcpus = VCPUS };
	for (unsigned i = 0; i < VCPUS; i++) {
		vcpus[i] = (struct vcpu){ .vm = &vm, .id = i, .state = VCPU_RUNNABLE };
		vcpus[i].lapic = (struct vlapic *)(uintptr_t)(i + 1);
		vcpus[i].efer = EFER_LMA;
		vm.vcpu[i] = &vcpus[i];
	}
	return 0;
}

static uint64_t call(uint64_t nr, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
	const uint64_t arg[4] = { a, b, c, d };

	return pv_hypercall(&vcpus[0], nr, arg);
}

static void what_is_offered(void **state)
{
	(void)state;
	assert_int_equal(pv_cpuid(&vm), 0x01002aab);
	vm.config.without_pv = PV_IPI | PV_FLUSH;
	assert_int_equal(pv_cpuid(&vm), 0x010020ab);
	vm.config.without_pv = 0;
	vm.nr_vcpus = 1; /* nothing that is about others */
	assert_int_equal(pv_cpuid(&vm), 0x0100002b);
	vm.config.without_pv = PV_STEAL;
	assert_int_equal(pv_cpuid(&vm), 0x0100000b);
	assert_false(pv_has_steal_time(&vm));
}

static void what_is_not_offered_is_refused(void **state)
{
	(void)state;
	vm.config.without_pv = PV_UNHALT | PV_IPI | PV_YIELD;
	assert_int_equal(call(HC_KICK, 0, 1, 0, 0), -1000);
	assert_int_equal(call(HC_IPI, 1, 0, 0, 0x40), -1000);
	assert_int_equal(call(HC_YIELD, 1, 0, 0, 0), -1000);
	vm.config.without_pv = 0;
	assert_int_equal(call(0, 0, 0, 0, 0), -1000);
	assert_int_equal(kicks[1], 0);
}

static void a_kick_ends_a_halt(void **state)
{
	(void)state;
	assert_int_equal(call(HC_KICK, 0, 2, 0, 0), 0);
	assert_true(vcpus[2].unhalted);
	assert_int_equal(kicks[2], 1);
	assert_int_equal(call(HC_KICK, 0, VCPUS, 0, 0), 0); /* nobody */
	assert_int_equal(call(HC_KICK, 0, UINT64_MAX, 0, 0), 0);
}

static void one_call_for_many_interrupts(void **state)
{
	(void)state;
	assert_int_equal(call(HC_IPI, 0x5, 0, 1, 0xf3), 2); /* 1 and 3 */
	assert_int_equal(got[0].nr + got[2].nr, 0);
	assert_int_equal(got[1].nr, 1);
	assert_int_equal(got[3].vector, 0xf3);
	assert_int_equal(got[3].mode, APIC_FIXED);
	assert_int_equal(call(HC_IPI, 1, 0, 2, 0x400), 1);
	assert_int_equal(got[2].mode, APIC_NMI);
	assert_int_equal(call(HC_IPI, UINT64_MAX, UINT64_MAX, 0, 0x41), VCPUS);
	/* the second word begins where the first one's width ends */
	assert_int_equal(call(HC_IPI, 0, 1, -(uint64_t)64, 0x41), 1);
	vcpus[0].efer = 0;
	assert_int_equal(call(HC_IPI, 0, 1, -(uint64_t)32, 0x41), 1);
}

static void yielding_lets_the_other_go_first(void **state)
{
	(void)state;
	vcpus[1].runtime = 100;
	assert_int_equal(call(HC_YIELD, 1, 0, 0, 0), 0);
	assert_true(vcpus[0].leave);
	assert_true(vcpus[0].runtime > vcpus[1].runtime);
	vcpus[0].runtime = 500;
	call(HC_YIELD, 1, 0, 0, 0);
	assert_int_equal(vcpus[0].runtime, 500);
}

static void the_page_must_be_memory(void **state)
{
	(void)state;
	assert_false(steal_time_set(&vcpus[0], PAGE_AT | 3)); /* a reserved bit */
	page_is_ram = false;
	assert_false(steal_time_set(&vcpus[0], PAGE_AT | 1));
	assert_int_equal(vcpus[0].kvm_steal_time, 0);
	assert_true(steal_time_set(&vcpus[0], PAGE_AT)); /* off */
}

static void whether_it_runs_is_told(void **state)
{
	(void)state;
	assert_true(steal_time_set(&vcpus[0], PAGE_AT | 1));
	vcpus[0].state = VCPU_HALTED;
	steal_time_stops(&vcpus[0]);
	assert_int_equal(page.preempted, 1);
	vcpus[0].state = VCPU_RUNNABLE;
	steal_time_runs(&vcpus[0]);
	assert_int_equal(page.preempted, 0);
	assert_int_equal(flushes, 0);
	assert_int_equal(page.steal, 0); /* it slept, and waited for nobody */
	vm.nr_vcpus = 1;
	steal_time_stops(&vcpus[0]);
	assert_int_equal(page.preempted, 0); /* whom should it interest? */
}

static void a_flush_is_done_before_it_runs(void **state)
{
	(void)state;
	assert_true(steal_time_set(&vcpus[0], PAGE_AT | 1));
	steal_time_stops(&vcpus[0]);
	page.preempted |= 2;
	steal_time_stops(&vcpus[0]); /* which must not be forgotten */
	assert_int_equal(page.preempted, 3);
	steal_time_runs(&vcpus[0]);
	assert_int_equal(flushes, 1);
	assert_int_equal(page.preempted, 0);
	steal_time_runs(&vcpus[0]);
	assert_int_equal(flushes, 1);
}

static void waiting_is_told(void **state)
{
	uint32_t version;

	(void)state;
	assert_true(steal_time_set(&vcpus[0], PAGE_AT | 1));
	version = page.version;
	assert_int_equal(version & 1, 0);
	for (unsigned i = 1; i <= 3; i++) {
		steal_time_stops(&vcpus[0]);
		fake_tsc += MS / 2;
		steal_time_runs(&vcpus[0]);
		assert_int_equal(page.steal, i < 2 ? 0 : MS); /* not each little bit */
	}
	assert_true(page.version > version);
	assert_int_equal(page.version & 1, 0);
	assert_int_equal(stops_told, 0);
}

static void a_long_wait_is_a_stop(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2; i++) { /* it had a turn and lost it before it ran */
		steal_time_stops(&vcpus[0]); /* also without the page */
		fake_tsc += NSEC_PER_SEC * 3 / 4;
	}
	steal_time_runs(&vcpus[0]);
	assert_int_equal(stops_told, 1);
	vcpus[0].state = VCPU_HALTED; /* sleeping is none */
	steal_time_stops(&vcpus[0]);
	fake_tsc += 2 * NSEC_PER_SEC;
	steal_time_runs(&vcpus[0]);
	assert_int_equal(stops_told, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(what_is_offered, setup),
		cmocka_unit_test_setup(what_is_not_offered_is_refused, setup),
		cmocka_unit_test_setup(a_kick_ends_a_halt, setup),
		cmocka_unit_test_setup(one_call_for_many_interrupts, setup),
		cmocka_unit_test_setup(yielding_lets_the_other_go_first, setup),
		cmocka_unit_test_setup(the_page_must_be_memory, setup),
		cmocka_unit_test_setup(whether_it_runs_is_told, setup),
		cmocka_unit_test_setup(a_flush_is_done_before_it_runs, setup),
		cmocka_unit_test_setup(waiting_is_told, setup),
		cmocka_unit_test_setup(a_long_wait_is_a_stop, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

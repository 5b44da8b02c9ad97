/* SPDX-License-Identifier: MIT */
/* The local APIC against the Intel SDM, Vol. 3A ch. 10. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "drivers/virt/apic_bus.h"
#include "drivers/virt/vlapic_priv.h"
#include "hv/timer.h"
#include "tests/unit/fake_hv.h"

#define CPUS 3

static struct vm vm;
static struct vcpu vcpu[CPUS];
static struct vlapic *lapic[CPUS];
static struct apic_bus bus;
static unsigned eois;
static uint8_t latest_eoi;

static void on_eoi(void *arg, uint8_t vector)
{
	(void)arg;
	eois++;
	latest_eoi = vector;
}

static uint32_t get(unsigned off)
{
	return mmio_in(&vm, 0xfee00000 + off, 4);
}

static void put(unsigned off, uint32_t val)
{
	mmio_out(&vm, 0xfee00000 + off, 4, val);
}

static int setup(void **state)
{
	unsigned i;

	(void)state;
	fake_reset();
	vm = (struct vm){ 0 };
	bus = (struct apic_bus){ .eoi = on_eoi };
	eois = 0;
	for (i = 0; i < CPUS; i++) {
		vcpu[i] = (struct vcpu){ .vm = &vm, .id = i };
		lapic[i] = vcpu[i].lapic = vlapic_create(&vcpu[i], &bus);
		assert_non_null(lapic[i]);
	}
	assert_int_equal(iobus_add(&vm.mmio, VLAPIC_BASE, VLAPIC_SIZE, &vlapic_mmio_ops, lapic[0]),
			 0);
	for (i = CPUS; i-- > 0;) {
		fake_set_current(&vcpu[i]);
		put(0xf0, 0x1ff); /* SVR: on */
	}
	return 0;
}

static int teardown(void **state)
{
	unsigned i;

	(void)state;
	for (i = 0; i < CPUS; i++)
		vlapic_destroy(lapic[i]);
	assert_int_equal(fake_next_timer(), 0);
	return 0;
}

static bool fixed(unsigned cpu, uint8_t vector)
{
	return vlapic_deliver(lapic[cpu], APIC_FIXED, vector, false);
}

static int take(unsigned cpu)
{
	int vector = vlapic_pending(lapic[cpu]);

	if (vector >= 0)
		vlapic_accept(lapic[cpu], vector);
	return vector;
}

static void reset_state(void **state)
{
	unsigned i;

	(void)state;
	vlapic_reset(lapic[0]);
	assert_int_equal(vcpu[0].apic_base, 0xfee00900);
	assert_int_equal(vcpu[1].apic_base, 0xfee00800);
	assert_int_equal(get(0x20), 0);
	assert_int_equal(get(0x30), 0x01050014);
	assert_int_equal(get(0xd0), 0);
	assert_int_equal(get(0xe0), 0xffffffff);
	assert_int_equal(get(0xf0), 0xff);
	for (i = 0x320; i <= 0x370; i += 0x10)
		assert_int_equal(get(i), 0x10000);
	put(0x350, 0x700); /* software-disabled: stays masked */
	assert_int_equal(get(0x350), 0x10700);
	assert_false(fixed(0, 0x40));
	assert_true(vlapic_deliver(lapic[0], APIC_NMI, 0, false)); /* even so */
	assert_int_equal(fake_nmis, 1);
	fake_set_current(&vcpu[2]);
	assert_int_equal(get(0x20), 2 << 24);
}

static void priorities(void **state)
{
	(void)state;
	assert_true(fixed(0, 0x41));
	assert_true(fixed(0, 0x55));
	assert_true(fixed(0, 0x55)); /* merges */
	assert_int_equal(fake_kicks, 3);
	assert_int_equal(take(0), 0x55);
	assert_int_equal(get(0xa0), 0x50); /* PPR */
	assert_int_equal(take(0), -1);
	assert_true(fixed(0, 0x5f)); /* same class: waits */
	assert_int_equal(take(0), -1);
	assert_true(fixed(0, 0x61)); /* higher class: nests */
	assert_int_equal(take(0), 0x61);
	put(0xb0, 0);
	assert_int_equal(take(0), -1);
	put(0xb0, 0);
	assert_int_equal(take(0), 0x5f);
	put(0xb0, 0);
	assert_int_equal(take(0), 0x41);
	put(0xb0, 0);
	put(0xb0, 0); /* one too many: nothing */
	assert_int_equal(take(0), -1);
	assert_int_equal(eois, 0);
}

/* A vector in service may be requested once more, and is then accepted once more. */
static void once_each(void **state)
{
	(void)state;
	fixed(0, 0x41);
	assert_int_equal(take(0), 0x41);
	fixed(0, 0x41);
	fixed(0, 0x41);
	assert_int_equal(take(0), -1);
	assert_int_equal(get(0x200 + 0x20), 2);
	assert_int_equal(get(0x100 + 0x20), 2);
	put(0xb0, 0);
	assert_int_equal(take(0), 0x41);
	put(0xb0, 0);
	assert_int_equal(take(0), -1);
}

static void task_priority(void **state)
{
	(void)state;
	put(0x80, 0x45);
	assert_int_equal(get(0xa0), 0x45);
	assert_int_equal(vlapic_cr8(lapic[0]), 4);
	fixed(0, 0x4f);
	assert_int_equal(take(0), -1);
	fake_kicks = 0;
	vlapic_set_cr8(lapic[0], 3);
	assert_int_equal(get(0x80), 0x30);
	assert_int_equal(fake_kicks, 1);
	assert_int_equal(take(0), 0x4f);
	vlapic_set_cr8(lapic[0], 15);
	fixed(0, 0xff);
	assert_int_equal(take(0), -1);
}

static void level_and_eoi(void **state)
{
	(void)state;
	vlapic_deliver(lapic[0], APIC_FIXED, 0x41, true);
	assert_int_equal(get(0x180 + 0x20), 2); /* TMR */
	take(0);
	put(0xb0, 0);
	assert_int_equal(eois, 1);
	assert_int_equal(latest_eoi, 0x41);
	fixed(0, 0x41); /* edge now */
	assert_int_equal(get(0x180 + 0x20), 0);
	take(0);
	put(0xb0, 0);
	assert_int_equal(eois, 1);
	put(0xf0, 0x11ff); /* EOI broadcast suppressed */
	vlapic_deliver(lapic[0], APIC_FIXED, 0x51, true);
	assert_int_equal(take(0), 0x51);
	put(0xb0, 0);
	assert_int_equal(eois, 1);
}

static void illegal_vectors(void **state)
{
	(void)state;
	put(0x370, 0xfe); /* LVT error */
	assert_false(fixed(0, 0x0f));
	assert_int_equal(take(0), 0xfe);
	assert_int_equal(get(0x280), 0); /* latched by a write only */
	put(0x280, 0);
	assert_int_equal(get(0x280), 0x40);
	put(0x280, 0);
	assert_int_equal(get(0x280), 0);
	put(0x310, 0);
	put(0x300, 0x05); /* send illegal vector */
	get(0x40); /* no such register */
	put(0x280, 0);
	assert_int_equal(get(0x280), 0xa0);
}

static void send(uint32_t dest, uint32_t low)
{
	put(0x310, dest << 24);
	put(0x300, low);
	assert_int_equal(get(0x300) & 0x1000, 0); /* delivered */
}

static void interprocessor_interrupts(void **state)
{
	(void)state;
	fake_set_current(&vcpu[0]);
	send(1, 0x0041);
	assert_int_equal(take(1), 0x41);
	assert_int_equal(take(0), -1);
	send(0xff, 0x0052); /* broadcast */
	assert_int_equal(take(0), 0x52);
	assert_int_equal(take(1), 0x52);
	assert_int_equal(take(2), 0x52);
	send(0, 0x40061); /* self */
	assert_int_equal(take(0), 0x61);
	assert_int_equal(take(1), -1);
	send(0, 0x80071); /* all */
	assert_int_equal(take(0), 0x71);
	assert_int_equal(take(2), 0x71);
	send(0, 0xc0081); /* all but self */
	assert_int_equal(take(0), -1);
	assert_int_equal(take(1), 0x81);
	assert_int_equal(take(2), 0x81);
	send(2, 0x0400);
	assert_int_equal(fake_nmis, 1);
	assert_true(vcpu[2].nmi_pending);
	send(7, 0x0091); /* nobody */
	send(0, 0x8500); /* INIT level de-assert: nothing */
	assert_int_equal(fake_resets, 0);
	send(0, 0x4500);
	assert_int_equal(fake_resets, 1);
}

static void start_of_a_processor(void **state)
{
	(void)state;
	fake_set_current(&vcpu[0]);
	send(1, 0x8500); /* INIT level de-assert */
	assert_false(vcpu[1].init_pending);
	send(0, 0xc4500); /* all but self */
	assert_true(vcpu[1].init_pending && vcpu[2].init_pending);
	assert_int_equal(fake_resets, 0);
	send(2, 0x469f);
	assert_true(vcpu[2].sipi_pending);
	assert_int_equal(vcpu[2].sipi_vector, 0x9f);
	assert_false(vcpu[1].sipi_pending);
}

/* INIT leaves the APIC as after reset, but in the mode and with the ID that it has. */
static void init_keeps_the_mode(void **state)
{
	(void)state;
	fake_set_current(&vcpu[1]);
	assert_true(vlapic_msr_write(lapic[1], 0x1b, 0xfee00c00));
	assert_true(vlapic_msr_write(lapic[1], 0x80f, 0x1ff));
	assert_true(vlapic_deliver(lapic[1], APIC_FIXED, 0x55, false));
	vlapic_init_signal(lapic[1]);
	assert_int_equal(vcpu[1].apic_base, 0xfee00c00);
	assert_int_equal(vlapic_pending(lapic[1]), -1);
	assert_int_equal(lapic[1]->svr, 0xff);
	assert_int_equal(lapic[1]->ldr, 2);
}

static void logical_destinations(void **state)
{
	unsigned i;

	(void)state;
	for (i = 0; i < CPUS; i++) {
		fake_set_current(&vcpu[i]);
		put(0xd0, 1u << (24 + i));
	}
	send(6, 0x0841); /* flat */
	assert_int_equal(take(0), -1);
	assert_int_equal(take(1), 0x41);
	assert_int_equal(take(2), 0x41);
	for (i = 0; i < CPUS; i++) {
		fake_set_current(&vcpu[i]);
		put(0xe0, 0);
		assert_int_equal(get(0xe0), 0x0fffffff);
		put(0xd0, i < 2 ? 0x10000000u | 1u << (24 + i) : 0x21000000u);
	}
	send(0x13, 0x0852); /* cluster 1, both */
	assert_int_equal(take(0), 0x52);
	assert_int_equal(take(1), 0x52);
	assert_int_equal(take(2), -1);
	send(0x21, 0x0853);
	assert_int_equal(take(2), 0x53);
}

/* Lowest priority goes to one, and on a tie to each in turn. */
static void lowest_priority(void **state)
{
	struct apic_msg m = { .dest = 0xff, .mode = APIC_LOWEST, .vector = 0x61 };
	unsigned i, got[CPUS] = { 0 };

	(void)state;
	for (i = 0; i < 6; i++) {
		unsigned n;

		assert_int_equal(apic_bus_send(&bus, &m), 1);
		for (n = 0; n < CPUS; n++)
			if (take(n) >= 0) {
				got[n]++;
				vlapic_eoi(lapic[n]);
			}
	}
	assert_int_equal(got[0], 2);
	assert_int_equal(got[1], 2);
	assert_int_equal(got[2], 2);
	vlapic_set_cr8(lapic[0], 2);
	vlapic_set_cr8(lapic[2], 1);
	apic_bus_send(&bus, &m);
	assert_int_equal(take(1), 0x61); /* TPR 0 */
	apic_bus_send(&bus, &m);
	assert_int_equal(take(2), 0x61);
	apic_bus_send(&bus, &m);
	assert_int_equal(take(0), 0x61);
}

static void one_shot(void **state)
{
	(void)state;
	put(0x3e0, 0x3); /* divide by 16 */
	put(0x320, 0x31);
	put(0x380, 1000);
	assert_int_equal(get(0x380), 1000);
	assert_int_equal(get(0x390), 1000);
	fake_advance(8000);
	assert_int_equal(get(0x390), 500);
	fake_advance(7999);
	assert_int_equal(take(0), -1);
	assert_int_equal(get(0x390), 1);
	fake_advance(1);
	assert_int_equal(get(0x390), 0);
	assert_int_equal(take(0), 0x31);
	put(0xb0, 0);
	fake_advance(NSEC_PER_SEC);
	assert_int_equal(take(0), -1);
	put(0x380, 1000);
	put(0x380, 0); /* stops */
	assert_int_equal(fake_next_timer(), 0);
	put(0x3e0, 0xb); /* divide by 1 */
	put(0x380, 1000);
	fake_advance(500);
	put(0x3e0, 0x0); /* by 2: the rest takes twice as long */
	assert_int_equal(get(0x390), 500);
	fake_advance(999);
	assert_int_equal(take(0), -1);
	fake_advance(1);
	assert_int_equal(take(0), 0x31);
}

static void periodic(void **state)
{
	unsigned i, n = 0;

	(void)state;
	put(0x3e0, 0xb);
	put(0x320, 0x20031);
	put(0x380, 1000000); /* 1 kHz */
	for (i = 0; i < 100000; i++) {
		fake_advance(10007);
		if (take(0) >= 0) {
			n++;
			put(0xb0, 0);
		}
	}
	assert_int_equal(n, 1000); /* 1000.7 ms */
	fake_sleep(100 * NSEC_PER_MSEC + 300000);
	assert_int_equal(take(0), 0x31);
	assert_int_equal(take(0), -1);
	put(0xb0, 0);
	/* the phase is kept: 1000.7 + 100.3 = 1101.0 ms */
	assert_in_range(get(0x390), 999999, 1000000);
	fake_timer_calls = 0;
	put(0x380, 1); /* a nanosecond */
	fake_advance(NSEC_PER_SEC);
	assert_in_range(fake_timer_calls, 9000, 10001);
	put(0x320, 0x30031); /* masked: runs on silently */
	put(0xb0, 0);
	take(0);
	put(0xb0, 0);
	fake_advance(NSEC_PER_MSEC);
	assert_int_equal(take(0), -1);
}

static void set_deadline(uint64_t tsc)
{
	assert_true(vlapic_msr_write(lapic[0], 0x6e0, tsc));
}

static uint64_t deadline(void)
{
	uint64_t val;

	assert_true(vlapic_msr_read(lapic[0], 0x6e0, &val));
	return val;
}

static void tsc_deadline(void **state)
{
	uint64_t tsc;

	(void)state;
	vcpu[0].tsc_offset = -2 * (fake_ns - 5);
	set_deadline(1000);
	assert_int_equal(deadline(), 0); /* ignored: not in this mode */
	put(0x320, 0x40031);
	put(0x380, 1000);
	assert_int_equal(get(0x380), 0);
	tsc = vcpu_tsc(&vcpu[0]);
	assert_int_equal(tsc, 10);
	set_deadline(tsc + 2001);
	assert_int_equal(deadline(), tsc + 2001);
	fake_advance(1000);
	assert_int_equal(take(0), -1);
	fake_advance(1);
	assert_int_equal(take(0), 0x31);
	assert_int_equal(deadline(), 0);
	assert_int_equal(fake_timer_calls, 1);
	put(0xb0, 0);
	set_deadline(1); /* past: at once */
	assert_int_equal(take(0), 0x31);
	put(0xb0, 0);
	set_deadline(vcpu_tsc(&vcpu[0]) + 2000);
	set_deadline(0);
	assert_int_equal(fake_next_timer(), 0);
	set_deadline(UINT64_MAX);
	fake_advance(24 * 3600 * NSEC_PER_SEC);
	assert_int_equal(take(0), -1);
	assert_in_range(fake_timer_calls, 20, 30);
	vcpu[0].tsc_offset += 1000000; /* the guest moved its TSC */
	set_deadline(vcpu_tsc(&vcpu[0]) + 1000000);
	vcpu[0].tsc_offset += 1000000;
	vlapic_tsc_changed(lapic[0]);
	assert_int_equal(take(0), 0x31);
	put(0xb0, 0);
	set_deadline(UINT64_MAX);
	put(0x320, 0x31); /* leaving the mode disarms */
	assert_int_equal(deadline(), 0);
	assert_int_equal(fake_next_timer(), 0);
}

static bool wr(uint32_t msr, uint64_t val)
{
	return vlapic_msr_write(lapic[1], msr, val);
}

static bool rd(uint32_t msr, uint64_t *val)
{
	return vlapic_msr_read(lapic[1], msr, val);
}

static void apic_base(void **state)
{
	uint64_t val;

	(void)state;
	assert_false(rd(0x802, &val)); /* xAPIC mode: no MSRs */
	assert_false(wr(0x80b, 0));
	assert_false(wr(0x1b, 0xfee00400)); /* x2APIC, not enabled */
	assert_false(wr(0x1b, 0xfed00800)); /* cannot move */
	assert_false(wr(0x1b, 0xfee00801)); /* reserved */
	assert_true(wr(0x1b, 0xfee00c00));
	assert_false(wr(0x1b, 0xfee00800)); /* back to xAPIC: only by way of off */
	assert_true(wr(0x1b, 0xfee00000));
	assert_false(fixed(1, 0x41));
	assert_true(vlapic_takes_extint(lapic[1]));
	fake_set_current(&vcpu[1]);
	assert_int_equal(get(0x30), 0xffffffff);
	assert_false(wr(0x1b, 0xfee00c00));
	assert_true(wr(0x1b, 0xfee00800));
	assert_int_equal(get(0xf0), 0xff); /* as after reset */
}

static void x2apic(void **state)
{
	uint64_t val;
	unsigned msr;

	(void)state;
	assert_true(wr(0x1b, 0xfee00c00));
	assert_true(rd(0x802, &val));
	assert_int_equal(val, 1);
	assert_true(rd(0x80d, &val));
	assert_int_equal(val, 2); /* LDR: cluster 0, bit 1 */
	fake_set_current(&vcpu[1]);
	assert_int_equal(get(0x20), 0xffffffff); /* no MMIO */
	/* Read-only, write-only, absent (table 10-6 of 10.12.1.2). */
	assert_false(wr(0x802, 1));
	assert_false(wr(0x803, 0));
	assert_false(wr(0x80a, 0));
	assert_false(wr(0x80d, 0));
	assert_false(wr(0x839, 0));
	for (msr = 0x810; msr < 0x828; msr++)
		assert_false(wr(msr, 0));
	assert_false(rd(0x80b, &val));
	assert_false(rd(0x83f, &val));
	assert_false(rd(0x80e, &val) || wr(0x80e, 0));
	assert_false(rd(0x831, &val) || wr(0x831, 0));
	assert_false(rd(0x809, &val));
	assert_false(rd(0x80c, &val));
	assert_false(rd(0x840, &val) || wr(0x8ff, 0));
	/* Reserved bits. */
	assert_false(wr(0x80b, 1));
	assert_false(wr(0x808, 0x100));
	assert_false(wr(0x828, 1));
	assert_false(wr(0x832, 0x80000));
	assert_false(wr(0x838, UINT64_C(1) << 32));
	assert_false(wr(0x830, 0x100000));
	/* Self, one by 32-bit ID, all, logical cluster. */
	assert_true(wr(0x83f, 0x41));
	assert_int_equal(take(1), 0x41);
	assert_true(wr(0x80b, 0));
	assert_true(wr(0x830, UINT64_C(2) << 32 | 0x51));
	assert_int_equal(take(2), 0x51);
	assert_true(rd(0x830, &val));
	assert_true(val == (UINT64_C(2) << 32 | 0x51));
	assert_true(wr(0x830, UINT64_C(0xffffffff) << 32 | 0x61));
	assert_int_equal(take(0), 0x61);
	assert_int_equal(take(1), 0x61);
	assert_true(wr(0x830, UINT64_C(0xff) << 32 | 0x71)); /* no broadcast here */
	assert_int_equal(take(0), -1);
	assert_true(wr(0x80b, 0));
	assert_true(wr(0x830, UINT64_C(2) << 32 | 0x881)); /* logical: cluster 0, bit 1 */
	assert_int_equal(take(1), 0x81);
}

static void virtual_wire(void **state)
{
	(void)state;
	vlapic_reset(lapic[0]);
	assert_false(vlapic_takes_extint(lapic[0]));
	vlapic_set_virtual_wire(lapic[0]);
	assert_true(vlapic_takes_extint(lapic[0]));
	fake_set_current(&vcpu[0]);
	assert_int_equal(get(0x350), 0x700);
	assert_int_equal(get(0x360), 0x400);
	put(0x350, 0x10700);
	assert_false(vlapic_takes_extint(lapic[0]));
	put(0x350, 0x39); /* LINT0 as a fixed interrupt */
	vlapic_lint0_rise(lapic[0]);
	assert_int_equal(take(0), 0x39);
}

static void random_pokes(void **state)
{
	unsigned i, n, msr;
	uint64_t val;

	(void)state;
	for (i = 0; i < 40000; i++) {
		n = fake_random() % CPUS;
		fake_set_current(&vcpu[n]);
		fake_poke(&vm.mmio, VLAPIC_BASE, fake_random() & 1 ? 0x400 : 0x1000, 1);
		/* aligned ones do more */
		put((fake_random() % 64) * 16, fake_random());
		msr = 0x800 + fake_random() % 0x48;
		vlapic_msr_write(lapic[n], msr, fake_random() & fake_random() & 0xcffff);
		vlapic_msr_read(lapic[n], msr, &val);
		vlapic_msr_write(lapic[n], 0x6e0, vcpu_tsc(&vcpu[n]) + fake_random() % 100000);
		if (fake_random() % 64 == 0)
			vlapic_msr_write(lapic[n], 0x1b,
					 0xfee00000 | (n ? 0 : 0x100) | (fake_random() & 0xc00));
		take(n);
		assert_int_equal(vm.lock.held, 0);
	}
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(reset_state),
		T(priorities),
		T(once_each),
		T(task_priority),
		T(level_and_eoi),
		T(illegal_vectors),
		T(interprocessor_interrupts),
		T(start_of_a_processor),
		T(init_keeps_the_mode),
		T(logical_destinations),
		T(lowest_priority),
		T(one_shot),
		T(periodic),
		T(tsc_deadline),
		T(apic_base),
		T(x2apic),
		T(virtual_wire),
		T(random_pokes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

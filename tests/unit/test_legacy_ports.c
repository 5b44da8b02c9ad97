/* SPDX-License-Identifier: MIT */
/* ACPI PM (ACPI 6.4 4.8), PCI host bridge (PCI 3.0), 8042, port 0x92, POST, debugexit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "drivers/virt/acpi_pm.h"
#include "drivers/virt/debugexit.h"
#include "drivers/virt/i8042.h"
#include "drivers/virt/pci_host.h"
#include "drivers/virt/sink.h"
#include "tests/unit/fake_hv.h"

static struct vm vm;
static struct acpi_pm pm;
static struct pci_host pci;
static struct i8042 kbc;
static struct sink sink;
static struct fake_line sci, irq1;

static int setup(void **state)
{
	(void)state;
	fake_reset();
	vm = (struct vm){ 0 };
	sci = irq1 = (struct fake_line){ 0 };
	acpi_pm_init(&pm, fake_irq_line(&sci), &vm);
	pci_host_init(&pci, &vm);
	i8042_init(&kbc, fake_irq_line(&irq1), &vm);
	assert_int_equal(acpi_pm_register(&pm, &vm.ports), 0);
	assert_int_equal(pci_host_register(&pci, &vm.ports), 0);
	assert_int_equal(i8042_register(&kbc, &vm.ports), 0);
	assert_int_equal(sink_register(&sink, &vm.ports), 0);
	assert_int_equal(debugexit_register(&vm, &vm.ports), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	acpi_pm_fini(&pm);
	assert_int_equal(fake_next_timer(), 0);
	return 0;
}

static void pm_timer(void **state)
{
	uint32_t start = in(&vm, 0x608, 4);

	(void)state;
	fake_advance(NSEC_PER_SEC);
	assert_int_equal(in(&vm, 0x608, 4) - start, 3579545);
	fake_advance(NSEC_PER_SEC * 1000000); /* exact after many days, and wrapped */
	assert_int_equal((uint32_t)in(&vm, 0x608, 4), (uint32_t)(3579545ull * 1000001));
	assert_int_equal(in(&vm, 0x609, 1), in(&vm, 0x608, 4) >> 8 & 0xff);
	out(&vm, 0x608, 4, 0);
	assert_int_not_equal(in(&vm, 0x608, 4), 0);
}

static void pm_timer_status(void **state)
{
	(void)state;
	assert_int_equal(in(&vm, 0x600, 2), 0);
	fake_advance(NSEC_PER_SEC * 599); /* 2^31 ticks are 599.93 s */
	assert_int_equal(in(&vm, 0x600, 2), 0);
	fake_advance(NSEC_PER_SEC);
	assert_int_equal(in(&vm, 0x600, 2), 1);
	out(&vm, 0x600, 2, 1);
	assert_int_equal(in(&vm, 0x600, 2), 0);
	out(&vm, 0x602, 2, 0xffff);
	assert_int_equal(in(&vm, 0x602, 2), 0x421);
	assert_false(sci.level);
	fake_advance(NSEC_PER_SEC * 600);
	assert_true(sci.level);
	assert_int_equal(fake_timer_calls, 1);
	assert_int_equal(in(&vm, 0x600, 4), 0x04210001);
	out(&vm, 0x600, 1, 1);
	assert_false(sci.level);
}

static void rtc_event(void **state)
{
	(void)state;
	acpi_pm_rtc_alarm(&pm);
	assert_int_equal(in(&vm, 0x600, 2), 0x400);
	assert_false(sci.level);
	out(&vm, 0x602, 2, 0x400);
	assert_true(sci.level);
	out(&vm, 0x600, 2, 0x400);
	assert_false(sci.level);
}

static void power_off(void **state)
{
	(void)state;
	assert_int_equal(in(&vm, 0x604, 2), 1); /* SCI_EN always */
	out(&vm, 0x604, 2, 0x1400);
	assert_int_equal(in(&vm, 0x604, 2), 0x1401);
	assert_int_equal(fake_poweroffs, 0);
	out(&vm, 0x604, 2, 0x2000 | 4 << 10); /* another state: there is none */
	assert_int_equal(fake_poweroffs, 0);
	out(&vm, 0x604, 2, 0x3400);
	assert_int_equal(fake_poweroffs, 1);
	assert_int_equal(in(&vm, 0x604, 2) & 0x2000, 0);
}

static uint32_t config(unsigned bus, unsigned dev, unsigned fn, unsigned reg)
{
	out(&vm, 0xcf8, 4, 0x80000000 | bus << 16 | dev << 11 | fn << 8 | (reg & ~3u));
	return in(&vm, 0xcfc + (reg & 3), 4 - (reg & 3));
}

static void pci_config(void **state)
{
	(void)state;
	/* Linux's test for mechanism 1. */
	out(&vm, 0xcfb, 1, 1);
	out(&vm, 0xcf8, 4, 0x80000000);
	assert_int_equal(in(&vm, 0xcf8, 4), 0x80000000);
	assert_int_equal(config(0, 0, 0, 0), 0x00081b36);
	assert_int_equal(config(0, 0, 0, 8), 0x06000000); /* host bridge */
	assert_int_equal(config(0, 0, 0, 0xc), 0);
	assert_int_equal(config(0, 0, 0, 2) & 0xffff, 0x0008);
	assert_int_equal(config(0, 0, 1, 0), 0xffffffff);
	assert_int_equal(config(0, 1, 0, 0), 0xffffffff);
	assert_int_equal(config(1, 0, 0, 0), 0xffffffff);
	out(&vm, 0xcf8, 4, 0x81000000); /* AMD's way to extended space: there is none */
	assert_int_equal(in(&vm, 0xcfc, 4), 0xffffffff);
	config(0, 0, 0, 0);
	out(&vm, 0xcfc, 4, 0);
	assert_int_equal(config(0, 0, 0, 0), 0x00081b36); /* read-only */
	out(&vm, 0xcf8, 4, 0); /* not enabled */
	assert_int_equal(in(&vm, 0xcfc, 4), 0xffffffff);
	assert_int_equal(in(&vm, 0xcf8, 2), 0xffff);
}

static unsigned written_off, written_size;

static void on_written(struct pci_function *f, unsigned off, unsigned size)
{
	(void)f;
	written_off = off;
	written_size = size;
}

static void pci_device(void **state)
{
	static struct pci_function f = { .written = on_written };

	(void)state;
	f.config[0] = 0x34;
	f.writable[0x10] = 0xf0;
	f.writable[0x13] = 0xff;
	pci.device[5] = &f;
	assert_int_equal(config(0, 5, 0, 0), 0x34);
	config(0, 5, 0, 0x10);
	out(&vm, 0xcfc, 4, 0xffffffff);
	assert_int_equal(config(0, 5, 0, 0x10), 0xff0000f0);
	assert_int_equal(written_off, 0x10);
	assert_int_equal(written_size, 4);
	out(&vm, 0xcff, 1, 0x55);
	assert_int_equal(config(0, 5, 0, 0x10), 0x550000f0);
	assert_int_equal(written_off, 0x13);
	assert_int_equal(written_size, 1);
}

static void reset_register(void **state)
{
	(void)state;
	out(&vm, 0xcf9, 1, 0x02);
	assert_int_equal(fake_resets, 0);
	assert_int_equal(in(&vm, 0xcf9, 1), 0x02);
	out(&vm, 0xcf9, 1, 0x06);
	assert_int_equal(fake_resets, 1);
	out(&vm, 0xcf9, 1, 0x06); /* no 0 to 1 */
	assert_int_equal(fake_resets, 1);
	setup(state);
	out(&vm, 0xcf9, 1, PCI_RESET_VALUE); /* as ACPI does it: one write */
	assert_int_equal(fake_resets, 1);
}

static void keyboard_controller(void **state)
{
	(void)state;
	assert_int_equal(in(&vm, 0x64, 1), 0x14); /* nothing, ready */
	out(&vm, 0x64, 1, 0xaa);
	assert_int_equal(in(&vm, 0x64, 1) & 3, 1);
	assert_int_equal(in(&vm, 0x60, 1), 0x55);
	assert_int_equal(in(&vm, 0x64, 1) & 3, 0);
	out(&vm, 0x64, 1, 0x60);
	out(&vm, 0x60, 1, 0x41);
	out(&vm, 0x64, 1, 0x20);
	assert_int_equal(in(&vm, 0x60, 1), 0x61); /* no auxiliary port */
	assert_int_equal(irq1.rises, 1);
	assert_false(irq1.level);
	out(&vm, 0x60, 1, 0xf2); /* to the keyboard: nobody there */
	assert_int_equal(in(&vm, 0x64, 1) & 0x41, 0x41);
	assert_int_equal(in(&vm, 0x60, 1), 0xfe);
	assert_int_equal(in(&vm, 0x64, 1) & 0x41, 0);
	out(&vm, 0x64, 1, 0xd0);
	assert_int_equal(in(&vm, 0x60, 1) & 3, 3);
	out(&vm, 0x64, 1, 0xd1);
	out(&vm, 0x60, 1, 0xdf); /* A20 on */
	out(&vm, 0x64, 1, 0xff); /* pulse nothing */
	assert_int_equal(fake_resets, 0);
	out(&vm, 0x64, 1, 0xd1);
	out(&vm, 0x60, 1, 0xde);
	assert_int_equal(fake_resets, 1);
	out(&vm, 0x64, 1, 0xfe);
	assert_int_equal(fake_resets, 2);
}

static void port92(void **state)
{
	(void)state;
	assert_int_equal(in(&vm, 0x92, 1), 0x02);
	out(&vm, 0x92, 1, 0x00);
	assert_int_equal(in(&vm, 0x92, 1), 0x02); /* A20 stays on */
	out(&vm, 0x92, 1, 0x03);
	assert_int_equal(fake_resets, 1);
}

static void sinks(void **state)
{
	(void)state;
	out(&vm, 0x80, 1, 0x12);
	out(&vm, 0xed, 1, 0x34);
	assert_int_equal(in(&vm, 0x80, 1), 0x12);
	assert_int_equal(in(&vm, 0xed, 1), 0x34);
}

static void debug_exit(void **state)
{
	(void)state;
	out(&vm, 0xf4, 4, 33);
	assert_int_equal(fake_poweroffs, 1);
	assert_string_equal(fake_reason, "debugexit code 33 (exit status 67)");
	out(&vm, 0xf4, 1, 0);
	assert_string_equal(fake_reason, "debugexit code 0 (exit status 1)");
}

static void random_pokes(void **state)
{
	(void)state;
	fake_poke(&vm.ports, 0x600, 12, 30000);
	fake_poke(&vm.ports, 0xcf8, 8, 30000);
	fake_poke(&vm.ports, 0x60, 5, 30000);
	fake_poke(&vm.ports, 0x80, 0x80, 30000);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(pm_timer),   T(pm_timer_status), T(rtc_event),      T(power_off),
		T(pci_config), T(pci_device),	   T(reset_register), T(keyboard_controller),
		T(port92),     T(sinks),	   T(debug_exit),     T(random_pokes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* The board: wiring of interrupts, memory map, creation and end; everything poked at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "drivers/virt/vlapic.h"
#include "guests/board.h"
#include "hv/timer.h"
#include "tests/unit/fake_hv.h"

/* A DSDT for the linker; the real one is test_acpi.c's matter. */
__asm__(".pushsection .rodata\n"
	".globl dsdt_aml, dsdt_aml_bytes\n"
	"dsdt_aml: .ascii \"DSDT\"\n .long 36\n .zero 28\n"
	"dsdt_aml_bytes: .long 36\n"
	".popsection");

static struct vm vm;
static struct vcpu vcpu;

static int setup(void **state)
{
	(void)state;
	fake_reset();
	vm = (struct vm){ .nr_vcpus = 1,
			  .vcpu = { &vcpu },
			  .p2m = { .ram = UINT64_C(512) << 20 },
			  .config = { .debugexit = true } };
	vcpu = (struct vcpu){ .vm = &vm };
	assert_int_equal(board_create(&vm), 0);
	fake_set_current(&vcpu);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	board_destroy(&vm);
	assert_null(vm.board);
	assert_int_equal(fake_next_timer(), 0);
	return 0;
}

static void lapic(unsigned off, uint32_t val)
{
	mmio_out(&vm, 0xfee00000 + off, 4, val);
}

static void redirect(unsigned pin, uint32_t low)
{
	mmio_out(&vm, 0xfec00000, 4, 0x10 + 2 * pin);
	mmio_out(&vm, 0xfec00010, 4, low);
}

static void start_pit(uint16_t count)
{
	out(&vm, 0x43, 1, 0x34);
	out(&vm, 0x40, 1, count & 0xff);
	out(&vm, 0x40, 1, count >> 8);
}

static void program_pics(uint8_t master_mask, uint8_t slave_mask)
{
	static const uint8_t words[2][4] = { { 0x11, 0x30, 0x04, 0x01 },
					     { 0x11, 0x38, 0x02, 0x01 } };
	unsigned i;

	for (i = 0; i < 4; i++) {
		out(&vm, 0x20 + !!i, 1, words[0][i]);
		out(&vm, 0xa0 + !!i, 1, words[1][i]);
	}
	out(&vm, 0x21, 1, master_mask);
	out(&vm, 0xa1, 1, slave_mask);
}

/* As firmware leaves it: 8259 through LINT0, no APIC needed. */
static void virtual_wire_mode(void **state)
{
	(void)state;
	program_pics(0xfe, 0xff);
	fake_kicks = 0;
	start_pit(11932);
	fake_advance(11 * NSEC_PER_MSEC);
	assert_true(fake_kicks > 0);
	assert_true(board_irq_pending(&vcpu));
	assert_int_equal(board_irq_take(&vcpu), 0x30);
	assert_false(board_irq_pending(&vcpu));
	assert_int_equal(board_irq_take(&vcpu), -1);
	out(&vm, 0x20, 1, 0x20);
	fake_advance(10 * NSEC_PER_MSEC);
	lapic(0x350, 0x10700); /* LINT0 masked: as Linux does in APIC mode */
	assert_false(board_irq_pending(&vcpu));
	fake_kicks = 0;
	lapic(0x350, 0x700);
	assert_int_equal(fake_kicks, 1);
	assert_int_equal(board_irq_take(&vcpu), 0x30);
}

/* Linux: LINT0 masked, 8259 masked, timer on pin 2. */
static void timer_through_the_ioapic(void **state)
{
	unsigned i, n = 0;

	(void)state;
	program_pics(0xff, 0xff);
	lapic(0x350, 0x10700);
	redirect(2, 0x31);
	start_pit(4773); /* 250 Hz */
	board_irq_take(&vcpu);
	lapic(0xb0, 0);
	for (i = 0; i < 1000; i++) {
		fake_advance(NSEC_PER_MSEC);
		if (board_irq_pending(&vcpu)) {
			assert_int_equal(board_irq_take(&vcpu), 0x31);
			assert_false(board_irq_pending(&vcpu));
			lapic(0xb0, 0);
			n++;
		}
	}
	assert_in_range(n, 249, 251);
}

static void uart_and_rtc_lines(void **state)
{
	(void)state;
	redirect(4, 0x41);
	redirect(8, 0x51);
	out(&vm, 0x3fc, 1, 0x08);
	out(&vm, 0x3f9, 1, 0x02);
	assert_int_equal(board_irq_take(&vcpu), 0x41);
	lapic(0xb0, 0);
	out(&vm, 0x70, 2, 0x120b); /* UIE: index and data in one word */
	fake_advance(NSEC_PER_SEC);
	assert_int_equal(board_irq_take(&vcpu), 0x51);
	lapic(0xb0, 0);
	fake_type(&vm.console, "a");
	assert_false(board_irq_pending(&vcpu)); /* receive is not enabled; THRE holds the line */
}

/* The SCI is level: it comes again until it is cleared. */
static void sci(void **state)
{
	(void)state;
	assert_int_equal(in(&vm, 0x4d0, 2), 0x0200);
	redirect(9, 0x8061);
	out(&vm, 0x602, 2, 1);
	fake_advance(NSEC_PER_SEC * 600);
	assert_int_equal(board_irq_take(&vcpu), 0x61);
	lapic(0xb0, 0);
	assert_int_equal(board_irq_take(&vcpu), 0x61);
	out(&vm, 0x600, 2, 1);
	lapic(0xb0, 0);
	assert_int_equal(board_irq_take(&vcpu), -1);
}

static void memory_map(void **state)
{
	struct board_region r[BOARD_MAX_REGIONS];

	(void)state;
	assert_int_equal(board_memory_map(&vm, r, ARRAY_SIZE(r)), 4);
	assert_true(r[0].base == 0 && r[0].size == 0x9f000 && r[0].type == 1);
	assert_true(r[1].base == 0x9f000 && r[1].size == 0x1000 && r[1].type == 2);
	assert_true(r[2].base == 0xe0000 && r[2].size == 0x20000 && r[2].type == 2);
	assert_true(r[3].base == 0x100000 && r[3].size == (511u << 20) && r[3].type == 1);
	vm.p2m.ram = UINT64_C(5) << 30;
	assert_int_equal(board_memory_map(&vm, r, ARRAY_SIZE(r)), 5);
	assert_true(r[3].size == 0xbff00000);
	assert_true(r[4].base == UINT64_C(1) << 32 && r[4].size == UINT64_C(2) << 30 &&
		    r[4].type == 1);
	assert_int_equal(board_memory_map(&vm, r, 2), 2);
}

static void ends(void **state)
{
	(void)state;
	out(&vm, 0xf4, 1, 5);
	assert_int_equal(fake_poweroffs, 1);
	out(&vm, 0x604, 2, 0x3400);
	assert_int_equal(fake_poweroffs, 2);
	out(&vm, 0x64, 1, 0xfe);
	out(&vm, 0xcf9, 1, 0x06);
	out(&vm, 0x92, 1, 0x01);
	assert_int_equal(fake_resets, 3);
}

static void no_debugexit_unless_asked_for(void **state)
{
	(void)state;
	board_destroy(&vm);
	vm.ports = vm.mmio = (struct iobus){ 0 };
	vm.config.debugexit = false;
	assert_int_equal(board_create(&vm), 0);
	out(&vm, 0xf4, 1, 5);
	assert_int_equal(fake_poweroffs, 0);
	assert_int_equal(in(&vm, 0xf4, 1), 0xff);
}

static void random_pokes(void **state)
{
	unsigned i;
	uint64_t val;

	(void)state;
	for (i = 0; i < 60000; i++) {
		const struct io_range *r = &vm.ports.range[fake_random() % vm.ports.nr];

		fake_poke(&vm.ports, r->base, r->len, 1 + fake_random() % 4);
		fake_poke(&vm.mmio, fake_random() & 1 ? 0xfec00000 : 0xfee00000, 0x400, 1);
		lapic((fake_random() % 64) * 16, fake_random());
		redirect(fake_random() % 24, fake_random() & 0xb9ff);
		vlapic_msr_read(vcpu.lapic, 0x800 + fake_random() % 256, &val);
		vlapic_msr_write(vcpu.lapic, 0x800 + fake_random() % 256, fake_random() & 0xffff);
		if (fake_random() % 1000 == 0)
			fake_type(&vm.console, "typed");
		if (fake_random() % 1000 == 0)
			fake_make_room(&vm.console, 1000);
		if (board_irq_pending(&vcpu))
			assert_in_range(board_irq_take(&vcpu), 0, 255);
		assert_int_equal(vm.lock.held, 0);
	}
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(virtual_wire_mode),
		T(timer_through_the_ioapic),
		T(uart_and_rtc_lines),
		T(sci),
		T(memory_map),
		T(ends),
		T(no_debugexit_unless_asked_for),
		T(random_pokes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

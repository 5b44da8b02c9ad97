// SPDX-License-Identifier: MIT
/*
 * The whole board (guests/board.c): all devices with their interrupts wired as a guest has them,
 * every port and register page within reach.
 *
 *  B1  An interrupt that waits has been told to its processor, and can be taken.
 *  B2  The memory map is sorted, its pieces do not overlap, and holds as much RAM as the guest
 *      has above 1 MiB.
 *  B3  A board that goes leaves no timer.
 */
#include <assert.h>
#include <string.h>

#include "drivers/virt/vlapic.h"
#include "guests/board.h"
#include "hv/vm.h"
#include "tests/fuzz/device.h"

#define TAKES_MAX 300 /* 256 vectors, and each input of the 8259 pair */
#define NR_TIMERS 4 /* 8254, RTC, PM timer, local APIC */
#define MIB UINT64_C(0x100000)

/* A DSDT for the linker. */
__asm__(".pushsection .rodata\n"
	".globl dsdt_aml, dsdt_aml_bytes\n"
	"dsdt_aml: .ascii \"DSDT\"\n .long 36\n .zero 28\n"
	"dsdt_aml_bytes: .long 36\n"
	".popsection");

static struct vm vm;
static struct vcpu vcpu;

static void check(void)
{
	assert(!vm.lock.held);
	assert(!board_irq_pending(&vcpu) || vcpu.irq_check); /* B1 */
}

static int take_one(void)
{
	bool pending = board_irq_pending(&vcpu);
	int vector = board_irq_take(&vcpu);

	assert(pending == (vector >= 0) && vector <= 255);
	return vector;
}

/* As a processor that takes one, and looks again. An 8259 that ends its interrupts by itself
 * gives a level for ever. */
static void take_all(void)
{
	unsigned n = 0;

	vcpu.irq_check = false;
	vcpu.nmi_pending = false;
	while (n++ < TAKES_MAX && take_one() >= 0)
		;
	vcpu.irq_check = board_irq_pending(&vcpu);
}

static void extra(struct input *in)
{
	unsigned what = (unsigned)take(in, 1);
	char text[2] = { (char)take(in, 1), 0 };

	switch (what & 3) {
	case 0:
		take_all();
		break;
	case 1:
		vlapic_eoi(vcpu.lapic);
		break;
	case 2:
		fake_type(&vm.console, text);
		break;
	default:
		fake_make_room(&vm.console, what >> 2);
	}
}

/* B2 */
static void check_map(void)
{
	struct board_region map[BOARD_MAX_REGIONS];
	unsigned n = board_memory_map(&vm, map, BOARD_MAX_REGIONS);
	uint64_t ram = 0, end = 0;

	for (unsigned i = 0; i < n; i++) {
		assert(map[i].size && map[i].base >= end);
		end = map[i].base + map[i].size;
		if (map[i].type == BOARD_REGION_RAM && map[i].base >= MIB)
			ram += map[i].size;
	}
	assert(ram == vm.p2m.ram - MIB);
}

static void setup(struct input *in)
{
	fake_reset();
	memset(&vm, 0, sizeof(vm));
	vcpu = (struct vcpu){ .vm = &vm };
	vm.nr_vcpus = 1;
	vm.vcpu[0] = &vcpu;
	vm.p2m.ram = (4 + take(in, 2)) * 2 * MIB;
	vm.config.debugexit = true;
	assert(!board_create(&vm));
	fake_set_current(&vcpu);
	check_map();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	const struct device d = {
		.range = { { &vm.ports, 0x20, 0xe0, 1 }, /* 8259s to port F7h */
			   { &vm.ports, 0x40, 0x60, 1 },
			   { &vm.ports, 0x3f8, 8, 1 },
			   { &vm.ports, 0x4d0, 2, 1 },
			   { &vm.ports, 0x600, 12, 1 },
			   { &vm.ports, 0xcf8, 8, 1 },
			   { &vm.mmio, 0xfee00000, 0x1000, 16 },
			   { &vm.mmio, 0xfec00000, 0x50, 16 } },
		.nr_ranges = 8,
		.nr_timers = NR_TIMERS,
		.extra = extra,
		.check = check,
	};

	setup(&in);
	device_run(&d, &in);
	board_destroy(&vm);
	assert(!fake_next_timer()); /* B3 */
	return 0;
}

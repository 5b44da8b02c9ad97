// SPDX-License-Identifier: MIT
/*
 * The small ones: ACPI fixed hardware, PCI configuration, keyboard controller, POST ports,
 * debugexit.
 *
 *  S1  SCI is up exactly while an enabled event is set; an event that can still come and is
 *      enabled has its timer.
 *  S2  The PM timer is the clock's, whatever the bytes it is read by.
 *  S3  The host bridge's configuration does not change; what is not there reads as ones.
 *  S4  IRQ 1 is up exactly while the output buffer is full and the command byte lets it.
 *  S5  The machine is reset by the reset registers' ports only, powered off by PM1 control's
 *      and debugexit's only.
 *  S6  A sink gives back what was written last.
 */
#include <assert.h>
#include <string.h>

#include "drivers/virt/acpi_pm.h"
#include "drivers/virt/debugexit.h"
#include "drivers/virt/i8042.h"
#include "drivers/virt/pci_host.h"
#include "drivers/virt/sink.h"
#include "drivers/virt/ticks.h"
#include "tests/fuzz/device.h"

#define PM1_TMR 1u
#define OUTPUT_FULL 1u

static struct vm vm;
static struct acpi_pm pm;
static struct pci_host pci;
static struct i8042 keyboard;
static struct sink sink;
static struct fake_line sci, irq1;
static struct pci_function bridge;

static void check(void)
{
	assert(!vm.lock.held);
	assert(sci.level == !!(pm.status & pm.enable)); /* S1 */
	assert(pm.timer.armed == !!(pm.enable & ~pm.status & PM1_TMR));
	assert(!memcmp(&pci.bridge, &bridge, sizeof(bridge))); /* S3 */
	assert(irq1.level == ((keyboard.status & OUTPUT_FULL) && (keyboard.ram[0] & 1))); /* S4 */
}

/* S2 */
static void check_pm_timer(void)
{
	uint32_t now = (uint32_t)ns_to_ticks(fake_ns - pm.start_ns, ACPI_PM_TMR_HZ);
	uint64_t val, byte;

	iobus_read(&vm.ports, ACPI_PM_TMR, 4, &val);
	assert(val == now);
	for (unsigned i = 0; i < 4; i++) {
		iobus_read(&vm.ports, ACPI_PM_TMR + i, 1, &byte);
		assert(byte == (now >> (8 * i) & 0xff));
	}
}

/* S3: only device 0 of bus 0 is there. */
static void check_absent(uint32_t address)
{
	uint64_t val, kept = pci.address;

	iobus_write(&vm.ports, PCI_HOST_PORT, 4, 0x80000000 | address);
	iobus_read(&vm.ports, PCI_HOST_PORT + 4, 4, &val);
	if (address >> 8 & 0xffff)
		assert(val == UINT32_MAX);
	else
		assert(!memcmp(&val, bridge.config + (address & 0xfc), 4));
	iobus_write(&vm.ports, PCI_HOST_PORT, 4, kept);
}

/* S5: one byte to any port of the board. */
static void check_ends(uint16_t port, uint8_t val)
{
	unsigned resets = fake_resets, ends = fake_poweroffs;

	iobus_write(&vm.ports, port, 1, val);
	assert(fake_resets == resets || port == PCI_RESET_PORT || port == PORT92 ||
	       port == I8042_COMMAND_PORT || port == I8042_DATA_PORT);
	assert(fake_poweroffs == ends || port == ACPI_PM1_CNT + 1 ||
	       port - DEBUGEXIT_PORT < DEBUGEXIT_PORTS);
}

/* S6 */
static void check_sink(uint64_t port, uint8_t val)
{
	uint64_t back;

	iobus_write(&vm.ports, port, 1, val);
	iobus_read(&vm.ports, port, 1, &back);
	assert(back == val);
}

static void extra(struct input *in)
{
	unsigned what = (unsigned)take(in, 1);

	switch (what & 3) {
	case 0:
		check_pm_timer();
		break;
	case 1:
		check_absent((uint32_t)take(in, 3) & ~3u);
		break;
	case 2:
		check_ends((uint16_t)(vm.ports.range[(what >> 2) % vm.ports.nr].base +
				      take(in, 1) % 8),
			   (uint8_t)take(in, 1));
		break;
	default:
		check_sink(what & 4 ? POST_PORT : DELAY_PORT, (uint8_t)take(in, 1));
	}
}

static void setup(void)
{
	struct iobus *ports = &vm.ports;

	fake_reset();
	memset(&vm, 0, sizeof(vm));
	sci = irq1 = (struct fake_line){ 0 };
	acpi_pm_init(&pm, fake_irq_line(&sci), &vm);
	pci_host_init(&pci, &vm);
	i8042_init(&keyboard, fake_irq_line(&irq1), &vm);
	bridge = pci.bridge;
	assert(!acpi_pm_register(&pm, ports) && !pci_host_register(&pci, ports));
	assert(!i8042_register(&keyboard, ports) && !sink_register(&sink, ports));
	assert(!debugexit_register(&vm, ports));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	const struct device d = {
		.range = { { &vm.ports, ACPI_PM_BASE, ACPI_PM_LEN, 1 },
			   { &vm.ports, PCI_HOST_PORT, PCI_HOST_PORTS, 1 },
			   { &vm.ports, I8042_DATA_PORT, 5, 4 },
			   { &vm.ports, PORT92, 1, 1 },
			   { &vm.ports, POST_PORT, 1, 1 },
			   { &vm.ports, DELAY_PORT, DEBUGEXIT_PORT - DELAY_PORT + 4, 7 } },
		.nr_ranges = 6,
		.nr_timers = 1,
		.extra = extra,
		.check = check,
	};

	setup();
	device_run(&d, &in);
	acpi_pm_fini(&pm);
	assert(!fake_next_timer());
	return 0;
}

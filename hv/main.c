/* SPDX-License-Identifier: MIT */
/*
 * Bring-up of the machine, in the order of what needs what:
 *
 *   traps      so that a mistake in what follows is told
 *   memory     the loader's map, our own page tables, the page allocator
 *   ACPI       who needs tables: interrupts, clocks, power-off
 *   interrupts local APIC, IOAPIC or 8259, all masked
 *   time       TSC, timers
 *   console    from polled to interrupt driven
 *   CPUs       the virtualization extension, here and on the others
 *   guests     what the module lines ask for
 *
 * Boot CPU, interrupts off.
 */
#include "boot/boot_info.h"
#include "drivers/host/acpi.h"
#include "drivers/host/intc.h"
#include "drivers/host/uart.h"
#include "hv/console.h"
#include "hv/cpu.h"
#include "hv/cpuid.h"
#include "hv/fpu.h"
#include "hv/guest_config.h"
#include "hv/memmap.h"
#include "hv/page.h"
#include "hv/page_init.h"
#include "hv/paging.h"
#include "hv/percpu.h"
#include "hv/print.h"
#include "hv/sched.h"
#include "hv/smp.h"
#include "hv/timer.h"
#include "hv/timer_init.h"
#include "hv/traps.h"
#include "hv/vendor.h"
#include "hv/vm.h"

/* From boot/entry.asm. */
_Noreturn void hv_main(uint32_t magic, uint32_t info);

static struct boot_info boot_info;
static struct hv_config config;
static struct memmap memmap;

static void uart_start(void)
{
	if (config.console_port && uart_init(config.console_port, config.console_baud))
		print_uart_ready();
}

static void memory_init(void)
{
	unsigned bits = cpu_maxphyaddr();
	uint64_t limit = MIN(UINT64_C(1) << bits, DIRECT_MAP_BYTES);

	if (memmap_build(&memmap, &boot_info, HPA(IMAGE_LOAD), image_end_hpa(), limit))
		panic("the loader's memory map has more than %u pieces", RANGE_SET_MAX);
	paging_init(&memmap, &boot_info);
	page_init(&memmap);
	paging_late_init();
	traps_stacks_init();
	printk("memory: %lu MiB free\n", pages_free() >> (20 - PAGE_SHIFT));
}

static void guests_init(void)
{
	static struct guest_config guests[VM_MAX];
	unsigned n;

	fpu_cpu_init();
	mmu_stats_init(tsc_hz());
	vm_set_idle_action(config.idle);
	if (vendor_init())
		return;
	guest_cpuid_init();
	smp_start(memmap.low_page);
	n = guest_config_parse(guests, &boot_info);
	if (n == 0)
		printk("no guest to start: give module lines (see the README)\n");
	smp_stop_others();
	for (unsigned i = 0; i < n; i++)
		if (vm_create(&guests[i]))
			continue; /* said why; the others start */
	smp_resume_others();
}

static void tell_what_was_cut(void)
{
	if (boot_info.cmdline_cut)
		printk("xihv: command line: longer than %d characters, the rest is left out\n",
		       BOOT_LINE_MAX - 1);
	if (boot_info.regions_dropped)
		printk("xihv: memory map: %u regions behind the first %d are left out\n",
		       boot_info.regions_dropped, BOOT_MAX_REGIONS);
}

void hv_main(uint32_t magic, uint32_t info)
{
	int err;

	percpu_init(0);
	traps_init();
	err = boot_info_parse(&boot_info, magic, (const void *)(uintptr_t)info);
	hv_config_parse(&config, boot_info.cmdline);
	uart_start();
	printk("xihv, loaded by %s\n", boot_info.loader[0] ? boot_info.loader : "?");
	tell_what_was_cut();
	if (err)
		panic("the loader gave no memory map (magic %#x)", magic);
	memory_init();
	acpi_init(&boot_info);
	intc_init();
	time_init();
	uart_irq_enable();
	console_init();
	guests_init();
	sched_loop();
}

/* SPDX-License-Identifier: MIT */
/*
 * Starting the other host CPUs, one after the other, by INIT and start-up interrupts (Intel SDM
 * Vol. 3A 8.4.4). What the two sides share here is the boot CPU's until the start-up interrupt,
 * the new CPU's from then until it says how it went in `state`.
 */
#include "drivers/host/acpi.h"
#include "drivers/host/lapic.h"
#include "hv/cpu.h"
#include "hv/fpu.h"
#include "hv/page.h"
#include "hv/paging.h"
#include "hv/print.h"
#include "hv/sched.h"
#include "hv/smp.h"
#include "hv/string.h"
#include "hv/timer.h"
#include "hv/traps.h"
#include "hv/vendor.h"

#define INIT_NS (10 * NSEC_PER_MSEC) /* from INIT to the start-up interrupt */
#define SIPI_NS (200 * NSEC_PER_USEC) /* until a second one is worth sending */
#define START_NS NSEC_PER_SEC /* a CPU that has not come by then does not come */
#define XAPIC_IDS 255 /* the last one means all */
#define TSC_TURNS 1000

enum start_state {
	START_SENT,
	START_UP, /* it is here, and lets its TSC be compared */
	START_OK, /* to the run loop */
	START_REFUSED, /* told to halt, and ... */
	START_GONE, /* ... does, and uses nothing of ours any more */
};

/* boot/ap.asm: to be copied to a page below 1 MiB. */
extern const char ap_trampoline[];
extern const uint32_t ap_trampoline_bytes;

/* It reads these: the final page tables, and the top of a stack. Then it calls ap_main. */
extern uint64_t ap_cr3;
extern void *ap_stack;
_Noreturn void ap_main(void);

uint64_t ap_cr3;
void *ap_stack;

static struct {
	unsigned index; /* of the new CPU */
	enum start_state state;
	bool can_run; /* guests */
	bool in_order; /* the two TSCs, as far as was seen */
	unsigned turn; /* whose of TSC_TURNS it is: even ones are the boot CPU's */
	uint64_t tsc; /* of the turn before */
} start;

static enum start_state get_state(void)
{
	return __atomic_load_n(&start.state, __ATOMIC_ACQUIRE);
}

static void set_state(enum start_state s)
{
	__atomic_store_n(&start.state, s, __ATOMIC_RELEASE);
}

/* Both sides read their TSC in turn: where none lags behind the other, no value is smaller than
 * the one before. */
static void compare_tscs(unsigned side)
{
	for (unsigned i = side; i < TSC_TURNS; i += 2) {
		uint64_t now;

		while (__atomic_load_n(&start.turn, __ATOMIC_ACQUIRE) != i)
			cpu_relax();
		__asm__ volatile("lfence" : : : "memory"); /* lest RDTSC goes first */
		now = rdtsc();
		start.in_order &= now >= start.tsc;
		start.tsc = now;
		__atomic_store_n(&start.turn, i + 1, __ATOMIC_RELEASE);
	}
	while (__atomic_load_n(&start.turn, __ATOMIC_ACQUIRE) != TSC_TURNS)
		cpu_relax();
}

_Noreturn void ap_main(void)
{
	percpu_init(start.index);
	traps_cpu_init();
	paging_cpu_init();
	lapic_cpu_init();
	lapic_timer_cpu_init();
	fpu_cpu_init();
	start.can_run = vendor->cpu_init() == 0;
	set_state(START_UP);
	compare_tscs(1);
	while (get_state() == START_UP)
		cpu_relax();
	if (get_state() == START_OK)
		sched_loop();
	if (start.can_run)
		vendor->cpu_fini();
	set_state(START_GONE);
	cpu_halt();
}

static void wait_for_start(uint64_t ns)
{
	uint64_t until = clock_ns() + ns;

	while (clock_ns() < until && get_state() == START_SENT)
		cpu_relax();
}

/* Lest it comes later. When the wait is over it uses nothing any more that the next one needs. */
static void stop_starting(uint32_t apic_id)
{
	uint64_t until = clock_ns() + INIT_NS;

	lapic_send_init(apic_id);
	while (clock_ns() < until)
		cpu_relax();
}

static bool send_start(uint32_t apic_id, hpa_t page)
{
	lapic_send_init(apic_id);
	wait_for_start(INIT_NS);
	lapic_send_startup(apic_id, page);
	wait_for_start(SIPI_NS);
	if (get_state() == START_SENT)
		lapic_send_startup(apic_id, page);
	wait_for_start(START_NS);
	if (get_state() != START_SENT)
		return true;
	stop_starting(apic_id);
	return false;
}

/* It is here: may it stay? */
static bool admit(uint32_t apic_id)
{
	compare_tscs(0);
	if (start.can_run && start.in_order) {
		nr_cpus++;
		set_state(START_OK);
		return true;
	}
	printk("CPU with APIC ID %u: not used: %s\n", apic_id,
	       start.can_run ? "its TSC lags behind or ahead" : "it cannot run guests");
	set_state(START_REFUSED);
	while (get_state() != START_GONE)
		cpu_relax();
	return false;
}

static bool start_one(uint32_t apic_id, hpa_t page)
{
	start.index = nr_cpus;
	start.in_order = true;
	start.turn = 0;
	start.tsc = 0;
	set_state(START_SENT);
	if (send_start(apic_id, page))
		return admit(apic_id);
	printk("CPU with APIC ID %u: not used: it does not start\n", apic_id);
	return false;
}

static bool can_address(uint32_t apic_id)
{
	return lapic_is_x2apic() || apic_id < XAPIC_IDS;
}

void smp_start(hpa_t page)
{
	const struct acpi_info *acpi = acpi_info();

	if (!page.v) {
		printk("CPUs: 1, for there is no memory below 640 KiB for the others to start in\n");
		return;
	}
	memcpy(hpa_to_ptr(page), ap_trampoline, ap_trampoline_bytes);
	ap_cr3 = read_cr3();
	ap_stack = stack_alloc();
	for (unsigned i = 0; i < acpi->nr_cpus && nr_cpus < CPUS_MAX && ap_stack; i++) {
		uint32_t apic_id = acpi->cpu_apic_id[i];

		if (apic_id == this_cpu()->apic_id || !can_address(apic_id))
			continue;
		if (start_one(apic_id, page))
			ap_stack = stack_alloc();
	}
	printk("CPUs: %u of %u run guests\n", nr_cpus, MAX(acpi->nr_cpus, 1u));
}

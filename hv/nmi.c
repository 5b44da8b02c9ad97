/* SPDX-License-Identifier: MIT */
/* NMIs of the host (hv/nmi.h). All data is the CPU's own. */
#include "hv/nmi.h"

#include "drivers/host/lapic.h"
#include "hv/cpu.h"
#include "hv/percpu.h"
#include "hv/print.h"
#include "hv/symbols.h"
#include "hv/timer.h"

#define LONGEST_WAIT_NS NSEC_PER_MSEC

/* The handler may come between any two instructions. */
static uint64_t count(const struct percpu *cpu)
{
	return __atomic_load_n(&cpu->nmis, __ATOMIC_RELAXED);
}

void nmi_note(uint64_t rip)
{
	struct percpu *cpu = this_cpu();

	cpu->nmi_rip = rip;
	__atomic_store_n(&cpu->nmis, cpu->nmis + 1, __ATOMIC_RELAXED);
}

void nmi_report(void)
{
	struct percpu *cpu = this_cpu();
	uint64_t n = count(cpu), rip, offset = 0;
	const char *name;

	if (likely(n == cpu->nmis_told))
		return;
	cpu->nmis_told = n;
	rip = __atomic_load_n(&cpu->nmi_rip, __ATOMIC_RELAXED);
	name = symbol_name(rip, &offset);
	printk("xihv: NMI %lu of CPU %u at rip %016lx, %s+%#lx\n", n, cpu->index, rip,
	       name ? name : "?", offset);
}

void nmi_key_send(char key)
{
	const struct percpu *cpu = this_cpu();
	uint64_t before = count(cpu), until = clock_ns() + LONGEST_WAIT_NS;

	(void)key;
	lapic_send_nmi(cpu->apic_id);
	while (count(cpu) == before && clock_ns() < until)
		cpu_relax();
	if (count(cpu) == before)
		printk("xihv: the NMI has not come\n");
	nmi_report();
}

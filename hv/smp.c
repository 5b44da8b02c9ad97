/* SPDX-License-Identifier: MIT */
/*
 * Nudging, stopping and ending the other host CPUs (hv/smp.h). `stops` is written by the boot
 * CPU only; a CPU's `parked` by itself.
 */
#include "hv/smp.h"

#include "drivers/host/lapic.h"
#include "hv/cpu.h"
#include "hv/irq.h"
#include "hv/sched.h"
#include "hv/timer.h"
#include "hv/vendor.h"

#define KICK_AGAIN_NS NSEC_PER_MSEC

static unsigned stops; /* so many are open */
static bool ending;

void smp_kick(const struct percpu *cpu)
{
	if (cpu != this_cpu())
		lapic_send_ipi(cpu->apic_id, VEC_KICK);
}

void smp_kick_again(const struct percpu *cpu, uint64_t *next)
{
	uint64_t now = rdtsc();

	cpu_relax();
	if (now < *next)
		return;
	if (*next)
		smp_kick(cpu);
	*next = now + ns_to_tsc(KICK_AGAIN_NS);
}

bool smp_stop_wanted(void)
{
	return __atomic_load_n(&stops, __ATOMIC_ACQUIRE);
}

static bool is_parked(const struct percpu *cpu)
{
	return __atomic_load_n(&cpu->parked, __ATOMIC_ACQUIRE);
}

static void wait_until_parked(const struct percpu *cpu)
{
	uint64_t next = 0;

	while (!is_parked(cpu))
		smp_kick_again(cpu, &next);
}

void smp_stop_others(void)
{
	__atomic_store_n(&stops, stops + 1, __ATOMIC_SEQ_CST);
	for (unsigned i = 1; i < nr_cpus; i++)
		sched_make_leave(cpu_area(i));
	for (unsigned i = 1; i < nr_cpus; i++)
		wait_until_parked(cpu_area(i));
}

/* Until all have gone: the next stop must not take one that is on its way for parked. */
void smp_resume_others(void)
{
	__atomic_store_n(&stops, stops - 1, __ATOMIC_RELEASE);
	for (unsigned i = 1; i < nr_cpus && !stops; i++)
		while (is_parked(cpu_area(i)))
			cpu_relax();
}

static void end_this_cpu(void)
{
	vendor->cpu_fini();
	__atomic_store_n(&this_cpu()->parked, false, __ATOMIC_RELEASE);
	cpu_halt();
}

void smp_park(void)
{
	struct percpu *cpu = this_cpu();

	__atomic_store_n(&cpu->parked, true, __ATOMIC_RELEASE);
	while (smp_stop_wanted()) {
		if (__atomic_load_n(&ending, __ATOMIC_ACQUIRE))
			end_this_cpu();
		cpu_relax();
	}
	__atomic_store_n(&cpu->parked, false, __ATOMIC_RELEASE);
}

void smp_end_others(void)
{
	__atomic_store_n(&ending, true, __ATOMIC_RELEASE);
	for (unsigned i = 1; i < nr_cpus; i++)
		while (is_parked(cpu_area(i)))
			cpu_relax();
}

void smp_halt_others(void)
{
	for (unsigned i = 0; i < nr_cpus; i++)
		if (cpu_area(i) != this_cpu())
			lapic_send_nmi(cpu_area(i)->apic_id);
}

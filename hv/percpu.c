/* SPDX-License-Identifier: MIT */
/* The areas of the host CPUs. nr_cpus is written at boot only. */
#include "hv/percpu.h"

#include "hv/cpu.h"
#include "hv/print.h"

static struct percpu areas[CPUS_MAX];

unsigned nr_cpus = 1;

struct percpu *cpu_area(unsigned index)
{
	BUG_ON(index >= CPUS_MAX);
	return &areas[index];
}

void percpu_init(unsigned index)
{
	struct percpu *p = cpu_area(index);

	p->self = p;
	p->index = index;
	p->timer_tsc = TIMER_TSC_NEVER;
	wrmsr(MSR_GS_BASE, (uint64_t)p);
}

/* SPDX-License-Identifier: MIT */
/* The areas of the host CPUs; each is written by its own CPU only, unless a field says
 * otherwise. One CPU is brought up, so there is one. */
#include "hv/percpu.h"

#include "hv/cpu.h"
#include "hv/print.h"

#define MAX_CPUS 1

static struct percpu areas[MAX_CPUS];

void percpu_init(unsigned index)
{
	struct percpu *p;

	BUG_ON(index >= MAX_CPUS);
	p = &areas[index];
	p->self = p;
	p->index = index;
	wrmsr(MSR_GS_BASE, (uint64_t)p);
}

/* SPDX-License-Identifier: MIT */
/*
 * load - the project's own load, run inside a guest (or anywhere under Linux).
 *
 *     load SECONDS [SEED]   all phases in turn with random sizes and checked contents
 *     load bench [PHASE]    each phase (or one, or `smp`: those for several CPUs) once with a
 *                           fixed number of units, with TSC ticks
 *     load tsc              print the time-stamp counter and the exits so far
 *
 * Exit code 0 when every check held, 1 when one did not, 2 for a usage error.
 *
 * Under QEMU's -icount shift=0 the virtual clock goes forward one nanosecond an instruction
 * and the TSC counts it at 1 GHz: a difference of two RDTSCs is a number of instructions,
 * those of the hypervisor included. Where xihv's counters are there (CPUID leaf
 * 0x40000100, see counters_open()), exits are counted around each phase as well.
 */
#include "guests/images/phases.h"

#include <cpuid.h>

#include "guests/images/smp.h"
#include "guests/images/sys.h"

#define CPUID_HYPERVISOR_BIT (1u << 31) /* leaf 1, ECX */
#define CPUID_XIHV 0x40000100u
#define CPUID_XIHV_EXITS 0x40000101u /* sub-leaf: exit reason; EDX:EAX the count */
#define SIGNATURE 0x76686978u /* "xihv" */
#define MAX_REASONS 64u
#define NSEC UINT64_C(1000000000)
#define REPORT_NS (10 * NSEC)
#define SECONDS_MAX 1000000u

static unsigned nr_reasons; /* 0: no counters here */

static uint64_t rdtsc(void)
{
	return __builtin_ia32_rdtsc();
}

/* Signature "xihv" three times in EBX, ECX, EDX; EAX of leaf 0x40000101's last sub-leaf + 1. */
static void counters_open(void)
{
	unsigned a, b, c, d;

	__cpuid(1, a, b, c, d);
	if (!(c & CPUID_HYPERVISOR_BIT))
		return;
	__cpuid(CPUID_XIHV, a, b, c, d);
	if (b != SIGNATURE || c != SIGNATURE || d != SIGNATURE || a < CPUID_XIHV_EXITS)
		return;
	__cpuid_count(CPUID_XIHV_EXITS, ~0u, a, b, c, d);
	nr_reasons = a < MAX_REASONS ? a : MAX_REASONS;
}

static void counters_read(uint64_t count[MAX_REASONS])
{
	unsigned a, b, c, d;

	for (unsigned i = 0; i < nr_reasons; i++) {
		__cpuid_count(CPUID_XIHV_EXITS, i, a, b, c, d);
		count[i] = (uint64_t)d << 32 | a;
	}
}

static int print_tsc(void)
{
	uint64_t count[MAX_REASONS], sum = 0;

	counters_read(count);
	for (unsigned i = 0; i < nr_reasons; i++)
		sum += count[i];
	print(dec(rdtsc()), ", exits ", dec(sum), "\n", NULL);
	return 0;
}

static void bench_print(const char *name, unsigned units, uint64_t ticks, uint64_t faults,
			uint64_t shootdowns, const uint64_t before[MAX_REASONS],
			const uint64_t after[MAX_REASONS])
{
	print("bench: ", name, " units ", dec(units), " ticks ", dec(ticks), " faults ",
	      dec(faults), " shootdowns ", dec(shootdowns), " exits", NULL);
	for (unsigned i = 0; i < nr_reasons; i++)
		print(" ", dec(after[i] - before[i]), NULL);
	print("\n", NULL);
}

static void bench_run(const char *name, unsigned units, void (*run)(unsigned, uint64_t))
{
	uint64_t before[MAX_REASONS], after[MAX_REASONS], faults, shootdowns, start, ticks;

	run(1, 0); /* first-time work is not the phase's: code pages, pools */
	shootdowns = smp_shootdowns();
	faults = sys_minor_faults();
	counters_read(before);
	start = rdtsc();
	run(units, 0);
	ticks = rdtsc() - start;
	counters_read(after);
	faults = sys_minor_faults() - faults;
	shootdowns = smp_shootdowns() - shootdowns;
	bench_print(name, units, ticks, faults, shootdowns, before, after);
}

static void run_nothing(unsigned units, uint64_t salt)
{
	(void)units;
	(void)salt;
}

static bool is_for_us(const struct phase *p)
{
	return !p->smp || smp_cpus() > 1;
}

/* By its name, or as one of those for several CPUs. */
static bool is_called(const struct phase *p, const char *only)
{
	return !*only || same(only, p->name) || (p->smp && same(only, "smp"));
}

/* All phases, or those called `only`. */
static int bench(const char *only)
{
	/* What the measuring itself costs: the host side takes it off every phase. */
	bench_run("empty", 1, run_nothing);
	for (unsigned i = 0; i < nr_phases; i++) {
		if (!is_for_us(&phases[i]) || !is_called(&phases[i], only))
			continue;
		if (phase_begin(&phases[i]))
			break;
		bench_run(phases[i].name, phases[i].bench_units, phases[i].run);
		phase_end(&phases[i]);
	}
	print("bench: done, ", dec(nr_errors), " errors\n", NULL);
	return nr_errors != 0;
}

static void load_phase(const struct phase *p, uint64_t salt)
{
	if (!is_for_us(p) || phase_begin(p))
		return;
	p->run(p->load_units, salt);
	phase_end(p);
	smp_look_at_time();
}

/* On every CPU but the first a process with the phases that are one process's, all the time until
 * `pid[i]` is killed by the one that made it; its errors it prints itself. */
static void work_aside(uint64_t seed)
{
	for (unsigned round = 0; !nr_errors; round++)
		for (unsigned i = 0; i < nr_phases; i++)
			if (!phases[i].smp)
				load_phase(&phases[i], mix(seed + round * nr_phases + i) | 1);
	sys_exit(1);
}

static void start_aside(long pid[SYS_CPUS_MAX], uint64_t seed)
{
	for (unsigned i = 1; i < smp_cpus(); i++) {
		pid[i] = sys_fork();
		if (pid[i] == 0)
			work_aside(mix(seed + i));
	}
}

static void end_aside(const long pid[SYS_CPUS_MAX])
{
	for (unsigned i = 1; i < smp_cpus(); i++) {
		int status = 0;

		sys_kill(pid[i]);
		sys_wait(pid[i], &status);
		if (status != SYS_SIGKILL)
			fail("aside", "a process beside this one ended with status", status);
	}
}

static int load(unsigned seconds, uint64_t seed)
{
	uint64_t start = sys_now_ns(), now = start, said = start;
	long aside[SYS_CPUS_MAX] = { 0 };
	unsigned rounds = 0;

	print("load: ", dec(seconds), " seconds, seed ", dec(seed), ", CPUs ", dec(smp_cpus()),
	      "\n", NULL);
	start_aside(aside, seed);
	while (now - start < seconds * NSEC) {
		for (unsigned i = 0; i < nr_phases; i++)
			load_phase(&phases[i], mix(seed + rounds * nr_phases + i) | 1);
		rounds++;
		now = sys_now_ns();
		if (now - said >= REPORT_NS) {
			print("load: ", dec(rounds), " rounds so far, ", dec(nr_errors),
			      " errors\n", NULL);
			said = now;
		}
	}
	end_aside(aside);
	print("load: ", dec(rounds), " rounds, ", dec(nr_errors), " errors\n", NULL);
	return nr_errors != 0;
}

int load_main(int argc, char **argv)
{
	uint64_t seconds, seed = sys_now_ns();

	if (argc == 3 && same(argv[1], "--exec-child"))
		return phases_exec_child(argv[2]);
	self_path = argv[0];
	counters_open();
	if (smp_open()) {
		print("load: no memory\n", NULL);
		return 2;
	}
	if (argc == 2 && same(argv[1], "tsc"))
		return print_tsc();
	if ((argc == 2 || argc == 3) && same(argv[1], "bench"))
		return bench(argc == 3 ? argv[2] : "");
	if ((argc == 2 || (argc == 3 && parse_dec(argv[2], &seed))) &&
	    parse_dec(argv[1], &seconds) && seconds <= SECONDS_MAX)
		return load((unsigned)seconds, seed);
	print("usage: /bin/load SECONDS [SEED] | /bin/load bench [PHASE|smp] | /bin/load tsc\n",
	      NULL);
	return 2;
}

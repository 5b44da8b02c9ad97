/* SPDX-License-Identifier: MIT */
/*
 * Phases for several CPUs (see phases.h): one thread pinned to each, all in one address space,
 * going through the same rounds in step.
 *
 * The threads share `team`, the processes `latest`; their words are written and read at once
 * (__atomic).
 */
#include "guests/images/smp.h"

#include "guests/images/phases.h"
#include "guests/images/sys.h"

#define STACK_PAGES 4u
#define SPINS 200u /* looks at a word before the CPU is left to others */

static struct {
	unsigned cpus;
	unsigned units;
	uint64_t salt;
	unsigned at_gate, gates; /* who has come, and how often all had */
	uint64_t *page; /* shoot: what is mapped, read and taken away */
	unsigned errors;
	const char *what; /* of the first error */
	uint64_t value;
} team;

struct clocks {
	uint64_t tsc, ns;
};

static struct clocks *latest; /* that anybody has seen */

/* A thread prints nothing: that is the first one's. */
static void team_error(const char *what, uint64_t value)
{
	if (__atomic_fetch_add(&team.errors, 1, __ATOMIC_SEQ_CST))
		return;
	team.what = what;
	team.value = value;
}

static void wait_for_gates(unsigned n)
{
	for (unsigned i = 1; __atomic_load_n(&team.gates, __ATOMIC_SEQ_CST) == n; i++) {
		__builtin_ia32_pause();
		if (i % SPINS == 0)
			sys_yield();
	}
}

/* Nobody goes on before all have come. */
static void gate(void)
{
	unsigned gates = __atomic_load_n(&team.gates, __ATOMIC_SEQ_CST);

	if (__atomic_add_fetch(&team.at_gate, 1, __ATOMIC_SEQ_CST) < team.cpus) {
		wait_for_gates(gates);
		return;
	}
	__atomic_store_n(&team.at_gate, 0, __ATOMIC_SEQ_CST);
	__atomic_store_n(&team.gates, gates + 1, __ATOMIC_SEQ_CST);
}

/* --- TLB shootdown --------------------------------------------------------------------- */

static uint64_t read_page(void)
{
	return __atomic_load_n(team.page, __ATOMIC_SEQ_CST);
}

/* Everybody has the page in its TLB when the first takes it away; from then on everybody must see
 * the new one, which is zero. */
static void shoot(unsigned cpu)
{
	for (unsigned u = 0; u < team.units; u++) {
		uint64_t value = mix(team.salt + u) | 1;

		if (cpu == 0)
			__atomic_store_n(team.page, value, __ATOMIC_SEQ_CST);
		gate();
		if (read_page() != value)
			team_error("another CPU's write is not seen", u);
		gate();
		if (cpu == 0 && sys_dontneed(team.page, SYS_PAGE))
			team_error("madvise", u);
		gate();
		if (read_page() != 0)
			team_error("a page that was taken away is still seen", u);
		gate();
	}
}

/* --- time ------------------------------------------------------------------------------ */

/* `*seen` is what somebody has seen already; `now` was read after it was. How far it is behind. */
static uint64_t look(uint64_t *seen, uint64_t (*read)(void))
{
	uint64_t before = __atomic_load_n(seen, __ATOMIC_SEQ_CST), now;

	__asm__ volatile("lfence" : : : "memory"); /* lest RDTSC goes first */
	now = read();
	if (now < before)
		return before - now;
	while (now > before && !__atomic_compare_exchange_n(seen, &before, now, false,
							    __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
		;
	return 0;
}

static uint64_t read_tsc(void)
{
	return __builtin_ia32_rdtsc();
}

static void look_at_time(void (*error)(const char *what, uint64_t value))
{
	uint64_t behind = look(&latest->tsc, read_tsc);

	if (behind)
		error("the TSC is behind by ticks", behind);
	behind = look(&latest->ns, sys_now_ns);
	if (behind)
		error("the clock is behind by ns", behind);
}

static void time_error(const char *what, uint64_t value)
{
	fail("time", what, (long)value);
}

void smp_look_at_time(void)
{
	look_at_time(time_error);
}

static void time_never_goes_back(unsigned cpu)
{
	(void)cpu;
	for (unsigned u = 0; u < team.units; u++) {
		look_at_time(team_error);
		if (u % SPINS == 0)
			sys_yield();
	}
}

/* --- the team -------------------------------------------------------------------------- */

static void (*job)(unsigned cpu);

static void member(long cpu)
{
	if (sys_pin((unsigned)cpu))
		team_error("a thread cannot be pinned to CPU", (uint64_t)cpu);
	gate();
	job((unsigned)cpu);
	gate();
}

static void run_team(const char *phase, void (*what)(unsigned cpu), unsigned units, uint64_t salt)
{
	long pid[SYS_CPUS_MAX] = { 0 };
	char *stacks;

	job = what;
	team.units = units;
	team.salt = salt;
	team.errors = 0;
	stacks = sys_map(team.cpus * STACK_PAGES * SYS_PAGE);
	team.page = sys_map(SYS_PAGE);
	if (!stacks || !team.page) {
		fail(phase, "no memory for so many threads", team.cpus);
		return;
	}
	for (unsigned i = 1; i < team.cpus; i++) {
		pid[i] = sys_thread(member, (long)i, stacks + (i + 1) * STACK_PAGES * SYS_PAGE);
		if (pid[i] < 0) /* the others would wait at the gate for ever */
			sys_exit(1);
	}
	member(0);
	for (unsigned i = 1; i < team.cpus; i++)
		sys_wait(pid[i], NULL);
	sys_pin_to_any();
	sys_unmap(team.page, SYS_PAGE);
	sys_unmap(stacks, team.cpus * STACK_PAGES * SYS_PAGE);
	if (team.errors)
		fail(phase, team.what, (long)team.value);
}

int smp_open(void)
{
	team.cpus = sys_cpus();
	latest = sys_map_shared(sizeof(*latest));
	return latest ? 0 : -1;
}

unsigned smp_cpus(void)
{
	return team.cpus;
}

void smp_run_shoot(unsigned units, uint64_t salt)
{
	run_team("shoot", shoot, units, salt);
}

void smp_run_time(unsigned units, uint64_t salt)
{
	run_team("time", time_never_goes_back, units, salt);
}

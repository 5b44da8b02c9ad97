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
#define LOCK_PAGES 256ul
#define INTERRUPTS_BYTES 65536u
#define SPINS 200u /* looks at a word before the CPU is left to others */

static struct {
	unsigned cpus;
	unsigned units;
	uint64_t salt;
	unsigned at_gate, gates; /* who has come, and how often all had */
	uint64_t *pages; /* one for each CPU, which are mapped, read and taken away */
	void *table; /* lock: where its pages are */
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

static uint64_t *page_of(unsigned cpu)
{
	return team.pages + cpu * (SYS_PAGE / sizeof(uint64_t));
}

static uint64_t read_page(unsigned cpu)
{
	return __atomic_load_n(page_of(cpu), __ATOMIC_SEQ_CST);
}

static void write_page(unsigned cpu, uint64_t value)
{
	__atomic_store_n(page_of(cpu), value, __ATOMIC_SEQ_CST);
}

static void take_away(unsigned cpu)
{
	if (sys_dontneed(page_of(cpu), SYS_PAGE))
		team_error("madvise", cpu);
}

/* Everybody has the page in its TLB when the first takes it away; from then on everybody must see
 * the new one, which is zero. */
static void shoot(unsigned cpu)
{
	for (unsigned u = 0; u < team.units; u++) {
		uint64_t value = mix(team.salt + u) | 1;

		if (cpu == 0)
			write_page(0, value);
		gate();
		if (read_page(0) != value)
			team_error("another CPU's write is not seen", u);
		gate();
		if (cpu == 0)
			take_away(0);
		gate();
		if (read_page(0) != 0)
			team_error("a page that was taken away is still seen", u);
		gate();
	}
}

static void flush(unsigned cpu)
{
	for (unsigned u = 0; u < team.units; u++) {
		write_page(cpu, mix(team.salt + u) | 1);
		take_away(cpu);
		if (read_page(cpu) != 0)
			team_error("a page of one's own that was taken away is still seen", u);
	}
}

/* --- a spinlock of the kernel ------------------------------------------------------------ */

/* All in one page table, and of these only the first is there. */
static void *locked_pages(void)
{
	uintptr_t in = (uintptr_t)team.table + LOCK_PAGES * SYS_PAGE - 1;

	return (void *)(in & ~(LOCK_PAGES * SYS_PAGE - 1));
}

static void lock(unsigned cpu)
{
	uint8_t present[LOCK_PAGES];

	for (unsigned u = 0; u < team.units; u++) {
		unsigned n = 0;

		if (sys_mincore(locked_pages(), LOCK_PAGES * SYS_PAGE, present))
			team_error("mincore on CPU", cpu);
		for (unsigned i = 0; i < LOCK_PAGES; i++)
			n += present[i] & 1;
		if (n != 1 || !(present[0] & 1))
			team_error("mincore: pages that are there, not one", n);
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
	team.pages = sys_map(team.cpus * SYS_PAGE);
	if (!stacks || !team.pages) {
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
	sys_unmap(team.pages, team.cpus * SYS_PAGE);
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

/* --- /proc/interrupts: a row an interrupt, a column a CPU -------------------------------- */

static void read_interrupts(char text[INTERRUPTS_BYTES])
{
	int fd = (int)sys_open("/proc/interrupts");
	size_t len = 0;
	long n;

	while ((n = sys_read(fd, text + len, INTERRUPTS_BYTES - 1 - len)) > 0)
		len += (size_t)n;
	text[len] = '\0';
	sys_close(fd);
}

static uint64_t sum_of_row(const char *p)
{
	uint64_t sum = 0, n = 0;

	for (; *p == ' ' || (*p >= '0' && *p <= '9'); p++) {
		n = *p == ' ' ? 0 : n * 10 + (uint64_t)(*p - '0');
		if (p[1] == ' ')
			sum += n;
	}
	return sum;
}

uint64_t smp_shootdowns(void)
{
	static char text[INTERRUPTS_BYTES];

	read_interrupts(text);
	for (const char *p = text; *p; p++)
		if (p[0] == 'T' && p[1] == 'L' && p[2] == 'B' && p[3] == ':')
			return sum_of_row(p + 4);
	return 0;
}

void smp_run_shoot(unsigned units, uint64_t salt)
{
	run_team("shoot", shoot, units, salt);
}

void smp_run_flush(unsigned units, uint64_t salt)
{
	run_team("flush", flush, units, salt);
}

void smp_run_lock(unsigned units, uint64_t salt)
{
	team.table = sys_map(2 * LOCK_PAGES * SYS_PAGE);
	if (!team.table) {
		fail("lock", "no memory", 0);
		return;
	}
	*(volatile uint8_t *)locked_pages() = 1;
	run_team("lock", lock, units, salt);
	sys_unmap(team.table, 2 * LOCK_PAGES * SYS_PAGE);
}

void smp_run_time(unsigned units, uint64_t salt)
{
	run_team("time", time_never_goes_back, units, salt);
}

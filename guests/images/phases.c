/* SPDX-License-Identifier: MIT */
/*
 * The phases of the load (see phases.h). With salt 0 each does exactly the unit of work of
 * the table in testbeds.md; with another salt the sizes vary and more is checked, such
 * as that memory taken away really faults.
 *
 * One thread, one process tree: no locks.
 */
#include "guests/images/phases.h"

#include "guests/images/smp.h"
#include "guests/images/sys.h"

#define MAP_PAGES 1024u /* 4 MiB */
#define FLIP_PAGES 256u
#define COW_PAGES 2048u /* 8 MiB */
#define SWEEP_PAGES 2048u
#define ERRORS_SHOWN 20
#define PIPE_BYTES_MAX 4096u
#define EXEC_FAILED 0xff

/* wait4's status word */
#define WAIT_SIGNAL(status) ((status)&0x7f)
#define WAIT_EXIT_CODE(status) ((status) >> 8 & 0xff)

unsigned nr_errors;
const char *self_path;

static uint64_t *area; /* of the phase that runs: phase->pages */

void fail(const char *phase, const char *what, long n)
{
	if (nr_errors++ < ERRORS_SHOWN)
		print("load: error: ", phase, ": ", what, n < 0 ? " (-" : " (",
		      dec((uint64_t)(n < 0 ? -n : n)), ")\n", NULL);
}

/* The word at the start of page `i`, and one somewhere in it, tell which page it is. */
static volatile uint64_t *page_word(uint64_t *base, unsigned i)
{
	return base + i * (SYS_PAGE / sizeof(uint64_t));
}

static unsigned page_spot(unsigned i, uint64_t salt)
{
	return 1 + pick(i ^ salt, SYS_PAGE / sizeof(uint64_t) - 1);
}

static uint64_t *map_pages(const char *phase, unsigned n)
{
	uint64_t *p = sys_map(n * SYS_PAGE);

	if (!p)
		fail(phase, "this many pages cannot be mapped", n);
	return p;
}

static void read_word(volatile uint64_t *p)
{
	(void)*p;
}

static void write_word(volatile uint64_t *p)
{
	*p = 0;
}

/* Wait for `pid` and check its exit code. */
static void reap(const char *phase, long pid, int want)
{
	int status = 0;
	long got = sys_wait(pid, &status);

	if (got != pid)
		fail(phase, "wait", got);
	else if (WAIT_SIGNAL(status))
		fail(phase, "child was ended by a signal", WAIT_SIGNAL(status));
	else if (WAIT_EXIT_CODE(status) != want)
		fail(phase, "child's exit code is wrong", WAIT_EXIT_CODE(status));
}

/* fork+exit+wait */
static void run_fork(unsigned units, uint64_t salt)
{
	for (unsigned i = 0; i < units; i++) {
		int code = mix(salt + i) & 0x7f;
		long pid = sys_fork();

		if (pid == 0)
			sys_exit(code);
		if (pid < 0)
			fail("fork", "fork", pid);
		else
			reap("fork", pid, code);
	}
}

/* fork+exec+exit+wait: the child's exit code is computed from its argument. */
int phases_exec_child(const char *arg)
{
	uint64_t n;

	return parse_dec(arg, &n) ? (int)(mix(n) & 0x7f) : EXEC_FAILED;
}

static void run_exec(unsigned units, uint64_t salt)
{
	for (unsigned i = 0; i < units; i++) {
		const char *arg = dec(salt + i);
		const char *const argv[] = { self_path, "--exec-child", arg, NULL };
		long pid = sys_fork();

		if (pid == 0) {
			sys_exec(self_path, argv);
			sys_exit(EXEC_FAILED);
		}
		if (pid < 0)
			fail("exec", "fork", pid);
		else
			reap("exec", pid, phases_exec_child(arg));
	}
}

/* Map 4 MiB, write each page, unmap. */
static void map_once(unsigned pages, uint64_t salt)
{
	uint64_t *fresh = map_pages("map", pages);

	if (!fresh)
		return;
	for (unsigned i = 0; i < pages; i++) {
		if (salt && page_word(fresh, i)[page_spot(i, salt)])
			fail("map", "page of fresh memory is not zero", i);
		*page_word(fresh, i) = salt ^ i;
	}
	for (unsigned i = 0; i < pages; i++)
		if (*page_word(fresh, i) != (salt ^ i))
			fail("map", "page holds another page's value", i);
	sys_unmap(fresh, pages * SYS_PAGE);
	if (salt &&
	    !sys_faults(salt & 2 ? write_word : read_word, page_word(fresh, pick(salt, pages))))
		fail("map", "unmapped memory can still be reached", pages);
}

static void run_map(unsigned units, uint64_t salt)
{
	for (unsigned i = 0; i < units; i++)
		map_once(salt ? 1 + pick(salt + i, MAP_PAGES) : MAP_PAGES, salt);
}

/* 256 pages to R, read all, to RW, write all. */
static void flip_once(unsigned pages, unsigned gen, uint64_t salt)
{
	if (sys_protect(area, pages * SYS_PAGE, SYS_PROT_READ))
		fail("mprotect", "to R", gen);
	for (unsigned i = 0; i < pages; i++)
		if (*page_word(area, i) != (uint64_t)i + gen)
			fail("mprotect", "page does not hold what was written", i);
	if (salt && !sys_faults(write_word, page_word(area, pick(salt + gen, pages))))
		fail("mprotect", "a read-only page can be written", gen);
	if (sys_protect(area, pages * SYS_PAGE, SYS_PROT_READ | SYS_PROT_WRITE))
		fail("mprotect", "to RW", gen);
	for (unsigned i = 0; i < pages; i++)
		*page_word(area, i) = (uint64_t)i + gen + 1;
}

static void run_mprotect(unsigned units, uint64_t salt)
{
	unsigned pages = salt ? 1 + pick(salt, FLIP_PAGES) : FLIP_PAGES;

	for (unsigned i = 0; i < pages; i++)
		*page_word(area, i) = i;
	for (unsigned gen = 0; gen < units; gen++)
		flip_once(pages, gen, salt);
}

static bool read_all(int fd, uint8_t *p, unsigned len)
{
	for (unsigned done = 0; done < len;) {
		long n = sys_read(fd, p + done, len - done);

		if (n <= 0)
			return false;
		done += n;
	}
	return true;
}

/* The other process: give back each message with its bytes changed. */
static void pipe_child(int in, int out, unsigned units, unsigned len)
{
	uint8_t buf[PIPE_BYTES_MAX];

	for (unsigned i = 0; i < units; i++) {
		if (!read_all(in, buf, len))
			sys_exit(1);
		for (unsigned b = 0; b < len; b++)
			buf[b] ^= 0x5a;
		if (sys_write(out, buf, len) != (long)len)
			sys_exit(1);
	}
	sys_exit(0);
}

static void pipe_trip(int to, int from, unsigned len, uint64_t salt, double *sum)
{
	static uint8_t out[PIPE_BYTES_MAX], in[PIPE_BYTES_MAX];

	for (unsigned b = 0; b < len; b++)
		out[b] = salt + b * 7;
	if (sys_write(to, out, len) != (long)len || !read_all(from, in, len)) {
		fail("pipe", "a message was cut", len);
		return;
	}
	for (unsigned b = 0; b < len; b++)
		if (in[b] != (out[b] ^ 0x5a)) {
			fail("pipe", "a byte came back wrong", b);
			return;
		}
	*sum += 0.5; /* the other process and the kernel use these registers too */
}

/* One byte there and back between two processes. */
static void run_pipe(unsigned units, uint64_t salt)
{
	unsigned len = salt ? 1 + pick(salt, PIPE_BYTES_MAX) : 1;
	int there[2], back[2];
	double sum = 0;
	long pid;

	if (sys_pipe(there) || sys_pipe(back)) {
		fail("pipe", "pipe", 0);
		return;
	}
	pid = sys_fork();
	if (pid == 0) {
		sys_close(there[1]); /* lest it waits for itself when this process is killed */
		sys_close(back[0]);
		pipe_child(there[0], back[1], units, len);
	}
	for (unsigned i = 0; i < units && pid > 0; i++)
		pipe_trip(there[1], back[0], len, salt + i, &sum);
	if (sum != units * 0.5)
		fail("pipe", "floating point registers are wrong", (long)(2 * sum));
	if (pid > 0)
		reap("pipe", pid, 0);
	sys_close(there[0]);
	sys_close(there[1]);
	sys_close(back[0]);
	sys_close(back[1]);
}

/* What the child of a COW storm does; its exit code is the number of wrong pages, capped. */
static void cow_child(unsigned pages, uint64_t salt)
{
	unsigned wrong = 0;

	for (unsigned i = 0; i < pages; i++) {
		if (*page_word(area, i) != (salt ^ i))
			wrong++;
		*page_word(area, i) = ~(salt ^ i);
	}
	for (unsigned i = 0; salt && i < pages; i++)
		if (*page_word(area, i) != ~(salt ^ i))
			wrong++;
	sys_exit(wrong > 99 ? 99 : wrong);
}

static void cow_once(unsigned pages, uint64_t salt)
{
	long pid;

	for (unsigned i = 0; i < pages; i++)
		*page_word(area, i) = salt ^ i;
	pid = sys_fork();
	if (pid == 0)
		cow_child(pages, salt);
	if (pid < 0) {
		fail("cow", "fork", pid);
		return;
	}
	/* In the long load the parent writes too, while the child does. */
	for (unsigned i = 0; salt && i < pages; i += 3)
		*page_word(area, i) = i;
	reap("cow", pid, 0);
	for (unsigned i = 0; i < pages; i++) {
		uint64_t want = salt && i % 3 == 0 ? i : salt ^ i;

		if (*page_word(area, i) != want)
			fail("cow", "page of the parent changed", i);
	}
}

/* COW storm: 8 MiB touched, fork, child writes all, exits. */
static void run_cow(unsigned units, uint64_t salt)
{
	for (unsigned i = 0; i < units; i++)
		cow_once(salt ? 1 + pick(salt + i, COW_PAGES) : COW_PAGES, salt);
}

/* Sweep over 2,048 mapped pages. */
static void run_sweep(unsigned units, uint64_t salt)
{
	for (unsigned u = 0; u < units; u++) {
		uint64_t sum = 0;

		for (unsigned i = 0; i < SWEEP_PAGES; i++)
			sum += *page_word(area, i);
		if (sum != (uint64_t)SWEEP_PAGES * (SWEEP_PAGES - 1) / 2)
			fail("sweep", "sum over the pages is wrong", u);
	}
	for (unsigned i = 0; salt && i < SWEEP_PAGES; i++)
		if (page_word(area, i)[page_spot(i, 1)] != mix(i))
			fail("sweep", "page changed", i);
}

static void run_getppid(unsigned units, uint64_t salt)
{
	long parent = sys_getppid();

	(void)salt;
	for (unsigned i = 0; i < units; i++)
		if (sys_getppid() != parent)
			fail("getppid", "another parent", i);
}

const struct phase phases[] = {
	{ "fork", "fork+exit+wait", 200, 20, 0, run_fork, false },
	{ "exec", "fork+exec+exit+wait", 100, 8, 0, run_exec, false },
	{ "map", "map 4 MiB, write each page, unmap", 10, 4, 0, run_map, false },
	{ "mprotect", "256 pages to R, read, to RW, write", 200, 20, FLIP_PAGES, run_mprotect,
	  false },
	{ "pipe", "pipe round trip of two processes", 2000, 200, 0, run_pipe, false },
	{ "cow", "COW storm over 8 MiB", 5, 2, COW_PAGES, run_cow, false },
	{ "sweep", "sweep over 2,048 pages", 500, 20, SWEEP_PAGES, run_sweep, false },
	{ "getppid", "getppid", 50000, 1000, 0, run_getppid, false },
	{ "shoot", "page taken away under all CPUs' eyes", 100, 10, 0, smp_run_shoot, true },
	{ "flush", "each CPU takes a page of its own away", 200, 10, 0, smp_run_flush, true },
	{ "lock", "each CPU wants the same spinlock", 2000, 50, 0, smp_run_lock, true },
	{ "time", "look at the TSC and the clock on each CPU", 2000, 500, 0, smp_run_time, true },
};
const unsigned nr_phases = sizeof(phases) / sizeof(phases[0]);

int phase_begin(const struct phase *p)
{
	if (!p->pages)
		return 0;
	area = map_pages(p->name, p->pages);
	if (!area)
		return -1;
	for (unsigned i = 0; i < p->pages; i++) {
		*page_word(area, i) = i;
		page_word(area, i)[page_spot(i, 1)] = mix(i);
	}
	return 0;
}

void phase_end(const struct phase *p)
{
	if (p->pages)
		sys_unmap(area, p->pages * SYS_PAGE);
}

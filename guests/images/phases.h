/* SPDX-License-Identifier: MIT */
/*
 * The phases of the load: what a kernel does to its page tables, one kind of work each.
 * Every phase checks its results; a difference is reported by fail() and counted.
 */
#ifndef PHASES_H
#define PHASES_H

#include <stdbool.h>
#include <stdint.h>

/* A phase does `units` units of work. `salt` makes contents (and in the long load sizes)
 * differ from call to call; 0 gives exactly the unit of work that the benchmark counts. */
struct phase {
	const char *name;
	const char *unit; /* what one unit is */
	unsigned bench_units; /* how many the benchmark runs */
	unsigned load_units; /* how many one round of the long load runs */
	unsigned pages; /* mapped and touched before, unmapped after: not the phase's work */
	void (*run)(unsigned units, uint64_t salt);
	bool smp; /* only where there are several CPUs */
};

extern const struct phase phases[];
extern const unsigned nr_phases;

/* Make and take away the memory that a phase works on. 0, or -1 with the reason printed.
 * Between the two calls ->run may be called as often as one likes. */
int phase_begin(const struct phase *p);
void phase_end(const struct phase *p);

/* The program's own path, for the phase that runs it again, and what it then does with its
 * argument: its exit code. */
extern const char *self_path;
int phases_exec_child(const char *arg);

/* Errors found so far; fail() prints the first few of them, `n` being the page, byte or
 * error number meant by the text. */
extern unsigned nr_errors;
void fail(const char *phase, const char *what, long n);

/* A 64-bit mixing function: same input, same output, on every guest. */
static inline uint64_t mix(uint64_t x)
{
	x += 0x9e3779b97f4a7c15ull;
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
	return x ^ (x >> 31);
}

/* A number below `limit` that follows from `salt`. */
static inline unsigned pick(uint64_t salt, unsigned limit)
{
	return (uint32_t)(mix(salt) >> 32) % limit;
}

#endif

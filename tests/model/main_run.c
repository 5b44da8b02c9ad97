/* SPDX-License-Identifier: MIT */
/*
 * run [-q] [OPS [SEED [AUDIT]]]: random streams of so many steps in all, one process a core; a
 * full audit after every AUDIT steps (0: at the end of each stream only). Prints steps a second
 * and differences; exit status 1 if there was one. -q: the first difference ends it, and only
 * its kind is printed.
 */
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/model/gen.h"
#include "tests/model/shrink.h"
#include "tests/model/step.h"

#define DEFAULT_OPS 1000000u
#define MAX_JOBS 16

struct job {
	uint64_t first, stride, ops; /* streams first, first + stride, ... */
	uint64_t done, differences;
	uint64_t in_mode[NR_REF_MODES]; /* see run_result */
	char kind[FAIL_TEXT]; /* of a difference */
};

/* *stop: another process has found something, and that is enough. */
static void run_job(struct job *j, uint64_t seed, const struct run_options *o, bool tell,
		    const volatile uint64_t *stop)
{
	static uint8_t bytes[HEAD_BYTES + GEN_STEPS * STEP_BYTES];
	struct run_result r;

	for (uint64_t n = j->first; j->done < j->ops && !j->differences && !*stop; n += j->stride) {
		size_t len = gen_stream(seed, n, bytes);
		char path[64];

		if (!run_stream(bytes, len, o, &r)) {
			snprintf(path, sizeof(path), "build/model/found-%llu-%llu", LLX(seed),
				 LLX(n));
			j->differences++;
			snprintf(j->kind, sizeof(j->kind), "%s", r.kind);
			if (tell)
				shrink_and_tell(bytes, len, o, path);
		}
		j->done += r.steps;
		for (unsigned m = 0; m < NR_REF_MODES; m++)
			j->in_mode[m] += r.in_mode[m];
	}
}

static void tell_modes(const struct job *job, unsigned n, uint64_t done)
{
	printf("model: steps by paging mode:");
	for (unsigned m = 0; m < NR_REF_MODES; m++) {
		uint64_t sum = 0;

		for (unsigned i = 0; i < n; i++)
			sum += job[i].in_mode[m];
		printf(" %s %.1f%%", ref_mode_name[m], 100.0 * (double)sum / (double)done);
	}
	printf("\n");
}

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static unsigned count_jobs(void)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	return cpus < 1 ? 1 : cpus > MAX_JOBS ? MAX_JOBS : (unsigned)cpus;
}

#define SPARSE_BYTES (4 << 20) /* of the library's arrays by frame: few pages of them are touched */

/* Every stream takes and gives back the same megabytes: they stay with the process. */
static void keep_memory(void)
{
	mallopt(M_MMAP_THRESHOLD, SPARSE_BYTES);
	mallopt(M_TRIM_THRESHOLD, -1);
}

int main(int argc, char **argv)
{
	bool quiet = argc > 1 && !strcmp(argv[1], "-q");
	char **arg = argv + 1 + quiet;
	uint64_t ops = argc > 1 + quiet ? strtoull(arg[0], NULL, 0) : DEFAULT_OPS;
	uint64_t seed = argc > 2 + quiet ? strtoull(arg[1], NULL, 0) : 1, done = 0, differences = 0;
	struct run_options o = run_default_options();
	unsigned n = count_jobs(), broken = 0;
	struct job *job = mmap(NULL, (n + 1) * sizeof(*job), PROT_READ | PROT_WRITE,
			       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	uint64_t *stop = &job[n].differences;
	double start = seconds(), time;

	keep_memory();
	if (job == MAP_FAILED)
		return 1;
	o.audit_every = argc > 3 + quiet ? (unsigned)strtoul(arg[2], NULL, 0) : 0;
	run_catch_crashes();
	for (unsigned i = 0; i < n; i++) {
		job[i] = (struct job){ .first = i, .stride = n, .ops = ops / n };
		fflush(stdout);
		if (!fork()) {
			run_job(&job[i], seed, &o, !quiet, stop);
			*stop |= quiet && job[i].differences;
			fflush(stdout);
			_exit(0);
		}
	}
	for (int status; wait(&status) > 0;)
		broken += !WIFEXITED(status) || WEXITSTATUS(status);
	time = seconds() - start;
	for (unsigned i = 0; i < n; i++) {
		done += job[i].done;
		differences += job[i].differences;
		if (job[i].differences)
			printf("%s\n", job[i].kind);
	}
	if (!quiet)
		tell_modes(job, n, done);
	printf("model: %llu operations in %.1f s, %.0f a second on %u cores, %llu differences\n",
	       LLX(done), time, (double)done / time, n, LLX(differences + broken));
	return differences || broken;
}

/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/model/run.h"
#include "tests/model/step.h"
#include "tests/model/gen.h"

int main(int argc, char **argv)
{
	uint64_t ops = argc > 1 ? strtoull(argv[1], 0, 0) : 1000000, done = 0, n = 0;
	uint64_t seed = argc > 2 ? strtoull(argv[2], 0, 0) : 1;
	static uint8_t buf[HEAD_BYTES + GEN_STEPS * STEP_BYTES];
	struct run_options o = run_default_options();
	struct run_result r;
	clock_t t = clock();

	o.audit_every = argc > 3 ? atoi(argv[3]) : 0;
	while (done < ops) {
		gen_stream(seed, n, buf);
		n++;
		if (!run_stream(buf, sizeof(buf), &o, &r)) {
			FILE *f = fopen("/tmp/fail.bin", "wb");
			fwrite(buf, 1, r.bytes, f);
			fclose(f);
			run_print(buf, r.bytes, &o, stdout);
			printf("run %llu step %llu: %s: %s\n", LLX(n), LLX(r.steps), r.kind,
			       r.text);
			return 1;
		}
		done += r.steps;
	}
	double sec = (double)(clock() - t) / CLOCKS_PER_SEC;
	printf("%llu ops in %.2f s: %.0f/s\n", LLX(done), sec, done / sec);
	return 0;
}

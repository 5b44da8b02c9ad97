/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/model/run.h"
#include "tests/model/step.h"

static uint64_t s[2];
static uint64_t rnd(void)
{
	uint64_t a = s[0], b = s[1];

	s[0] = b;
	a ^= a << 23;
	s[1] = a ^ b ^ (a >> 17) ^ (b >> 26);
	return s[1] + b;
}

int main(int argc, char **argv)
{
	uint64_t ops = argc > 1 ? strtoull(argv[1], 0, 0) : 1000000, done = 0, n = 0;
	uint64_t seed = argc > 2 ? strtoull(argv[2], 0, 0) : 1;
	static uint8_t buf[HEAD_BYTES + 1024 * STEP_BYTES];
	struct run_options o = run_default_options();
	struct run_result r;
	clock_t t = clock();

	o.audit_every = argc > 3 ? atoi(argv[3]) : 0;
	s[0] = seed * 0x9e3779b97f4a7c15ull + 1;
	s[1] = seed ^ 0x1234567;
	while (done < ops) {
		for (size_t i = 0; i < sizeof(buf); i += 8) {
			uint64_t x = rnd();
			memcpy(buf + i, &x, 8);
		}
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

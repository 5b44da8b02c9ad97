/* SPDX-License-Identifier: MIT */
/* TSC calibration (drivers/host/tsc.h). Boot CPU, at boot; no data that outlives it but
 * the PM timer's port. */
#include "drivers/host/tsc.h"

#include "drivers/host/acpi.h"
#include "hv/cpu.h"
#include "hv/print.h"

#define TRIES 8 /* readings of which the quickest counts */
#define ROUNDS 3 /* measurements of which the median counts */

#define PM_TIMER_HZ 3579545 /* ACPI 6.4, 4.8.2.1 */
#define PM_TIMER_MASK UINT32_C(0xffffff)

#define PIT_HZ 1193182 /* Intel 8254; 14.31818 MHz / 12 */
#define PIT_CHANNEL2 0x42
#define PIT_COMMAND 0x43
#define PIT_MODE2_CH2 0xb4 /* channel 2, both bytes, rate generator */
#define PIT_LATCH_CH2 0x80
#define PIT_MASK UINT32_C(0xffff)
#define PORT_B 0x61
#define PORT_B_GATE2 0x01
#define PORT_B_SPEAKER 0x02

#define MEASURE_PER_SEC 50 /* a measurement takes 1/50 s, less than any counter's round */

struct reference {
	const char *name;
	uint32_t (*read)(void);
	uint64_t hz;
	uint32_t mask;
	bool down;
};

struct tsc_sample tsc_sample(uint32_t (*read)(void))
{
	struct tsc_sample best = { 0, 0 };
	uint64_t best_took = UINT64_MAX;
	unsigned i;

	for (i = 0; i < TRIES; i++) {
		uint64_t before = rdtsc();
		uint32_t count = read();
		uint64_t took = rdtsc() - before;

		if (took < best_took) {
			best_took = took;
			best = (struct tsc_sample){ before + took / 2, count };
		}
	}
	return best;
}

static uint32_t read_pm_timer(void)
{
	return inl(acpi_info()->pm_timer_port);
}

static uint32_t read_pit(void)
{
	uint32_t low;

	outb(PIT_COMMAND, PIT_LATCH_CH2);
	low = inb(PIT_CHANNEL2);
	return low | (uint32_t)inb(PIT_CHANNEL2) << 8;
}

static void start_pit(void)
{
	outb(PORT_B, (inb(PORT_B) & ~PORT_B_SPEAKER) | PORT_B_GATE2);
	outb(PIT_COMMAND, PIT_MODE2_CH2);
	outb(PIT_CHANNEL2, 0); /* 65536 */
	outb(PIT_CHANNEL2, 0);
}

static const struct reference pm_timer = { "ACPI PM timer", read_pm_timer, PM_TIMER_HZ,
					   PM_TIMER_MASK, false };
static const struct reference pit = { "8254", read_pit, PIT_HZ, PIT_MASK, true };

static uint32_t elapsed(const struct reference *ref, uint32_t from, uint32_t to)
{
	return (ref->down ? from - to : to - from) & ref->mask;
}

/* One measurement in Hz; 0: the reference stands still. */
static uint64_t measure(const struct reference *ref)
{
	uint32_t want = ref->hz / MEASURE_PER_SEC;
	struct tsc_sample a = tsc_sample(ref->read), b;
	unsigned still = 0;
	uint32_t last = a.count;

	do {
		b.count = ref->read();
		still = b.count == last ? still + 1 : 0;
		last = b.count;
		if (still == 1000000)
			return 0;
	} while (elapsed(ref, a.count, b.count) < want);
	b = tsc_sample(ref->read);
	return (b.tsc - a.tsc) * ref->hz / elapsed(ref, a.count, b.count);
}

static uint64_t median3(uint64_t a, uint64_t b, uint64_t c)
{
	return MAX(MIN(a, b), MIN(MAX(a, b), c));
}

static uint64_t measure_rounds(const struct reference *ref)
{
	uint64_t hz[ROUNDS];
	unsigned i;

	for (i = 0; i < ROUNDS; i++) {
		hz[i] = measure(ref);
		if (!hz[i])
			return 0;
	}
	return median3(hz[0], hz[1], hz[2]);
}

uint64_t tsc_calibrate(const char **by)
{
	const struct reference *ref = &pit;
	uint64_t hz = 0;

	if (acpi_info()->pm_timer_port) {
		ref = &pm_timer;
		hz = measure_rounds(ref);
	}
	if (!hz) {
		ref = &pit;
		start_pit();
		hz = measure_rounds(ref);
	}
	if (!hz)
		panic("no clock runs that the TSC could be measured against");
	*by = ref->name;
	return hz;
}

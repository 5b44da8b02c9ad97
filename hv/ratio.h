/* SPDX-License-Identifier: MIT */
/* Conversion between the ticks of two clocks: times a 32.32 fixed-point factor, through a
 * 128-bit product, so that no value overflows on the way. */
#ifndef HV_RATIO_H
#define HV_RATIO_H

#include <stdint.h>

struct ratio {
	uint64_t factor; /* 32.32 */
};

/* to/from, both below 2^32 * 2^30; `from` > 0 and to / from < 2^32. */
static inline struct ratio ratio_make(uint64_t to, uint64_t from)
{
	uint64_t whole = to / from, rest = to % from;
	uint64_t fraction = 0;
	int bit;

	/* Long division by bits: rest << 32 need not fit. */
	for (bit = 0; bit < 32; bit++) {
		rest <<= 1;
		fraction <<= 1;
		if (rest >= from) {
			rest -= from;
			fraction |= 1;
		}
	}
	return (struct ratio){ whole << 32 | fraction };
}

static inline uint64_t ratio_apply(struct ratio r, uint64_t ticks)
{
	return (uint64_t)((unsigned __int128)ticks * r.factor >> 32);
}

#endif

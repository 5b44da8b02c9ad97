/* SPDX-License-Identifier: MIT */
/* Sets of address ranges (hv/range.h). */
#include "hv/range.h"

#include "hv/errno.h"
#include "hv/string.h"

/* Replace `n` ranges from index `at` by `m` others. */
static int splice(struct range_set *s, unsigned at, unsigned n, const struct range *by, unsigned m)
{
	if (s->nr - n + m > RANGE_SET_MAX)
		return -ENOSPC;
	memmove(&s->r[at + m], &s->r[at + n], (s->nr - at - n) * sizeof(s->r[0]));
	if (m)
		memcpy(&s->r[at], by, m * sizeof(s->r[0]));
	s->nr = s->nr - n + m;
	return 0;
}

/* First range that ends at or behind `addr`. */
static unsigned first_from(const struct range_set *s, uint64_t addr)
{
	unsigned i = 0;

	while (i < s->nr && s->r[i].end < addr)
		i++;
	return i;
}

int range_add(struct range_set *s, uint64_t start, uint64_t end)
{
	unsigned i = first_from(s, start), n = 0;
	struct range all = { start, end };

	if (start >= end)
		return 0;
	for (; i + n < s->nr && s->r[i + n].start <= end; n++) {
		all.start = MIN(all.start, s->r[i + n].start);
		all.end = MAX(all.end, s->r[i + n].end);
	}
	return splice(s, i, n, &all, 1);
}

int range_remove(struct range_set *s, uint64_t start, uint64_t end)
{
	unsigned i = first_from(s, start), n = 0, rest = 0;
	struct range keep[2];

	if (start >= end)
		return 0;
	if (i < s->nr && s->r[i].end == start)
		i++;
	for (; i + n < s->nr && s->r[i + n].start < end; n++) {
		struct range r = s->r[i + n];

		if (r.start < start)
			keep[rest++] = (struct range){ r.start, start };
		if (r.end > end)
			keep[rest++] = (struct range){ end, r.end };
	}
	return splice(s, i, n, keep, rest);
}

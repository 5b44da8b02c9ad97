/* SPDX-License-Identifier: MIT */
/* See rules.h. Section numbers are the Intel SDM's, Vol. 3A. Pure functions. */
#include "rules.h"

/* ---- 4.6.1: what is permitted; all else is not ---- */

#define ANY 2
#define BIT_IF_ASKED(x, n) ((x) == ANY ? 0u : 1u << (n))
#define BIT_IF_SET(x, n) ((x) == 1 ? 1u << (n) : 0u)

/* The inputs as bits, in the columns' order; the kind of access has three. */
enum { IN_USER, IN_KIND, IN_PAGE_U = IN_KIND + 3, IN_WP, IN_RW, IN_XD, IN_SMEP, IN_SMAP, IN_AC };

#define ROW(user, kind, page_u, wp, rw, xd, smep, smap, ac)                                     \
	{                                                                                       \
		BIT_IF_ASKED(user, IN_USER) | 7u << IN_KIND | BIT_IF_ASKED(page_u, IN_PAGE_U) | \
			BIT_IF_ASKED(wp, IN_WP) | BIT_IF_ASKED(rw, IN_RW) |                     \
			BIT_IF_ASKED(xd, IN_XD) | BIT_IF_ASKED(smep, IN_SMEP) |                 \
			BIT_IF_ASKED(smap, IN_SMAP) | BIT_IF_ASKED(ac, IN_AC),                  \
			BIT_IF_SET(user, IN_USER) | 1u << (IN_KIND + RULES_##kind) |            \
				BIT_IF_SET(page_u, IN_PAGE_U) | BIT_IF_SET(wp, IN_WP) |         \
				BIT_IF_SET(rw, IN_RW) | BIT_IF_SET(xd, IN_XD) |                 \
				BIT_IF_SET(smep, IN_SMEP) | BIT_IF_SET(smap, IN_SMAP) |         \
				BIT_IF_SET(ac, IN_AC)                                           \
	}

/*
 * page_u: U/S = 1 at every level (a user-mode address). rw: R/W = 1 at every level. xd: XD = 1
 * at some level.
 */
static const struct {
	unsigned asked, value;
} permitted[] = {
	/* clang-format off */
	/*  CPL3 access page_u WP   R/W  XD   SMEP SMAP AC */
	ROW(0,   READ,  0,     ANY, ANY, ANY, ANY, ANY, ANY),
	ROW(0,   READ,  1,     ANY, ANY, ANY, ANY, 0,   ANY),
	ROW(0,   READ,  1,     ANY, ANY, ANY, ANY, 1,   1),
	ROW(0,   WRITE, 0,     0,   ANY, ANY, ANY, ANY, ANY),
	ROW(0,   WRITE, 0,     1,   1,   ANY, ANY, ANY, ANY),
	ROW(0,   WRITE, 1,     0,   ANY, ANY, ANY, 0,   ANY),
	ROW(0,   WRITE, 1,     0,   ANY, ANY, ANY, 1,   1),
	ROW(0,   WRITE, 1,     1,   1,   ANY, ANY, 0,   ANY),
	ROW(0,   WRITE, 1,     1,   1,   ANY, ANY, 1,   1),
	ROW(0,   FETCH, 0,     ANY, ANY, 0,   ANY, ANY, ANY),
	ROW(0,   FETCH, 1,     ANY, ANY, 0,   0,   ANY, ANY),
	ROW(1,   READ,  1,     ANY, ANY, ANY, ANY, ANY, ANY),
	ROW(1,   WRITE, 1,     ANY, 1,   ANY, ANY, ANY, ANY),
	ROW(1,   FETCH, 1,     ANY, ANY, 0,   ANY, ANY, ANY),
	/* clang-format on */
};

unsigned rules_rows(const struct rules_setting *s, const struct rules_access *access,
		    bool user_page, bool writable, bool xd)
{
	unsigned in = (unsigned)access->user << IN_USER | 1u << (IN_KIND + access->kind) |
		      (unsigned)user_page << IN_PAGE_U | (unsigned)s->wp << IN_WP |
		      (unsigned)writable << IN_RW | (unsigned)xd << IN_XD |
		      (unsigned)s->smep << IN_SMEP | (unsigned)s->smap << IN_SMAP |
		      (unsigned)access->ac << IN_AC;
	unsigned rows = 0;

	for (unsigned i = 0; i < sizeof(permitted) / sizeof(permitted[0]); i++)
		rows += (in & permitted[i].asked) == permitted[i].value;
	return rows;
}

/* ---- 4.3-4.5: formats ---- */

#define ENTRY_P (1ull << 0)
#define ENTRY_RW (1ull << 1)
#define ENTRY_US (1ull << 2)
#define ENTRY_A (1ull << 5)
#define ENTRY_D (1ull << 6)
#define ENTRY_PS (1ull << 7)
#define ENTRY_XD (1ull << 63)

#define PSE36_MAX 40 /* 4.3: M is the smaller of this and MAXPHYADDR */

static uint64_t bits(unsigned high, unsigned low)
{
	return high < low ? 0 : (~0ull >> (63 - (high - low))) << low;
}

unsigned rules_levels(enum rules_format format)
{
	static const uint8_t levels[RULES_NR_FORMATS] = { 2, 2, 4, 5 };

	return levels[format];
}

static unsigned log2_bytes(enum rules_format format, unsigned level)
{
	return 12 + (level - 1) * (format == RULES_2LEVEL ? 10 : 9);
}

static bool may_be_large(const struct rules_setting *s, unsigned level)
{
	if (s->format == RULES_2LEVEL)
		return level == 2 && s->pse;
	return level == 2 || (level == 3 && s->has_1g);
}

bool rules_is_leaf(const struct rules_setting *s, unsigned level, uint64_t entry)
{
	return level == 1 || ((entry & ENTRY_PS) && may_be_large(s, level));
}

uint64_t rules_reserved(const struct rules_setting *s, unsigned level, uint64_t entry)
{
	bool large = level > 1 && rules_is_leaf(s, level, entry);
	unsigned m = s->maxphyaddr < PSE36_MAX ? s->maxphyaddr : PSE36_MAX;
	uint64_t reserved;

	if (s->format == RULES_2LEVEL) /* table 4-4 */
		return large ? bits(21, m - 19) : 0;
	reserved = bits(s->format == RULES_PAE ? 62 : 51, s->maxphyaddr);
	if (!s->nxe)
		reserved |= ENTRY_XD;
	if (large)
		reserved |= bits(log2_bytes(s->format, level) - 1, 13);
	else if (level > 1 && !may_be_large(s, level))
		reserved |= ENTRY_PS;
	return reserved;
}

uint64_t rules_pdpte_reserved(const struct rules_setting *s)
{
	return bits(2, 1) | bits(8, 5) | bits(63, s->maxphyaddr); /* table 4-8 */
}

static uint64_t page_base(const struct rules_setting *s, unsigned level, uint64_t entry)
{
	if (s->format == RULES_2LEVEL && level == 2) /* bits 20:13 are 39:32 of the address */
		return (entry & bits(31, 22)) | (entry & bits(20, 13)) << 19;
	return entry & bits(s->format == RULES_2LEVEL ? 31 : 51, log2_bytes(s->format, level));
}

/* ---- 4.7: the error code ---- */

enum { PF_P = 1 << 0, PF_W = 1 << 1, PF_U = 1 << 2, PF_RSVD = 1 << 3, PF_I = 1 << 4 };

static uint32_t error_of(const struct rules_setting *s, const struct rules_access *access)
{
	bool tells_fetches = s->smep || (s->nxe && s->format != RULES_2LEVEL);

	return (access->kind == RULES_WRITE ? PF_W : 0) | (access->user ? PF_U : 0) |
	       (access->kind == RULES_FETCH && tells_fetches ? PF_I : 0);
}

/* ---- the walk ---- */

static void denied(struct rules_outcome *out, uint32_t why)
{
	out->allowed = false;
	out->error |= why;
}

/* 4.8: A of every entry used, D of the leaf of a write. */
static void set_accessed_dirty(const struct rules_setting *s, const struct rules_access *access,
			       struct rules_outcome *out)
{
	for (unsigned level = out->level; level <= rules_levels(s->format); level++)
		out->after.entry[level] |= ENTRY_A;
	if (access->kind == RULES_WRITE)
		out->after.entry[out->level] |= ENTRY_D;
}

void rules_predict(const struct rules_setting *s, const struct rules_walk *walk,
		   const struct rules_access *access, struct rules_outcome *out)
{
	bool rw = true, us = true, xd = false;
	unsigned level = rules_levels(s->format) + 1;
	uint64_t entry;

	*out = (struct rules_outcome){ .error = error_of(s, access), .after = *walk };
	do {
		entry = walk->entry[--level];
		out->level = level;
		if (!(entry & ENTRY_P)) {
			denied(out, 0);
			return;
		}
		if (entry & rules_reserved(s, level, entry)) {
			denied(out, PF_P | PF_RSVD);
			return;
		}
		rw = rw && (entry & ENTRY_RW);
		us = us && (entry & ENTRY_US);
		xd = xd || (s->format != RULES_2LEVEL && (entry & ENTRY_XD));
	} while (!rules_is_leaf(s, level, entry));

	out->base = page_base(s, level, entry);
	out->bytes = 1ull << log2_bytes(s->format, level);
	if (!rules_rows(s, access, us, rw, xd)) {
		denied(out, PF_P);
		return;
	}
	out->allowed = true;
	out->error = 0;
	set_accessed_dirty(s, access, out);
}

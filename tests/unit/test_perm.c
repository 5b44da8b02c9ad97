/* SPDX-License-Identifier: MIT */
/*
 * Permissions, exhaustively, in each format and with each engine: R/W, U/S and XD of every
 * level, pages of every size, CR0.WP, EFER.NXE, CR4.SMEP, CR4.SMAP, EFLAGS.AC and every kind
 * of access; and every single bit of every entry. Result, address, error code and A and D
 * bits against guests/tiny/access/rules.h, which guests check on a real processor; then what
 * the processor may do on the shadow tables.
 */
#include <stdio.h>

#include "guests/tiny/access/rules.h"
#include "tests/unit/mmu_guest.h"

#define WIDTH 40
#define OFFSET UINT64_C(0x10)
#define MAX_LEVELS RULES_MAX_LEVELS
#define SETTINGS 32u /* WP, NXE, SMEP, SMAP, PSE */
#define RIGHTS 8u /* R/W, U/S, XD of one level */

static const struct rules_access accesses[] = {
	{ RULES_READ, false, false }, { RULES_WRITE, false, false }, { RULES_FETCH, false, false },
	{ RULES_READ, false, true },  { RULES_WRITE, false, true },  { RULES_READ, true, false },
	{ RULES_WRITE, true, false }, { RULES_FETCH, true, false },
};
#define NR_ACCESSES (sizeof(accesses) / sizeof(accesses[0]))

static const uint64_t table_gpa[MAX_LEVELS + 1] = { 0, T1, T2, T3, T4, T5 };

static struct rules_setting set;
static struct rules_walk walk;
static unsigned long cases;

static unsigned access_bits(const struct rules_access *a)
{
	static const unsigned kind[] = { RD, WR, EX };

	return kind[a->kind] | (a->user ? US : 0) | (a->ac ? AC : 0);
}

static void fail_case(const char *what, const struct rules_access *a)
{
	fail_msg("%s: %s, format %d wp %d nxe %d smep %d smap %d pse %d, entries %llx %llx %llx "
		 "%llx %llx, access %x",
		 g->mmu.config.engine, what, set.format, set.wp, set.nxe, set.smep, set.smap,
		 set.pse, (unsigned long long)walk.entry[5], (unsigned long long)walk.entry[4],
		 (unsigned long long)walk.entry[3], (unsigned long long)walk.entry[2],
		 (unsigned long long)walk.entry[1], access_bits(a));
}

/* ---- the guest ---- */

static void start(const char *engine, bool has_1g)
{
	struct mmu_config c = {
		.engine = engine, .maxphyaddr = WIDTH, .has_1g = has_1g, .frames = FAKE_RAM_FRAMES
	};

	fake_reset();
	g = calloc(1, sizeof(*g));
	assert_int_equal(mmu_init(&g->mmu, &c), 0);
	assert_int_equal(mmu_vcpu_init(&g->v, &g->mmu), 0);
}

static void enter(enum rules_format format, unsigned n, bool has_1g)
{
	uint64_t cr0, cr4, efer, top[] = { T2, T3, T4, T5 };

	set = (struct rules_setting){ format, n & 1, n & 2, n & 4, n & 8, n & 16, WIDTH, has_1g };
	cr0 = PG | PE | (set.wp ? WP : 0);
	cr4 = (set.smep ? SMEP : 0) | (set.smap ? SMAP : 0) | (set.pse ? PSE : 0) |
	      (format == RULES_2LEVEL ? 0 : PAE) | (format == RULES_5LEVEL ? LA57 : 0);
	efer = (set.nxe ? NXE : 0) | (format >= RULES_4LEVEL ? LME | LMA : 0);
	if (format == RULES_PAE)
		fake_write64(T3, T2 | P);
	assert_int_equal(set_regs(cr0, top[format], cr4, efer), 0);
}

/* An engine that tracks tables hears of each write, as of one by a device (I19). */
static void put(void *host, void *entry)
{
	memcpy(host, entry, set.format == RULES_2LEVEL ? sizeof(uint32_t) : sizeof(uint64_t));
}

static void write_walk(void)
{
	unsigned bytes = set.format == RULES_2LEVEL ? sizeof(uint32_t) : sizeof(uint64_t);

	for (unsigned l = 1; l <= rules_levels(set.format); l++)
		assert_true(
			mmu_guest_update(&g->mmu, GPA(table_gpa[l]), bytes, put, &walk.entry[l]));
	mmu_invlpg(&g->v, GVA(OFFSET));
}

static struct rules_walk read_walk(void)
{
	struct rules_walk now = walk;

	for (unsigned l = 1; l <= rules_levels(set.format); l++)
		now.entry[l] = set.format == RULES_2LEVEL ? fake_read32(table_gpa[l])
							  : fake_read64(table_gpa[l]);
	return now;
}

/* ---- one case ---- */

/* The guest's tables as they are written in `walk`: all kinds of access, one by one. */
static void check_tables(void)
{
	for (unsigned i = 0; i < NR_ACCESSES; i++) {
		const struct rules_access *a = &accesses[i];
		struct rules_outcome want;
		struct rules_walk after;
		int64_t gpa;

		rules_predict(&set, &walk, a, &want);
		write_walk();
		gpa = where(OFFSET, access_bits(a));
		after = read_walk();
		if (gpa != (want.allowed ? (int64_t)(want.base + OFFSET) : -1))
			fail_case("result", a);
		if (!want.allowed && g->fault.error_code != want.error)
			fail_case("error code", a);
		if (memcmp(&after, &want.after, sizeof(after)))
			fail_case("A or D", a);
		cases++;
	}
}

/* Legal, but no entry can say it (mmu/spte.h): a supervisor write under WP = 0 to a read-only
 * user page while SMAP is on, excused by AC. */
static bool is_emulated(const struct rules_access *a)
{
	struct rules_access user_write = { RULES_WRITE, true, false };
	struct rules_access user_read = { RULES_READ, true, false };
	struct rules_outcome w, r;

	rules_predict(&set, &walk, &user_write, &w);
	rules_predict(&set, &walk, &user_read, &r);
	return !set.wp && set.smap && !a->user && a->kind == RULES_WRITE && r.allowed && !w.allowed;
}

/* What is possible on the shadow now: nothing that the guest forbids, and nothing before A
 * and D say so (I1). */
static void check_not_wider(const struct rules_access *first)
{
	struct rules_walk now = read_walk();

	for (unsigned i = 0; i < NR_ACCESSES; i++) {
		struct rules_outcome want;

		if (!fake_hw_access(&g->v, OFFSET, access_bits(&accesses[i])).ok)
			continue;
		rules_predict(&set, &now, &accesses[i], &want);
		if (!want.allowed)
			fail_case("the shadow is too wide", first);
		if (memcmp(&want.after, &now, sizeof(now)))
			fail_case("the shadow is there without A or D", first);
	}
}

static void check_shadow_access(const struct rules_access *a)
{
	struct rules_walk before = read_walk(), after;
	struct rules_outcome want;
	enum mmu_result result, wanted;
	uint64_t hpa = 0;

	rules_predict(&set, &before, a, &want);
	result = fake_access(&g->v, OFFSET, access_bits(a), &g->fault, &hpa, NULL);
	wanted = !want.allowed ? MMU_INJECT : is_emulated(a) ? MMU_EMULATE : MMU_FIXED;
	if (result != wanted)
		fail_case("shadow: result", a);
	if (result == MMU_INJECT && g->fault.error_code != want.error)
		fail_case("shadow: error code", a);
	if (result == MMU_FIXED && hpa != (fake_pfn(want.base >> 12) << 12) + OFFSET)
		fail_case("shadow: address", a);
	after = read_walk();
	if (memcmp(&after, &want.after, sizeof(after)))
		fail_case("shadow: A or D", a);
	check_not_wider(a);
	cases++;
}

/*
 * The order of accesses matters: D comes with the first write, and WP = 0 has entries of two
 * states. Every pair of kinds, or (`all_pairs` false) each kind once, in an order of `n`.
 */
static void check_shadow(bool all_pairs, unsigned n)
{
	write_walk();
	if (!all_pairs) {
		for (unsigned i = 0; i < NR_ACCESSES; i++)
			check_shadow_access(&accesses[(i * (2 * n + 1) + n / 4) % NR_ACCESSES]);
		return;
	}
	for (unsigned i = 0; i < NR_ACCESSES * NR_ACCESSES; i++) {
		check_shadow_access(&accesses[i / NR_ACCESSES]);
		check_shadow_access(&accesses[i % NR_ACCESSES]);
		write_walk();
	}
}

/* ---- all cases ---- */

/* What entry `l` points at in a path that is to end at `leaf`. */
static uint64_t target(unsigned l, unsigned leaf)
{
	if (l > 1 && !(l == leaf && rules_is_leaf(&set, l, PS)))
		return table_gpa[l - 1];
	return l == 3 ? 0 : DATA;
}

/* A path of present entries whose leaf is at `leaf`, by its PS bit if it is a large page;
 * three bits of `rights` a level; one bit of `accessed` a level, bit 0 is the leaf's D. */
static void make_walk(unsigned leaf, unsigned rights, unsigned accessed)
{
	memset(&walk, 0, sizeof(walk));
	for (unsigned l = 1; l <= rules_levels(set.format); l++) {
		unsigned r = l < leaf ? 3 : rights >> 3 * (l - leaf) & (RIGHTS - 1);
		uint64_t e = target(l, leaf) | P;

		e |= (r & 1 ? W : 0) | (r & 2 ? U : 0) | (r & 4 ? NX : 0);
		e |= accessed >> l & 1 ? A : 0;
		if (l <= leaf)
			e |= (l > 1 && l == leaf ? PS : 0) | (accessed & 1 ? D : 0);
		walk.entry[l] = set.format == RULES_2LEVEL ? (uint32_t)e : e;
	}
}

/* With CR4.PSE = 0 the 2-level format has no large pages: what looks like one is a table. */
static bool leaf_exists(unsigned leaf)
{
	return leaf <= (set.format >= RULES_4LEVEL ? 3 : 2);
}

#define OPEN 3u /* R/W, U/S, no XD */

/* Of five levels no more than two are narrowed at once: what each does alone four have shown. */
static bool is_left_out(unsigned rights, unsigned levels)
{
	unsigned narrow = 0;

	for (unsigned l = 0; l < levels; l++)
		narrow += (rights >> 3 * l & (RIGHTS - 1)) != OPEN;
	return levels == MAX_LEVELS && narrow > 2;
}

static void all_rights(unsigned leaf)
{
	unsigned levels = rules_levels(set.format) - leaf + 1;

	for (unsigned rights = 0; rights < 1u << 3 * levels; rights++) {
		if (set.format == RULES_2LEVEL && (rights & 044)) /* its entries have no XD */
			continue;
		if (is_left_out(rights, levels))
			continue;
		make_walk(leaf, rights, 0);
		check_tables();
		check_shadow(levels < 4, rights);
		if (levels < 4) {
			make_walk(leaf, rights, rights * 5 + leaf);
			check_tables();
		}
	}
}

/* Each bit of each entry by itself, changed in a path that permits everything. Tables stay
 * where they are, and so does what a leaf maps if the shadow is asked for it. */
static void all_single_bits(unsigned leaf)
{
	unsigned width = set.format == RULES_2LEVEL ? 32 : 64;

	for (unsigned l = leaf; l <= rules_levels(set.format); l++) {
		for (unsigned bit = 0; bit < width; bit++) {
			bool address = bit >= 12 && bit < WIDTH;

			make_walk(leaf, 033333, bit);
			walk.entry[l] ^= UINT64_C(1) << bit;
			if (address && !rules_is_leaf(&set, l, walk.entry[l]))
				continue;
			if (bit == 7 && rules_is_leaf(&set, l, walk.entry[l]) !=
						rules_is_leaf(&set, l, walk.entry[l] ^ PS))
				continue; /* what it points at is the other kind */
			check_tables();
			if (!address)
				check_shadow(false, bit);
		}
	}
}

static void run(enum rules_format format, bool has_1g)
{
	const char *engine;

	for (unsigned e = 0; (engine = mmu_engine_name(e)); e++) {
		start(engine, has_1g);
		cases = 0;
		for (unsigned n = 0; n < SETTINGS; n++) {
			/* PSE means something in one format: elsewhere two settings are enough. */
			if (format != RULES_2LEVEL && (n & 16) && (n & 12))
				continue;
			enter(format, n, has_1g);
			for (unsigned leaf = 1; leaf_exists(leaf); leaf++) {
				all_rights(leaf);
				all_single_bits(leaf);
			}
		}
		printf("%s, format %d%s: %lu cases\n", engine, format,
		       has_1g ? " with 1 GiB pages" : "", cases);
		guest_end();
	}
}

static void test_perm_2level(void **state)
{
	(void)state;
	run(RULES_2LEVEL, false);
}

static void test_perm_pae(void **state)
{
	(void)state;
	run(RULES_PAE, false);
}

static void test_perm_4level(void **state)
{
	(void)state;
	run(RULES_4LEVEL, true);
}

static void test_perm_5level(void **state)
{
	(void)state;
	run(RULES_5LEVEL, true);
}

/* Level 3 entries with PS are then reserved ones: as quickly told as checked. */
static void test_perm_4level_without_1g(void **state)
{
	(void)state;
	start(NULL, false);
	cases = 0;
	for (unsigned n = 0; n < SETTINGS; n++) {
		enter(RULES_4LEVEL, n, false);
		all_rights(3);
		all_single_bits(3);
	}
	printf("4-level without 1 GiB pages: %lu cases\n", cases);
	guest_end();
}

/* No combination of inputs is permitted by two rows of the table: none is there in vain, and
 * taking one out shows. */
static void test_rules_are_a_table(void **state)
{
	(void)state;
	for (unsigned n = 0; n < SETTINGS * 8; n++) {
		set = (struct rules_setting){ RULES_4LEVEL, n & 1, true,  n & 2,
					      n & 4,	    false, WIDTH, true };
		for (unsigned i = 0; i < NR_ACCESSES; i++)
			assert_true(rules_rows(&set, &accesses[i], n & 8, n & 16, n & 32) < 2);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rules_are_a_table),
		cmocka_unit_test(test_perm_2level),
		cmocka_unit_test(test_perm_pae),
		cmocka_unit_test(test_perm_4level),
		cmocka_unit_test(test_perm_5level),
		cmocka_unit_test(test_perm_4level_without_1g),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/*
 * Every combination of entries, registers, change and access in all paging modes,
 * predicted by the manual's rules (access/rules.h) and then done: result, error code, CR2,
 * the bytes reached, A and D of each entry, and that nothing else in the tables changed.
 *
 * Words: `32`, `pae`, `long`, `la57` for some of the modes; `full` for all cases, else an even
 * share of them. A case is a path (access/paths.h), a way to change to it, and an access; its
 * number and the registers decide it, so that each run is the same.
 */
#include "access/coverage.h"
#include "access/field.h"
#include "access/known.h"
#include "access/paths.h"
#include "access/pdptes.h"
#include "access/step.h"

#define PROGRESS_EVERY 50000u
#define MAX_PHYADDR_LEAF 0x80000008u
#define PHYADDR_WITHOUT_LEAF 36u

/* How the entries of a case come to be. */
enum change {
	CHANGE_INVLPG, /* over those of the case before */
	CHANGE_CR3,
	CHANGE_USED_INVLPG, /* another translation was used just before */
	CHANGE_USED_CR3,
	CHANGE_FROM_ABSENT, /* P was 0 somewhere: no flush is needed */
	CHANGE_WIDENED, /* rights were fewer: no flush, but the old may count once */
	CHANGE_THEN_FAULT, /* any: no flush, but a fault, after which the old counts no more */
	NR_CHANGES
};

static const struct rules_access accesses[] = {
	{ RULES_READ, false, false }, { RULES_WRITE, false, false }, { RULES_FETCH, false, false },
	{ RULES_READ, false, true },  { RULES_WRITE, false, true },  { RULES_READ, true, false },
	{ RULES_WRITE, true, false }, { RULES_FETCH, true, false },
};
#define NR_ACCESSES (sizeof(accesses) / sizeof(accesses[0]))

/* Low digits of a case's number. */
#define CASES_PER_PATH (NR_CHANGES * NR_ACCESSES)
/* One step, two or for the last one three; and then there is the second access. */
#define CHECKS_PER_CHANGES (3 * NR_CHANGES - 2 + 1)

/* Of the share's checks; and how often the full set is gone through, with other noise. */
static const struct {
	uint32_t pruned_checks, full_rounds;
} extent[NR_PAGING_MODES] = {
	[PAGING_32] = { 75000, 16 },
	[PAGING_PAE] = { 90000, 16 },
	[PAGING_LONG] = { 150000, 1 },
	[PAGING_LA57] = { 150000, 1 },
};

static struct rules_setting set;
static bool has_smep, has_smap, full;
static uint32_t next_progress = PROGRESS_EVERY;

/* ---- a case ---- */

static const struct rules_access user_write = { RULES_WRITE, true, false };
static const struct rules_access user_read = { RULES_READ, true, false };

static void step(const char *name, enum step_flush flush, const struct rules_walk *walk,
		 const struct rules_access *access)
{
	step_run(&(struct step){ .name = name, .flush = flush, .walk = walk, .access = *access });
}

/* Use another translation, in a page of another size perhaps, and then change to `walk`. An
 * INVLPG of any address in a large page drops all of it (SDM 4.10.4.1). */
static void after_another(const struct rules_walk *walk, const struct rules_access *access,
			  enum step_flush flush)
{
	unsigned sizes = set.format >= RULES_4LEVEL && set.has_1g ? 3 : 2;
	unsigned leaf = 1 + noise(sizes);
	struct rules_outcome used;
	struct rules_walk other;

	path_open(leaf, &set, noise(2) && leaf < 3 ? FRAME_B : FRAME_A, &other);
	step("another", FLUSH_INVLPG, &other, &user_write);
	rules_predict(&set, &other, &user_write, &used);
	if (flush == FLUSH_INVLPG && used.level > 1 && noise(2))
		flush = FLUSH_INVLPG_INSIDE;
	step_run(&(struct step){ .name = "after another",
				 .flush = flush,
				 .inside = (uint32_t)(used.bytes / 2),
				 .walk = walk,
				 .access = *access });
}

static unsigned some_level(const struct path *p)
{
	return p->leaf + noise(field.levels - p->leaf + 1);
}

static void from_absent(const struct path *p, const struct rules_walk *walk,
			const struct rules_access *access)
{
	struct rules_walk absent = *walk;

	absent.entry[some_level(p)] &= ~PTE_P;
	step("absent first", FLUSH_INVLPG, &absent, &accesses[noise(NR_ACCESSES)]);
	step("then present", FLUSH_NONE, walk, access);
}

/*
 * Take a right from an entry; U only where a supervisor has no use for its absence. What
 * may be cached has A and D, and so must all entries.
 */
static void widened(const struct path *p, struct rules_walk *walk,
		    const struct rules_access *access)
{
	unsigned level = some_level(p), choice = noise(3);
	struct rules_walk narrow;

	for (unsigned l = 1; l <= field.levels; l++)
		walk->entry[l] |= PTE_A | PTE_D;
	narrow = *walk;
	if (choice == 2 && set.nxe && set.format != RULES_2LEVEL)
		narrow.entry[level] |= PTE_NX;
	else if (choice == 1 && !set.smep && !set.smap)
		narrow.entry[level] &= ~PTE_U;
	else
		narrow.entry[level] &= ~PTE_W;
	step("fewer rights first", FLUSH_INVLPG, &narrow, access);
	step_run(&(struct step){
		.name = "then more", .walk = walk, .before = &narrow, .access = *access });
}

/*
 * The leaf was another, which permitted to read; it is not flushed, but a write faults, and
 * that drops what is cached for the address (SDM 4.10.4.1). Without a fault nobody knows.
 */
static void then_fault(const struct path *p, struct rules_walk *walk,
		       const struct rules_access *access)
{
	struct rules_walk open, old;

	for (unsigned l = 1; l <= field.levels; l++)
		walk->entry[l] |= PTE_A | PTE_D;
	path_open(p->leaf, &set, p->leaf < 3 ? FRAME_B : FRAME_A, &open);
	old = *walk;
	old.entry[p->leaf] = (open.entry[p->leaf] & ~PTE_W) | PTE_A | PTE_D;
	step("readable first", FLUSH_INVLPG, &old, &user_read);
	step_run(&(struct step){ .name = "then unflushed, a write",
				 .walk = walk,
				 .before = &old,
				 .access = user_write });
	if (!step_faulted() || known_fault_drops_nothing())
		step_forget();
	step("after the fault", FLUSH_NONE, NULL, access);
}

static void run_case(const struct path *p, enum change change, const struct rules_access *access,
		     uint32_t number)
{
	struct rules_walk walk;

	noise_seed(number);
	path_entries(p, &set, noise(2) && p->leaf < 3 ? FRAME_B : FRAME_A, number / CASES_PER_PATH,
		     &walk);
	coverage_note(p, change, access, &walk, &set);
	switch (change) {
	case CHANGE_USED_INVLPG:
		after_another(&walk, access, FLUSH_INVLPG);
		break;
	case CHANGE_USED_CR3:
		after_another(&walk, access, FLUSH_CR3);
		break;
	case CHANGE_FROM_ABSENT:
		from_absent(p, &walk, access);
		break;
	case CHANGE_WIDENED:
		widened(p, &walk, access);
		break;
	case CHANGE_THEN_FAULT:
		then_fault(p, &walk, access);
		break;
	default:
		step("rewritten", change == CHANGE_CR3 ? FLUSH_CR3 : FLUSH_INVLPG, &walk, access);
	}
	step("second access", FLUSH_NONE, NULL, &accesses[noise(NR_ACCESSES)]);
}

/* ---- which cases ---- */

static void say_progress(void)
{
	if (checks_so_far() < next_progress)
		return;
	next_progress += PROGRESS_EVERY;
	say("access: %s: %u checks so far\n", paging_mode_name[field.pg.mode], checks_so_far());
}

static void run_range(uint32_t first, uint32_t all, uint32_t stride, uint32_t round)
{
	for (uint32_t i = first; i < all; i += stride) {
		run_case(&paths[i / CASES_PER_PATH], (enum change)(i / NR_ACCESSES % NR_CHANGES),
			 &accesses[i % NR_ACCESSES], i ^ round << 24);
		say_progress();
	}
}

/* At least `n`, and without common factors with CASES_PER_PATH: all low digits come up. */
static uint32_t stride_for(uint32_t n)
{
	while (n % 2 == 0 || n % NR_CHANGES == 0)
		n++;
	return n;
}

_Static_assert(NR_ACCESSES == 8 && NR_CHANGES == 7, "stride_for() knows all prime factors");

static void run_setting(uint32_t all, unsigned setting, unsigned nr_settings)
{
	uint32_t checks = extent[field.pg.mode].pruned_checks / nr_settings;
	uint32_t cases = checks * NR_CHANGES / CHECKS_PER_CHANGES;
	uint32_t stride = stride_for(all / cases + 1);

	if (!full) {
		run_range(setting * (stride / 2 + 1) % stride, all, stride, setting);
		return;
	}
	for (uint32_t round = 0; round < extent[field.pg.mode].full_rounds; round++)
		run_range(0, all, 1, round + setting);
}

/* PSE means something in one mode: in the others it goes along with another bit. */
enum { SET_WP = 1, SET_NXE = 2, SET_PGE = 4, SET_SMEP = 8, SET_SMAP = 16, SET_PSE = 32 };

static bool setting_exists(unsigned n)
{
	return !((n & SET_SMEP) && !has_smep) && !((n & SET_SMAP) && !has_smap) &&
	       !((n & SET_PSE) && set.format != RULES_2LEVEL);
}

static void set_registers(unsigned n)
{
	set.wp = n & SET_WP;
	set.nxe = n & SET_NXE;
	set.smep = n & SET_SMEP;
	set.smap = n & SET_SMAP;
	set.pse = set.format == RULES_2LEVEL ? n & SET_PSE : n & SET_NXE;
	step_set_registers(&set, n & SET_PGE);
}

static void run_mode(enum paging_mode mode)
{
	unsigned nr_settings = 0, nr_paths;

	if (!paging_possible(mode)) {
		check(false, "%s: the processor lacks it", paging_mode_name[mode]);
		return;
	}
	field_build(mode);
	paging_on(&field.pg);
	set.format = field.format;
	nr_paths = paths_make();
	coverage_reset();
	for (unsigned n = 0; n < 2 * SET_PSE; n++)
		nr_settings += setting_exists(n);
	say("access: %s: %u paths, %u settings of the registers, %u changes, %u accesses, %s\n",
	    paging_mode_name[mode], nr_paths, nr_settings, NR_CHANGES, (unsigned)NR_ACCESSES,
	    full ? "all cases" : "a share of the cases");
	for (unsigned n = 0; n < 2 * SET_PSE; n++) {
		if (!setting_exists(n))
			continue;
		set_registers(n);
		run_setting(nr_paths * CASES_PER_PATH, n, nr_settings);
	}
	coverage_check(paging_mode_name[mode]);
	if (mode == PAGING_PAE)
		pdptes_run(&set);
	paging_off();
}

static void look_at_processor(void)
{
	uint32_t features = cpuid(0, 0).a >= 7 ? cpuid(7, 0).b : 0;

	has_smep = features & 1u << 7;
	has_smap = features & 1u << 20;
	set.has_1g = cpuid(0x80000001, 0).d & 1u << 26;
	set.maxphyaddr = cpuid(0x80000000, 0).a >= MAX_PHYADDR_LEAF
				 ? cpuid(MAX_PHYADDR_LEAF, 0).a & 0xff
				 : PHYADDR_WITHOUT_LEAF;
}

/* Few processors have LA57: it is done where it can be. */
static bool usual(enum paging_mode mode)
{
	return mode != PAGING_LA57 || paging_possible(mode);
}

int main(void)
{
	bool chosen = false;

	look_at_processor();
	full = asked_for("full");
	traps_init();
	for (unsigned mode = 0; mode < NR_PAGING_MODES; mode++)
		chosen = chosen || asked_for(paging_mode_name[mode]);
	for (unsigned mode = 0; mode < NR_PAGING_MODES; mode++)
		if (asked_for(paging_mode_name[mode]) || (!chosen && usual((enum paging_mode)mode)))
			run_mode((enum paging_mode)mode);
	known_say();
	return checks_done("access");
}

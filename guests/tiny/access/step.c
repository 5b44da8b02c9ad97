/* SPDX-License-Identifier: MIT */
/* See step.h. One processor, no locks. */
#include "step.h"

#include "known.h"

#define VECTOR_PF 14u
#define MAX_SHOWN 20 /* failures described */
#define SCAN_EVERY 1024u /* steps between looks at whole tables */

static struct rules_setting setting;
static bool pge;
static bool faulted; /* the latest access */
static bool global_cached; /* a translation that survives CR3 loads may be there */
static unsigned shown;

/* What a step came to. */
struct result {
	bool allowed;
	uint32_t vector, error, value, word_a, word_b;
	uint64_t cr2;
	struct rules_walk after;
	bool neighbours;
};

void step_set_registers(const struct rules_setting *s, bool with_pge)
{
	uint32_t cr4 = (s->smep ? CR4_SMEP : 0) | (s->smap ? CR4_SMAP : 0) |
		       (s->pse ? CR4_PSE : 0) | (s->format == RULES_2LEVEL ? 0 : CR4_PAE) |
		       (s->format == RULES_5LEVEL ? CR4_LA57 : 0);
	uint64_t efer = rdmsr(MSR_EFER);

	setting = *s;
	pge = with_pge;
	write_cr0(s->wp ? read_cr0() | CR0_WP : read_cr0() & ~CR0_WP);
	wrmsr(MSR_EFER, s->nxe ? efer | EFER_NXE : efer & ~(uint64_t)EFER_NXE);
	/* SDM 4.10.4.1: a change of PGE drops everything, global or not */
	write_cr4(cr4 | (pge ? 0 : CR4_PGE));
	write_cr4(cr4 | (pge ? CR4_PGE : 0));
	global_cached = false;
}

void step_forget(void)
{
	field_invlpg(0);
	global_cached = false;
}

static struct rules_walk read_walk(void)
{
	struct rules_walk w = { { 0 } };

	for (unsigned level = 1; level <= field.levels; level++)
		w.entry[level] = field_get(level);
	return w;
}

static void write_walk(const struct step *step)
{
	for (unsigned level = field.levels; level > 0; level--) {
		uint64_t entry = step->walk->entry[level], old = field_get(level);

		/* What may be cached has A and D too: they can't be taken back unflushed. */
		if (step->flush == FLUSH_NONE)
			entry |= old & (PTE_A | PTE_D);
		if (entry != old)
			field_set(level, entry);
	}
}

static void flush(const struct step *step)
{
	if (step->flush == FLUSH_CR3) {
		if (global_cached)
			step_forget();
		write_cr3(field.pg.root);
	} else if (step->flush == FLUSH_INVLPG_INSIDE) {
		field_invlpg(step->inside);
	} else if (step->flush == FLUSH_INVLPG) {
		step_forget();
	}
}

static uint64_t address_of(const struct rules_access *a)
{
	return field.va + (a->kind == RULES_WRITE ? FIELD_WORD : FIELD_CODE);
}

static struct result do_access(const struct rules_access *a)
{
	const struct access_as as = {
		.kind = (enum access_kind)a->kind,
		.user = a->user,
		.ac = a->ac,
		.code64 = field.format >= RULES_4LEVEL,
	};
	struct result s;

	s.allowed = access_as(&as, address_of(a));
	s.vector = access_result.vector;
	s.error = access_result.error;
	s.cr2 = access_result.cr2;
	s.value = access_result.value;
	s.word_a = *(volatile uint32_t *)(FRAME_A + FIELD_WORD);
	s.word_b = *(volatile uint32_t *)(FRAME_B + FIELD_WORD);
	s.after = read_walk();
	s.neighbours = field_neighbours_untouched() &&
		       (checks_so_far() % SCAN_EVERY || field_tables_untouched());
	return s;
}

/* ---- is it what the rules say? ---- */

static uint32_t frame_of(const struct rules_outcome *want)
{
	return (uint32_t)want->base + ((uint32_t)field.va & (uint32_t)(want->bytes - 1));
}

static bool data_is_right(const struct rules_access *a, const struct rules_outcome *want,
			  const struct result *s)
{
	uint32_t frame = frame_of(want);
	bool written = want->allowed && a->kind == RULES_WRITE;

	if (s->word_a != (written && frame == FRAME_A ? FIELD_WRITTEN : 0) ||
	    s->word_b != (written && frame == FRAME_B ? FIELD_WRITTEN : 0))
		return false;
	return written || !want->allowed || s->value == field_value(frame, a->kind);
}

/* SDM 4.8: a denied access may leave A in the entries above the one that ended it. */
static bool entries_are_right(const struct rules_outcome *want, const struct result *s)
{
	for (unsigned level = 1; level <= field.levels; level++) {
		uint64_t differ = s->after.entry[level] ^ want->after.entry[level];

		if (!want->allowed && level > want->level)
			differ &= ~PTE_A | (~s->after.entry[level] & PTE_A);
		if (differ)
			return false;
	}
	return true;
}

static bool is_right(const struct rules_access *a, const struct rules_outcome *want,
		     const struct result *s)
{
	if (s->allowed != want->allowed)
		return false;
	if (!want->allowed &&
	    (s->vector != VECTOR_PF || s->error != want->error || s->cr2 != address_of(a)))
		return false;
	return data_is_right(a, want, s) && entries_are_right(want, s) && s->neighbours;
}

/* ---- telling ---- */

static void say_walk(const char *what, const struct rules_walk *w)
{
	say("     %s", what);
	for (unsigned level = field.levels; level > 0; level--)
		say(" %X", w->entry[level]);
	say("\n");
}

static void say_failure(const struct step *step, const struct rules_walk *was,
			const struct rules_walk *start, const struct rules_outcome *want,
			const struct result *s)
{
	static const char *const kind[] = { "read", "write", "fetch" };
	static const char *const how[NR_FLUSHES] = { "no flush", "INVLPG", "INVLPG inside",
						     "CR3 load" };

	if (shown++ >= MAX_SHOWN)
		return;
	say("FAIL %s: %s, %s, %s %s at %X: check %u\n", paging_mode_name[field.pg.mode], step->name,
	    step->walk ? how[step->flush] : "entries untouched",
	    step->access.user ? "user" : "supervisor", kind[step->access.kind],
	    address_of(&step->access), checks_so_far());
	say("     WP=%u NXE=%u SMEP=%u SMAP=%u PSE=%u PGE=%u AC=%u\n", setting.wp, setting.nxe,
	    setting.smep, setting.smap, setting.pse, pge, step->access.ac);
	say_walk("entries before, from the top:", was);
	say_walk("written:                     ", start);
	say_walk("expected after:              ", &want->after);
	say_walk("seen after:                  ", &s->after);
	if (want->allowed)
		say("     expected: allowed, frame %x\n", frame_of(want));
	else
		say("     expected: error %x, ended at level %u\n", want->error, want->level);
	if (s->allowed)
		say("     seen: allowed, value %x, words %x %x", s->value, s->word_a, s->word_b);
	else
		say("     seen: vector %u error %x cr2 %X, words %x %x", s->vector, s->error,
		    s->cr2, s->word_a, s->word_b);
	say("%s\n", s->neighbours ? "" : "; the tables around were changed");
}

/* ---- a step ---- */

/*
 * Without a flush the old rights may count once; the fault drops them (SDM 4.10.4.3). Such
 * a fault is put right by the same access once more.
 */
static void retry_if_stale(const struct step *step, struct result *s)
{
	struct rules_outcome old;

	if (!step->before || s->allowed)
		return;
	rules_predict(&setting, step->before, &step->access, &old);
	if (!old.allowed && s->vector == VECTOR_PF && s->error == old.error)
		*s = do_access(&step->access);
}

bool step_run(const struct step *step)
{
	struct rules_walk was = read_walk(), start;
	struct rules_outcome want, expected;
	struct result s;

	if (step->walk) {
		write_walk(step);
		flush(step);
	}
	start = read_walk();
	field_frames_reset();
	rules_predict(&setting, &start, &step->access, &want);
	if (pge && (start.entry[want.level] & PTE_G))
		global_cached = true;
	s = do_access(&step->access);
	faulted = !s.allowed;
	retry_if_stale(step, &s);
	expected = want;
	if (check_quietly(
		    is_right(&step->access, &want, &s) ||
		    (known_faults(&expected, &s.after) && is_right(&step->access, &expected, &s))))
		return true;
	say_failure(step, &was, &start, &want, &s);
	return false;
}

bool step_faulted(void)
{
	return faulted;
}

/* SPDX-License-Identifier: MIT */
/* See pdptes.h. */
#include "pdptes.h"

#include "field.h"
#include "paths.h"
#include "step.h"

#define PDPTE_LEVEL 3u
#define VECTOR_GP 13u
#define VECTOR_PF 14u
#define MAX_SHOWN 20

static const struct rules_access accesses[] = {
	{ RULES_READ, false, false }, { RULES_WRITE, false, false }, { RULES_FETCH, false, false },
	{ RULES_READ, true, false },  { RULES_WRITE, true, false },  { RULES_FETCH, true, false },
};
#define NR_ACCESSES (sizeof(accesses) / sizeof(accesses[0]))

static unsigned shown;

static void verdict(bool ok, const char *what, uint64_t pdpte, const struct rules_setting *s)
{
	if (check_quietly(ok) || shown++ >= MAX_SHOWN)
		return;
	say("FAIL pae: PDPTE %X, NXE=%u SMEP=%u: %s: vector %x error %x cr2 %X\n", pdpte, s->nxe,
	    s->smep, what, access_result.vector, access_result.error, access_result.cr2);
}

/* The entries below it, for a PDPTE that is present, and for one that is not. */
static struct rules_walk open_walk;
static const struct rules_walk absent_walk;

/* All accesses, through the PDPTE that counts. */
static void check_accesses(const struct rules_setting *s, bool present, uint64_t pdpte)
{
	struct rules_outcome want;

	for (unsigned i = 0; i < NR_ACCESSES; i++) {
		const struct access_as as = { (enum access_kind)accesses[i].kind, accesses[i].user,
					      false, false };
		bool ok = access_as(&as, field.va);

		rules_predict(s, present ? &open_walk : &absent_walk, &accesses[i], &want);
		verdict(ok == want.allowed && (ok || (access_result.vector == VECTOR_PF &&
						      access_result.error == want.error &&
						      access_result.cr2 == field.va)),
			present ? "access through it" : "access without it", pdpte, s);
		field_frames_reset();
	}
}

static void check_pdpte(const struct rules_setting *s, uint64_t good, uint64_t pdpte)
{
	uint32_t va = (uint32_t)field.va;
	bool reserved = (pdpte & PTE_P) && (pdpte & rules_pdpte_reserved(s));
	bool loaded;

	paging_set(&field.pg, va, PDPTE_LEVEL, pdpte);
	check_accesses(s, true, pdpte); /* what was latched still counts */
	loaded = load_cr3(field.pg.root);
	verdict(reserved ? !loaded && access_result.vector == VECTOR_GP && !access_result.error
			 : loaded,
		reserved ? "MOV to CR3: #GP(0)" : "MOV to CR3", pdpte, s);
	check_accesses(s, reserved || (pdpte & PTE_P), pdpte);
	verdict(paging_get(&field.pg, va, PDPTE_LEVEL) == pdpte, "unchanged in memory", pdpte, s);
	paging_set(&field.pg, va, PDPTE_LEVEL, good);
	write_cr3(field.pg.root);
}

static void run_bits(const struct rules_setting *s, uint64_t good)
{
	for (unsigned bit = 0; bit < 64; bit++) {
		if (bit >= 12 && bit < s->maxphyaddr) /* the address */
			continue;
		check_pdpte(s, good, good ^ 1ull << bit);
		check_pdpte(s, good, (good | 1ull << bit) & ~PTE_P);
	}
}

void pdptes_run(const struct rules_setting *processor)
{
	struct rules_setting s = *processor;
	uint64_t good = paging_get(&field.pg, (uint32_t)field.va, PDPTE_LEVEL);

	if (on_bare_tcg()) {
		say("access: expected difference: PDPTEs are walked in memory: not tried\n");
		return;
	}
	s.wp = true;
	s.smap = false;
	for (unsigned n = 0; n < 4; n++) {
		s.nxe = n & 1;
		s.smep = (n & 2) && processor->smep;
		step_set_registers(&s, false);
		path_open(1, &s, FRAME_A, &open_walk);
		for (unsigned level = 1; level <= field.levels; level++)
			field_set(level, open_walk.entry[level]);
		step_forget();
		field_frames_reset();
		run_bits(&s, good);
	}
}

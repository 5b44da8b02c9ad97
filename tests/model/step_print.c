/* SPDX-License-Identifier: MIT */
/* Steps as text (step.h). */
#include "tests/model/hw.h"
#include "tests/model/step.h"

static const char *const kind_name[NR_STEPS] = { "access", "set",    "host set",  "flip",
						 "fill",   "invlpg", "cr3",	  "regs",
						 "mode",   "flush",  "translate", "peek",
						 "guess",  "p2m",    "dirty",	  "move",
						 "go on",  "audit",  "engine",	  "remap" };

static void print_flags(unsigned flags, FILE *f)
{
	static const char *const names[] = { "P", "W", "U", "A", "D", "PS", "G", "NX" };

	for (unsigned i = 0; i < 8; i++)
		if (flags >> i & 1)
			fprintf(f, " %s", names[i]);
}

static void print_target(unsigned target, FILE *f)
{
	if (target < STEP_TABLES)
		fprintf(f, "T%u", target);
	else
		fprintf(f, "gfn 0x%llx", (unsigned long long)step_target[target]);
}

static void print_value(const struct step *s, FILE *f)
{
	print_target(s->target, f);
	print_flags(s->flags, f);
	if (s->raw < 64)
		fprintf(f, " ^bit%u", s->raw);
}

static void print_access(const struct step *s, FILE *f)
{
	fprintf(f, "%s%s%s%s%s", s->access & REF_U ? "user " : "supervisor ",
		s->access & REF_W   ? "write"
		: s->access & REF_X ? "fetch"
				    : "read",
		s->access & REF_AC ? " AC" : "", s->implicit ? " implicit" : "",
		s->hint ? " hint" : "");
}

static void print_whim(const struct step *s, FILE *f)
{
	static const char *const names[] = { "no TLB", "from root", "no fill", "guess" };

	for (unsigned i = 0; i < 4; i++)
		if (s->whim >> i & 1)
			fprintf(f, ", %s", names[i]);
}

static void print_size(const struct step *s, FILE *f)
{
	static const char *const names[] = { "",	"low half", "high half", "1 byte",
					     "2 bytes", "",	    "8 bytes",	 "across" };

	if (names[s->size][0])
		fprintf(f, ", %s", names[s->size]);
}

static void print_modes(const struct step *s, FILE *f)
{
	fprintf(f, "%s, root T%u", ref_mode_name[s->what], s->table);
}

static void print_regs(unsigned mask, FILE *f)
{
	static const char *const names[NR_FLIPS] = { "WP",  "PGE", "PSE", "SMEP", "SMAP",
						     "NXE", "CD",  "PAE", "LA57" };

	for (unsigned i = 0; i < NR_FLIPS; i++)
		if (mask >> i & 1)
			fprintf(f, " %s", names[i]);
}

static void print_operands(const struct step *s, FILE *f)
{
	static const char *const changes[] = { "moves", "goes", "becomes ROM", "comes home" };

	switch (s->kind) {
	case STEP_ACCESS:
		print_access(s, f);
		fprintf(f, " 0x%llx + entry %u", (unsigned long long)s->va, s->index);
		if (s->access & REF_W) {
			fprintf(f, " := ");
			print_value(s, f);
		}
		print_size(s, f);
		print_whim(s, f);
		break;
	case STEP_TRANSLATE:
		print_access(s, f);
		fprintf(f, " 0x%llx", (unsigned long long)s->va);
		break;
	case STEP_REMAP:
	case STEP_SET:
	case STEP_HOST_SET:
		fprintf(f, "T%u[%u] := ", s->table, s->index);
		print_value(s, f);
		print_size(s, f);
		print_whim(s, f);
		if (s->kind == STEP_REMAP)
			fprintf(f, ", invlpg 0x%llx", (unsigned long long)s->va);
		break;
	case STEP_FLIP:
		fprintf(f, "T%u[%u] ^=", s->table, s->index);
		print_flags(s->flags, f);
		print_whim(s, f);
		break;
	case STEP_FILL:
		fprintf(f, "T%u[%u..%u] := ", s->table, s->index, s->index + s->what - 1u);
		print_value(s, f);
		break;
	case STEP_CR3:
		fprintf(f, "T%u (0x%x)", s->table, s->what);
		break;
	case STEP_MODE:
		print_modes(s, f);
		print_regs(s->flags, f);
		break;
	case STEP_REGS:
		print_regs(s->what, f);
		break;
	case STEP_FLUSH:
		fprintf(f, "%s", s->what & 1 ? "all" : "local");
		break;
	case STEP_P2M:
		fprintf(f, "gfn 0x%llx %s", (unsigned long long)step_target[s->target],
			changes[s->what % 4]);
		break;
	case STEP_DIRTY:
		fprintf(f, "start, %s", s->what % 4 ? "collect" : "stop");
		break;
	case STEP_INVLPG:
	case STEP_PEEK:
	case STEP_GUESS:
		fprintf(f, "0x%llx", (unsigned long long)s->va);
		break;
	default:
		break;
	}
}

void step_print(const struct step *s, FILE *f)
{
	fprintf(f, "vcpu %u: %s ", s->vcpu, kind_name[s->kind]);
	print_operands(s, f);
	if (s->leave)
		fprintf(f, " [gives way at %u]", s->leave);
	fprintf(f, "\n");
}

void head_print(const struct head *h, FILE *f)
{
	fprintf(f, "%u vcpus, pool +%u, without 0x%x, maxphyaddr %u%s%s%s, mode %s,", h->nr_vcpus,
		h->pool, h->without, h->maxphyaddr, h->has_1g ? ", 1 GiB pages" : "",
		h->la57 ? ", LA57" : "", h->high ? ", memory above 4 GiB" : "",
		ref_mode_name[h->mode]);
	print_regs(h->regs, f);
	fprintf(f, ", pages ^");
	print_flags(h->table_flags & 0x1e, f);
	fprintf(f, "\n");
}

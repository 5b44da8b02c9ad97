/* SPDX-License-Identifier: MIT */
/* See ref.h. Section numbers are those of Intel SDM Vol. 3A. */
#include "tests/model/ref.h"

#define ONE UINT64_C(1)
#define B(n) (ONE << (n))

/* Entries (4.3 to 4.5). */
#define E_P B(0)
#define E_W B(1)
#define E_U B(2)
#define E_PS B(7)
#define E_NX B(63)

/* Registers (2.5, 2.2.1). */
#define R_CR0_WP B(16)
#define R_CR0_NW B(29)
#define R_CR0_CD B(30)
#define R_CR0_PG B(31)
#define R_CR4_PSE B(4)
#define R_CR4_PAE B(5)
#define R_CR4_PGE B(7)
#define R_CR4_LA57 B(12)
#define R_CR4_SMEP B(20)
#define R_CR4_SMAP B(21)
#define R_EFER_LME B(8)
#define R_EFER_NXE B(11)

/* Error codes (4.7). */
#define PF_P 1u
#define PF_W 2u
#define PF_U 4u
#define PF_RSVD 8u
#define PF_I 16u

#define LEVEL_1G 3

static uint64_t field(unsigned high, unsigned low)
{
	return (high == 63 ? 0 : B(high + 1)) - B(low);
}

const char *const ref_mode_name[NR_REF_MODES] = { "off", "2-level", "PAE", "4-level", "5-level" };

enum ref_mode ref_mode(const struct mmu_regs *r)
{
	if (!(r->cr0 & R_CR0_PG))
		return REF_OFF;
	if (!(r->cr4 & R_CR4_PAE))
		return REF_2LEVEL;
	if (!(r->efer & R_EFER_LME))
		return REF_PAE;
	return r->cr4 & R_CR4_LA57 ? REF_5LEVEL : REF_4LEVEL;
}

const struct ref_format *ref_format(enum ref_mode mode)
{
	static const struct ref_format formats[] = {
		[REF_2LEVEL] = { 2, 4, 10 },
		[REF_PAE] = { 2, 8, 9 },
		[REF_4LEVEL] = { 4, 8, 9 },
		[REF_5LEVEL] = { 5, 8, 9 },
	};

	return &formats[mode];
}

unsigned ref_shift(const struct ref_format *f, unsigned level)
{
	return 12 + (level - 1) * f->index_bits;
}

/* Table 4-4: a 4 MiB page has bits 39:32 of its address in 20:13, as many as there are. */
static struct ref_entry decode_4m(const struct ref_cpu *c, uint64_t e)
{
	unsigned m = c->maxphyaddr < 40 ? c->maxphyaddr : 40;
	struct ref_entry d = { REF_PAGE, (e & field(31, 22)) | (e & field(20, 13)) << 19, 22 };

	for (unsigned bit = m - 32 + 13; bit <= 21; bit++)
		if (e & B(bit))
			d.kind = REF_RESERVED;
	return d;
}

static struct ref_entry decode_32(const struct ref_cpu *c, unsigned level, uint64_t e)
{
	if (level == 1)
		return (struct ref_entry){ REF_PAGE, e & field(31, 12), 12 };
	if ((e & E_PS) && (c->regs.cr4 & R_CR4_PSE))
		return decode_4m(c, e);
	return (struct ref_entry){ .kind = REF_TABLE, .base = e & field(31, 12) };
}

/* Tables 4-9 to 4-11, 4-15 to 4-20. */
static struct ref_entry decode_64(const struct ref_cpu *c, unsigned level, uint64_t e)
{
	bool pae = ref_mode(&c->regs) == REF_PAE;
	uint64_t reserved = field(51, c->maxphyaddr - 1) & ~B(c->maxphyaddr - 1);
	unsigned shift = 12 + 9 * (level - 1);
	bool large = level > 1 && (e & E_PS);
	struct ref_entry d = { .base = e & field(51, 12), .shift = shift };

	if (pae)
		reserved |= field(62, 52);
	if (!(c->regs.efer & R_EFER_NXE))
		reserved |= E_NX;
	if (level > LEVEL_1G || (level == LEVEL_1G && !c->has_1g))
		reserved |= E_PS;
	if (large && level <= LEVEL_1G)
		reserved |= field(shift - 1, 13);
	if (large)
		d.base &= ~field(shift - 1, 12);
	d.kind = e & reserved ? REF_RESERVED : large || level == 1 ? REF_PAGE : REF_TABLE;
	return d;
}

struct ref_entry ref_decode(const struct ref_cpu *c, unsigned level, uint64_t e)
{
	if (!(e & E_P))
		return (struct ref_entry){ .kind = REF_ABSENT };
	return ref_mode(&c->regs) == REF_2LEVEL ? decode_32(c, level, e) : decode_64(c, level, e);
}

/* Tables 4-3, 4-7, 4-12. */
bool ref_root(const struct ref_cpu *c, uint64_t cr3, const uint64_t pdpte[4], uint64_t va,
	      uint64_t *table)
{
	switch (ref_mode(&c->regs)) {
	case REF_2LEVEL:
		*table = cr3 & field(31, 12);
		return true;
	case REF_PAE:
		*table = pdpte[va >> 30 & 3] & field(51, 12);
		return pdpte[va >> 30 & 3] & E_P;
	default:
		*table = cr3 & field(51, 12);
		return true;
	}
}

/* Table 4-8. */
bool ref_pdpte_is_bad(const struct ref_cpu *c, uint64_t e)
{
	uint64_t reserved = field(2, 1) | field(8, 5) | field(63, c->maxphyaddr);

	return (e & E_P) && (e & reserved);
}

bool ref_is_access(unsigned access)
{
	if (access & REF_X)
		return !(access & (REF_W | REF_AC));
	return !(access & REF_AC) || !(access & REF_U);
}

/* 4.6.1. */
bool ref_permits(const struct ref_cpu *c, struct ref_rights r, unsigned access)
{
	uint64_t cr0 = c->regs.cr0, cr4 = c->regs.cr4;

	if (!(cr0 & R_CR0_PG))
		return true;
	if ((access & REF_X) && r.nx)
		return false;
	if (access & REF_U)
		return r.u && (r.w || !(access & REF_W));
	if (access & REF_X)
		return !(r.u && (cr4 & R_CR4_SMEP));
	if (r.u && (cr4 & R_CR4_SMAP) && !(access & REF_AC))
		return false;
	return !(access & REF_W) || r.w || !(cr0 & R_CR0_WP);
}

uint32_t ref_error(const struct ref_cpu *c, unsigned access, bool present, bool reserved)
{
	const struct mmu_regs *r = &c->regs;
	bool tells_fetch = (r->cr4 & R_CR4_SMEP) ||
			   ((r->cr4 & R_CR4_PAE) && (r->efer & R_EFER_NXE));

	return (present ? PF_P : 0) | (access & REF_W ? PF_W : 0) | (access & REF_U ? PF_U : 0) |
	       (reserved ? PF_RSVD : 0) | ((access & REF_X) && tells_fetch ? PF_I : 0);
}

/*
 * 4.10.4.1; PSE is in AMD's list (APM Vol. 2 5.5.2). "All entries for the current PCID" at a
 * rise of SMEP: there is one PCID, and global entries are its entries.
 */
enum ref_flush ref_flush(const struct mmu_regs *old, const struct mmu_regs *new)
{
	uint64_t cr4 = old->cr4 ^ new->cr4;

	if (((old->cr0 ^ new->cr0) & R_CR0_PG) || (cr4 & (R_CR4_PGE | R_CR4_PAE | R_CR4_PSE)) ||
	    (cr4 & new->cr4 &R_CR4_SMEP))
		return REF_FLUSH_ALL;
	return old->cr3 != new->cr3 ? REF_FLUSH_LOCAL : REF_FLUSH_NOTHING;
}

/* 4.4.1. */
bool ref_loads_pdptes(const struct mmu_regs *old, const struct mmu_regs *new, bool mov_cr3)
{
	if (ref_mode(new) != REF_PAE)
		return false;
	return mov_cr3 || ref_mode(old) != REF_PAE || old->cr3 != new->cr3 ||
	       ((old->cr0 ^ new->cr0) & (R_CR0_CD | R_CR0_NW | R_CR0_PG)) ||
	       ((old->cr4 ^ new->cr4) & (R_CR4_PAE | R_CR4_PGE | R_CR4_PSE | R_CR4_SMEP));
}

/* SPDX-License-Identifier: MIT */
/*
 * What a VM entry checks of segment registers (Intel SDM Vol. 3C 26.3.1.2), in the manual's
 * order. Constant tables and pure functions: no lock.
 */
#include "hv/x86.h"
#include "vmx/check.h"
#include "vmx/vmcs.h"

#define RIGHTS_RESERVED 0xfffe0f00u
#define TYPE_DATA_RW (SEG_TYPE_WRITABLE | SEG_TYPE_ACCESSED)
#define TYPE_DATA_RW_DOWN (TYPE_DATA_RW | SEG_TYPE_EXPAND_DOWN)
#define TYPE_BUSY_TSS16 (SEG_TYPE_TSS16 | SEG_TYPE_BUSY)
#define TYPE_BUSY_TSS (SEG_TYPE_TSS | SEG_TYPE_BUSY)
#define TYPE_LAST_NONCONFORMING 11u

#define CHECK(name)                                                               \
	static bool name(const struct vmx_guest_state *g __attribute__((unused)), \
			 const struct vmx_caps *c __attribute__((unused)))

static bool is_ia32e(const struct vmx_guest_state *g)
{
	return g->entry_controls & ENTRY_CTL_IA32E;
}

static bool is_vm86(const struct vmx_guest_state *g)
{
	return g->rflags & RFLAGS_VM;
}

static bool usable(const struct segment *s)
{
	return !(s->attr & SEG_UNUSABLE);
}

static unsigned type(const struct segment *s)
{
	return s->attr & SEG_TYPE_MASK;
}

static unsigned dpl(const struct segment *s)
{
	return s->attr >> SEG_DPL_SHIFT & 3;
}

static bool granularity_fits(const struct segment *s)
{
	if ((s->limit & 0xfff) != 0xfff && (s->attr & SEG_G))
		return false;
	return !(s->limit >> 20) || (s->attr & SEG_G);
}

/* Do all of ES, CS, SS, DS, FS, GS that are usable (CS always counts) fit? vm86 has rules of
 * its own. */
static bool each(const struct vmx_guest_state *g, bool (*fits)(const struct segment *s))
{
	if (is_vm86(g))
		return true;
	for (enum seg s = SEG_ES; s <= SEG_GS; s++)
		if ((s == SEG_CS || usable(&g->seg[s])) && !fits(&g->seg[s]))
			return false;
	return true;
}

static const enum seg data_segments[] = { SEG_DS, SEG_ES, SEG_FS, SEG_GS };

static bool each_data(const struct vmx_guest_state *g, bool (*fits)(const struct segment *s))
{
	if (is_vm86(g))
		return true;
	for (unsigned i = 0; i < ARRAY_SIZE(data_segments); i++) {
		const struct segment *s = &g->seg[data_segments[i]];

		if (usable(s) && !fits(s))
			return false;
	}
	return true;
}

CHECK(tr_selector)
{
	return !(g->seg[SEG_TR].sel & SEL_TI);
}

CHECK(ldtr_selector)
{
	return !usable(&g->seg[SEG_LDTR]) || !(g->seg[SEG_LDTR].sel & SEL_TI);
}

CHECK(ss_selector)
{
	return is_vm86(g) || (g->seg[SEG_SS].sel & SEL_RPL) == (g->seg[SEG_CS].sel & SEL_RPL);
}

CHECK(vm86_segments)
{
	if (!is_vm86(g))
		return true;
	for (enum seg s = SEG_ES; s <= SEG_GS; s++) {
		const struct segment *r = &g->seg[s];

		if (r->base != (uint64_t)r->sel << 4 || r->limit != VM86_LIMIT ||
		    r->attr != VM86_RIGHTS)
			return false;
	}
	return true;
}

CHECK(canonical_bases)
{
	return is_canonical(g->seg[SEG_TR].base, c->linear_bits) &&
	       is_canonical(g->seg[SEG_FS].base, c->linear_bits) &&
	       is_canonical(g->seg[SEG_GS].base, c->linear_bits) &&
	       (!usable(&g->seg[SEG_LDTR]) || is_canonical(g->seg[SEG_LDTR].base, c->linear_bits));
}

CHECK(low_bases)
{
	static const enum seg low[] = { SEG_SS, SEG_DS, SEG_ES };

	if (g->seg[SEG_CS].base >> 32)
		return false;
	for (unsigned i = 0; i < ARRAY_SIZE(low); i++)
		if (usable(&g->seg[low[i]]) && g->seg[low[i]].base >> 32)
			return false;
	return true;
}

CHECK(cs_type)
{
	unsigned need = SEG_TYPE_CODE | SEG_TYPE_ACCESSED;

	return is_vm86(g) || (type(&g->seg[SEG_CS]) & need) == need;
}

CHECK(ss_type)
{
	const struct segment *ss = &g->seg[SEG_SS];

	return is_vm86(g) || !usable(ss) || type(ss) == TYPE_DATA_RW ||
	       type(ss) == TYPE_DATA_RW_DOWN;
}

static bool data_type_fits(const struct segment *s)
{
	return (type(s) & SEG_TYPE_ACCESSED) &&
	       (!(type(s) & SEG_TYPE_CODE) || (type(s) & SEG_TYPE_READABLE));
}

CHECK(data_types)
{
	return each_data(g, data_type_fits);
}

static bool is_no_system_segment(const struct segment *s)
{
	return s->attr & SEG_S;
}

CHECK(s_bits)
{
	return each(g, is_no_system_segment);
}

CHECK(cs_dpl)
{
	const struct segment *cs = &g->seg[SEG_CS];
	unsigned cpl = dpl(&g->seg[SEG_SS]);

	if (is_vm86(g))
		return true;
	return type(cs) & SEG_TYPE_CONFORMING ? dpl(cs) <= cpl : dpl(cs) == cpl;
}

CHECK(ss_dpl)
{
	return is_vm86(g) || dpl(&g->seg[SEG_SS]) == (g->seg[SEG_SS].sel & SEL_RPL);
}

static bool data_dpl_fits(const struct segment *s)
{
	return type(s) > TYPE_LAST_NONCONFORMING || dpl(s) >= (s->sel & SEL_RPL);
}

CHECK(data_dpls)
{
	return each_data(g, data_dpl_fits);
}

static bool is_present(const struct segment *s)
{
	return s->attr & SEG_P;
}

CHECK(present)
{
	return each(g, is_present);
}

static bool has_no_reserved_rights(const struct segment *s)
{
	return !(s->attr & RIGHTS_RESERVED);
}

CHECK(reserved_rights)
{
	return each(g, has_no_reserved_rights);
}

CHECK(cs_size)
{
	uint32_t attr = g->seg[SEG_CS].attr;

	return is_vm86(g) || !is_ia32e(g) || !(attr & SEG_L) || !(attr & SEG_DB);
}

CHECK(granularity)
{
	return each(g, granularity_fits);
}

CHECK(tr_type)
{
	unsigned t = type(&g->seg[SEG_TR]);

	return t == TYPE_BUSY_TSS || (t == TYPE_BUSY_TSS16 && !is_ia32e(g));
}

CHECK(tr_rights)
{
	const struct segment *tr = &g->seg[SEG_TR];

	return usable(tr) && !(tr->attr & SEG_S) && is_present(tr) && has_no_reserved_rights(tr) &&
	       granularity_fits(tr);
}

CHECK(ldtr_rights)
{
	const struct segment *ldtr = &g->seg[SEG_LDTR];

	if (!usable(ldtr))
		return true;
	return type(ldtr) == SEG_TYPE_LDT && !(ldtr->attr & SEG_S) && is_present(ldtr) &&
	       has_no_reserved_rights(ldtr) && granularity_fits(ldtr);
}

const struct vmx_check vmx_segment_checks[] = {
	{ "26.3.1.2", "TR is of the GDT", tr_selector },
	{ "26.3.1.2", "LDTR is of the GDT", ldtr_selector },
	{ "26.3.1.2", "SS and CS have the same RPL", ss_selector },
	{ "26.3.1.2", "vm86 segments are as selectors say", vm86_segments },
	{ "26.3.1.2", "the bases of TR, LDTR, FS and GS are canonical", canonical_bases },
	{ "26.3.1.2", "the bases of CS, SS, DS and ES have 32 bits", low_bases },
	{ "26.3.1.2", "CS is accessed code", cs_type },
	{ "26.3.1.2", "SS is accessed, writable data", ss_type },
	{ "26.3.1.2", "DS, ES, FS and GS are accessed and readable", data_types },
	{ "26.3.1.2", "none of ES to GS is a system segment", s_bits },
	{ "26.3.1.2", "CS has the DPL that SS and its type ask for", cs_dpl },
	{ "26.3.1.2", "SS.DPL is SS.RPL", ss_dpl },
	{ "26.3.1.2", "DS, ES, FS and GS have no DPL below their RPL", data_dpls },
	{ "26.3.1.2", "ES to GS are present", present },
	{ "26.3.1.2", "the access rights of ES to GS have no reserved bits", reserved_rights },
	{ "26.3.1.2", "CS is not 64-bit and 32-bit at once", cs_size },
	{ "26.3.1.2", "G of ES to GS goes with their limits", granularity },
	{ "26.3.1.2", "TR is a busy TSS, in IA-32e mode not a 16-bit one", tr_type },
	{ "26.3.1.2", "TR is a usable, present system segment", tr_rights },
	{ "26.3.1.2", "LDTR is unusable or a present LDT", ldtr_rights },
	{ NULL, NULL, NULL },
};

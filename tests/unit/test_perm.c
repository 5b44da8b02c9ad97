/* SPDX-License-Identifier: MIT */
/*
 * Permissions, exhaustively: R/W, U/S and XD of every level, CR0.WP, EFER.NXE, CR4.SMEP,
 * CR4.SMAP, RFLAGS.AC and every kind of access, in each format, against the rules of Intel
 * SDM Vol. 3A 4.6.1 written as the manual lists them; and what the shadow then allows.
 */
#include "tests/unit/mmu_guest.h"

struct settings {
	bool wp, nxe, smep, smap;
};

struct rights {
	bool w, u; /* at every level */
	bool xd; /* at any level */
};

static bool user_mode_access(struct rights r, unsigned access)
{
	if (access & WR)
		return r.u && r.w;
	if (access & EX)
		return r.u && !r.xd;
	return r.u;
}

static bool smap_allows(struct settings s, unsigned access)
{
	return !s.smap || (access & AC);
}

static bool supervisor_mode_access(struct settings s, struct rights r, unsigned access)
{
	bool user_page = r.u;

	switch (access & (WR | EX)) {
	case RD:
		return user_page ? smap_allows(s, access) : true;
	case WR:
		if (!user_page)
			return s.wp ? r.w : true;
		return s.wp ? r.w && smap_allows(s, access) : smap_allows(s, access);
	default:
		if (!user_page)
			return !r.xd;
		return !s.smep && !r.xd;
	}
}

static const unsigned accesses[] = { RD, WR, EX, RD | AC, WR | AC, RD | US, WR | US, EX | US };

/* One setting of all entries and registers; `rsvd`: XD is set while NXE is off. */
static void check(struct settings s, struct rights r, bool rsvd, bool pae)
{
	for (unsigned i = 0; i < sizeof(accesses) / sizeof(accesses[0]); i++) {
		unsigned a = accesses[i];
		bool ok = !rsvd &&
			  (a & US ? user_mode_access(r, a) : supervisor_mode_access(s, r, a));
		unsigned code = 1 | (a & (WR | US)) | (rsvd ? 8 : 0);

		if ((a & EX) && (s.smep || (pae && s.nxe)))
			code |= 0x10;
		if (where(0x10, a) == (ok ? (int64_t)DATA + 0x10 : -1) &&
		    (ok || g->fault.error_code == code))
			continue;
		fail_msg(
			"wp %d nxe %d smep %d smap %d, w %d u %d xd %d, access %x: want %d code %x",
			s.wp, s.nxe, s.smep, s.smap, r.w, r.u, r.xd, a, ok, code);
	}
}

/*
 * What the processor lets through on our tables, in any order of accesses, is what the
 * guest's own settings allow. The two states of WP = 0 make the order matter.
 */
static void check_shadow(struct settings s, struct rights r)
{
	enum { N = sizeof(accesses) / sizeof(accesses[0]) };

	for (unsigned i = 0; i < N * N; i++) {
		unsigned a = accesses[i % 2 ? i / N : i % N];
		bool ok = a & US ? user_mode_access(r, a) : supervisor_mode_access(s, r, a);
		enum mmu_result res = fake_access(&g->v, 0x10, a, &g->fault, NULL, NULL);
		bool smap_trick = !s.wp && s.smap && !r.w && r.u && a == (WR | AC);

		if (res != (smap_trick ? MMU_EMULATE : ok ? MMU_FIXED : MMU_INJECT))
			fail_msg("shadow: wp %d nxe %d smep %d smap %d, w %d u %d xd %d, access "
				 "%x: %d",
				 s.wp, s.nxe, s.smep, s.smap, r.w, r.u, r.xd, a, res);
		/* Nothing that the guest forbids may be possible now. */
		for (unsigned j = 0; j < N; j++) {
			unsigned b = accesses[j];
			bool may = b & US ? user_mode_access(r, b)
					  : supervisor_mode_access(s, r, b);

			if (!may && in_shadow(0x10, b))
				fail_msg("too wide: wp %d smep %d smap %d, w %d u %d xd %d, after "
					 "%x: %x",
					 s.wp, s.smep, s.smap, r.w, r.u, r.xd, a, b);
		}
	}
}

enum format { F2, F3, F4 };

static const uint64_t tables[] = { T1, T2, T3, T4 };

/* Bits 3n+2..3n of `combo` are W, U and XD of level n+1. */
static struct rights write_entries(enum format f, unsigned levels, unsigned combo)
{
	struct rights r = { true, true, false };

	for (unsigned n = 0; n < levels; n++) {
		uint64_t e = (n ? tables[n - 1] : DATA) | P | A | D;
		bool w = combo >> 3 * n & 1, u = combo >> 3 * n & 2, xd = combo >> 3 * n & 4;

		e |= (w ? W : 0) | (u ? U : 0) | (xd ? NX : 0);
		if (f == F2)
			fake_write32(tables[n], (uint32_t)e);
		else
			fake_write64(tables[n], e);
		r.w = r.w && w;
		r.u = r.u && u;
		r.xd = r.xd || xd;
	}
	return r;
}

static void enter(enum format f, struct settings s)
{
	uint64_t cr0 = PG | PE | (s.wp ? WP : 0), efer = s.nxe ? NXE : 0;
	uint64_t cr4 = (s.smep ? SMEP : 0) | (s.smap ? SMAP : 0);

	if (f == F2)
		assert_int_equal(set_regs(cr0, T2, cr4, efer), 0);
	else if (f == F3)
		assert_int_equal(set_regs(cr0, T3, cr4 | PAE, efer), 0);
	else
		assert_int_equal(set_regs(cr0, T4, cr4 | PAE, efer | LME | LMA), 0);
}

static void run(enum format f)
{
	unsigned levels = f == F4 ? 4 : 2;

	guest_start(0, 40, false);
	if (f == F3)
		fake_write64(T3, T2 | P);
	for (unsigned mode = 0; mode < 16; mode++) {
		struct settings s = { mode & 1, mode & 2, mode & 4, mode & 8 };

		enter(f, s);
		for (unsigned combo = 0; combo < 1u << 3 * levels; combo++) {
			struct rights r;
			bool rsvd;

			if (f == F2 && (combo & 0044)) /* no XD in 32-bit entries */
				continue;
			r = write_entries(f, levels, combo);
			rsvd = r.xd && !s.nxe;
			check(s, r, rsvd, f != F2);
			/* The shadow: every combination but for 4-level, where a share does. */
			if (!rsvd && (f != F4 || combo % 7 == 0)) {
				mmu_invlpg(&g->v, GVA(0x10));
				check_shadow(s, r);
			}
		}
	}
	guest_end();
}

static void test_perm_2level(void **state)
{
	(void)state;
	run(F2);
}

static void test_perm_pae(void **state)
{
	(void)state;
	run(F3);
}

static void test_perm_4level(void **state)
{
	(void)state;
	run(F4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_perm_2level),
		cmocka_unit_test(test_perm_pae),
		cmocka_unit_test(test_perm_4level),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

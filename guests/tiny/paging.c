/* SPDX-License-Identifier: MIT */
/*
 * Paging in all modes, one after the other: rights, error codes, CR2, A and D bits,
 * INVLPG and CR3 semantics, large pages, NX, WP, SMEP, SMAP. The systematic walk over all
 * combinations is another guest's work; this one checks each rule by hand.
 */
#include "paging.h"

#define VA 0x40000000u /* nothing else lives in this gigabyte */
#define VA2 (VA + PAGE)

/* Page-fault error code (Intel SDM Vol. 3A 4.7). */
#define E_P 1u
#define E_W 2u
#define E_U 4u
#define E_R 8u
#define E_I 16u

#define RW_U (PTE_P | PTE_W | PTE_U)
#define RO_U (PTE_P | PTE_U)
#define RW_S (PTE_P | PTE_W)
#define RO_S PTE_P

#define RET 0xc3c3c3c3u
#define PATTERN_A 0xaaaa0001u
#define PATTERN_B 0xbbbb0002u

static uint32_t frame_a[PAGE / 4] __attribute__((aligned(4096)));
static uint32_t frame_b[PAGE / 4] __attribute__((aligned(4096)));
static struct paging pg;
static bool smep, smap; /* the processor has it */

#define A ((uint32_t)frame_a)
#define B ((uint32_t)frame_b)

/* The error code's I bit is there only with NX in force (PAE tables: always on here), or SMEP. */
static uint32_t fetch_bit(void)
{
	return pg.mode == PAGING_32 ? 0 : E_I;
}

static void works(const char *what, enum access_kind kind, uint32_t va, bool user)
{
	bool ok = access(kind, va, user);

	check(ok, "%s: %s", paging_mode_name[pg.mode], what);
	if (!ok)
		say("     vector %u error %x cr2 %X\n", access_result.vector, access_result.error,
		    access_result.cr2);
}

static void faults(const char *what, enum access_kind kind, uint32_t va, bool user, uint32_t error)
{
	bool ok = !access(kind, va, user) && access_result.vector == 14 &&
		  access_result.error == error && access_result.cr2 == va;

	check(ok, "%s: %s: error %x", paging_mode_name[pg.mode], what, error);
	if (!ok)
		say("     vector %x error %x cr2 %X\n", access_result.vector, access_result.error,
		    access_result.cr2);
}

static void reads(const char *what, uint32_t va, uint32_t value)
{
	bool ok = access(ACCESS_READ, va, false) && access_result.value == value;

	check(ok, "%s: %s", paging_mode_name[pg.mode], what);
	if (!ok)
		say("     vector %x error %x read %x\n", access_result.vector, access_result.error,
		    access_result.value);
}

static void expect(bool ok, const char *what)
{
	check(ok, "%s: %s", paging_mode_name[pg.mode], what);
}

/* An entry in a PTE and all rights above it. */
static void map(uint64_t entry)
{
	paging_set(&pg, VA, 2, paging_get(&pg, VA, 2) | RW_U);
	paging_map(&pg, VA, entry);
}

static void not_present(void)
{
	map(0);
	faults("absent, read", ACCESS_READ, VA, false, 0);
	faults("absent, write", ACCESS_WRITE, VA, false, E_W);
	faults("absent, user read", ACCESS_READ, VA, true, E_U);
	faults("absent, user write", ACCESS_WRITE, VA, true, E_U | E_W);
	faults("absent, fetch", ACCESS_EXECUTE, VA, false, fetch_bit());
	faults("absent, user fetch", ACCESS_EXECUTE, VA, true, E_U | fetch_bit());
	faults("absent, inside the page", ACCESS_READ, VA + 0x123, false, 0);
	paging_set(&pg, VA, 2, paging_get(&pg, VA, 2) & ~PTE_P);
	invlpg(VA);
	faults("table absent, user write", ACCESS_WRITE, VA, true, E_U | E_W);
	map(A | RW_U);
	works("present again, without INVLPG of the fault", ACCESS_WRITE, VA, true);
}

static void rights(void)
{
	frame_a[0] = RET;
	map(A | RW_S);
	works("RW supervisor, write", ACCESS_WRITE, VA, false);
	faults("RW supervisor, user read", ACCESS_READ, VA, true, E_P | E_U);
	faults("RW supervisor, user write", ACCESS_WRITE, VA, true, E_P | E_U | E_W);
	faults("RW supervisor, user fetch", ACCESS_EXECUTE, VA, true, E_P | E_U | fetch_bit());
	map(A | RO_S);
	works("RO supervisor, read", ACCESS_READ, VA, false);
	faults("RO supervisor, write", ACCESS_WRITE, VA, false, E_P | E_W);
	map(A | RO_U);
	works("RO user, user read", ACCESS_READ, VA, true);
	faults("RO user, user write", ACCESS_WRITE, VA, true, E_P | E_U | E_W);
	faults("RO user, write", ACCESS_WRITE, VA, false, E_P | E_W);
	frame_a[0] = RET;
	map(A | RW_U);
	works("RW user, user read", ACCESS_READ, VA, true);
	works("RW user, user fetch", ACCESS_EXECUTE, VA, true);
	works("RW user, fetch", ACCESS_EXECUTE, VA, false);
	works("RW user, user write", ACCESS_WRITE, VA, true);
}

/* The table's entry limits what its pages may. */
static void rights_above(void)
{
	map(A | RW_U);
	paging_set(&pg, VA, 2, paging_get(&pg, VA, 2) & ~PTE_W);
	invlpg(VA);
	works("RO table, user read", ACCESS_READ, VA, true);
	faults("RO table, user write", ACCESS_WRITE, VA, true, E_P | E_U | E_W);
	faults("RO table, write", ACCESS_WRITE, VA, false, E_P | E_W);
	paging_set(&pg, VA, 2, (paging_get(&pg, VA, 2) | PTE_W) & ~PTE_U);
	invlpg(VA);
	works("supervisor table, write", ACCESS_WRITE, VA, false);
	faults("supervisor table, user read", ACCESS_READ, VA, true, E_P | E_U);
	map(A | RW_U);
}

/* CR0.WP = 0: the supervisor writes where nobody else may, again and again. */
static void write_protect(void)
{
	map(A | RO_U);
	write_cr0(read_cr0() & ~CR0_WP);
	for (unsigned i = 0; i < 3; i++) {
		works("WP=0, RO user, write", ACCESS_WRITE, VA, false);
		faults("WP=0, RO user, user write", ACCESS_WRITE, VA, true, E_P | E_U | E_W);
		works("WP=0, RO user, user read", ACCESS_READ, VA, true);
	}
	expect(paging_get(&pg, VA, 1) & PTE_D, "WP=0, write sets D");
	map(A | RO_S);
	works("WP=0, RO supervisor, write", ACCESS_WRITE, VA, false);
	faults("WP=0, RO supervisor, user read", ACCESS_READ, VA, true, E_P | E_U);
	write_cr0(read_cr0() | CR0_WP);
	faults("WP=1 again, write", ACCESS_WRITE, VA, false, E_P | E_W);
}

static void accessed_dirty(void)
{
	map(0);
	paging_set(&pg, VA, 2, paging_get(&pg, VA, 2) & ~(PTE_A | PTE_D));
	map(A | RO_U);
	access(ACCESS_WRITE, VA, true);
	expect(!(paging_get(&pg, VA, 1) & PTE_D), "a write that faults sets no D");
	map(A | RW_U);
	paging_set(&pg, VA, 2, paging_get(&pg, VA, 2) & ~PTE_A);
	invlpg(VA);
	access(ACCESS_READ, VA, false);
	expect((paging_get(&pg, VA, 1) & (PTE_A | PTE_D)) == PTE_A, "a read sets A alone");
	expect(paging_get(&pg, VA, 2) & PTE_A, "a read sets the table's A");
	access(ACCESS_WRITE, VA, true);
	expect((paging_get(&pg, VA, 1) & (PTE_A | PTE_D)) == (PTE_A | PTE_D), "a write sets D");
	map(A | RW_U | PTE_A);
	access(ACCESS_READ, VA, false);
	expect(!(paging_get(&pg, VA, 1) & PTE_D), "no D without a write");
	access(ACCESS_WRITE, VA, false);
	expect(paging_get(&pg, VA, 1) & PTE_D, "D set again after it was cleared");
	map(A | RW_U);
	frame_a[0] = RET;
	access(ACCESS_EXECUTE, VA, false);
	expect(paging_get(&pg, VA, 1) & PTE_A, "a fetch sets A");
}

static void no_execute(void)
{
	const uint32_t rsvd = on_bare_tcg() ? E_R : E_R | E_P; /* TCG forgets P */

	if (pg.mode == PAGING_32)
		return;
	frame_a[0] = RET;
	map(A | RW_U | PTE_NX);
	faults("NX, fetch", ACCESS_EXECUTE, VA, false, E_P | E_I);
	faults("NX, user fetch", ACCESS_EXECUTE, VA, true, E_P | E_U | E_I);
	works("NX, user read", ACCESS_READ, VA, true);
	map(A | RW_U);
	paging_set(&pg, VA, 2, paging_get(&pg, VA, 2) | PTE_NX);
	invlpg(VA);
	faults("NX table, user fetch", ACCESS_EXECUTE, VA, true, E_P | E_U | E_I);
	works("NX table, user write", ACCESS_WRITE, VA, true);
	paging_set(&pg, VA, 2, paging_get(&pg, VA, 2) & ~PTE_NX);
	map(A | RW_U | PTE_NX);
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) & ~(uint64_t)EFER_NXE);
	write_cr3(pg.root);
	faults("NXE=0: bit 63 is reserved, read", ACCESS_READ, VA, false, rsvd);
	faults("NXE=0: bit 63 is reserved, user write", ACCESS_WRITE, VA, true, rsvd | E_U | E_W);
	map(A | RW_U);
	faults("NXE=0: absent, fetch has no I", ACCESS_EXECUTE, VA2, false, 0);
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_NXE);
	write_cr3(pg.root);
	works("NXE=1 again", ACCESS_READ, VA, false);
}

static void flushes(void)
{
	frame_a[0] = PATTERN_A;
	frame_b[0] = PATTERN_B;
	map(A | RW_U);
	reads("before", VA, PATTERN_A);
	map(B | RW_U);
	reads("another frame after INVLPG", VA, PATTERN_B);
	paging_set(&pg, VA, 1, A | RW_U);
	write_cr3(pg.root);
	reads("another frame after a CR3 load", VA, PATTERN_A);
	map(0);
	faults("gone after INVLPG", ACCESS_READ, VA, false, 0);
	paging_set(&pg, VA, 1, B | RO_U);
	reads("absent to present needs no INVLPG", VA, PATTERN_B);
	write_cr4(read_cr4() | CR4_PGE);
	map(A | RW_U | PTE_G);
	reads("global", VA, PATTERN_A);
	paging_set(&pg, VA, 1, B | RW_U | PTE_G);
	invlpg(VA);
	reads("INVLPG drops global pages", VA, PATTERN_B);
	paging_set(&pg, VA, 1, A | RW_U);
	write_cr4(read_cr4() & ~CR4_PGE);
	reads("CR4.PGE drops global pages", VA, PATTERN_A);
	/* A writable entry may be met by a stale read-only one once: the fault drops it */
	map(A | RO_U);
	access(ACCESS_READ, VA, false);
	paging_set(&pg, VA, 1, A | RW_U);
	access(ACCESS_WRITE, VA, false);
	works("RO to RW, at the second try at the latest", ACCESS_WRITE, VA, false);
}

static void table_changes(void)
{
	uint64_t table = paging_get(&pg, VA, 2);
	uint32_t other = VA + 8 * pg.large;
	bool ok = true;

	frame_a[0] = PATTERN_A;
	frame_b[0] = PATTERN_B;
	map(A | RW_U);
	paging_set(&pg, other, 1, B | RW_U);
	reads("first table", VA, PATTERN_A);
	paging_set(&pg, VA, 2, paging_get(&pg, other, 2));
	invlpg(VA);
	reads("another table in its place", VA, PATTERN_B);
	reads("and where it was", other, PATTERN_B);
	paging_set(&pg, VA, 2, table);
	invlpg(VA);
	reads("the first again", VA, PATTERN_A);
	/* the table itself mapped for the guest, and written there */
	paging_map(&pg, VA2, (table & ~(uint64_t)(PAGE - 1)) | RW_S);
	access(ACCESS_READ, VA2, false);
	*(volatile uint32_t *)VA2 = (uint32_t)(B | RW_U);
	invlpg(VA);
	reads("entry written through a mapping of its table", VA, PATTERN_B);
	paging_map(&pg, VA2, 0);
	for (uint32_t i = 0; i < 200; i++) {
		frame_a[1] = i;
		paging_map(&pg, other + i % 64 * PAGE, (i % 3 ? A : B) | RW_U);
		ok = ok && access(ACCESS_READ, other + i % 64 * PAGE, i & 1) &&
		     access_result.value == (i % 3 ? PATTERN_A : PATTERN_B);
	}
	expect(ok, "200 mappings in turn");
}

static void address_spaces(void)
{
	struct paging other;
	bool ok = true;

	frame_a[0] = PATTERN_A;
	frame_b[0] = PATTERN_B;
	map(A | RW_U);
	paging_add_root(&other, pg.mode);
	paging_set(&other, VA, 1, B | RO_U);
	for (unsigned i = 0; i < 8; i++) {
		const struct paging *now = i % 2 ? &other : &pg;

		write_cr3(now->root);
		ok = ok && access(ACCESS_READ, VA, true) &&
		     access_result.value == (i % 2 ? PATTERN_B : PATTERN_A);
		ok = ok && (i % 2 == 0 || !access(ACCESS_WRITE, VA, true));
	}
	expect(ok, "two address spaces in turn");
	write_cr3(pg.root);
}

static void page_crossing(void)
{
	frame_a[PAGE / 4 - 1] = 0x44332211;
	frame_b[0] = 0x88776655;
	map(A | RW_U);
	paging_map(&pg, VA2, B | RW_U);
	reads("across two pages", VA + PAGE - 2, 0x66554433);
	paging_map(&pg, VA2, 0);
	expect(!access(ACCESS_READ, VA + PAGE - 2, false) && access_result.cr2 == VA2,
	       "across, second page absent: CR2 is the second's");
	paging_map(&pg, VA2, B | RO_U);
	frame_a[PAGE / 4 - 1] = 0x44332211;
	expect(!access(ACCESS_WRITE, VA + PAGE - 2, true) &&
		       access_result.error == (E_P | E_W | E_U) &&
		       frame_a[PAGE / 4 - 1] == 0x44332211,
	       "across, second page RO: nothing is written");
	paging_map(&pg, VA2, 0);
}

/* Rights, D and the change between a large page and a table of small ones. */
static void large_pages(void)
{
	const uint32_t big = VA + 16 * pg.large, frame = 0xc00000;
	volatile uint32_t *mem = (volatile uint32_t *)(frame + 0x5000);
	const uint32_t rsvd = on_bare_tcg() ? E_R : E_R | E_P;

	*mem = PATTERN_A;
	paging_set(&pg, big, 2, frame | RW_U | PTE_PS);
	reads("large page", big + 0x5000, PATTERN_A);
	expect((paging_get(&pg, big, 2) & (PTE_A | PTE_D)) == PTE_A,
	       "large page, a read sets A alone");
	works("large page, user write", ACCESS_WRITE, big + 0x5004, true);
	expect(paging_get(&pg, big, 2) & PTE_D, "large page, a write sets D");
	expect(mem[1] == 0x5a5a5a5a, "large page, written where it should be");
	works("large page, its end", ACCESS_READ, big + pg.large - 4, true);
	paging_set(&pg, big, 2, frame | RO_S | PTE_PS);
	invlpg(big + 0x7000);
	faults("large page RO after INVLPG elsewhere in it", ACCESS_WRITE, big + 0x5000, false,
	       E_P | E_W);
	faults("large page, supervisor, user read", ACCESS_READ, big, true, E_P | E_U);
	paging_set(&pg, big, 2, 0);
	frame_b[0] = PATTERN_B;
	invlpg(big);
	paging_map(&pg, big + 0x5000, B | RW_U);
	reads("small pages in its place", big + 0x5000, PATTERN_B);
	faults("a hole among them", ACCESS_READ, big + 0x6000, false, 0);
	paging_set(&pg, big, 2, frame | RW_U | PTE_PS);
	invlpg(big + 0x5000);
	reads("large again", big + 0x5000, PATTERN_A);
	paging_set(&pg, big, 2,
		   frame | RW_U | PTE_PS | (pg.mode == PAGING_32 ? 1ull << 21 : 1ull << 13));
	invlpg(big);
	faults("large page, reserved bit, user read", ACCESS_READ, big, true, rsvd | E_U);
	paging_set(&pg, big, 2, 0);
	invlpg(big);
}

static void supervisor_mode_protection(void)
{
	frame_a[0] = RET;
	map(A | RW_U);
	if (smep) {
		write_cr4(read_cr4() | CR4_SMEP);
		faults("SMEP, fetch from a user page", ACCESS_EXECUTE, VA, false, E_P | E_I);
		works("SMEP, user fetch", ACCESS_EXECUTE, VA, true);
		works("SMEP, read", ACCESS_READ, VA, false);
		faults("SMEP, absent, fetch", ACCESS_EXECUTE, VA2, false, E_I);
		write_cr4(read_cr4() & ~CR4_SMEP);
		works("SMEP off, fetch", ACCESS_EXECUTE, VA, false);
	}
	if (smap) {
		write_cr4(read_cr4() | CR4_SMAP);
		faults("SMAP, read of a user page", ACCESS_READ, VA, false, E_P);
		faults("SMAP, write of a user page", ACCESS_WRITE, VA, false, E_P | E_W);
		works("SMAP, user write", ACCESS_WRITE, VA, true);
		expect(access_as(&(struct access_as){ .kind = ACCESS_WRITE, .ac = true }, VA),
		       "SMAP, AC=1, write");
		faults("SMAP, AC=0 again", ACCESS_WRITE, VA, false, E_P | E_W);
		write_cr4(read_cr4() & ~CR4_SMAP);
		works("SMAP off, write", ACCESS_WRITE, VA, false);
	}
}

/* PDPTEs are registers, loaded with CR3 (Intel SDM Vol. 3A 4.4.1). TCG walks them in memory
 * and checks no reserved bits. */
static void pdptes(void)
{
	uint64_t entry;

	if (pg.mode != PAGING_PAE || on_bare_tcg())
		return;
	frame_a[0] = PATTERN_A;
	map(A | RW_U);
	entry = paging_get(&pg, VA, 3);
	paging_set(&pg, VA, 3, 0);
	invlpg(VA);
	reads("a PDPTE cleared in memory still counts", VA, PATTERN_A);
	write_cr3(pg.root);
	faults("until CR3 is loaded", ACCESS_READ, VA, false, 0);
	paging_set(&pg, VA, 3, entry);
	faults("a PDPTE set in memory doesn't count", ACCESS_READ, VA, false, 0);
	write_cr3(pg.root);
	reads("until CR3 is loaded", VA, PATTERN_A);
}

static void long_addresses(void)
{
	static uint64_t pdpt[512] __attribute__((aligned(4096)));
	const uint64_t high = 0xffff800000000000ull;
	const uint64_t not_canonical = pg.mode == PAGING_LA57 ? 1ull << 56 : 1ull << 47;
	uint64_t *root = (uint64_t *)pg.root, *pml4 = root;

	if (pg.mode < PAGING_LONG)
		return;
	if (pg.mode == PAGING_LA57) {
		pml4 = (uint64_t *)(uint32_t)(root[0] & ~(uint64_t)(PAGE - 1));
		root[511] = root[0];
	}
	frame_a[0] = PATTERN_A;
	map(A | RW_U);
	memset(pdpt, 0, sizeof(pdpt));
	pdpt[0] = paging_get(&pg, VA, 3);
	pml4[256] = (uint32_t)pdpt | RW_U;
	expect(access64(ACCESS_READ, high) && access_result.value == PATTERN_A,
	       "read in the upper half");
	expect(access64(ACCESS_READ, VA) && access_result.value == PATTERN_A,
	       "the same page in the lower");
	expect(!access64(ACCESS_WRITE, high + PAGE) && access_result.vector == 14 &&
		       access_result.error == E_W && access_result.cr2 == high + PAGE,
	       "absent in the upper half: 64 bits of CR2");
	expect(!access64(ACCESS_READ, 0x123456789000ull) && access_result.cr2 == 0x123456789000ull,
	       "absent PML4 entry");
	expect(!access64(ACCESS_READ, not_canonical) && access_result.vector == 13 &&
		       access_result.error == 0,
	       "not canonical: #GP(0)");
	if (cpuid(0x80000001, 0).d & 1u << 26) {
		pdpt[1] = 0 | RW_S | PTE_PS;
		expect(access64(ACCESS_READ, high + (1u << 30) + A) &&
			       access_result.value == PATTERN_A,
		       "1 GiB page");
		expect(pdpt[1] & PTE_A && !(pdpt[1] & PTE_D), "1 GiB page, a read sets A alone");
		access64(ACCESS_WRITE, high + (1u << 30) + B);
		expect(pdpt[1] & PTE_D && frame_b[0] == 0x5a5a5a5a, "1 GiB page, a write sets D");
	}
	pml4[256] = 0;
	write_cr3(pg.root);
}

/* What 57 bits have beyond 48 (Intel SDM Vol. 3A 2.5, 4.5). */
static void wide_addresses(void)
{
	const uint64_t wide = 0xff11000000000000ull, absent = 0x0012000000000000ull;
	uint64_t *root = (uint64_t *)pg.root;

	/* TCG lets compatibility mode change it */
	if (pg.mode >= PAGING_LONG && !on_bare_tcg()) {
		expect(!load_cr4(read_cr4() ^ CR4_LA57) && access_result.vector == 13,
		       "CR4.LA57 cannot change in IA-32e mode");
		expect(!(read_cr4() & CR4_LA57) == (pg.mode == PAGING_LONG), "... and has not");
	}
	if (pg.mode != PAGING_LA57)
		return;
	frame_a[0] = PATTERN_A;
	map(A | RW_U);
	root[0x111] = root[0];
	expect(access64(ACCESS_READ, wide + VA) && access_result.value == PATTERN_A,
	       "read by entry 0x111 of the root");
	expect(!access64(ACCESS_WRITE, absent + VA) && access_result.vector == 14 &&
		       access_result.error == E_W && access_result.cr2 == absent + VA,
	       "absent PML5 entry");
	map(B | RW_U);
	frame_b[0] = PATTERN_B;
	invlpg64(wide + VA);
	expect(access64(ACCESS_READ, wide + VA) && access_result.value == PATTERN_B,
	       "INVLPG of an address of 57 bits");
	root[0x111] |= PTE_PS;
	write_cr3(pg.root);
	expect(!access64(ACCESS_READ, wide + VA) && access_result.vector == 14 &&
		       access_result.error == (on_bare_tcg() ? E_R : E_R | E_P),
	       "PS is reserved in a PML5 entry");
	root[0x111] = 0;
	write_cr3(pg.root);
}

static void run_mode(enum paging_mode mode)
{
	if (mode == PAGING_LA57 && !paging_possible(mode))
		return; /* few processors have it */
	if (!paging_possible(mode)) {
		check(false, "%s: the processor lacks it", paging_mode_name[mode]);
		return;
	}
	paging_build(&pg, mode);
	paging_on(&pg);
	if (mode >= PAGING_LONG)
		expect(rdmsr(MSR_EFER) & EFER_LMA, "long mode is active");
	not_present();
	rights();
	rights_above();
	write_protect();
	accessed_dirty();
	no_execute();
	flushes();
	table_changes();
	address_spaces();
	page_crossing();
	large_pages();
	supervisor_mode_protection();
	pdptes();
	long_addresses();
	wide_addresses();
	paging_off();
	expect(frame_a[0] != 0 && !(read_cr0() & CR0_PG), "off again");
}

int main(void)
{
	uint32_t features = cpuid(0, 0).a >= 7 ? cpuid(7, 0).b : 0;

	smep = features & 1u << 7;
	smap = features & 1u << 20;
	traps_init();
	for (unsigned mode = 0; mode < NR_PAGING_MODES; mode++)
		run_mode(mode);
	run_mode(PAGING_32); /* and back from long mode */
	return checks_done("paging");
}

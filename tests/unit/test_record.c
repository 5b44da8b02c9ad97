/* SPDX-License-Identifier: MIT */
/*
 * The flight recorder: what its dump says of the calls that were made, where it begins when the
 * rings have overwritten their beginnings, and what it refuses. That a dump can be
 * replayed is what tests/model's `record` shows.
 */
#include "tests/unit/mmu_invariant.h"

#include "mmu/stream.h"

#define EINVAL 22
#define EBUSY 16
#define ENOMEM 12
#define MAX_RECORDS 4096

/* A dump, read back. */
static struct mmu_stream_head head;
static struct record {
	struct mmu_record r;
	uint64_t word[MMU_REC_MAX_WORDS];
} record[MAX_RECORDS];
static unsigned nr_lines, nr_records;

static unsigned digit(char c)
{
	const char *digits = "0123456789abcdef", *at = strchr(digits, c);

	assert_non_null(at);
	return (unsigned)(at - digits);
}

static void read_line(const char *text, void *arg)
{
	uint8_t bytes[sizeof(struct record)] = { 0 };
	const size_t prefix = strlen(MMU_STREAM_LINE), len = (strlen(text) - prefix) / 2;

	assert_ptr_equal(arg, &head);
	assert_memory_equal(text, MMU_STREAM_LINE, prefix);
	assert_true(len <= sizeof(bytes));
	for (size_t i = 0; i < len; i++)
		bytes[i] = (uint8_t)(digit(text[prefix + 2 * i]) << 4 |
				     digit(text[prefix + 2 * i + 1]));
	if (!nr_lines++) {
		assert_int_equal(len, sizeof(head));
		memcpy(&head, bytes, sizeof(head));
		return;
	}
	assert_true(nr_records < MAX_RECORDS);
	memcpy(&record[nr_records], bytes, sizeof(record[0]));
	assert_int_equal(len, sizeof(struct mmu_record) + 8u * record[nr_records].r.words);
	nr_records++;
}

static void dump(void)
{
	uint64_t n;

	nr_lines = nr_records = 0;
	n = mmu_record_dump(&g->mmu, read_line, &head);
	assert_int_equal(n, nr_records);
	assert_int_equal(nr_lines, nr_records + 1);
	assert_int_equal(mmu_record_dump(&g->mmu, NULL, NULL), n);
	for (unsigned i = 1; i < nr_records; i++)
		assert_int_equal(record[i].r.seq, record[i - 1].r.seq + 1);
}

/* The `nth` record of a kind, from 0; NULL: there are fewer. */
static const struct record *find(enum mmu_rec kind, unsigned nth)
{
	for (unsigned i = 0; i < nr_records; i++)
		if (record[i].r.kind == kind && !nth--)
			return &record[i];
	return NULL;
}

static unsigned count(enum mmu_rec kind)
{
	unsigned n = 0;

	while (find(kind, n))
		n++;
	return n;
}

#define assert_record(record_, vcpu_, arg_, ...)                                   \
	do {                                                                       \
		const struct record *rec_ = record_;                               \
		const uint64_t want_[] = { __VA_ARGS__ };                          \
                                                                                   \
		assert_non_null(rec_);                                             \
		assert_int_equal(rec_->r.vcpu, vcpu_);                             \
		assert_int_equal(rec_->r.arg, arg_);                               \
		assert_int_equal(rec_->r.words, sizeof(want_) / sizeof(want_[0])); \
		assert_memory_equal(rec_->word, want_, sizeof(want_));             \
	} while (0)

static void start_recording(size_t bytes)
{
	assert_int_equal(mmu_record_start(&g->mmu, bytes), 0);
	assert_true(mmu_record_is_on(&g->mmu));
}

/* ---- what calls say ---- */

static void test_head_and_state(void **state)
{
	start(state);
	start_recording(1 << 16);
	dump();
	assert_int_equal(head.magic, MMU_STREAM_MAGIC);
	assert_int_equal(head.frames, FAKE_RAM_FRAMES);
	assert_int_equal(head.pool_pages, 256);
	assert_int_equal(head.without, g->mmu.config.without);
	assert_int_equal(head.maxphyaddr, 40);
	assert_int_equal(head.has_1g, 1);
	assert_int_equal(head.nr_vcpus, 2);
	assert_string_equal(head.engine, (const char *)*state);
	assert_int_equal(nr_records, 2);
	for (unsigned i = 0; i < 2; i++)
		assert_record(find(MMU_REC_STATE, i), i, 0, PG | WP | PE, T4, PAE | PGE,
			      LME | LMA | NXE, 0, 0, 0, 0);
	end();
}

/* A fault's entries come before it, once; A and D bits that the library sets are known. */
static void test_faults_and_translations(void **state)
{
	struct mmu_config c = config_of(state);

	start_tables(&c);
	map_at_start(1, (DATA + V(1)) | P | W | U);
	run_tables();
	start_recording(1 << 16);
	assert_int_equal(mmu_fault(&g->v, GVA(V(1)), WR, &g->fault), MMU_FIXED);
	assert_int_equal(mmu_fault(&g->v2, GVA(V(9)), RD | US, &g->fault), MMU_INJECT);
	assert_int_equal(where(V(1), RD), DATA + V(1));
	dump();
	/* The memory, in one piece. */
	assert_int_equal(count(MMU_REC_P2M), 1);
	assert_record(find(MMU_REC_P2M, 0), 0, P2M_RAM | MMU_REC_LARGE, 0, FAKE_RAM_FRAMES);
	assert_int_equal(record[0].r.kind, MMU_REC_P2M);
	assert_int_equal(count(MMU_REC_TABLE), 5);
	assert_record(find(MMU_REC_TABLE, 0), 0, 8, T1 + 8, (DATA + V(1)) | P | W | U);
	assert_record(find(MMU_REC_TABLE, 1), 0, 8, T4, T3 | ALL);
	assert_record(find(MMU_REC_TABLE, 4), 1, 8, T1 + 8 * 9, 0);
	assert_record(find(MMU_REC_FAULT, 0), 0, MMU_FIXED, V(1), WR, 0);
	assert_record(find(MMU_REC_FAULT, 1), 1, MMU_INJECT, V(9), RD | US, US);
	assert_record(find(MMU_REC_TRANSLATE, 0), 0, MMU_FIXED, V(1), RD, DATA + V(1));
	end();
}

static void test_what_is_no_memory(void **state)
{
	struct mmu_config c = config_of(state);

	start_tables(&c);
	map_at_start(1, UINT64_C(0xfee00000) | ALL);
	run_tables();
	start_recording(1 << 16);
	assert_int_equal(mmu_fault(&g->v, GVA(V(1) + 0x20), RD, &g->fault), MMU_MMIO);
	dump();
	assert_record(find(MMU_REC_FAULT, 0), 0, MMU_MMIO, V(1) + 0x20, RD, 0xfee00020);
	assert_int_equal(count(MMU_REC_P2M), 1); /* of the tables */
	assert_null(find(MMU_REC_LOST, 0));
	end();
}

static void p2m_moves_on(void)
{
	__atomic_fetch_add(&g->mmu.p2m_gen, 1, __ATOMIC_RELEASE);
}

/* A walk that did not hold says nothing of tables. */
static void test_walk_that_does_not_hold(void **state)
{
	start(state);
	start_recording(1 << 16);
	fake_on_lookup = p2m_moves_on;
	assert_int_equal(mmu_fault(&g->v, GVA(V(9)), RD, &g->fault), MMU_RETRY);
	dump();
	assert_record(find(MMU_REC_FAULT, 0), 0, MMU_RETRY, V(9), RD, 0);
	assert_null(find(MMU_REC_TABLE, 0));
	end();
}

static void test_flushes_and_registers(void **state)
{
	start(state);
	start_recording(1 << 16);
	mmu_invlpg(&g->v2, GVA(V(3)));
	mmu_flush(&g->v, true);
	assert_int_equal(mmu_set_cr3(&g->v, T4B), 0);
	assert_int_equal(set_regs(PG | PE, T4, PAE, LME | LMA), 0);
	dump();
	assert_record(find(MMU_REC_INVLPG, 0), 1, 0, V(3));
	assert_non_null(find(MMU_REC_FLUSH, 0));
	assert_int_equal(find(MMU_REC_FLUSH, 0)->r.arg, 1);
	assert_int_equal(find(MMU_REC_FLUSH, 0)->r.words, 0);
	assert_record(find(MMU_REC_CR3, 0), 0, 0, T4B);
	assert_record(find(MMU_REC_REGS, 0), 0, 0, PG | PE, T4, PAE, LME | LMA);
	end();
}

/* PDPTEs are recorded with the call that latched them; those of one that was refused do not
 * become the vCPU's. */
static void test_latched_pdptes(void **state)
{
	struct mmu_config c = config_of(state);

	guest_start_with(&c, 1);
	tables_pae();
	fake_write64(T3B, T2B | P);
	fake_write64(T4B, T2B | P | W); /* a reserved bit */
	mode_pae(0, 0);
	start_recording(1 << 16);
	assert_int_equal(mmu_set_cr3(&g->v, T3B), 0);
	assert_int_equal(mmu_set_cr3(&g->v, T4B), -EINVAL);
	assert_int_equal(set_regs(PG | WP | PE, T4B, PAE | PGE, 0), -EINVAL);
	dump();
	assert_record(find(MMU_REC_STATE, 0), 0, 0, PG | WP | PE, T3, PAE, 0, T2 | P, 0, 0, 0);
	assert_record(find(MMU_REC_TABLE, 0), 0, 8, T3B, T2B | P);
	assert_record(find(MMU_REC_CR3, 0), 0, 0, T3B);
	assert_record(find(MMU_REC_TABLE, 4), 0, 8, T4B, T2B | P | W);
	assert_record(find(MMU_REC_CR3, 1), 0, 1, T4B);
	assert_record(find(MMU_REC_REGS, 0), 0, 1, PG | WP | PE, T4B, PAE | PGE, 0);
	mmu_record_stop(&g->mmu);
	start_recording(1 << 16);
	dump();
	assert_record(find(MMU_REC_STATE, 0), 0, 0, PG | WP | PE, T3B, PAE, 0, T2B | P, 0, 0, 0);
	end();
}

/* CR3 points to no memory: a replay has nowhere to put the PDPTEs that are latched. */
static void test_latched_from_nowhere(void **state)
{
	struct mmu_config c = config_of(state);

	guest_start_with(&c, 1);
	tables_pae();
	mode_pae(0, 0);
	fake_map(T3 >> 12, 1, 0, P2M_NONE, false);
	mmu_p2m_changed(&g->mmu, GFN(T3 >> 12), 1);
	start_recording(1 << 16);
	dump();
	assert_non_null(find(MMU_REC_LOST, 0));
	end();
}

static void put_pattern(void *host, void *arg)
{
	for (unsigned i = 0; i < *(const unsigned *)arg; i++)
		((uint8_t *)host)[i] = (uint8_t)(i + 1);
}

/* Our own writes, in pieces of at most 64 bytes. An entry under them is read anew. */
static void test_host_writes(void **state)
{
	unsigned len = MMU_REC_MAX_BYTES + 3;

	start(state);
	start_recording(1 << 16);
	assert_faults(V(9), RD, 0);
	assert_true(mmu_guest_update(&g->mmu, GPA(T1 + 8 * 20), len, put_pattern, &len));
	host_writes(T1 + 8 * 9, (DATA + V(9)) | ALL, 4);
	assert_int_equal(where(V(9), RD), DATA + V(9));
	dump();
	assert_record(find(MMU_REC_UPDATE, 0), 0, MMU_REC_MAX_BYTES, T1 + 8 * 20,
		      UINT64_C(0x0807060504030201), UINT64_C(0x100f0e0d0c0b0a09),
		      UINT64_C(0x1817161514131211), UINT64_C(0x201f1e1d1c1b1a19),
		      UINT64_C(0x2827262524232221), UINT64_C(0x302f2e2d2c2b2a29),
		      UINT64_C(0x3837363534333231), UINT64_C(0x403f3e3d3c3b3a39));
	assert_record(find(MMU_REC_UPDATE, 1), 0, 3, T1 + 8 * 20 + MMU_REC_MAX_BYTES, 0x434241);
	assert_record(find(MMU_REC_UPDATE, 2), 0, 4, T1 + 8 * 9, (DATA + V(9)) | ALL);
	assert_record(find(MMU_REC_TABLE, 3), 0, 8, T1 + 8 * 9, 0);
	assert_record(find(MMU_REC_TABLE, 4), 0, 8, T1 + 8 * 9, (DATA + V(9)) | ALL);
	end();
}

/* A word of memory is two entries of the 2-level format, which are known one by one. */
static void test_entries_of_four_bytes(void **state)
{
	struct mmu_config c = config_of(state);

	guest_start_with(&c, 1);
	tables_2level();
	fake_write32(T1 + 4, DATA | ALL);
	fake_write32(T1 + 8, (DATA + V(1)) | ALL);
	fake_write32(T1 + 12, (DATA + V(2)) | ALL);
	mode_2level(0);
	start_recording(1 << 16);
	for (unsigned i = 1; i < 4; i++)
		assert_int_equal(where(V(i), RD), DATA + V(i - 1));
	dump();
	assert_int_equal(count(MMU_REC_TABLE), 4);
	assert_record(find(MMU_REC_TABLE, 0), 0, 4, T2, T1 | ALL);
	for (unsigned i = 1; i < 4; i++)
		assert_record(find(MMU_REC_TABLE, i), 0, 4, T1 + 4 * i, (DATA + V(i - 1)) | ALL);
	end();
}

static void test_tables_let_go_and_dirty_log(void **state)
{
	start(state);
	start_recording(1 << 16);
	assert_int_equal(mmu_unshadow(&g->v2, GPA(T3)), false);
	assert_int_equal(mmu_dirty_start(&g->mmu), 0);
	cpu_reaches(&g->v, V(1), WR, DATA + V(1));
	assert_int_equal(mmu_dirty_collect(&g->mmu, NULL), 1);
	mmu_dirty_stop(&g->mmu);
	dump();
	assert_record(find(MMU_REC_UNSHADOW, 0), 1, false, T3);
	assert_record(find(MMU_REC_DIRTY, 0), 0, MMU_REC_DIRTY_START, 0);
	assert_record(find(MMU_REC_DIRTY, 1), 0, MMU_REC_DIRTY_COLLECT, 1);
	assert_record(find(MMU_REC_DIRTY, 2), 0, MMU_REC_DIRTY_STOP, 0);
	end();
}

/* ---- where it begins ---- */

/* A ring that is written over: the dump begins at a key frame, of all vCPUs, and what a replay
 * needs is in it once more. */
static void test_ring_goes_round(void **state)
{
	start(state);
	assert_int_equal(mmu_dirty_start(&g->mmu), 0);
	start_recording(MMU_RECORD_LEAST);
	for (unsigned i = 0; i < 1000; i++) {
		assert_int_equal(where(V(i % 8), RD), DATA + V(i % 8));
		if (i % 100 == 0)
			mmu_invlpg(&g->v2, GVA(V(i)));
	}
	dump();
	assert_true(nr_records > MMU_RECORD_LEAST / 8 / 8);
	assert_true(nr_records < 1000);
	assert_int_equal(record[0].r.kind, MMU_REC_P2M);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(record[1 + i].r.kind, MMU_REC_STATE);
		assert_int_equal(record[1 + i].r.vcpu, i);
	}
	assert_record(&record[3], 0, MMU_REC_DIRTY_START, 0);
	/* A replay's first translation finds its tables. */
	assert_record(&record[4], 0, 8, T4, T3 | ALL);
	end();
}

/* A change of the p2m begins the recording anew, with another map. */
static void test_p2m_change_begins_anew(void **state)
{
	start(state);
	start_recording(1 << 16);
	assert_int_equal(where(V(1), RD), DATA + V(1));
	fake_map(DATA >> 12, 512, 0, P2M_NONE, false);
	mmu_p2m_changed(&g->mmu, GFN(DATA >> 12), 512);
	dump();
	assert_int_equal(nr_records, 2);
	assert_int_equal(count(MMU_REC_STATE), 2);
	assert_faults(V(9), RD, 0);
	dump();
	assert_record(find(MMU_REC_P2M, 0), 0, P2M_RAM | MMU_REC_LARGE, 0, DATA >> 12);
	end();
}

/* More pieces of memory than are noted: the replay stops where one is missing. */
static void test_memory_in_too_many_pieces(void **state)
{
	const unsigned first = 0x1000, pieces = 40;
	struct mmu_config c = config_of(state);
	unsigned i;

	start_tables(&c);
	fake_map(first, 2 * pieces, fake_pfn(first), P2M_RAM, false);
	for (i = 0; i < pieces; i++)
		fake_map(first + 2 * i, 1, fake_pfn(first + 2 * i), P2M_ROM, false);
	run_tables();
	start_recording(1 << 16);
	for (i = 0; i < 2 * pieces; i++) {
		host_writes(T1 + 8 * 9, V(first + i) | ALL, 8);
		mmu_invlpg(&g->v, GVA(V(9)));
		assert_int_equal(where(V(9), RD), V(first + i));
		dump();
		if (find(MMU_REC_LOST, 0))
			break;
	}
	assert_int_equal(count(MMU_REC_P2M), 64);
	assert_int_equal(i, 63); /* one is the tables' */
	assert_record(find(MMU_REC_P2M, 1), 0, P2M_ROM, first, 1);
	assert_record(find(MMU_REC_P2M, 2), 0, P2M_RAM, first + 1, 1);
	end();
}

/* ---- its life ---- */

static void test_refused(void **state)
{
	struct mmu_config c = config_of(state);
	size_t mem;

	fake_reset();
	g = calloc(1, sizeof(*g));
	assert_int_equal(mmu_init(&g->mmu, &c), 0);
	assert_int_equal(mmu_record_start(&g->mmu, 1 << 16), -EINVAL); /* nobody to record */
	mmu_fini(&g->mmu);
	free(g);

	start(state);
	assert_int_equal(mmu_record_start(&g->mmu, MMU_RECORD_LEAST / 2), -EINVAL);
	assert_int_equal(mmu_record_start(&g->mmu, MMU_RECORD_LEAST * 3), -EINVAL);
	mem = fake_log.mem_out;
	for (int allocs = 0; allocs < 3; allocs++) {
		fake_allocs_left = allocs;
		assert_int_equal(mmu_record_start(&g->mmu, 1 << 16), -ENOMEM);
		assert_int_equal(fake_log.mem_out, mem);
		assert_false(mmu_record_is_on(&g->mmu));
	}
	fake_allocs_left = -1;
	start_recording(1 << 16);
	mem = fake_log.mem_out;
	assert_int_equal(mmu_record_start(&g->mmu, 1 << 16), -EBUSY);
	assert_int_equal(fake_log.mem_out, mem);
	end();
}

static void ends(void)
{
	struct mmu *m = &g->mmu;

	/* Another processor had the lock just before. */
	fake_log.locked--;
	mmu_record_stop(m);
	fake_log.locked++;
}

/* It ends while calls that began under it wait for the lock: they record nothing. */
static void test_ends_meanwhile(void **state)
{
	uint64_t mem;

	start(state);
	mem = fake_log.mem_out;
	mmu_record_stop(&g->mmu);
	assert_int_equal(mmu_record_dump(&g->mmu, read_line, &head), 0);
	cpu_reaches(&g->v, V(1), WR, DATA + V(1));
	for (unsigned i = 0; i < 2; i++) {
		start_recording(1 << 16);
		fake_on_lock = ends;
		if (i)
			assert_int_equal(where(V(1), RD), DATA + V(1));
		else
			mmu_record_stop(&g->mmu);
		assert_false(mmu_record_is_on(&g->mmu));
		assert_int_equal(fake_log.mem_out, mem);
	}
	end();
}

/* A vCPU that goes ends it. */
static void test_ends_with_a_vcpu(void **state)
{
	start(state);
	start_recording(1 << 16);
	mmu_vcpu_fini(&g->v2);
	assert_false(mmu_record_is_on(&g->mmu));
	assert_int_equal(mmu_vcpu_init(&g->v2, &g->mmu), 0);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_head_and_state),
		cmocka_unit_test(test_faults_and_translations),
		cmocka_unit_test(test_what_is_no_memory),
		cmocka_unit_test(test_walk_that_does_not_hold),
		cmocka_unit_test(test_flushes_and_registers),
		cmocka_unit_test(test_latched_pdptes),
		cmocka_unit_test(test_latched_from_nowhere),
		cmocka_unit_test(test_host_writes),
		cmocka_unit_test(test_entries_of_four_bytes),
		cmocka_unit_test(test_tables_let_go_and_dirty_log),
		cmocka_unit_test(test_ring_goes_round),
		cmocka_unit_test(test_p2m_change_begins_anew),
		cmocka_unit_test(test_memory_in_too_many_pieces),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_ends_meanwhile),
		cmocka_unit_test(test_ends_with_a_vcpu),
	};

	return RUN_ON_EACH_ENGINE(tests);
}

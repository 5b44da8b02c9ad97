/* SPDX-License-Identifier: MIT */
/* The flight recorder's beginning and end, and its dump (record.h): the rings merged by the
 * records' numbers, from the oldest key frame that is in all of them. */
#include "mmu/errno.h"
#include "mmu/record_ring.h"

#define DIGITS_A_BYTE 2
#define LINE_CHARS                 \
	(sizeof(MMU_STREAM_LINE) + \
	 DIGITS_A_BYTE * (sizeof(struct mmu_record) + MMU_REC_MAX_WORDS * sizeof(uint64_t)))

_Static_assert(sizeof(struct mmu_stream_head) <=
		       sizeof(struct mmu_record) + MMU_REC_MAX_WORDS * sizeof(uint64_t),
	       "a line holds it");

/* ---- life ---- */

static void free_recorder(struct mmu_recorder *rec)
{
	for (unsigned i = 0; i < rec->nr_vcpus; i++)
		if (rec->ring[i].word)
			mmu_mem_free(rec->ring[i].word, rec->ring_words * sizeof(uint64_t));
	mmu_mem_free(rec, sizeof(*rec));
}

static struct mmu_recorder *make_recorder(struct mmu *m, size_t bytes)
{
	struct mmu_recorder *rec = mmu_mem_alloc(sizeof(*rec));

	if (!rec)
		return NULL;
	rec->mmu = m;
	rec->nr_vcpus = m->nr_vcpus;
	rec->ring_words = bytes / sizeof(uint64_t);
	for (unsigned i = 0; i < rec->nr_vcpus; i++) {
		struct mmu_rec_ring *r = &rec->ring[i];

		*r = (struct mmu_rec_ring){ .recorder = rec,
					    .nr = i,
					    .word = mmu_mem_alloc(bytes),
					    .regs = m->vcpus[i]->regs };
		for (unsigned k = 0; k < PAE_PDPTES; k++)
			r->pdpte[k] = m->vcpus[i]->pdpte[k];
		if (!r->word) {
			free_recorder(rec);
			return NULL;
		}
	}
	return rec;
}

static void set_pointers(struct mmu *m, struct mmu_recorder *rec) MMU_LOCKED
{
	__atomic_store_n(&m->rec, rec, __ATOMIC_RELAXED);
	for (unsigned i = 0; i < m->nr_vcpus; i++)
		__atomic_store_n(&m->vcpus[i]->rec, rec ? &rec->ring[i] : NULL, __ATOMIC_RELAXED);
}

int mmu_record_start(struct mmu *m, size_t bytes_per_vcpu)
{
	struct mmu_recorder *rec;
	bool busy;

	if (!m->nr_vcpus || bytes_per_vcpu < MMU_RECORD_LEAST ||
	    (bytes_per_vcpu & (bytes_per_vcpu - 1)))
		return -EINVAL;
	rec = make_recorder(m, bytes_per_vcpu);
	if (!rec)
		return -ENOMEM;
	mmu_lock(m);
	busy = m->rec;
	if (!busy) {
		mmu_rec_key_frame(rec);
		set_pointers(m, rec);
	}
	mmu_unlock(m);
	if (busy)
		free_recorder(rec);
	return busy ? -EBUSY : 0;
}

void mmu_record_stop(struct mmu *m)
{
	struct mmu_recorder *rec;

	if (!m->rec)
		return;
	mmu_lock(m);
	rec = m->rec;
	set_pointers(m, NULL);
	mmu_unlock(m);
	if (rec)
		free_recorder(rec);
}

/* ---- the dump ---- */

struct dump {
	const struct mmu_recorder *rec;
	void (*line)(const char *text, void *arg);
	void *arg;
	uint64_t at[MMU_MAX_VCPUS]; /* of each ring: the next record */
};

static uint64_t word_at(const struct mmu_rec_ring *r, uint64_t pos)
{
	return r->word[pos & (r->recorder->ring_words - 1)];
}

static struct mmu_record record_at(const struct mmu_rec_ring *r, uint64_t pos)
{
	const union {
		uint64_t word;
		struct mmu_record record;
	} u = { .word = word_at(r, pos) };

	return u.record;
}

static void skip(struct dump *d, unsigned ring)
{
	d->at[ring] += MMU_REC_HEAD_WORDS + record_at(&d->rec->ring[ring], d->at[ring]).words;
}

static void print_line(const struct dump *d, const void *bytes, size_t len)
{
	static const char prefix[] = MMU_STREAM_LINE, digit[] = "0123456789abcdef";
	const uint8_t *byte = bytes;
	char text[LINE_CHARS], *c = text;

	for (unsigned i = 0; prefix[i]; i++)
		*c++ = prefix[i];
	for (size_t i = 0; i < len; i++) {
		*c++ = digit[byte[i] >> 4];
		*c++ = digit[byte[i] & 0xf];
	}
	*c = '\0';
	d->line(text, d->arg);
}

static void print_head(const struct dump *d)
{
	const struct mmu *m = d->rec->mmu;
	struct mmu_stream_head h = {
		.magic = MMU_STREAM_MAGIC,
		.frames = m->config.frames,
		.pool_pages = m->config.pool_pages,
		.without = m->config.without,
		.maxphyaddr = (uint16_t)m->config.maxphyaddr,
		.has_1g = m->config.has_1g,
		.nr_vcpus = (uint8_t)d->rec->nr_vcpus,
	};

	for (unsigned i = 0; i < MMU_STREAM_ENGINE - 1 && m->engine->name[i]; i++)
		h.engine[i] = m->engine->name[i];
	print_line(d, &h, sizeof(h));
}

static void print_range(const struct dump *d, const struct mmu_rec_range *range, uint32_t seq)
{
	const struct {
		struct mmu_record record;
		uint64_t word[2];
	} out = { { MMU_REC_P2M, 0, (uint8_t)(range->kind | (range->large ? MMU_REC_LARGE : 0)), 2,
		    seq },
		  { range->gfn, range->n } };

	print_line(d, &out, sizeof(out));
}

static void print_record(const struct dump *d, const struct mmu_rec_ring *r, uint64_t pos)
{
	uint64_t out[MMU_REC_HEAD_WORDS + MMU_REC_MAX_WORDS];
	unsigned n = MMU_REC_HEAD_WORDS + record_at(r, pos).words;

	for (unsigned i = 0; i < n; i++)
		out[i] = word_at(r, pos + i);
	print_line(d, out, n * sizeof(out[0]));
}

/* Numbers wrap around: how far is it from there to the next record's? */
static uint32_t age(const struct dump *d, uint32_t seq)
{
	return d->rec->seq - seq;
}

/* Set all rings to the oldest key frame that is in each: its records have numbers in a row. */
static uint32_t find_start(struct dump *d)
{
	uint32_t youngest = ~UINT32_C(0);

	for (unsigned i = 0; i < d->rec->nr_vcpus; i++) {
		const struct mmu_rec_ring *r = &d->rec->ring[i];

		d->at[i] = r->tail;
		while (record_at(r, d->at[i]).kind != MMU_REC_STATE)
			skip(d, i);
		if (age(d, record_at(r, d->at[i]).seq - i) < youngest)
			youngest = age(d, record_at(r, d->at[i]).seq - i);
	}
	for (unsigned i = 0; i < d->rec->nr_vcpus; i++)
		while (age(d, record_at(&d->rec->ring[i], d->at[i]).seq) > youngest)
			skip(d, i);
	return d->rec->seq - youngest;
}

/* The ring with the oldest record that is left; or all are done: nr_vcpus. */
static unsigned next_ring(const struct dump *d)
{
	unsigned next = d->rec->nr_vcpus;
	uint32_t oldest = 0;

	for (unsigned i = 0; i < d->rec->nr_vcpus; i++) {
		const struct mmu_rec_ring *r = &d->rec->ring[i];

		if (d->at[i] == r->head || age(d, record_at(r, d->at[i]).seq) <= oldest)
			continue;
		oldest = age(d, record_at(r, d->at[i]).seq);
		next = i;
	}
	return next;
}

uint64_t mmu_record_dump(struct mmu *m, void (*line)(const char *text, void *arg), void *arg)
{
	struct dump d = { .rec = m->rec, .line = line, .arg = arg };
	uint64_t n;
	uint32_t start;

	if (!d.rec)
		return 0;
	start = find_start(&d);
	n = d.rec->nr_ranges;
	if (line) {
		print_head(&d);
		for (unsigned i = 0; i < d.rec->nr_ranges; i++)
			print_range(&d, &d.rec->range[i], start - d.rec->nr_ranges + i);
	}
	for (unsigned i; (i = next_ring(&d)) < d.rec->nr_vcpus; n++) {
		if (line)
			print_record(&d, &d.rec->ring[i], d.at[i]);
		skip(&d, i);
	}
	return n;
}

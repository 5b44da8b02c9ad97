/* SPDX-License-Identifier: MIT */
/*
 * See recording.h. Table entries are written when the recorder saw them, which is no later than
 * the call that read them; so what the guest may use is known as exactly as the recording is.
 * Outcomes that follow from the tables alone must be those that were recorded.
 */
#include "tests/model/recording.h"

#include <stdlib.h>
#include <string.h>

#include "mmu/pte.h"
#include "mmu/stream.h"
#include "tests/model/act.h"
#include "tests/model/audit.h"
#include "tests/model/dirty.h"
#include "tests/model/setup.h"

#define PDPT_BYTES 32u
#define PDPT_MASK UINT64_C(0xffffffe0)

struct replay {
	const uint8_t *bytes; /* records, behind the head */
	size_t len;
	struct mmu_stream_head head;
	const struct run_options *o;
	struct run_result *r;
	bool has_state[MODEL_VCPUS];
};

/* ---- text ---- */

static int digit(uint8_t c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static const uint8_t *find(const uint8_t *p, const uint8_t *end, const char *what)
{
	size_t n = strlen(what);

	for (; p + n <= end; p++)
		if (!memcmp(p, what, n))
			return p + n;
	return NULL;
}

/* Lines of hexadecimal digits as bytes; `out` is as long as the text. */
static size_t from_text(const uint8_t *text, size_t len, uint8_t *out)
{
	const uint8_t *end = text + len, *p = text;
	size_t n = 0;

	while ((p = find(p, end, MMU_STREAM_LINE)))
		for (; p + 1 < end && digit(p[0]) >= 0 && digit(p[1]) >= 0; p += 2)
			out[n++] = (uint8_t)(digit(p[0]) << 4 | digit(p[1]));
	return n;
}

bool recording_is(const uint8_t *bytes, size_t len)
{
	uint64_t magic = 0;

	if (len >= sizeof(magic))
		memcpy(&magic, bytes, sizeof(magic));
	return magic == MMU_STREAM_MAGIC || find(bytes, bytes + len, MMU_STREAM_LINE);
}

/* ---- records ---- */

static void print_record(const struct mmu_record *rec, const uint64_t *word, FILE *f)
{
	static const char *const names[MMU_NR_RECS] = { "?",	  "state", "table",  "p2m",
							"regs",	  "cr3",   "fault",  "translate",
							"invlpg", "flush", "update", "unshadow",
							"dirty",  "lost" };

	fprintf(f, "%u: vcpu %u: %s %u", rec->seq, rec->vcpu,
		names[rec->kind < MMU_NR_RECS ? rec->kind : 0], rec->arg);
	for (unsigned i = 0; i < rec->words; i++)
		fprintf(f, " 0x%llx", LLX(word[i]));
	fprintf(f, "\n");
}

static void write_guest(uint64_t gpa, const void *bytes, unsigned len)
{
	enum p2m_kind kind;
	unsigned frame = world_frame(gpa >> PAGE_SHIFT, &kind);

	if (frame != NO_FRAME)
		world_write_frame(frame, gpa % PAGE_SIZE, bytes, len);
}

/* Bring a vCPU to where the recording begins: a mode change needs paging off between. */
static void set_state(struct vcpu *v, const uint64_t *word)
{
	struct mmu_regs to = { word[0], word[1], word[2], word[3] }, r = v->mmu.regs;

	r.cr0 &= ~CR0_PG;
	act_set_regs(v, &r);
	r = to;
	r.cr0 &= ~CR0_PG;
	act_set_regs(v, &r);
	if (ref_mode(&to) == REF_PAE)
		write_guest(to.cr3 & PDPT_MASK, word + 4, PDPT_BYTES);
	act_set_regs(v, &to);
}

static struct act_access access_of(uint64_t va, uint64_t access)
{
	return (struct act_access){
		.va = va,
		.access =
			(access & MMU_ACC_WRITE ? REF_W : 0) | (access & MMU_ACC_USER ? REF_U : 0) |
			(access & MMU_ACC_FETCH ? REF_X : 0) |
			(access & MMU_ACC_AC && !(access & (MMU_ACC_USER | MMU_ACC_FETCH)) ? REF_AC
											   : 0),
	};
}

/* A #PF is the tables' to demand, whatever the engine. */
static void compare(const struct mmu_record *rec, const uint64_t *word, const struct act_access *a)
{
	bool same = rec->kind == MMU_REC_TRANSLATE
			    ? a->result == rec->arg
			    : (a->result == MMU_INJECT) == (rec->arg == MMU_INJECT);

	MODEL_CHECK(same, "an outcome that is not the recorded one", "record %u: %d, recorded %u",
		    rec->seq, a->result, rec->arg);
	MODEL_CHECK(rec->arg != MMU_INJECT || a->fault.error_code == word[2],
		    "an error code that is not the recorded one", "record %u: 0x%x", rec->seq,
		    a->fault.error_code);
}

static void replay_fault(struct vcpu *v, const struct mmu_record *rec, const uint64_t *word)
{
	struct act_access a = access_of(word[0], word[1]);

	if (rec->arg == MMU_RETRY)
		return;
	if (rec->kind == MMU_REC_TRANSLATE)
		act_translate(v, &a);
	else
		act_access(v, &a);
	/* Where the shadow let it through there was a translation that the other engine did
	 * not have any more. */
	if (a.result != MMU_NR_RESULTS)
		compare(rec, word, &a);
	act_check_shadow(v, a.va);
}

static void replay_dirty(const struct replay *p, const struct mmu_record *rec)
{
	uint64_t words = (p->head.frames + 63) / 64, *bitmap;

	if (rec->arg == MMU_REC_DIRTY_START && !dirty_is_on()) {
		dirty_starting();
		MODEL_CHECK(!mmu_dirty_start(&vm.mmu), "mmu_dirty_start fails", " ");
		dirty_started(true);
	} else if (rec->arg == MMU_REC_DIRTY_COLLECT && dirty_collecting()) {
		bitmap = calloc(words, sizeof(*bitmap));
		MODEL_CHECK(bitmap, "no memory for a bitmap", " ");
		dirty_collected(bitmap, words, mmu_dirty_collect(&vm.mmu, bitmap));
		free(bitmap);
	} else if (rec->arg == MMU_REC_DIRTY_STOP) {
		mmu_dirty_stop(&vm.mmu);
		dirty_stopping();
	}
}

static void replay_regs(struct vcpu *v, const struct mmu_record *rec, const uint64_t *word)
{
	struct mmu_regs r = { word[0], word[1], word[2], word[3] };

	if (rec->kind == MMU_REC_CR3)
		act_set_cr3(v, word[0]);
	else
		act_set_regs(v, &r);
}

static void replay_call(const struct replay *p, struct vcpu *v, const struct mmu_record *rec,
			const uint64_t *word)
{
	switch (rec->kind) {
	case MMU_REC_REGS:
	case MMU_REC_CR3:
		replay_regs(v, rec, word);
		break;
	case MMU_REC_FAULT:
	case MMU_REC_TRANSLATE:
		replay_fault(v, rec, word);
		break;
	case MMU_REC_INVLPG:
		act_invlpg(v, word[0]);
		break;
	case MMU_REC_FLUSH:
		act_flush(v, rec->arg);
		break;
	case MMU_REC_UPDATE:
		act_host_write(v, word[0], word + 1, rec->arg);
		break;
	case MMU_REC_UNSHADOW:
		act_unshadow(v, word[0]);
		break;
	case MMU_REC_DIRTY:
		replay_dirty(p, rec);
		break;
	default:
		break;
	}
}

/* A table in ROM was there before the recording began, so nobody needs to be told. */
static void write_entry(struct vcpu *v, uint64_t gpa, const void *bytes, unsigned len)
{
	if (!act_host_write(v, gpa, bytes, len))
		write_guest(gpa, bytes, len);
}

/* What does not depend on a vCPU's state. True: that was it. The guest's write of an entry is told to
 * the engine, as if it had been trapped: the engine of the recording may have kept it in view. */
static bool replay_memory(struct vcpu *v, const struct mmu_record *rec, const uint64_t *word)
{
	if (rec->kind == MMU_REC_P2M)
		world_add(word[0], word[1], rec->arg & ~MMU_REC_LARGE, rec->arg & MMU_REC_LARGE);
	else if (rec->kind == MMU_REC_TABLE)
		write_entry(v, word[0], &word[1], rec->arg);
	else
		return false;
	return true;
}

static void make_room(struct vcpu *v)
{
	if (allowed_room(&v->allowed) < MAX_STEP_EPOCHS)
		act_flush(v, true);
	if (!world_is_full())
		return;
	for (unsigned i = 0; i < vm.nr_vcpus; i++)
		act_flush(&vm.vcpu[i], true);
	world_forget(world_now);
}

/* Words that a record of the kind has at least. */
static const uint8_t least_words[MMU_NR_RECS] = {
	[MMU_REC_STATE] = 8,  [MMU_REC_TABLE] = 2,    [MMU_REC_P2M] = 2,       [MMU_REC_REGS] = 4,
	[MMU_REC_CR3] = 1,    [MMU_REC_FAULT] = 3,    [MMU_REC_TRANSLATE] = 3, [MMU_REC_INVLPG] = 1,
	[MMU_REC_UPDATE] = 2, [MMU_REC_UNSHADOW] = 1,
};

static bool is_sound(const struct replay *p, const struct mmu_record *rec, const uint64_t *word)
{
	if (!rec->kind || rec->kind >= MMU_NR_RECS || rec->vcpu >= p->head.nr_vcpus ||
	    rec->words < least_words[rec->kind] || rec->words > MMU_REC_MAX_WORDS)
		return false;
	if (rec->kind == MMU_REC_TABLE)
		return (rec->arg == 4 || rec->arg == 8) && word[0] % rec->arg == 0;
	if (rec->kind == MMU_REC_UPDATE)
		return rec->arg && rec->arg <= 8u * (rec->words - 1u) &&
		       word[0] % PAGE_SIZE + rec->arg <= PAGE_SIZE;
	return true;
}

static void replay_record(struct replay *p, const struct mmu_record *rec, const uint64_t *word)
{
	struct vcpu *v = &vm.vcpu[rec->vcpu];

	if (replay_memory(v, rec, word))
		return;
	make_room(v);
	if (rec->kind == MMU_REC_STATE && !p->has_state[rec->vcpu]) {
		p->has_state[rec->vcpu] = true;
		set_state(v, word);
	} else if (p->has_state[rec->vcpu]) {
		replay_call(p, v, rec, word);
	}
}

static void replay_all(struct replay *p)
{
	unsigned until_audit = p->o->audit_every;

	for (size_t at = 0; at + sizeof(struct mmu_record) <= p->len; p->r->steps++) {
		struct mmu_record rec;
		uint64_t word[UINT8_MAX];

		memcpy(&rec, p->bytes + at, sizeof(rec));
		at += sizeof(rec);
		if (at + rec.words * sizeof(word[0]) > p->len)
			break;
		memcpy(word, p->bytes + at, rec.words * sizeof(word[0]));
		at += rec.words * sizeof(word[0]);
		p->r->bytes = at;
		MODEL_CHECK(is_sound(p, &rec, word), "a record that makes no sense", "record %u",
			    rec.seq);
		if (p->o->trace)
			print_record(&rec, word, p->o->trace);
		if (rec.kind == MMU_REC_LOST)
			break;
		replay_record(p, &rec, word);
		if (until_audit && !--until_audit) {
			audit_all();
			until_audit = p->o->audit_every;
		}
	}
	audit_all();
}

static void body(void *arg)
{
	struct replay *p = arg;
	struct mmu_stream_head *h = &p->head;
	struct mmu_config c = {
		.engine = p->o->engine ? p->o->engine : h->engine,
		.pool_pages = h->pool_pages,
		.without = h->without,
		.maxphyaddr = h->maxphyaddr,
		.has_1g = h->has_1g,
		.frames = h->frames,
	};

	MODEL_CHECK(h->magic == MMU_STREAM_MAGIC && h->nr_vcpus && h->nr_vcpus <= MODEL_VCPUS,
		    "a recording that is not one", "%u vCPUs", h->nr_vcpus);
	h->engine[MMU_STREAM_ENGINE - 1] = 0;
	setup_recorded(&c, h->nr_vcpus);
	replay_all(p);
	teardown();
}

bool recording_run(const uint8_t *bytes, size_t len, const struct run_options *o,
		   struct run_result *r)
{
	struct replay p = { .o = o, .r = r };
	uint8_t *own = malloc(len + 1);
	bool good;

	if (!own)
		abort();
	memcpy(own, bytes, len);
	if (find(bytes, bytes + len, MMU_STREAM_LINE))
		len = from_text(bytes, len, own);
	if (len >= sizeof(p.head)) {
		memcpy(&p.head, own, sizeof(p.head));
		p.bytes = own + sizeof(p.head);
		p.len = len - sizeof(p.head);
	}
	good = run_guarded(body, &p, r);
	free(own);
	return good;
}

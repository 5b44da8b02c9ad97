/* SPDX-License-Identifier: MIT */
/*
 * Guest memory with its past. Each 8-byte word has a list of the values that it held
 * before, the newest first. What the library sees (mem) and what the models know of it
 * (known) are apart, so that the library's own writes are seen.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "tests/model/fail.h"
#include "tests/model/memory.h"

#define NR_PAST (1u << 16)
#define FULL (NR_PAST / 2)

#define POISON UINT64_C(0x20067) /* as an entry: present, to some frame of the guest's */

uint64_t world_now;

static unsigned nr_frames; /* of the arrays */
static uint64_t (*mem)[WORDS_PER_FRAME], (*known)[WORDS_PER_FRAME];
static uint32_t (*newest)[WORDS_PER_FRAME]; /* past of each word; 0: none */

static struct past past[NR_PAST]; /* 0 is nobody */
static uint32_t past_free, past_used, past_fresh;

/* What is not as in a new world. */
static unsigned *touched, nr_touched;
static bool *is_touched;
static uint32_t words_with_past[NR_PAST], nr_words_with_past;

/* Zeroed, and costs nothing where nobody looks. A larger world is made once a process, and what it
 * replaces is not worth giving back. */
static void *pages(size_t bytes)
{
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		abort();
	return p;
}

void memory_size(unsigned frames)
{
	if (frames <= nr_frames)
		return;
	mem = pages(frames * PAGE_SIZE);
	known = pages(frames * PAGE_SIZE);
	newest = pages(frames * sizeof(*newest));
	touched = calloc(frames, sizeof(*touched));
	is_touched = calloc(frames, sizeof(*is_touched));
	if (!touched || !is_touched)
		abort();
	nr_frames = frames;
	nr_touched = nr_words_with_past = 0;
}

void memory_reset(void)
{
	for (unsigned i = 0; i < nr_touched; i++) {
		memset(mem[touched[i]], 0, PAGE_SIZE);
		memset(known[touched[i]], 0, PAGE_SIZE);
		is_touched[touched[i]] = false;
	}
	for (unsigned i = 0; i < nr_words_with_past; i++)
		(&newest[0][0])[words_with_past[i]] = 0;
	nr_touched = nr_words_with_past = 0;
	past_free = past_used = 0;
	past_fresh = 1;
	world_now = 1;
}

void *memory_at(unsigned frame)
{
	return mem[frame];
}

unsigned memory_frame(const void *host)
{
	uintptr_t offset = (uintptr_t)host - (uintptr_t)mem;

	return offset < nr_frames * PAGE_SIZE ? (unsigned)(offset / PAGE_SIZE) : NO_FRAME;
}

/* ---- the past ---- */

uint32_t past_add(uint32_t next, uint64_t value, uint64_t end)
{
	uint32_t i = past_free;

	if (i)
		past_free = past[i].next;
	else if (past_fresh < NR_PAST)
		i = past_fresh++;
	else
		model_fail("model: the past is full", "forget in time");
	past_used++;
	past[i] = (struct past){ .value = value, .end = end, .next = next };
	return i;
}

const struct past *past_get(uint32_t i)
{
	return i ? &past[i] : NULL;
}

void past_end(uint32_t i)
{
	past[i].end = ++world_now;
}

void past_cut(uint32_t *head, uint64_t before)
{
	uint32_t *p = head;

	while (*p && past[*p].end > before)
		p = &past[*p].next;
	while (*p) {
		uint32_t i = *p;

		*p = past[i].next;
		past[i].next = past_free;
		past_free = i;
		past_used--;
	}
}

bool world_is_full(void)
{
	return past_used > FULL || nr_words_with_past > FULL;
}

void memory_forget(uint64_t before)
{
	uint32_t left = 0;

	for (unsigned i = 0; i < nr_words_with_past; i++) {
		uint32_t word = words_with_past[i], *head = &(&newest[0][0])[word];

		past_cut(head, before);
		if (*head)
			words_with_past[left++] = word;
	}
	nr_words_with_past = left;
}

static void held_add(struct held *h, uint64_t value)
{
	for (unsigned i = 0; i < h->n; i++)
		if (h->value[i] == value)
			return;
	if (h->n == HELD_MAX)
		h->too_many = true;
	else
		h->value[h->n++] = value;
}

static uint64_t part_of(uint64_t word, unsigned offset, unsigned bytes)
{
	return bytes == sizeof(word) ? word : (uint32_t)(word >> 8 * (offset % sizeof(word)));
}

void memory_held(unsigned frame, unsigned offset, unsigned bytes, uint64_t since, uint64_t until,
		 struct held *h)
{
	unsigned w = offset / sizeof(uint64_t);
	const struct past *p = past_get(newest[frame][w]);

	if (!p || p->end <= until)
		held_add(h, part_of(known[frame][w], offset, bytes));
	for (; p && p->end > since; p = past_get(p->next)) {
		const struct past *older = past_get(p->next);

		if (!older || older->end <= until)
			held_add(h, part_of(p->value, offset, bytes));
	}
}

bool memory_steady(unsigned frame, unsigned offset, unsigned bytes, uint64_t since, uint64_t *value)
{
	unsigned w = offset / sizeof(uint64_t);
	const struct past *p = past_get(newest[frame][w]);

	*value = part_of(known[frame][w], offset, bytes);
	return !p || p->end <= since;
}

/* ---- changes ---- */

static void touch(unsigned frame)
{
	if (is_touched[frame])
		return;
	is_touched[frame] = true;
	touched[nr_touched++] = frame;
}

static void set_word(unsigned frame, unsigned w, uint64_t value)
{
	uint32_t *head = &newest[frame][w];

	if (known[frame][w] == value)
		return;
	touch(frame);
	world_now++;
	if (!*head)
		words_with_past[nr_words_with_past++] = frame * WORDS_PER_FRAME + w;
	*head = past_add(*head, known[frame][w], world_now);
	known[frame][w] = value;
}

void world_write_frame(unsigned frame, unsigned offset, const void *bytes, unsigned len)
{
	memcpy((uint8_t *)mem[frame] + offset, bytes, len);
	for (unsigned w = offset / 8; w <= (offset + len - 1) / 8; w++) {
		uint64_t value = known[frame][w];
		unsigned from = w * 8 < offset ? offset - w * 8 : 0;
		unsigned to = offset + len < w * 8 + 8 ? offset + len - w * 8 : 8;

		memcpy((uint8_t *)&value + from, (uint8_t *)mem[frame] + w * 8 + from, to - from);
		set_word(frame, w, value);
	}
}

void memory_poison(unsigned frame)
{
	for (unsigned w = 0; w < WORDS_PER_FRAME; w++) {
		if (!known[frame][w])
			continue;
		mem[frame][w] = POISON;
		set_word(frame, w, POISON);
	}
}

uint64_t world_mem(unsigned frame, unsigned word)
{
	return mem[frame][word];
}

uint64_t world_known(unsigned frame, unsigned word)
{
	return known[frame][word];
}

void world_accept(unsigned frame, unsigned word, uint64_t bits)
{
	set_word(frame, word, known[frame][word] | bits);
}

unsigned world_find_stray(unsigned *word)
{
	for (unsigned i = 0; i < nr_touched; i++) {
		unsigned f = touched[i];

		if (!memcmp(mem[f], known[f], PAGE_SIZE))
			continue;
		for (*word = 0; mem[f][*word] == known[f][*word]; ++*word)
			;
		return f;
	}
	return NO_FRAME;
}

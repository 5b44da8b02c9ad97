/* SPDX-License-Identifier: MIT */
/*
 * Gathering the guests' figures (hv/stats.h). No lock: counters belong to the CPU that runs
 * the vCPU, and a reader on another CPU may see one operation half counted; what a VM keeps
 * (stats_done, stats_base) is touched by the run loop only.
 */
#include "hv/stats.h"

#include "hv/string.h"
#include "hv/timer.h"

/* All of the counters, as a row of uint64_t: so that adding and subtracting need no list of
 * fields that somebody forgets to extend. */
#define SET_WORDS(s) (sizeof(s) / sizeof(uint64_t))

_Static_assert(sizeof(struct stat_set) % sizeof(uint64_t) == 0, "counters are 64 bits wide");
_Static_assert(sizeof(struct stat_set) == sizeof(struct mmu_stats) + sizeof(struct exit_stats) +
						  sizeof(struct tick_profile),
	       "no gaps");

static void add_words(void *sum, const void *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		((uint64_t *)sum)[i] += ((const uint64_t *)s)[i];
}

static void subtract_words(void *from, const void *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		((uint64_t *)from)[i] -= ((const uint64_t *)s)[i];
}

void stats_add(struct stat_set *sum, const struct stat_set *s)
{
	add_words(sum, s, SET_WORDS(*s));
}

static void add_vcpu(struct stat_set *sum, const struct vcpu *v)
{
	add_words(&sum->mmu, &v->mmu.stats, SET_WORDS(sum->mmu));
	add_words(&sum->exits, &v->exits, SET_WORDS(sum->exits));
	add_words(&sum->ticks, &v->ticks, SET_WORDS(sum->ticks));
}

void stats_total(const struct vm *vm, unsigned vcpu, struct stat_set *out)
{
	*out = vm->stats_done[vcpu];
	if (vcpu < vm->nr_vcpus && vm->vcpu[vcpu])
		add_vcpu(out, vm->vcpu[vcpu]);
}

void stats_of_vcpu(const struct vm *vm, unsigned vcpu, struct stat_set *out)
{
	stats_total(vm, vcpu, out);
	subtract_words(out, &vm->stats_base[vcpu], SET_WORDS(*out));
}

void stats_of_vm(const struct vm *vm, struct stat_set *out)
{
	memset(out, 0, sizeof(*out));
	for (unsigned i = 0; i < VM_MAX_VCPUS; i++) {
		struct stat_set one;

		stats_of_vcpu(vm, i, &one);
		stats_add(out, &one);
	}
}

uint64_t stats_ops(const struct mmu_op_stat *s)
{
	uint64_t n = 0;

	for (unsigned b = 0; b < MMU_NR_BUCKETS; b++)
		n += s->bucket[b];
	return n;
}

uint64_t stats_exits(const struct exit_stats *s)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < NR_EXIT_REASONS; i++)
		n += s->count[i];
	return n;
}

void stats_clear_shadow(struct vm *vm)
{
	for (unsigned i = 0; i < VM_MAX_VCPUS; i++) {
		struct stat_set now;

		stats_total(vm, i, &now);
		vm->stats_base[i].mmu = now.mmu;
		vm->stats_base[i].ticks = now.ticks;
		/* It is compared with pfault, so it begins with it. */
		vm->stats_base[i].exits.raw_page_faults = now.exits.raw_page_faults;
	}
	vm->stats_epoch = clock_ns();
}

void stats_clear_exits(struct vm *vm)
{
	for (unsigned i = 0; i < VM_MAX_VCPUS; i++) {
		struct exit_stats *base = &vm->stats_base[i].exits;
		struct stat_set now;

		stats_total(vm, i, &now);
		now.exits.raw_page_faults = base->raw_page_faults;
		*base = now.exits;
	}
	vm->exit_epoch = clock_ns();
}

void stats_vm_start(struct vm *vm)
{
	vm->stats_epoch = vm->exit_epoch = clock_ns();
	memset(vm->stats_done, 0, sizeof(vm->stats_done));
	memset(vm->stats_base, 0, sizeof(vm->stats_base));
}

void stats_vcpu_gone(struct vcpu *v)
{
	add_vcpu(&v->vm->stats_done[v->id], v);
}

static bool between(uint64_t t, uint64_t start, uint64_t end)
{
	return start <= t && t <= end;
}

/*
 * Handlers run with interrupts off, so a tick that falls into one is seen late: after it, at
 * the next try to enter the guest. But the moment at which it was due is exact, and what ran
 * last is still written in v->mmu.last. (Of several operations of one kind within one exit
 * only the last can be hit; today no exit runs two.)
 */
void stats_tick(struct vcpu *v, uint64_t due)
{
	v->ticks.total++;
	for (unsigned i = 0; i < MMU_NR_OPS; i++) {
		const struct mmu_last_op *l = &v->mmu.last[i];

		if (!l->end || !between(due, l->start, l->end))
			continue;
		v->ticks.in_op[i]++;
		if (l->lock_start && due >= l->lock_start)
			v->ticks.locked[i]++;
	}
}

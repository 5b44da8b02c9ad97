/* SPDX-License-Identifier: MIT */
/*
 * Statistics of the guests: gathering (hv/stats.c) and what the keys `y`, `e`, `o` and `t` of
 * the hypervisor's console show (hv/stats_show.c, hv/openmetrics.c, hv/top.c).
 *
 * A counter is written by the CPU that runs its vCPU and by nobody else; clearing remembers
 * the present value and subtracts it from what is shown (stats.md, "Rules").
 */
#ifndef HV_STATS_H
#define HV_STATS_H

#include "hv/vm.h"

/* A guest is created: its figures begin now. One that is reset, or started again, goes on
 * counting; only the keys Y and E clear. */
void stats_vm_start(struct vm *vm);

/* `v` goes away (called before it is freed): its VM keeps its figures. */
void stats_vcpu_gone(struct vcpu *v);

/*
 * A profile tick was due at host TSC `due` while `v` was loaded: it is counted for the
 * operations whose latest interval, v->mmu.last, holds it. Called on the CPU that runs `v`,
 * before it enters the guest again.
 */
void stats_tick(struct vcpu *v, uint64_t due);

/* Figures of one vCPU (0..VM_MAX_VCPUS-1) and of a whole guest: since its creation, and less
 * what Y and E cleared. */
void stats_total(const struct vm *vm, unsigned vcpu, struct stat_set *out);
void stats_of_vcpu(const struct vm *vm, unsigned vcpu, struct stat_set *out);
void stats_of_vm(const struct vm *vm, struct stat_set *out);
void stats_add(struct stat_set *sum, const struct stat_set *s);

/* Sums over buckets and reasons. */
uint64_t stats_ops(const struct mmu_op_stat *s);
uint64_t stats_exits(const struct exit_stats *s);

/* Clear what y shows (the shadow's figures, the profile, the back end's count of #PF exits),
 * and what e shows (exits by reason). */
void stats_clear_shadow(struct vm *vm);
void stats_clear_exits(struct vm *vm);

/*
 * The table of stats.md on the console, for the `seconds` behind us. `classic`: the title
 * says Non-XI.
 */
void stats_print_shadow(const struct stat_set *s, uint64_t seconds, bool classic);
void stats_print_exits(const struct stat_set *s);

/* Key handlers. */
void stats_key_show_shadow(char key); /* y */
void stats_key_clear_shadow(char key); /* Y */
void stats_key_show_exits(char key); /* e */
void stats_key_clear_exits(char key); /* E */
void stats_key_openmetrics(char key); /* o */
void stats_key_top(char key); /* t: on or off */

#endif

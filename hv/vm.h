/* SPDX-License-Identifier: MIT */
/*
 * A virtual machine: its memory, vCPUs, devices and life. Created from one
 * struct guest_config; reset and start-again make everything but the structure anew.
 */
#ifndef HV_VM_H
#define HV_VM_H

#include "hv/console.h"
#include "hv/guest_config.h"
#include "hv/iobus.h"
#include "hv/p2m.h"
#include "hv/spinlock.h"
#include "hv/vcpu.h"

#define VM_END_REASON_BYTES 160 /* the longest, an instruction's bytes and all, fits */

struct board;

enum vm_state {
	VM_STARTING, /* the run loop is making it */
	VM_RUNNING,
	VM_ENDING, /* the run loop will tear it down at the next chance */
	VM_RESETTING, /* likewise, and start it again */
	VM_ENDED,
};

struct vm {
	struct guest_config config;
	unsigned id; /* 1.. as the console counts */
	enum vm_state state; /* any CPU; left for VM_ENDING or VM_RESETTING by compare-exchange */
	struct spinlock lock; /* devices, interrupt controllers */
	struct spinlock mmu_lock; /* the shadow MMU's, through mmu/platform.h */
	struct p2m p2m;
	struct mmu mmu;
	struct vcpu *vcpu[VM_MAX_VCPUS];
	unsigned nr_vcpus;
	struct iobus ports, mmio;
	struct board *board;
	struct console_port console;
	char end_reason[VM_END_REASON_BYTES]; /* why it ended, as said on the console */
	bool rom_write_said; /* a write to ROM was reported once */
	uint64_t rom_writes, hole_reads, hole_writes; /* MMIO that nobody answered */
	uint64_t dirty_since; /* clock_ns() at the latest collect of its dirty log (keys d, D) */
	uint64_t started; /* clock_ns() at creation or at the latest start again */
	uint64_t start_not_before; /* clock_ns(): a start after a reset waits until then */
	uint64_t start_ticks; /* TSC ticks that making it has taken so far */
	/* The statistics' own (hv/stats.c): */
	uint64_t stats_epoch, exit_epoch; /* clock_ns() at creation or latest Y, E */
	struct stat_set stats_done[VM_MAX_VCPUS]; /* of vCPUs that have gone */
	struct stat_set stats_base[VM_MAX_VCPUS]; /* subtracted when shown */
};

extern struct vm *vms[VM_MAX]; /* by position; NULL: none. Written by the run loop only */
extern unsigned nr_vms;

/* Make and start a guest. The reason for an error has been printed with the guest's name.
 * 0, -ENOMEM, -ENOEXEC. */
must_check int vm_create(const struct guest_config *config);

/* End or reset a guest; any context of that guest's devices and exits. The printf text is
 * the reason on the console. vm_kill also prints vCPU, rip, cr3. First call wins. */
void vm_poweroff(struct vm *vm, const char *fmt, ...) printf_like(2, 3);
void vm_reset(struct vm *vm, const char *fmt, ...) printf_like(2, 3);
void vm_kill(struct vcpu *v, const char *fmt, ...) printf_like(2, 3);

/* Begin to start an ended guest again (key n). 0; -ENOMEM, which has been said; -EBUSY: it
 * has not ended. */
must_check int vm_restart(struct vm *vm);

/* Run loop: tear down guests that have ended, begin to start again those that reset themselves,
 * and power the machine off when none is left and that is what was asked for. */
void vm_reap(void);
bool vm_reap_due(void);

/* Run loop: go on with a guest that is being started and need not wait. Takes a time slice, and at
 * the end as long as its kernel and initrd take to copy. */
void vm_go_on_starting(void);
bool vm_any_start_due(void); /* there is one */
void vm_set_idle_action(enum idle_action action);

#endif

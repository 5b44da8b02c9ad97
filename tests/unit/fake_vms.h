/* SPDX-License-Identifier: MIT */
/* Guests for tests of the console's keys and statistics: structures, no machines. */
#ifndef TESTS_UNIT_FAKE_VMS_H
#define TESTS_UNIT_FAKE_VMS_H

#include <setjmp.h>

#include "hv/vm.h"

/* What the keys asked for by vm_poweroff and vm_restart. */
extern struct vm *fake_killed, *fake_restarted;

/* machine_poweroff() jumps here. */
extern jmp_buf fake_poweroff;

/* What mmu_audit(), mmu_summary() and mmu_dirty_collect() give for any guest; the error of
 * mmu_switch_engine() and mmu_dirty_start(), 0 after fake_vms_clear(). */
extern struct mmu_audit fake_audit;
extern struct mmu_summary fake_summary;
extern uint64_t fake_dirty_frames;
extern int fake_mmu_error;

/* Stops of the other CPUs that are open, and that were when a guest was killed. */
extern unsigned fake_stops, fake_stops_at_kill;

/* No guests; and a running one with one vCPU more, in vms[]. Both print nothing. */
void fake_vms_clear(void);
struct vm *fake_vm_add(const char *name);

#endif

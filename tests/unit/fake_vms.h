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

/* No guests; and a running one with one vCPU more, in vms[]. Both print nothing. */
void fake_vms_clear(void);
struct vm *fake_vm_add(const char *name);

#endif

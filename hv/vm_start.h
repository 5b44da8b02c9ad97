/* SPDX-License-Identifier: MIT */
/*
 * Starting a virtual machine: what takes much memory is reserved at once; then its RAM is cleared,
 * a time slice at once, for the CPU that does it has the console and other guests to serve; last its
 * board is made and its kernel loaded. For hv/vm.c, on the boot CPU.
 */
#ifndef HV_VM_START_H
#define HV_VM_START_H

#include "hv/vm.h"

/* VM_STARTING from here on. 0; -ENOMEM, which has been said: it is VM_ENDED and has no console. */
int vm_begin_start(struct vm *vm);

/* Of one that is VM_STARTING: as much as fits into a slice; VM_RUNNING when that was all. 0, or
 * -ENOMEM, -ENOEXEC as above. */
int vm_start_slice(struct vm *vm);

/* Take apart what there is. If it was VM_RUNNING the other CPUs stand still. */
void vm_unmake(struct vm *vm);

#endif

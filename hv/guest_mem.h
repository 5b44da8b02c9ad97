/* SPDX-License-Identifier: MIT */
/*
 * Guest memory as loaders and devices write it: by mmu_guest_update(), so that the shadow MMU is
 * told (I19). The emulator and steal time call that themselves. RAM: any CPU, with no lock of the
 * MMU held; that is taken a page at a time, so vCPUs that run may see a part of a write.
 */
#ifndef HV_GUEST_MEM_H
#define HV_GUEST_MEM_H

#include "hv/compiler.h"

struct vm;

/* Write `len` bytes; any length, any alignment. False, nothing written, if a byte of the
 * range is no RAM. */
must_check bool guest_write(struct vm *vm, gpa_t gpa, const void *buf, uint64_t len);
must_check bool guest_zero(struct vm *vm, gpa_t gpa, uint64_t len);

/* Fill the board's ROM, at VM creation only. False if outside BOARD_ROM_BASE..END. */
must_check bool guest_write_rom(struct vm *vm, gpa_t gpa, const void *buf, uint64_t len);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Guest memory as loaders and devices write it. Every write goes through here, so that the
 * shadow MMU is told (I19).
 */
#ifndef HV_GUEST_MEM_H
#define HV_GUEST_MEM_H

#include "hv/compiler.h"

struct vm;

/* Write `len` bytes; any length, any alignment. False, nothing written, if a byte of the
 * range is no RAM. */
bool guest_write(struct vm *vm, gpa_t gpa, const void *buf, uint64_t len);
bool guest_zero(struct vm *vm, gpa_t gpa, uint64_t len);

/* Fill the board's ROM, at VM creation only. False if outside BOARD_ROM_BASE..END. */
bool guest_write_rom(struct vm *vm, gpa_t gpa, const void *buf, uint64_t len);

#endif

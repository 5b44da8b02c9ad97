/* SPDX-License-Identifier: MIT */
/*
 * A guest's access to its devices. What nobody answers reads as ones, is written to
 * nowhere, and is counted. Takes vm->lock around the device.
 */
#ifndef HV_GUEST_IO_H
#define HV_GUEST_IO_H

#include "hv/compiler.h"

struct vm;

/* size: 1, 2, 4 */
uint32_t guest_port_read(struct vm *vm, uint16_t port, unsigned size);
void guest_port_write(struct vm *vm, uint16_t port, unsigned size, uint32_t val);

/* Any size up to 16: split into naturally sized accesses. A write to ROM is ignored,
 * counted, and said once on the console. */
void guest_mmio_read(struct vm *vm, gpa_t gpa, void *buf, unsigned size);
void guest_mmio_write(struct vm *vm, gpa_t gpa, const void *buf, unsigned size);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Port 0xf4, for guests whose line says `debugexit`: a write ends the guest with the value
 * on the console, as QEMU's isa-debug-exit ends QEMU. Meant for test guests.
 */
#ifndef DRIVERS_VIRT_DEBUGEXIT_H
#define DRIVERS_VIRT_DEBUGEXIT_H

#include "hv/iobus.h"

#define DEBUGEXIT_PORT 0xf4
#define DEBUGEXIT_PORTS 4

struct vm;

must_check int debugexit_register(struct vm *vm, struct iobus *ports);

#endif

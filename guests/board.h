/* SPDX-License-Identifier: MIT */
/*
 * The virtual board: which devices a guest has, where they answer, how their interrupts
 * are wired. The only file that knows all device models.
 */
#ifndef GUESTS_BOARD_H
#define GUESTS_BOARD_H

#include "hv/compiler.h"

struct vm;
struct vcpu;

/* Make all devices of vm->config and vCPUs' local APICs, register them on vm->ports and
 * vm->mmio, write ACPI and MP tables to the guest's ROM. 0, -ENOMEM. */
must_check int board_create(struct vm *vm);
void board_destroy(struct vm *vm);

/* Is an interrupt waiting for this vCPU (local APIC first, then the 8259 where wired)? */
bool board_irq_pending(struct vcpu *v);

/* Take it: returns its vector, acknowledged. -1: gone meanwhile. */
int board_irq_take(struct vcpu *v);

/* A piece of the guest's physical memory; `type` numbered as e820 and multiboot do. */
struct board_region {
	uint64_t base, size; /* bytes */
	unsigned type;
};

enum board_region_type { BOARD_REGION_RAM = 1, BOARD_REGION_RESERVED = 2 };

#define BOARD_MAX_REGIONS 16

/* The memory map that the firmware would report: sorted, no overlaps, neighbours of one
 * type joined. Fills out[], returns how many (at most `max`). Valid after p2m_init. */
unsigned board_memory_map(const struct vm *vm, struct board_region out[], unsigned max);

/* Where the ACPI root pointer lies in the guest's ROM. */
gpa_t board_rsdp(const struct vm *vm);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * PCI configuration mechanism 1 (PCI Local Bus 3.0, 3.2.2.3.2) for bus 0, with the host
 * bridge as device 0, and the reset control register in the middle of its ports (0xcf9).
 *
 * A device is a struct pci_function: a configuration space that the core serves from
 * `config`, with a mask of the bits that a guest may write and a call after each write.
 */
#ifndef DRIVERS_VIRT_PCI_HOST_H
#define DRIVERS_VIRT_PCI_HOST_H

#include "hv/iobus.h"

#define PCI_HOST_PORT 0xcf8 /* address, 4 ports; data, 4 ports */
#define PCI_HOST_PORTS 8
#define PCI_RESET_PORT 0xcf9 /* reset control, byte access only */
#define PCI_RESET_VALUE 0x06 /* hard reset; the FADT tells guests */
#define PCI_CONFIG_SIZE 256
#define PCI_MAX_DEVICES 32

struct vm;

struct pci_function {
	uint8_t config[PCI_CONFIG_SIZE];
	uint8_t writable[PCI_CONFIG_SIZE]; /* 1: the guest may change this bit */
	/* The guest wrote `size` bytes at `off`; config[] has them. May be NULL. */
	void (*written)(struct pci_function *f, unsigned off, unsigned size);
};

struct pci_host {
	struct vm *vm; /* for reset */
	uint32_t address; /* CONFIG_ADDRESS */
	uint8_t reset_control;
	struct pci_function *device[PCI_MAX_DEVICES]; /* function 0 of each; NULL: absent */
	struct pci_function bridge;
};

void pci_host_init(struct pci_host *h, struct vm *vm);
must_check int pci_host_register(struct pci_host *h, struct iobus *ports);

#endif
